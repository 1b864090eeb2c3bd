"""The guard against instructions that copy training examples: a good training score that holds nowhere else.

And against such that speak of instructions and not of the task: small models say again what they were asked for.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property

from optiprompt.data.examples import Example

LONG_WORDS = 8  # so many words in a row, or so many characters, are a copy wherever they stand
LONG_CHARS = 40
TARGET_WORDS = 4  # a target of so many words is a copy by itself
RARE = 2  # words that stand in more examples than these are the task's form
FEW = 0.6  # of as many different targets as examples, or fewer, all are labels
REPEATED = 3  # a target of so many examples is a label
LISTED = 3  # so many questions of one word, or short answers, are a copy
LEAST_CHARS = 3  # that each of them has: A, B and C, or steps 1, 2 and 3, are copied from nowhere
NEAR = 5  # words between a question of one word and its answer
NEAR_LABEL = 1  # the same where the answer is a label

# Words that instructions are made of: with them alone, no question of one or two words is taken for copied.
_USUAL = """
a an and answer answers any as at be by choose correct different do each example examples false first following for from
give given i if in incorrect input inputs is it its last letter letters list name names negative no not noun nouns
number numbers of on one only opposite or output outputs plural positive problem question questions response right same
second sentence sentences single singular solution solve step steps task text that the then this to true two verb what
which with word words write wrong yes you your
"""
USUAL = frozenset(_USUAL.split())

# Of the instruction itself, and not of the task: "The instruction should be specific.", "Combine these instructions.".
# An "assembly instruction" or a query "for the given instruction" is of the task.
_PRAISED = (
    r"(?:,? ?(?:and )?\b(?:new|better|improved|revised|combined|single|one|clear|clearer|concise|short|shorter|simple|"
    r"specific|detailed|general|generic|generally|widely|applicable|effective|precise|accurate|similar|different|more|very)\b)"
)
_ITSELF = re.compile(
    r"\W{0,3}(?:(?:the|this|your|an?)(?: [\w-]{1,20}){0,3} instruction "
    r"(?:should|must|needs|has|lacks|could|is|was)\b(?! to\b)"
    rf"|(?:create|write|generate|provide|formulate) (?:an?|the|one|your){_PRAISED}{{0,5}} instructions?\b"
    r"(?! (?:of|by)\b)"
    r"|(?:combine|merge|join)\b[^.!?\n]{0,80}\b(?:these|both|two|the original|the given) (?:\w{1,20} )?instructions\b"
    r"|(?:rewrite|rephrase|paraphrase|improve|shorten) (?:the|this|these|your)(?: \w{1,20})? instructions?\b)",
    re.IGNORECASE,
)

Words = tuple[str, ...]


class Guard:
    """Finds what an instruction copies from the training examples, and what is about instructions and not the task.

    A copy is: eight words in a row or forty characters of a question; a whole question of two words or more (of five or
    more also without its first or last); a whole answer of four words or more; a question of one word with its answer
    near by (a label: beside it); three questions of one word or answers of one to three. Words compare without case and
    punctuation. Never a copy are labels (answers of several examples) alone, what several questions have in common, and
    short questions made only of words that instructions are made of.

    Args:
        examples: those that the search sees.
        labels: answers that may be named, where the grader knows of such.
        others: more examples of the task: how often an answer comes tells that it is a label.
        starts: the user's own texts; what they say may be said.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        labels: Sequence[str] = (),
        others: Sequence[Example] = (),
        starts: Sequence[str] = (),
    ) -> None:
        self._examples = examples
        self._all = (*examples, *others)
        self._known = frozenset(map(_words, labels))
        self._starts = starts
        self._said = [_words(text) for text in starts]

    def objection(self, text: str) -> str:
        """What the text copies, or else is wrong with it, in words for the optimizer; empty for nothing."""
        if _ITSELF.match(text) and not self._about_instructions:
            return "speaks of the instruction and not of the task: say what is to be done with the input"
        words = _words(text)
        found = self._run(words) or self._pair(words) or self._list(words)
        return f'copies a training example ("{" ".join(found)}"): describe the task in general words' if found else ""

    def _run(self, words: Words) -> Words:
        runs, phrases = self._runs, self._phrases
        for piece in _shingles(words):
            if 0 < runs[piece] <= RARE and not self._own(piece):
                return piece
        for place in range(len(words)):
            for length in range(LONG_WORDS, 1, -1):
                piece = words[place : place + length]
                if len(piece) == length and piece in phrases and not self._own(piece):
                    return piece
        return ()

    def _pair(self, words: Words) -> Words:
        for place, word in enumerate(words):
            for answer in self._answers.get(word, ()):
                size, near = len(answer), NEAR_LABEL if answer in self._labels else NEAR
                before = range(max(0, place - near - size), max(0, place - size + 1))
                behind = range(place + 1, min(len(words), place + near + 2))
                for other in (*before, *behind):
                    piece = words[min(place, other) : max(place + 1, other + size)]
                    if words[other : other + size] == answer and not self._own(piece):
                        return piece
        return ()

    def _list(self, words: Words) -> Words:
        pieces = [words[place : place + size] for place in range(len(words)) for size in range(1, TARGET_WORDS)]
        found = list(dict.fromkeys(piece for piece in pieces if piece in self._short and not self._own(piece)))
        return sum(found, ()) if len(found) >= LISTED else ()

    def _own(self, piece: Words) -> bool:
        """The user's own text says it."""
        return any(
            said[place : place + len(piece)] == piece
            for said in self._said
            for place in range(len(said) - len(piece) + 1)
        )

    @cached_property
    def _about_instructions(self) -> bool:
        """The task is about instructions itself."""
        texts = (text for each in self._examples for text in (each.input, *each.targets))
        return any(map(_ITSELF.match, self._starts)) or any("instruction" in text.casefold() for text in texts)

    @cached_property
    def _labels(self) -> frozenset[Words]:
        """What the grader calls labels, and targets of many examples: all, where few examples differ in theirs."""
        counts = Counter(target for example in self._all for target in set(map(_words, example.targets)))
        few = len(counts) <= FEW * len(self._all)
        return self._known | {target for target, count in counts.items() if few or count >= REPEATED}

    @cached_property
    def _texts(self) -> list[tuple[Words, list[Words]]]:
        """The words of each question, and of each of its answers that is no label."""
        return [
            (_words(example.input), [each for each in map(_words, example.targets) if each not in self._labels])
            for example in self._examples
        ]

    @cached_property
    def _runs(self) -> Counter[Words]:
        """In how many examples each long run of words stands."""
        return Counter(
            piece
            for question, targets in self._texts
            for piece in {each for words in (question, *targets) for each in _shingles(words)}
        )

    @cached_property
    def _phrases(self) -> frozenset[Words]:
        """Short questions and answers that are copied as a whole."""
        counts = Counter(
            piece
            for question, targets in self._texts
            for piece in {*_wholes(question), *(target for target in targets if len(target) >= TARGET_WORDS)}
        )
        return frozenset(
            piece
            for piece, count in counts.items()
            if count <= RARE and len(piece) <= LONG_WORDS and not USUAL.issuperset(piece)
        )

    @cached_property
    def _short(self) -> frozenset[Words]:
        """Questions of one word and short answers, but for those that come again or that anybody may write."""
        counts = Counter(
            piece
            for question, targets in self._texts
            for piece in {*((question,) if len(question) == 1 else ()), *targets}
            if 0 < len(piece) < TARGET_WORDS and max(map(len, piece)) >= LEAST_CHARS and piece not in self._labels
        )
        return frozenset(piece for piece, count in counts.items() if count <= RARE and not USUAL.issuperset(piece))

    @cached_property
    def _answers(self) -> dict[str, list[Words]]:
        """The answers to questions of one word."""
        answers: dict[str, list[Words]] = {}
        for example in self._examples:
            question = _words(example.input)
            if len(question) == 1 and question[0] not in USUAL:
                answers.setdefault(question[0], []).extend(filter(None, map(_words, example.targets)))
        return answers


def _wholes(question: Words) -> Iterator[Words]:
    if len(question) >= 2:
        yield question
    if len(question) >= 5:
        yield question[1:]
        yield question[:-1]


def _shingles(words: Words) -> Iterator[Words]:
    """From each word on the shortest run that is long; so texts share a long run where they share one of these."""
    for place in range(len(words)):
        size = -1
        for end in range(place, min(len(words), place + LONG_WORDS)):
            size += 1 + len(words[end])
            if size >= LONG_CHARS or end - place + 1 == LONG_WORDS:
                yield words[place : end + 1]
                break


def _words(text: str) -> Words:
    folded = unicodedata.normalize("NFC", text).casefold().replace("'", "").replace("’", "")
    if folded.isascii():
        return tuple(re.findall(r"\w+", folded))
    # Vowel signs, as of Hindi, are no letters to `re`, and would cut words in pieces.
    return tuple("".join(char if _of_word(char) else " " for char in folded).split())


def _of_word(char: str) -> bool:
    return char.isalnum() or char == "_" or unicodedata.category(char)[0] == "M"

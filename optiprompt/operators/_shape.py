"""What the right answers of a task look like, as a sentence for an instruction: labels, a frame of words, a number."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from statistics import fmean

from optiprompt.data.examples import Example

MOST_LABELS, LABEL_CHARS = 8, 200
EACH, LEAST = 3, 2  # times that a label is seen on average, and each: where one is seen once, others may be unseen
SHARED = 0.6  # share of the answers that a word of the frame is in, and of those that the whole frame fits
MOST_WORDS = 3  # of an answer that is told by its length
GAP = "[...]"

_Word = tuple[str, int]  # in lower case and without punctuation; its how-manieth occurrence


def shape(examples: Sequence[Example]) -> str:
    """A sentence that asks for answers like the examples', as `Answer with one word only.`; empty where none fits.

    Few labels are all named. Longer answers that share words which are not those of the inputs are asked for by their
    frame: `Reply in the form: [...] thousand, [...] hundred and [...].`
    """
    return _shape(tuple((each.input, each.targets[0].strip()) for each in examples))


@lru_cache(maxsize=16)
def _shape(pairs: tuple[tuple[str, str], ...]) -> str:
    answers = [answer for _, answer in pairs if answer]
    counts = Counter(answers)
    labels = sorted(counts)
    if not answers or any("\n" in answer for answer in answers):
        return ""
    if len(labels) > 2 or len(answers) < EACH * 2:  # more options than the examples have must not be ruled out
        if all(re.fullmatch(r"\([A-Za-z]\)", answer) for answer in answers):
            return "Answer with the letter of the option only, in parentheses."
        if all(re.fullmatch(r"[A-Za-z]", answer) for answer in answers):
            return "Answer with one letter only."
    if 2 <= len(labels) <= MOST_LABELS and len(answers) >= EACH * len(labels) and min(counts.values()) >= LEAST:
        named = f"{', '.join(labels[:-1])} or {labels[-1]}"
        return f"Answer with the output only: {named}." if len(named) <= LABEL_CHARS else ""
    if all(re.fullmatch(r"-?\d+([.,]\d+)*", answer) for answer in answers):
        return "Answer with a number only."
    most = max(len(answer.split()) for answer in answers)
    if all(re.search(r"[^\W\d_]", answer) for answer in answers) and most <= MOST_WORDS and _spaced(answers):
        return f"Answer with {'one word' if most == 1 else f'at most {most} words'} only."
    frame = _frame([(question, answer) for question, answer in pairs if answer])
    return f"Reply in the form: {frame}." if frame else ""


def _spaced(answers: Sequence[str]) -> bool:
    """Whether the words of the answers can be counted: not where they are written without spaces between."""
    return all(re.fullmatch(r"[\x00-\u024f\u1e00-\u1eff\u0370-\u052f]*", answer) for answer in answers)


def _frame(pairs: Sequence[tuple[str, str]]) -> str:
    """The words that most answers share, in their order, with gaps; empty where there are none but the inputs' own."""
    rows = [_words(answer) for _, answer in pairs]
    counts = Counter(word for row in rows for word in row)
    often = [word for word, count in counts.items() if count >= SHARED * len(rows)]
    words = {word for word in often if word[0].isalpha() and len(word[0]) > 1}
    while words:
        places = {word: fmean(row[word] / len(row) for row in rows if word in row) for word in words}
        order = sorted(words, key=lambda word: (places[word], word))
        fitting = [at for at, row in enumerate(rows) if _in_order([row.get(word, -1) for word in order])]
        if len(fitting) >= SHARED * len(rows):
            asked = Counter(word for at in fitting for word in _words(pairs[at][0]))
            own = [word for word in order if 2 * asked[word[0], 1] < len(fitting)]
            return _written([pairs[at][1] for at in fitting], order) if own else ""
        words.remove(min(words, key=lambda word: (counts[word], word)))
    return ""


def _in_order(places: Sequence[int]) -> bool:
    return places[0] >= 0 and all(one < other for one, other in pairwise(places))


def _words(text: str) -> dict[_Word, int]:
    """The words of a text with their places."""
    seen = Counter[str]()
    found: dict[_Word, int] = {}
    for place, token in enumerate(text.split()):
        core = token.strip(".,;:!?\"'()").casefold()
        seen[core] += 1
        found[core, seen[core]] = place
    return found


def _written(answers: Sequence[str], order: Sequence[_Word]) -> str:
    """The frame as most of the answers write it; empty where it leaves no gap."""
    pieces: list[str] = []
    places = [[_words(answer)[word] for word in order] for answer in answers]
    tokens = [answer.split() for answer in answers]
    for at in range(len(order) + 1):
        gaps = [
            (row[at] if at < len(order) else len(words)) - (row[at - 1] + 1 if at else 0)
            for row, words in zip(places, tokens, strict=True)
        ]
        if 2 * sum(gap > 0 for gap in gaps) >= len(gaps):
            pieces.append(GAP)
        if at < len(order):
            written = Counter(words[row[at]] for row, words in zip(places, tokens, strict=True))
            pieces.append(written.most_common(1)[0][0])
    return " ".join(pieces).rstrip(".!?") if GAP in pieces else ""

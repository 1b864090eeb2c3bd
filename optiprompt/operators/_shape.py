"""What the right answers of a task look like, as a sentence for an instruction: labels, a frame of words, a number."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from statistics import fmean, median

from optiprompt.data.examples import Example

SEEN, FEWEST = 200, 4  # examples that are looked at, and that something is told from
MOST_LABELS, LONGEST = 8, 200  # labels that are named; characters of them, or of a frame
EACH, LEAST = 3, 2  # times that a label is seen on average, and each: where one is seen once, others may be unseen
NEARLY = 0.95  # share of the answers that are letters, or numbers, for the others to be slips
MOST_WORDS, FRAMED = 3, 30  # words of an answer that is told by its length, and, in the middle, of one that has a frame
SHARED = 0.65  # share of the answers that a word of the frame is in, and of those that the whole frame fits
FRAME = 0.25  # share of an answer that its frame makes at least: less are words that any text has
OPEN = 0.1  # share of the answers that have words in a gap
GAP = "[...]"

_OPTION, _LETTER = re.compile(r"\([A-Za-z]\)"), re.compile(r"[A-Za-z][.)]?")
_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|0|[1-9]\d*)(?:[.,]\d+)?")
_SPACED = r"a-zA-Z\u00c0-\u024f\u1e00-\u1eff\u0370-\u052f"  # letters of languages that write spaces between words
_NAME = re.compile(rf"[{_SPACED}]+(?:['’-][{_SPACED}]+)*(?: [{_SPACED}]+(?:['’-][{_SPACED}]+)*)*")

_Word = tuple[str, int]  # in lower case and without punctuation; its how-manieth occurrence
_Pair = tuple[str, str]


def shape(examples: Sequence[Example]) -> str:
    """A sentence that asks for answers like the examples', as `Answer with one word only.`; empty where none fits.

    Few labels are all named. Longer answers that share words which are not those of the inputs are asked for by their
    frame: `Reply in the form: [...] thousand, [...] hundred and [...].`
    """
    return _shape(tuple((each.input, each.targets[0].strip()) for each in examples[:SEEN] if each.targets))


@lru_cache(maxsize=64)
def _shape(pairs: tuple[_Pair, ...]) -> str:
    pairs = tuple(pair for pair in pairs if pair[1])
    answers = [answer for _, answer in pairs]
    if len(answers) < FEWEST or any(len(answer.splitlines()) > 1 for answer in answers):
        return ""
    labels = _labels(answers)
    letters, numbers = (_nearly(answers, pattern) for pattern in (_LETTER, _NUMBER))
    if labels and (len(labels) == 2 or not (letters or numbers or _nearly(answers, _OPTION))):
        return f"Answer with the output only: {', '.join(labels[:-1])} or {labels[-1]}."
    if _nearly(answers, _OPTION):
        return "Answer with the option's letter only, in parentheses."
    if letters or numbers:
        return f"Answer with {'one letter' if letters else 'a number'} only."
    most = max(len(answer.split()) for answer in answers)
    if most <= MOST_WORDS and all(map(_NAME.fullmatch, answers)):
        return f"Answer with {'one word' if most == 1 else 'a few words'} only."
    frame = _frame(pairs)
    return f"Reply in the form: {frame}{'' if frame.endswith(('?', '!')) else '.'}" if frame else ""


def _nearly(answers: Sequence[str], pattern: re.Pattern[str]) -> bool:
    return sum(pattern.fullmatch(answer) is not None for answer in answers) >= NEARLY * len(answers)


def _labels(answers: Sequence[str]) -> list[str]:
    """The labels as they are mostly written, case and a last full stop aside; empty where the answers are none."""
    written: dict[str, Counter[str]] = {}
    for answer in answers:
        written.setdefault(answer.rstrip(".!").casefold(), Counter())[answer.rstrip(".!")] += 1
    counts = [count.total() for count in written.values()]
    if not 2 <= len(counts) <= MOST_LABELS or len(answers) < EACH * len(counts) or min(counts) < LEAST:
        return []
    labels = sorted(count.most_common(1)[0][0] for count in written.values())
    clear = all(label and "," not in label for label in labels) and sum(map(len, labels)) <= LONGEST
    return labels if clear else []


def _frame(pairs: Sequence[_Pair]) -> str:
    """The words that most answers share, in their order, with gaps; empty where there are none but the inputs' own."""
    rows = [_words(answer) for _, answer in pairs]
    size = median(map(len, rows))
    counts = Counter(word for row in rows for word in row)
    often = [word for word, count in counts.items() if count >= SHARED * len(rows)]
    words = [word for word in often if word[0].isalpha() and len(word[0]) > 1]
    places = {word: fmean(row[word] / len(row) for row in rows if word in row) for word in words}
    order = sorted(words, key=lambda word: (places[word], word))
    while size <= FRAMED and len(order) >= FRAME * size:
        fitting = [at for at, row in enumerate(rows) if _in_order([row.get(word, -1) for word in order])]
        if len(fitting) >= SHARED * len(rows):
            asked = Counter(word for at in fitting for word in _words(pairs[at][0]))
            if all(2 * asked[word[0], 1] >= len(fitting) for word in order):
                return ""
            return _written([(pairs[at][1].split(), [rows[at][word] for word in order]) for at in fitting])
        order.remove(min(order, key=lambda word: (counts[word], word)))
    return ""


def _in_order(places: Sequence[int]) -> bool:
    return bool(places) and places[0] >= 0 and all(one < other for one, other in pairwise(places))


def _words(text: str) -> dict[_Word, int]:
    """The words of a text with their places."""
    seen = Counter[str]()
    found: dict[_Word, int] = {}
    for place, token in enumerate(text.split()):
        core = token.strip(".,;:!?\"'()").casefold()
        seen[core] += 1
        found[core, seen[core]] = place
    return found


def _written(rows: Sequence[tuple[list[str], list[int]]]) -> str:
    """The frame as most of the answers write it, given their words and the frame's places; empty without a gap."""
    pieces: list[str] = []
    for at in range(len(rows[0][1]) + 1):
        bounds = [(-1, *places, len(words))[at : at + 2] for words, places in rows]
        if sum(other - one > 1 for one, other in bounds) >= OPEN * len(rows):
            pieces.append(GAP)
        if at < len(rows[0][1]):
            pieces.append(Counter(words[places[at]] for words, places in rows).most_common(1)[0][0])
    text = " ".join(pieces).rstrip(".")
    return text if GAP in pieces and len(text) <= LONGEST else ""

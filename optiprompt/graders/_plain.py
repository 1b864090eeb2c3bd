"""Free text as an answer."""

import re

from optiprompt.graders._final import last_marker
from optiprompt.graders._numbers import NUMBER_WORDS
from optiprompt.graders._text import UNSPACED, clean, fold, plain, sentences

_TOKEN = re.compile(r"[^\W_]+(?:['&./:,-][^\W_]+)*|[^\w\s.,;:!?\"'()\[\]{}<>`*_-]")
_PARTS = re.compile(r"(?<!\d)[:.,&'](?=\w)|[:.,&'](?!\d)")
_SPLIT = re.compile(r"[-/]")
_NOT = frozenset(["not", "never", "neither", "nor", "non", "isn't", "wasn't", "aren't", "doesn't", "cannot", "can't"])
_HEDGES = frozenset(["or", "either", "both", "and/or"])
_SHOWN = 80


def tokens(text: str) -> list[str]:
    """The words and signs of a text, folded and plain; case, hyphens and other punctuation aside."""
    return [word for token in _TOKEN.findall(plain(fold(text))) for word in _SPLIT.split(token) if word]


def contains(output: str, target: str) -> bool:
    """Whether a text holds the target's words in a row, as whole words; in scripts without spaces, anywhere."""
    goal, said = tokens(target), tokens(output)
    if not goal:
        return bool(target.strip()) and fold(target.strip()) in fold(output)
    # "Answer:Paris", "Paris,France" and "Tokyo's" are one token for the other graders, which need "1,234" and "x:y".
    for words in (said, [part for word in said for part in _PARTS.split(word) if part]):
        if f" {' '.join(goal)} " in f" {' '.join(words)} ":
            return True
    return bool(UNSPACED.search(target)) and fold(target.strip()) in fold(output)


def says(output: str, target: str, question: str = "") -> bool:
    """Whether a reply says the target: it is the target, or its final statement holds it as whole words."""
    goal = tokens(target)
    text = clean(output, question)
    if not goal or tokens(text) == goal:
        return tokens(text) == goal
    for statement in _statements(text):
        words = tokens(statement)
        if words == goal or _holds(words, goal):
            return True
    return False


def spoken(output: str, question: str = "") -> str:
    """The final statement of a reply, short, for display."""
    statements = _statements(clean(output, question))
    return statements[-1].strip(" .\"'")[:_SHOWN] if statements else ""


def _statements(text: str) -> list[str]:
    """What a reply answers: the sentence behind its last marker, else its first and its last sentence or line."""
    if marker := last_marker(text):
        behind = sentences(text[marker.end() :].lstrip(" :=\n"))
        return behind[:1]
    ends = [sentence for sentence in sentences(text) if not sentence.endswith("?")]
    lines = [line.strip() for line in text.split("\n") if line.strip() and not line.rstrip().endswith("?")]
    return [*dict.fromkeys([*lines[:1], *ends[:1], *lines[-1:], *ends[-1:]])] if ends else []


def _holds(words: list[str], goal: list[str]) -> bool:
    """Whether words hold the goal's in a row, neither denied nor beside an alternative."""
    size = len(goal)
    for start in range(len(words) - size + 1):
        if words[start] == goal[0] and words[start : start + size] == goal:
            before, after = words[max(0, start - 3) : start], words[start + size : start + size + 1]
            longer = goal[-1] in NUMBER_WORDS and NUMBER_WORDS & set(after)
            if not _NOT & set(before) and not _HEDGES & {*before[-1:], *after} and not longer:
                return True
    return False

"""Word lists and bracket sequences as answers: their order is the answer."""

import re
from collections import Counter
from dataclasses import dataclass

from optiprompt.graders._final import last_marker
from optiprompt.graders._text import clean, ends_of, fold

_WORD = re.compile(r"[^\W_]+(?:['&.-][^\W_]+)*")
_ITEM = re.compile(r"^[ ]*(?:\(?\d{1,3}[.):][ ]*|\(?[a-z][.)][ ]+|[-*\u2022+][ ]+)", re.MULTILINE)
_INLINE_ITEM = re.compile(r"(?:(?<=\s)|^)\(?\d{1,3}[.)][ ]?(?=[^\W\d])", re.MULTILINE)
_OPENS = re.compile(r"[\n:.\"'`\[(=!?]")
_CLOSES = re.compile(r"[\n.;!?\"'`\])(]| - ")
_LEADING = (
    "is are be as to get gives give follows order alphabetically list words sorted answer then becomes become have been"
)
_LEADS_IN = frozenset(_LEADING.split())
_GIVEN = frozenset(["original", "originally", "input", "given", "unsorted", "initial"])

_RUN = re.compile(r"[()\[\]{}<>](?:[ ,'\"]*(?:(?:and |then ){1,2}['\"]?)?[()\[\]{}<>])*")
_TWO_RUNS = re.compile(r"[()\[\]{}<>]['\" ]*\bor\b['\" ]*[()\[\]{}<>]")
_PROSE = re.compile(r"\((?=[a-z])[^()\[\]{}<>\n]*(?<! )\)")
_BOX = re.compile(r"\\boxed\s*\{([^\n]*)\}")
_ANSWER = re.compile(r"\banswer\b[^()\[\]{}<>\n]{0,60}")
_MISSING = re.compile(
    r"\b(?:missing|closing|remaining|needed|required) (?:brackets|parentheses|sequence|symbols|characters)"
    r"(?: (?:is|are))?[ :\"']{1,9}\n?[ ]?(?=[()\[\]{}<>])"
)
_WHY = re.compile(r"^[ ]*(?:explanation|reason)\b[^\n]*", re.MULTILINE)
_INPUT = re.compile(r"\binput\b\s*:?")


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    gap: str  # what stands between the word before and this one


def is_brackets(target: str) -> bool:
    """Whether a target is a bracket sequence."""
    return bool(target.strip()) and all(char in "()[]{}<> " for char in target.strip())


def brackets(output: str) -> str:
    """The bracket sequence that a reply answers with, without spaces; empty if there is none or there are two."""
    text = ends_of(fold(output)).rpartition("</think>")[2]
    text = re.sub(r"</?answer>", " answer: ", _BOX.sub(r"answer: \1", text))
    text = re.sub(r"[-=]>|[\\`*$]", " ", text)
    text = _PROSE.sub(" ", text)
    text = text.strip()
    told = _WHY.sub("", text).strip()
    text = told if _RUN.search(told) else text
    markers = list(_ANSWER.finditer(text)) or list(_MISSING.finditer(text))
    opens = _RUN.fullmatch(text.split("\n")[0].strip(" .,'\""))
    place = 0 if opens or not markers else markers[-1].end()
    runs = [run[0] for run in _RUN.finditer(text, place)]
    if not runs or _TWO_RUNS.search(text, place):
        return ""
    said = runs[0] if opens or markers else runs[-1]
    return "".join(char for char in said if char in "()[]{}<>")


def same_brackets(answer: str, target: str, question: str) -> bool:
    """Whether an answer closes the question's sequence: the target alone, or the whole sequence with it."""
    goal = target.replace(" ", "")
    given = "".join(char for char in _INPUT.split(fold(question))[-1] if char in "()[]{}<>")
    return answer in (goal, given + goal)


def lists(output: str, target: str, question: str = "") -> bool:
    """Whether a reply's last list of the target's words has them in the target's order, and no other word."""
    goal = [word.text for word in _words(fold(target), keep=set())]
    found = last_list(output, target, question)
    return bool(goal) and found == goal


def last_list(output: str, target: str, question: str = "") -> list[str]:
    """The last list in a reply that is made of the target's words, in any order; empty if there is none."""
    goal = [word.text for word in _words(fold(target), keep=set())]
    text = clean(output, question)
    behind = text[marker.end() :] if (marker := last_marker(text)) else text
    return _list_in(behind, goal) or _list_in(text, goal)


def _list_in(text: str, goal: list[str]) -> list[str]:
    words = _words(_INLINE_ITEM.sub(" ", _ITEM.sub("", text)), keep=set(goal))
    size, wanted = len(goal), Counter(goal)
    missing = Counter(goal)
    found: list[str] = []
    for end, word in enumerate(words[:-1]):
        missing[word.text] -= 1
        if end >= size:
            missing[words[end - size].text] += 1
        if word.text in wanted and end + 1 >= size and not any(missing[text] for text in wanted):
            window = words[end + 1 - size : end + 1]
            if _stands_alone(words, end + 1 - size, end + 1):
                found = [word.text for word in window]
    return found


def _words(text: str, keep: set[str]) -> list[_Word]:
    """The words with the gaps before them; numbers and `and` go unless they are to be kept."""
    words, last = [], 0
    for match in _WORD.finditer(text):
        if match[0] in keep or not keep or not (match[0].isdigit() or match[0] == "and"):
            words.append(_Word(match[0], text[last : match.start()]))
            last = match.end()
    return [*words, _Word("", text[last:] + "\n\n")] if keep else words


def _stands_alone(words: list[_Word], start: int, end: int) -> bool:
    """Whether the words from start to end are a list of their own, without a further word at either end."""
    vertical = any("\n" in word.gap for word in words[start + 1 : end])
    opening, closing = words[start].gap, words[end].gap
    before = words[start - 1] if start else None
    if before is None or before.text in _LEADS_IN:
        opened = True
    elif vertical:  # the line before must not be one more item
        opened = ":" in opening or "\n\n" in opening or ("\n" in opening and "\n" not in before.gap and start > 1)
    else:
        opened = bool(_OPENS.search(opening))
    if vertical:
        item_follows = end + 1 < len(words) and "\n" in words[end + 1].gap
        closed = "\n\n" in closing or not item_follows
    else:
        closed = not words[end].text or bool(_CLOSES.search(closing))
    given = any(word.text in _GIVEN for word in words[max(0, start - 3) : start])
    return opened and closed and not given

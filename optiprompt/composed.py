"""Instructions of several parts in a reply: labels in a list, rules, the form of the answer in a section of its own."""

import re

from optiprompt.wording import ABOUT, CHATTER, ITEM, KEY, LONGEST, NAMED, NAMES, SEVERAL, TALKS, leads, length, plain

_PARTS = r"(?:task|note|(?:answer|output|response)(?: format)?|format|input|labels?|rules?)"
# The name of a part, with its text behind it, or on a line of its own.
_NAME = re.compile(rf"(?:\**{_PARTS}(?:\**:\**|:)\s*|[#*]+\s*)", re.IGNORECASE)
_TITLE = re.compile(rf"(?:#{{1,6}} \**{_PARTS}\**:?|\*\*{_PARTS}:?\*\*:?)", re.IGNORECASE)
_FIRST = re.compile(r"(?:#{1,6} |\*\*)\**(?:task|instructions?)\**:?\**", re.IGNORECASE)
_INPUT = re.compile(r"\**input\b", re.IGNORECASE)
_KIND = re.compile(r"(?:an?|the|one|two|some|any|each)\b", re.IGNORECASE)  # "Input: an English sentence."
# What a remark on the instruction begins with.
_SELF = re.compile(r"(?:this|it|the instruction|i)\b", re.IGNORECASE)


def composed(text: str) -> bool:
    """Whether what stands between tags is one instruction in several parts.

    That is a first line that asks for something, and behind it list items, lines like "Output: one of these words" and
    sentences, but no examples, names for other parts of the reply, program or talk about the instruction.
    """
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    if lines and _FIRST.fullmatch(lines[0]):
        lines = lines[1:]
    if len(lines) < 2 or len(text) > LONGEST or KEY.search(text) or CHATTER.search(text):
        return False
    first, *others = lines
    return _asks(first, bool(ITEM.match(others[0]))) and all(map(_detail, others))


def _asks(line: str, listed: bool) -> bool:
    """Whether a first line asks for something: also in one word or two, where a list follows."""
    text = _NAME.sub("", line, count=1)
    if NAMES.search(text) or SEVERAL.search(text):
        return False
    if listed and text.endswith(":") and length(text) < 4:
        return not (ABOUT.search(text) or TALKS.match(text))
    return plain(text) and not leads(text)


def _detail(line: str) -> bool:
    """Whether a line may be a further part of an instruction."""
    item = ITEM.match(line)
    if item:
        return not (NAMES.search(item[1]) or NAMED.search(item[1]))
    if _TITLE.fullmatch(line):
        return True
    said = _NAME.sub("", line, count=1)
    if _INPUT.match(line) and not _KIND.match(said):
        return False  # an example's
    return (said == line or length(said) > 2) and plain(said) and not _SELF.match(said)

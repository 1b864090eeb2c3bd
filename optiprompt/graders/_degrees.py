"""Words for a place or a degree: a text that says "second" names no option that says "third"."""

import re

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")
_DEGREE = re.compile(
    rf"\b(?:from-last|{'|'.join(ORDINALS)}|last|left|leftmost|right|rightmost|top|bottom|middle|most|least|(?:old|new|cheap|tall|"
    r"short|young|fast|slow|long|heavi|light|big|larg|small|high|low|earli|lat)est)\b"
)
_END_PLACE = re.compile(r"\b(?:first from|far|extreme) (left|right)\b")
_FROM_LAST = re.compile(r"\b(\w+)[- ](?:to|from)[- ]last\b")
TO_LAST = re.compile(r"[- ](?:to|from)[- ]last\b")
_NO_DEGREE = re.compile(
    r"\bmost (?:likely|probably)\b|\bat (?:least|most|last)\b|^first,|\bright (?:answer|option|choice)\b"
)
PARTS = re.compile(r"[,;]| and | while ")


def degrees(text: str) -> set[str]:
    """The words of a text for places and degrees: `second`, `leftmost`, `cheapest`."""
    text = _FROM_LAST.sub(r"from-last \1", _NO_DEGREE.sub(" ", _END_PLACE.sub(r"\1most", text)))
    return set(_DEGREE.findall(text))


def fits(option: str, text: str, count: int) -> bool:
    """Whether a text has the place or degree of an option, one of `count`, or one of the two has none."""
    mine, said = degrees(option), degrees(text)
    if not mine or not said or mine == said:
        return True
    if mine < said:
        return any(degrees(part) == mine for part in PARTS.split(text))
    if "last" in mine and count <= len(ORDINALS):
        said = {"last" if word == ORDINALS[count - 1] else word for word in said}
    said = {f"{word}most" if f"{word}most" in mine else word for word in said}
    places = {*ORDINALS, "from-last"}
    return said <= mine and said & places == mine & places

"""The grader of instruction induction: the reply is the target and nothing else (Honovich et al. 2022)."""

import re
import string
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from optiprompt.backends.base import Backend
from optiprompt.graders._base import Grader, Target, Verdict, targets_of
from optiprompt.graders._text import fold

_GROUPED = re.compile(r"(?<![\d.])\d{1,3}(?:,\d{3})+(?![\d,])")
_POINT = re.compile(r"(?<=\d)\.(?=\d)")
_SIGN = re.compile(r"(?<!\w)-(?=\d)")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[^\w\s](?=\d)")
# What stands for a point and a sign while all other punctuation goes; no reply holds these by chance.
_KEPT = str.maketrans({"\ue000": ".", "\ue001": "-"})


@dataclass(frozen=True, slots=True)
class Induction(Grader):
    """The reply's first line that is not empty is a target; case, punctuation, hyphens and space around it aside.

    What the model thought aloud, and what comes after that line, does not count. Nothing may stand around the target:
    a reply that repeats the input, or names all labels, is wrong.
    """

    async def grade(self, output: str, target: Target, *, question: str = "", judge: Backend | None = None) -> Verdict:
        behind = output.rpartition("</think>")[2]
        line = next((line for line in behind.splitlines() if line.strip()), "").strip()
        said = readings(line)
        return Verdict(float(any(_same(said, readings(one)) for one in targets_of(target))), line)


def readings(text: str) -> tuple[str, ...]:
    """A text without case and punctuation, in three readings; the last is the text itself where nothing else is left.

    "co-op" is `co op` or `coop`, "a,b" is `a b` or `ab`. A decimal point, the sign of a number and what stands between
    two digits are no punctuation: 8.8 and 8/8 are not 88.
    """
    plain = unicodedata.normalize("NFC", fold(text.strip()))
    plain = _GROUPED.sub(lambda number: number[0].replace(",", ""), plain)
    plain = _BETWEEN_DIGITS.sub(" ", _SIGN.sub("\ue001", _POINT.sub("\ue000", plain)))
    found = [
        " ".join("".join(_without(char, parts) for char in plain).split()).translate(_KEPT)
        for parts in (_is_punctuation, lambda char: char == "-", lambda char: False)
    ]
    return tuple(found) if any(found) else (plain,)


def _same(said: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether two texts are alike in one of the readings."""
    return len(said) == len(wanted) and any(one == other for one, other in zip(said, wanted, strict=True))


def _without(char: str, parts: Callable[[str], bool]) -> str:
    if not _is_punctuation(char):
        return char
    return " " if parts(char) and char != "'" else ""


def _is_punctuation(char: str) -> bool:
    return char in string.punctuation or unicodedata.category(char)[0] == "P" or unicodedata.category(char) == "Sk"


def induction() -> Grader:
    """The reply's first line is the target; case, punctuation, hyphens and space around it aside."""
    return Induction()

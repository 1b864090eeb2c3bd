"""Numbers in text: digits, fractions, words, currencies, percent; and which one a reply settles on."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_ROUND = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_UNITS.split())}
_TENS = {word: 10 * tens for tens, word in enumerate(_ROUND.split(), start=2)}
_TENS["fourty"] = 40
_SCALES: dict[str, int] = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
NUMBER_WORDS = frozenset([*_SMALL, *_TENS, *_SCALES])
_PARTS = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5}
_WORD = "|".join([*_SMALL, *_TENS, *_SCALES])
_SCALE = "|".join(_SCALES)

_NUMBER = re.compile(
    rf"""
    (?P<minus>(?<![\w)\]%.])(?<![\d)%][ ])-(?=[$€£¥.\d]) | (?:(?<=[=:(][ ])|(?<=is[ ])|\A)-[ ](?=[$€£¥.\d])
      | (?<![\d)][ ])\b(?:minus|negative)[ ])?
    (?P<money>[$€£¥][ ]?(?P<inner>-)?)?
    (?:
        (?<![\w.])(?P<digits>
            (?<![(\[])[1-9]\d{{0,2}}(?:\.\d{{3}}){{1,6}}(?=,\d\d(?![\d,]|\.\d))
            | [1-9]\d{{0,2}}(?:\.\d{{3}}){{2}}(?![\d.,]?\d)
            | \d{{1,3}}(?:,\d{{2,3}}){{0,8}},\d{{3}}(?!\d) | \d{{1,3}}(?:[ ]\d{{3}}){{1,6}}(?![\d.,/]?\d)
            | \d+ | (?=\.\d)
        )
        (?P<decimals>\.\d+ | ,\d{{1,2}}(?![\d,]))?
        (?P<power>e[-+]?\d{{1,2}}(?!\w))?
        (?:(?:[ ]?[x*][ ]?10 | (?P<ten>(?<=(?<![\d.,])10)))[ ]?\^[ ]?[({{]?(?P<exponent>-?\d{{1,2}})[)}}]?(?![\w^]))?
        (?:[ ]?/[ ]?(?P<under>\d+(?:\.\d+)?)(?![\d/]|\.\d) | [ ](?P<top>\d+)/(?P<bottom>\d+)(?![\d/]))?
        (?P<scale>k\b | [ ]?(?:{_SCALE})\b)?
      | \b(?P<words>(?:{_WORD})(?:(?:[ -]|[ ]and[ ])(?:{_WORD}))*)\b
        (?:[ -](?P<part>half|halves|thirds?|quarters?|fourths?|fifths?)\b)?
    )
    (?P<half>[ ]and[ ]a[ ]half\b)?
    (?P<dozen>[ ]dozen\b)?
    (?P<percent>[ ]?%|[ ]percent\b)?
    """,
    re.VERBOSE,
)
_DATE = re.compile(r"(?<!\d)\d{1,4}([/-])\d{1,2}\1\d{1,4}|\d{1,2}:\d\d\b")
_SHARE = re.compile(
    r"%|percent|how likely|\bprobability\b|\bchances?\b|\brate\?"
)  # what a question may want in percent
_CENTS = re.compile(r"\b(\d+) dollars? and (\d{1,2}) cents?\b")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written.

    Attributes:
        values: what it may mean: 25% is 25 and 0.25, 3 dozen is 36 and 3.
        places: digits behind the decimal point.
    """

    values: tuple[Fraction, ...]
    places: int = 0

    def __str__(self) -> str:
        value = self.values[0]
        return str(value.numerator) if value.denominator == 1 else _decimal(value)


@dataclass(frozen=True, slots=True)
class Found:
    """A number and where in the text it stands."""

    number: Number
    start: int
    end: int
    is_word: bool


@lru_cache(maxsize=1024)
def parse(text: str) -> Number | None:
    """The number that a folded text consists of, units and currency aside; None if it is anything else."""
    text = text.lstrip(" \n+").rstrip(" .\n")
    found = scan(text)
    alone = len(found) == 1 and (found[0].start, found[0].end) == (0, len(text))
    return found[0].number if alone else None


def same(answer: Number, target: Number) -> bool:
    """Whether a fair reader takes the answer for the target: equal, or more precise and equal once rounded."""
    for wanted in target.values:
        for value in answer.values:
            if value == wanted or abs(value - wanted) <= max(Fraction(1), abs(wanted)) / 10**6:
                return True
            precise = answer.places > target.places >= 2 or (target.places >= 2 and value.denominator % 3 == 0)
            if precise and abs(value - wanted) <= Fraction(1, 2 * 10**target.places):
                return True
    return False


def scan(text: str, units: str = "") -> list[Found]:
    """All numbers of a folded text, in their order; parts of dates and times are none.

    Args:
        text: where the numbers stand.
        units: the folded question; where it asks for millions or dozens, `3 million` may also mean 3, and where it
            says nothing of percent, `25%` does not mean 25.
    """
    text = _DATE.sub(lambda date: " " * len(date[0]), _CENTS.sub(_with_cents, text))
    found: list[Found] = []
    for match in _NUMBER.finditer(text):
        found += _words(match, units) if match["words"] else _digits(match, units)
    return found


def _with_cents(match: re.Match[str]) -> str:
    return f"${match[1]}.{match[2]:0>2}".ljust(len(match[0]))


def _digits(match: re.Match[str], units: str) -> Iterator[Found]:
    whole = re.sub(r"[,. ]", "", match["digits"])
    decimals = (match["decimals"] or "")[1:]
    if len(whole) + len(decimals) > 100 or not (whole + decimals).isascii():
        return
    if decimals or match["power"]:
        value = Fraction(f"{whole or 0}.{decimals or 0}{match['power'] or ''}")
    else:
        value = Fraction(int(whole or 0))
    if match["exponent"]:
        value = (Fraction(1) if match["ten"] is not None else value) * Fraction(10) ** int(match["exponent"])
    if match["under"]:
        if len(match["under"]) > 100 or not Fraction(match["under"]):
            return
        value /= Fraction(match["under"])
    elif match["bottom"]:
        if len(match["top"] + match["bottom"]) > 100 or not int(match["bottom"]):
            return
        value += Fraction(int(match["top"]), int(match["bottom"]))
    scale = (match["scale"] or "").strip()
    scaled = value * _SCALES.get(scale, 1000 if scale else 1)
    yield _found(match, [scaled, value] if scale and scale in units else [scaled], len(decimals), units)


def _words(match: re.Match[str], units: str) -> Iterator[Found]:
    """Number words; `five and three` and `one two` are two numbers, of which the last has the match's place."""
    values = _read_words(re.findall(r"[a-z]+", match["words"]))
    if match["part"] and len(values) == 1:
        values = [values[0] / _PARTS[match["part"].rstrip("s") if match["part"] != "halves" else "halves"]]
    for value in values:
        yield _found(match, [value], 0, units)


def _found(match: re.Match[str], values: list[Fraction], places: int, units: str) -> Found:
    if match["half"]:
        values = [value + Fraction(1, 2) for value in values]
    if match["dozen"]:
        values = [12 * values[0], *values] if "dozen" in units else [12 * values[0]]
    if match["percent"]:
        asked = not units or _SHARE.search(units)
        values = [*values, values[0] / 100] if asked else [values[0] / 100]
    sign = -1 if match["minus"] or match["inner"] else 1
    number = Number(tuple(sign * value for value in values), places)
    return Found(number, match.start(), match.end(), match["words"] is not None)


def _read_words(words: list[str]) -> list[Fraction]:
    """The numbers that a run of number words spells."""
    numbers: list[Fraction] = []
    total, group, last = 0, 0, ""
    for word in words:
        if word == "and":
            continue
        if word in _SCALES:
            scale = _SCALES[word]
            if scale == 100:
                group = max(group, 1) * 100
            else:
                total, group = total + max(group, 0 if total else 1) * scale, 0
        else:
            value = _SMALL.get(word, _TENS.get(word, 0))
            fits = not last or last in _SCALES or (last in _TENS and word in _SMALL and 0 < value < 10)
            if not fits:
                numbers.append(Fraction(total + group))
                total, group = 0, 0
            group += value
        last = word
    return [*numbers, Fraction(total + group)]


def _decimal(value: Fraction) -> str:
    """As a decimal of at most 6 places, else as a fraction."""
    scaled = value * 10**6
    if scaled.denominator != 1:
        return f"{value.numerator}/{value.denominator}"
    return f"{float(value):.6f}".rstrip("0") if abs(value) < 10**9 else str(float(value))

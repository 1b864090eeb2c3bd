"""Bounded numbers as fields of a space of choices."""

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from optiprompt.errors import ParseError, UsageError
from optiprompt.spaces._fields import LARGEST, NUMBER, Field, Value, written

_FINEST = 100_000  # values of one number
_EVERY = 1000  # so many whole numbers are not rounded
_STEPS = (1 / 50, 1 / 10, 1 / 3)  # how far a neighbour is, as a share of the whole range


class Number(Field):
    """A number within bounds, rounded to a grid so that each candidate has one spelling.

    The grid: multiples of `step` from `low` on; or, without a step, every whole number (of at most a thousand), and
    else numbers with few significant digits: mostly 2 on a log scale, on a linear one such that there are 40 to 400.
    A grid without step holds both bounds. Raises UsageError for bounds without a choice.
    """

    def __init__(
        self,
        name: str,
        low: float,
        high: float,
        *,
        step: float | None = None,
        log: bool = False,
        optional: bool = False,
        when: Mapping[str, Sequence[Value]],
    ) -> None:
        self._whole = all(isinstance(each, int) for each in (low, high, 1 if step is None else step))
        if not (math.isfinite(low) and math.isfinite(high) and low < high) or max(abs(low), abs(high)) > LARGEST:
            raise UsageError(f"{name} needs bounds with low below high, not {low} and {high}")
        if log and low <= 0:
            raise UsageError(f"{name} is on a log scale, so low must be above 0, not {low}")
        if step is not None and not (math.isfinite(step) and 0 < _exact(step) <= _exact(high) - _exact(low)):
            raise UsageError(f"{name} needs a step above 0 that fits between {low} and {high}, not {step}")
        self._log = log
        self._step = 1 if step is None and self._whole and high - low < _EVERY else step
        points = _points(_exact(low), _exact(high), self._step, log, self._whole)
        if len(points) > _FINEST:
            raise UsageError(f"{name} has more than {_FINEST:,} values: give a larger step")
        self._grid: list[int] | list[float] = (
            [int(point) for point in points] if self._whole else [float(point) for point in points]
        )
        self._low, self._high = self._grid[0], self._grid[-1]
        self._optional = optional
        super().__init__(name, [None, *self._grid] if optional else self._grid, when)

    @property
    def middle(self) -> Value:
        return self._nearest(self._at(0.5))

    def read(self, text: str) -> Value:
        if self._optional and text.casefold() in ("none", "null"):
            return None
        if not NUMBER.fullmatch(text):
            raise ParseError(f"{self.name} is no number: {text[:40]!r}")
        number = float(text)
        if not self._low <= number <= self._high:
            raise ParseError(f"{self.name}={text[:40]} is out of range: {self._range}")
        if self._whole and number != int(number):
            raise ParseError(f"{self.name}={text[:40]} is not a whole number")
        return self._nearest(number)

    def sample(self, rng: random.Random) -> Value:
        if self._optional and rng.random() < 0.5:
            return None
        return self._nearest(self._at(rng.random())) if self._log else rng.choice(self._grid)

    def around(self, value: Value) -> list[Value]:
        if value is None:
            return [self.middle]
        assert isinstance(value, int | float)
        share, place = self._share(value), bisect_left(self._grid, value)
        found: dict[Value, None] = {}
        for distance in _STEPS:
            for sign in (-1, 1):
                moved = self._nearest(self._at(min(1.0, max(0.0, share + sign * distance))))
                beside = self._grid[min(len(self._grid) - 1, max(0, place + sign))]
                found[beside if moved == value else moved] = None
        found.pop(value, None)
        return [*found, None] if self._optional else list(found)

    def schema(self, values: Sequence[Value]) -> dict[str, Any]:
        if len(values) < len(self.values):
            return {"enum": list(values)}
        bounds: dict[str, Any] = {"type": "integer" if self._whole else "number"}
        bounds |= {"minimum": self._low, "maximum": self._high}
        return {"anyOf": [bounds, {"type": "null"}]} if self._optional else bounds

    def describe(self) -> str:
        kind = "a whole number" if self._whole else "a number"
        step = f" in steps of {written(self._step)}" if self._step is not None and self._step != 1 else ""
        scale = " on a log scale" if self._log else ""
        return f"{kind} from {self._range}{step}{scale}{' or none' if self._optional else ''}"

    def features(self, value: Value) -> list[float]:
        share = None if value is None else self._share(float(value))
        known = [0.0, 0.0] if share is None else [share, 1 - share]
        return [*known, float(share is None)] if self._optional else known

    @property
    def _range(self) -> str:
        return f"{written(self._low)} to {written(self._high)}"

    @property
    def _scale(self) -> Callable[[float], float]:
        return math.log if self._log else float

    def _share(self, number: float) -> float:
        """Where a number is in the range, from 0 to 1."""
        low, high = self._scale(self._low), self._scale(self._high)
        return (self._scale(number) - low) / (high - low)

    def _at(self, share: float) -> float:
        """The inverse of `_share`."""
        low, high = self._scale(self._low), self._scale(self._high)
        point = low + share * (high - low)
        return math.exp(point) if self._log else point

    def _nearest(self, number: float) -> int | float:
        place = bisect_left(self._grid, number)
        return min(self._grid[max(0, place - 1) : place + 1], key=lambda point: abs(point - number))


def _exact(number: float) -> Decimal:
    """The number as it is written: 0.1 is a tenth."""
    return Decimal(str(number))


def _points(low: Decimal, high: Decimal, step: float | None, log: bool, whole: bool) -> list[Decimal]:
    """The grid, ascending; cut off where it is too fine to be used."""
    if step is not None:
        exact = _exact(step)
        return [low + number * exact for number in range(min(int((high - low) / exact), _FINEST) + 1)]
    if not log:
        return _between(low, high, _unit((high - low) / 40), whole)
    for digits in range(2, 7):
        points: set[Decimal] = set()
        for power in range(low.adjusted(), high.adjusted() + 1):
            decade = Decimal((0, (1,), power))
            points |= set(_between(max(low, decade), min(high, decade * 10), decade.scaleb(1 - digits), whole))
        if len(points) >= 50:
            break
    return sorted(points)


def _unit(number: Decimal) -> Decimal:
    """The power of ten at or below a number."""
    return Decimal((0, (1,), number.adjusted()))


def _between(low: Decimal, high: Decimal, unit: Decimal, whole: bool) -> list[Decimal]:
    """Both bounds and the multiples of the unit between; the unit is at least 1 for whole numbers."""
    unit = max(unit, Decimal(1)) if whole else unit
    inside = (number * unit for number in range(math.ceil(low / unit), math.floor(high / unit) + 1))
    return sorted({low, *inside, high})

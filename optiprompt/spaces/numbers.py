"""Named numbers within bounds, such as the weights of a regression or the settings of a training run."""

import math
import random
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from optiprompt.errors import ParseError, UsageError
from optiprompt.grammar import Words, record
from optiprompt.spaces.base import Space

_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?", re.IGNORECASE)
_BRACKETS = str.maketrans(dict.fromkeys("[](){}\"'`", " "))
_LARGEST = 2**50  # up to here a float tells all points of the grid apart
LISTED = 1000  # the grammar lists the values of a number, if there are no more


class Numbers(Space[dict[str, float]]):
    """Bounded numbers by name, written as `w=15, b=14`.

    Every number lies on a grid: whole numbers, or multiples of 10 to the power of -`decimals`, so that a number has one
    spelling. Names may be left out when all numbers are given in order: `15, 14` and `[15, 14]`.

    Attributes:
        fields: lowest and highest value by name.
        integer: the numbers are whole ones (and of type int).
        decimals: digits after the point to which other numbers are rounded.
    """

    tag = "NUMBERS"
    temperature = 1.0

    def __init__(self, fields: Mapping[str, tuple[float, float]], *, integer: bool = False, decimals: int = 4) -> None:
        """Set up the space.

        Args:
            fields: lowest and highest value by name, in the order in which they are written.
            integer: only whole numbers.
            decimals: digits after the point; without effect on whole numbers.

        Raises:
            UsageError: no field, a bad name, or bounds without two values between them.
        """
        if not fields or len({name.casefold() for name in fields}) < len(fields):
            raise UsageError("numbers need at least one name, and names that differ in more than case")
        self.fields = dict(fields)
        self.integer = integer
        self.decimals = 0 if integer else decimals
        self._scale = 10**self.decimals
        self._grid = {name: self._bounds(name, low, high) for name, (low, high) in self.fields.items()}
        self._names = {name.casefold(): name for name in self.fields}
        self.grammar = self._words()
        kind = "integer" if integer else "number"
        self.schema = record(
            {
                name: {"type": kind, "minimum": self._value(first), "maximum": self._value(last)}
                for name, (first, last) in self._grid.items()
            }
        )

    def _bounds(self, name: str, low: float, high: float) -> tuple[int, int]:
        """The first and the last point of the grid within the bounds."""
        if not _NAME.fullmatch(name):
            raise UsageError(f"the name of a number must be letters, digits, _ . or -, from a letter on, not {name!r}")
        if not (math.isfinite(low) and math.isfinite(high)) or max(abs(low), abs(high)) * self._scale > _LARGEST:
            raise UsageError(f"the bounds of {name} are too large for {self.decimals} decimals: {low} to {high}")
        first = math.ceil(Decimal(str(low)) * self._scale)
        last = math.floor(Decimal(str(high)) * self._scale)
        if first >= last:
            raise UsageError(f"the bounds of {name} leave no choice at {self.decimals} decimals: {low} to {high}")
        return first, last

    def parse(self, text: str) -> dict[str, float]:
        """The numbers by name, rounded to the grid.

        Raises:
            ParseError: a number is missing, given twice, unknown, out of range or (for whole numbers) has a fraction.
        """
        spread = re.sub(r"\s*[=:]\s*", "=", text.translate(_BRACKETS))
        # `w, b = 15, 14`: the names before, the numbers behind.
        names = r"[\s,;]+".join(map(re.escape, self.fields))
        if len(self.fields) > 1:
            spread = re.sub(rf"^\s*{names}\s*=", "", spread, flags=re.IGNORECASE)
        parts = [part for part in re.split(r"[\s,;]+", spread) if part and part != "and"]
        if not any("=" in part for part in parts):
            if len(parts) != len(self.fields):
                raise ParseError(f"found {len(parts)} numbers, there must be {len(self.fields)}: {self._form}")
            return self._read(dict(zip(self.fields, parts, strict=True)))
        found: dict[str, str] = {}
        for part in parts:
            given, _, number = part.partition("=")
            name = self._names.get(given.casefold())
            if name is None or name in found:
                raise ParseError(f"{'unknown' if name is None else 'repeated'} name {given[:40]!r}: {self._form}")
            found[name] = number
        if missing := [name for name in self.fields if name not in found]:
            raise ParseError(f"{', '.join(missing)} is missing: {self._form}")
        return self._read(found)

    def _read(self, found: Mapping[str, str]) -> dict[str, float]:
        return {name: self._value(self._point(name, found[name])) for name in self.fields}

    def _point(self, name: str, text: str) -> int:
        number = float(text) * self._scale if _NUMBER.fullmatch(text) else math.nan
        if math.isnan(number):
            raise ParseError(f"{name} is not a number: {text[:40]!r}")
        first, last = self._grid[name]
        point = round(number) if math.isfinite(number) else _LARGEST + 1
        if not first <= point <= last:
            raise ParseError(f"{name}={text[:40]} is out of range: {self._range(name)}")
        if self.integer and point != number:
            raise ParseError(f"{name}={text[:40]} is not a whole number")
        return point

    def _value(self, point: int) -> float:
        return point if self.integer else point / self._scale

    def _written(self, point: int) -> str:
        text = f"{Decimal(point) / self._scale:.{self.decimals}f}"
        return text.rstrip("0").rstrip(".") if self.decimals else text

    def _range(self, name: str) -> str:
        first, last = self._grid[name]
        return f"{self._written(first)} to {self._written(last)}"

    def _words(self) -> Words | None:
        """Every number with its name as a word; None where there are too many to list."""
        if any(last - first >= LISTED for first, last in self._grid.values()):
            return None
        slots = [
            [f"{name}={self._written(point)}," for point in range(first, last + 1)]
            for name, (first, last) in self._grid.items()
        ]
        slots[-1] = [word.removesuffix(",") for word in slots[-1]]
        return Words(tuple(map(tuple, slots)))

    @property
    def _form(self) -> str:
        return "write " + ", ".join(f"{name}=..." for name in self.fields)

    def render(self, value: dict[str, float]) -> str:
        """`name=number` for each field, in their order."""
        return ", ".join(f"{name}={self._written(round(value[name] * self._scale))}" for name in self.fields)

    def describe(self) -> str:
        """How the numbers are written, and their bounds."""
        kind = "whole numbers" if self.integer else f"numbers with at most {self.decimals} decimals"
        bounds = ", ".join(f"{name} from {self._range(name)}" for name in self.fields)
        example = self.render({name: self._value(first) for name, (first, _) in self._grid.items()})
        return f"Candidates are {kind}: {bounds}; written like this: {example}"

    def sample(self, rng: random.Random) -> dict[str, float]:
        """Every number drawn uniformly."""
        return {name: self._value(rng.randint(first, last)) for name, (first, last) in self._grid.items()}

    def mutate(self, value: dict[str, float], rng: random.Random) -> dict[str, float]:
        """One of the neighbours, drawn uniformly."""
        return rng.choice(list(self.neighbours(value)))

    def crossover(self, a: dict[str, float], b: dict[str, float], rng: random.Random) -> dict[str, float]:
        """Every number from one of the two (uniform crossover)."""
        return {name: rng.choice((a[name], b[name])) for name in self.fields}

    def neighbours(self, value: dict[str, float]) -> Iterator[dict[str, float]]:
        """One number moved by 1, 2, 4, 8, ... steps of the grid up or down: near and far moves alike."""
        for name, (first, last) in self._grid.items():
            point = round(value[name] * self._scale)
            for power in range((last - first).bit_length()):
                for moved in (point - 2**power, point + 2**power):
                    if first <= moved <= last:
                        yield {**value, name: self._value(moved)}

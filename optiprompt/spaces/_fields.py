"""The fields of a space of choices, and one kind of them: options to pick from."""

import math
import random
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from optiprompt.errors import ParseError, UsageError
from optiprompt.spaces._words import fold

Value = str | int | float | bool | None

NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?", re.IGNORECASE)
_WORD = re.compile(r"[^\s,;=:|\"'`()\[\]{}<>]+")
LARGEST = 2**50  # up to here floats tell whole numbers apart


def written(value: Value) -> str:
    """The one way to write a value: `relu`, `true`, `none`, `64`, `0.05`, `3.2e-5`."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    number = Decimal(repr(value))
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        text = f"{number:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    digits, _, power = f"{number.normalize():e}".partition("e")
    return f"{digits}e{int(power)}"


class Field(ABC):
    """One field.

    Attributes:
        name: as it is written.
        values: all its values, in order; the first of them is None where the field may be None.
        when: where the field exists: other fields, each with the values that allow it.
    """

    def __init__(self, name: str, values: Iterable[Value], when: Mapping[str, Sequence[Value]]) -> None:
        self.name = name
        self.values = tuple(values)
        self.when = {other: tuple(allowed) for other, allowed in when.items()}

    @property
    @abstractmethod
    def middle(self) -> Value:
        """A value to begin with."""

    @abstractmethod
    def read(self, text: str) -> Value:
        """The value that a word stands for.

        Raises:
            ParseError: none of the field's.
        """

    @abstractmethod
    def sample(self, rng: random.Random) -> Value:
        """A random value."""

    @abstractmethod
    def around(self, value: Value) -> list[Value]:
        """Other values that are one small change away."""

    @abstractmethod
    def schema(self, values: Sequence[Value]) -> dict[str, Any]:
        """A JSON schema of some of the values."""

    @abstractmethod
    def describe(self) -> str:
        """The values, in words."""

    @abstractmethod
    def features(self, value: Value) -> list[float]:
        """Numbers from 0 to 1, at a distance of at most 2 (sum of differences) from those of another value."""

    @property
    def words(self) -> list[str]:
        """Every value as it is written behind the name: `lr=0.01`."""
        return [f"{self.name}={written(value)}" for value in self.values]


class Options(Field):
    """One of some values, each of them one word. Raises UsageError where they cannot be told apart."""

    def __init__(self, name: str, values: Iterable[Value], when: Mapping[str, Sequence[Value]]) -> None:
        super().__init__(name, values, when)
        for value in self.values:
            if not isinstance(value, str | int | float | None) or not _WORD.fullmatch(written(value)):
                raise UsageError(
                    f"{name}: an option must be a number, true, false, none or one word without brackets, quotes, = : "
                    f"or commas, not {value!r}"
                )
            if isinstance(value, int | float) and not abs(value) <= LARGEST:
                raise UsageError(f"{name}: {value} cannot be an option: give a smaller number")
        self._words = {_option(value): value for value in self.values}
        if len(self.values) < 2 or len(self._words) < len(self.values) or len(set(self.values)) < len(self.values):
            raise UsageError(f"{name} needs at least two different options, not {self.describe()}")

    @property
    def middle(self) -> Value:
        return self.values[0]

    def read(self, text: str) -> Value:
        number = float(text) if NUMBER.fullmatch(text) else math.nan
        for word in (text, written(number) if math.isfinite(number) else fold(text)):
            if word in self._words:
                return self._words[word]
        if None in self.values and fold(text) == "null":
            return None
        raise ParseError(f"{self.name} cannot be {text[:40]!r}: it is one of {self.describe()}")

    def sample(self, rng: random.Random) -> Value:
        return rng.choice(self.values)

    def around(self, value: Value) -> list[Value]:
        return [other for other in self.values if other != value]

    def schema(self, values: Sequence[Value]) -> dict[str, Any]:
        return {"enum": list(values)}

    def describe(self) -> str:
        return ", ".join(map(written, self.values))

    def features(self, value: Value) -> list[float]:
        return [float(value == each) for each in self.values]


def _option(value: Value) -> str:
    """What an option is looked up by: numbers keep their sign, also those that are text."""
    if isinstance(value, str):
        return value if NUMBER.fullmatch(value) else fold(value)
    return written(float(value) if type(value) is int else value)

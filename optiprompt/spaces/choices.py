"""Named choices and numbers, some only under a condition: most hyperparameter and architecture spaces."""

import random
import re
from collections import deque
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from optiprompt.errors import ParseError, UsageError
from optiprompt.spaces._branches import Branches
from optiprompt.spaces._fields import Field, Value, written
from optiprompt.spaces._reading import field_from, fields_of
from optiprompt.spaces._words import fold, json_object
from optiprompt.spaces.base import Space

if TYPE_CHECKING:
    from pydantic import BaseModel

Chosen = dict[str, Value]

_BRACKETS = str.maketrans(dict.fromkeys("[](){}\"'`", " "))
_ABSENT = frozenset({"none", "null", "n/a", ""})  # folded: "-" became ""


class Choices(Space[Chosen]):
    """Named fields, written as `optimizer=sgd lr=0.01 momentum=0.9`.

    A value is a dict of the fields that exist: one whose condition does not hold is left out. Reading is lenient: the
    order of the fields, case, `_` and `-`, commas, colons, quotes and brackets do not matter, so JSON is taken as well.
    Numbers are rounded to a grid (see below), so that each candidate has one spelling.

    Attributes:
        fields: what there is to choose, in the order in which it is written.
    """

    temperature = 1.0

    def __init__(self, fields: Mapping[str, Any]) -> None:
        """Set up the space.

        Each field is one of these; the last two are how a YAML says it, and allow conditions:

        - `["relu", "tanh", 3, True, None]`, a list: one of these options;
        - `(1, 8)`, a tuple: a whole number from 1 to 8, for both bounds are whole;
        - `(0.0, 0.5)`: a number; `(1e-5, 0.1, "log")`: the same on a log scale;
        - `{"choices": ["relu", "tanh"]}`;
        - `{"low": 0.0, "high": 0.5}`, if need be with `"step": 0.05`, `"log": True`, `"optional": True` (may be none).

        With `"when": {"optimizer": "sgd"}` a field exists only where the field `optimizer`, which must stand before it,
        is `sgd`; with a list of values, where it is one of these; with several fields, where all of that holds.

        Without a step, numbers are rounded: to 2 digits on a log scale (more where that leaves less than 50 of them),
        else to as many decimals as leave 40 to 400; whole numbers only from a range of a thousand on. The bounds are
        always among them.

        Args:
            fields: by name.

        Raises:
            UsageError: a field that leaves no choice or is not understood, or a condition that cannot hold.
        """
        known: dict[str, Field] = {}
        self._names: dict[str, str] = {}
        for name, spec in fields.items():
            known[name] = field_from(name, spec, known)
            if self._names.setdefault(_name(name), name) != name:
                raise UsageError(f"the fields {self._names[_name(name)]} and {name} cannot be told apart")
        if not known:
            raise UsageError("choices need at least one field")
        self.fields = tuple(known.values())
        branches = Branches(self.fields)
        self.grammar, self.schema = branches.grammar(), branches.schema()

    @classmethod
    def from_model(cls, model: "type[BaseModel]") -> "Choices":
        """The space of a pydantic model's fields.

        `Literal`, enums and `bool` are options, `int` and `float` need `Field(ge=..., le=...)` and may have
        `multiple_of`; `Field(json_schema_extra={"log": True, "when": {"optimizer": "sgd"}})` adds a scale and a
        condition. `X | None` allows none as well; where it has a condition, None is what it is where the condition
        does not hold. `model(**value)` makes an instance of a value.

        Raises:
            UsageError: a field of another type, or without bounds.
        """
        return cls(fields_of(model))

    def parse(self, text: str) -> Chosen:
        """The values by name.

        Raises:
            ParseError: fields are missing, unknown, repeated, must not be there, or have a value that they cannot have;
                names up to three problems.
        """
        problems: list[str] = []
        given = self._given(text, problems)
        value: Chosen = {}
        missing: list[str] = []
        for field in self.fields:
            word = given.get(field.name)
            try:
                if not _exists(field, value):
                    if word is not None and fold(word) not in _ABSENT:
                        problems.append(f"{field.name} must be left out: it exists only if {_condition(field)}")
                elif word is not None:
                    value[field.name] = field.read(word)
                elif None in field.values:
                    value[field.name] = None
                else:
                    missing.append(field.name)
            except ParseError as error:
                problems.append(str(error))
        if missing:
            problems.append(f"{', '.join(missing)} missing: write {' '.join(f'{name}=...' for name in missing)}")
        if problems:
            raise ParseError("; ".join(problems[:3]))
        return value

    def _given(self, text: str, problems: list[str]) -> dict[str, str]:
        """The words by field, from JSON, `name=word`, `name: word` and `name word`."""
        if (plain := json_object(text)) is not None:
            text = " ".join(f"{name}={written(value)}" for name, value in plain.items())
        spread = re.sub(r"\s*[=:]\s*", "=", text.translate(_BRACKETS))
        parts = deque(part for part in re.split(r"[\s,;|]+", spread) if part.strip("-*"))
        found: dict[str, str] = {}
        while parts and len(problems) < 3:
            name, equals, word = parts.popleft().partition("=")
            if not equals and parts and "=" not in parts[0]:
                word = parts.popleft()
            field = self._names.get(_name(name))
            if field is None:
                near = get_close_matches(_name(name), self._names, n=1)
                hint = (
                    f"did you mean {self._names[near[0]]}?" if near else f"there are {', '.join(self._names.values())}"
                )
                problems.append(f"unknown field {name[:40]!r}: {hint}")
            elif field in found:
                problems.append(f"{field} is given twice")
            else:
                found[field] = word
        return found

    def render(self, value: Chosen) -> str:
        """`name=value` for each field that exists, in their order, with a space between."""
        return " ".join(f"{field.name}={written(value[field.name])}" for field in self.fields if field.name in value)

    def describe(self) -> str:
        """The fields with their values and conditions, and an example."""
        conditions = {field.name: f" (only if {_condition(field)})" if field.when else "" for field in self.fields}
        fields = "; ".join(f"{field.name}{conditions[field.name]}: {field.describe()}" for field in self.fields)
        example = self.render(self._completed({}, None))
        return f"A candidate gives a value to each of these fields. {fields}. It is written like this: {example}"

    def sample(self, rng: random.Random) -> Chosen:
        """Every field drawn uniformly, on its scale."""
        return self._completed({}, rng)

    def mutate(self, value: Chosen, rng: random.Random) -> Chosen:
        """One field, drawn uniformly, changed to one of its neighbours; fields that come to exist are drawn."""
        field = rng.choice([field for field in self.fields if field.name in value])
        return self._completed({**value, field.name: rng.choice(field.around(value[field.name]))}, rng)

    def neighbours(self, value: Chosen) -> Iterator[Chosen]:
        """One field changed: to every other option, and numbers by 1/50, 1/10 and 1/3 of their range up and down.

        Fields that come to exist get their first option or the middle of their range.
        """
        for field in self.fields:
            if field.name in value:
                for other in field.around(value[field.name]):
                    yield self._completed({**value, field.name: other}, None)

    def crossover(self, a: Chosen, b: Chosen, rng: random.Random) -> Chosen:
        """Each field from one of the parents, by chance, or from the one where it exists; else drawn."""
        child: Chosen = {}
        for field in self.fields:
            if having := [parent[field.name] for parent in (a, b) if field.name in parent]:
                child[field.name] = rng.choice(having)
        return self._completed(child, rng)

    def features(self, value: Chosen) -> list[float]:
        """Options one-hot, numbers as their place in the range and what is left of it; a mark where a field is not."""
        found: list[float] = []
        for field in self.fields:
            there = field.name in value
            numbers = field.features(value[field.name] if there else field.middle)
            found += numbers if there else [0.0] * len(numbers)
            found += [float(not there)] if field.when else []
        return found

    def _completed(self, wanted: Mapping[str, Value], rng: random.Random | None) -> Chosen:
        """The fields that exist, those that are not given drawn; from the middle where there is no chance."""
        value: Chosen = {}
        for field in self.fields:
            if not _exists(field, value):
                continue
            if field.name in wanted:
                value[field.name] = wanted[field.name]
            else:
                value[field.name] = field.sample(rng) if rng else field.middle
        return value


def _name(name: str) -> str:
    return fold(name).replace(".", "").replace("*", "")


def _exists(field: Field, value: Mapping[str, Value]) -> bool:
    return all(other in value and value[other] in allowed for other, allowed in field.when.items())


def _condition(field: Field) -> str:
    return " and ".join(f"{other}={' or '.join(map(written, allowed))}" for other, allowed in field.when.items())

"""Which fields exist after which values: the JSON schema and the grammar of a space of choices."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from optiprompt.grammar import JsonSchema, Paths, Words, record
from optiprompt.spaces._fields import Field, Value

_LISTED = 20_000  # words of a grammar
_OBJECTS = 200  # alternatives of a schema

# Before a field is written: its number, and the fields from there on that cannot exist any more.
Place = tuple[int, frozenset[str]]


class Branches:
    """Walks through the fields in their order."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = tuple(fields)
        self._dependent = {field.name: [each for each in fields if field.name in each.when] for field in fields}
        names = [field.name for field in fields]
        self._from = [frozenset(names[number:]) for number in range(len(names) + 1)]

    def schema(self) -> JsonSchema | None:
        """One object, or any of several that differ in their fields; None where these are too many to list."""
        objects = [record(each).schema for each in islice(self._objects(self._first), _OBJECTS + 1)]
        if len(objects) > _OBJECTS:
            return None
        return JsonSchema(objects[0] if len(objects) == 1 else {"anyOf": objects})

    def grammar(self) -> Words | Paths | None:
        """Every field with each of its values as a word; None where there are too many to list."""
        if sum(len(field.values) for field in self.fields) > _LISTED:
            return None
        if not any(field.when for field in self.fields):
            return Words(tuple(tuple(field.words) for field in self.fields))
        numbers = {self._first: 0}
        places: list[tuple[tuple[str, int], ...]] = []
        waiting, listed = deque(numbers), 0
        while waiting and listed <= _LISTED:
            words: list[tuple[str, int]] = []
            place = waiting.popleft()
            for word, value in self._words(place):
                after = self._after(place, value)
                if after not in numbers:
                    numbers[after] = len(numbers)
                    waiting.append(after)
                words.append((word, numbers[after]))
            listed += len(words)
            places.append(tuple(words))
        return None if waiting else Paths(tuple(places))

    def _words(self, place: Place) -> Sequence[tuple[str, Value]]:
        if place[0] == len(self.fields):
            return []
        field = self.fields[place[0]]
        return list(zip(field.words, field.values, strict=True))

    def _objects(self, place: Place) -> Iterator[dict[str, Any]]:
        """The properties from a place on: one dict for each set of fields that may exist."""
        if place[0] == len(self.fields):
            yield {}
            return
        field = self.fields[place[0]]
        branches: dict[Place, list[Value]] = {}
        for value in field.values:
            branches.setdefault(self._after(place, value), []).append(value)
        for after, values in branches.items():
            for rest in self._objects(after):
                yield {field.name: field.schema(values), **rest}

    @property
    def _first(self) -> Place:
        return self._existing(0, frozenset())

    def _after(self, place: Place, value: Value) -> Place:
        number, gone = place
        dependent = self._dependent[self.fields[number].name]
        name = self.fields[number].name
        return self._existing(number + 1, gone | {each.name for each in dependent if value not in each.when[name]})

    def _existing(self, number: int, gone: frozenset[str]) -> Place:
        """The first field from a number on that exists; what depends on those passed over is gone with them."""
        while number < len(self.fields) and self.fields[number].name in gone:
            gone |= {each.name for each in self._dependent[self.fields[number].name]}
            number += 1
        return number, gone & self._from[number]

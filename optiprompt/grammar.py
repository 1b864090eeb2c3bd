"""What a reply may look like, as data that a backend can decode inside."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Words:
    """One word from each slot in turn, a single space before each (the reply continues a line of text).

    Attributes:
        slots: the allowed words of each position.
    """

    slots: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Paths:
    """One word after another, where each says what may follow; a single space before each (see `Words`).

    Attributes:
        places: at each place the words that may come next, each with the number of the place that it leads to. A reply
            begins at place 0 and ends at a place without words.
    """

    places: tuple[tuple[tuple[str, int], ...], ...]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """One word, then every other word once in any order; a single space before the first (see `Words`).

    Attributes:
        first: the word that begins.
        others: different words, at least one.
        between: what stands between two words.
    """

    first: str
    others: tuple[str, ...]
    between: str


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """A JSON value that fulfils a schema.

    Attributes:
        schema: a JSON Schema object.
    """

    schema: dict[str, Any]


Grammar = Words | Paths | Arrangement | JsonSchema


def record(fields: Mapping[str, Mapping[str, Any]]) -> JsonSchema:
    """A JSON object with these fields, all required and no others.

    Args:
        fields: a JSON Schema each, by name.
    """
    properties = {name: dict(field) for name, field in fields.items()}
    return JsonSchema(
        {"type": "object", "properties": properties, "required": list(fields), "additionalProperties": False}
    )

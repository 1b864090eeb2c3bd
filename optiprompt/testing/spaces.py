"""The contract test for spaces, for everyone who writes one.

A test of your own space is one line: `check_space(MySpace(), examples=["a candidate", "another"])`.
"""

import json
import random
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from optiprompt.errors import ParseError, UsageError
from optiprompt.grammar import Arrangement, Paths, Words
from optiprompt.spaces.base import Space

SAMPLES = 30
NEIGHBOURS = 100
GARBAGE = (
    "",
    " ",
    "\n\t",
    "\x00",
    "None",
    "nan",
    "-1",
    "1e999",
    "9" * 5000,
    "²",
    "٣",
    "[]",
    "{}",
    "[" * 2000,
    '{"a": [1, null, "x"]}',
    "{{ 7*7 }}",
    "{% for x in y %}",
    "<b>&amp;</b>",
    "|~|+|~|",
    "=,=;:",
    "'; import os",
    "İstanbul ẞ ﬁ",
    "\ud800 half a surrogate pair",
    "word " * 5000,
)


def check_space(space: Space[Any], examples: Sequence[str] = ()) -> None:
    """Test that a space keeps the contract of `Space`.

    - `parse` and `render` are inverse, and a candidate's key does not depend on how it was spelled;
    - `parse` is total: any text is a candidate or a `ParseError` of one line;
    - `sample`, `mutate`, `crossover` and `neighbours`, where the space has them, give valid candidates; they take
      chance from the generator only, a changed candidate is another one, and two equal ones have no other child;
    - what the grammar allows is a candidate, and what is rendered is what the grammar allows;
    - what a schema of words and numbers allows is a candidate.

    Args:
        space: the space to test.
        examples: texts that are candidates; a space that cannot draw random ones needs some.

    Raises:
        AssertionError: it does not; the message says where.
    """
    _require(bool(space.describe().strip()), "describe() must tell the optimizer how a candidate is written")
    values = [_parsed(space, text, "an example must be a candidate") for text in examples] + _samples(space)
    _require(bool(values), "this space cannot draw candidates: give check_space some examples")
    rng = random.Random(0)
    for value, other in zip(values, [*values[1:], values[0]], strict=True):
        _check_spelling(space, value)
        _check_crossover(space, value, other, rng.randrange(2**32))
        _check_mutate(space, value, rng.randrange(2**32))
        _check_neighbours(space, value)
    for text in [*GARBAGE, *(_damaged(space.render(value), rng) for value in values)]:
        check_text(space, text)
    if space.schema is not None:
        _check_schema(space, space.schema.schema, rng)
    if isinstance(space.grammar, Words):
        _check_words(space, space.grammar, values, rng)
    if isinstance(space.grammar, Paths):
        _check_paths(space, space.grammar, values, rng)
    if isinstance(space.grammar, Arrangement):
        _check_arrangement(space, space.grammar, values, rng)


def _check_spelling(space: Space[Any], value: Any) -> None:
    text, key = space.render(value), space.key(value)
    again = _parsed(space, text, "what is rendered must parse")
    _require(again == value, f"parse(render(value)) must give the value again: {value!r} became {again!r}")
    _require(space.render(again) == text, f"render must have one spelling: {text!r} became {space.render(again)!r}")
    _require(space.key(again) == key, f"the key must be stable: {key!r} became {space.key(again)!r}")
    candidate = space.candidate(text)
    _require((candidate.text, candidate.key) == (text, key), f"candidate({text!r}) must have the text and key of of()")


def _samples(space: Space[Any]) -> list[Any]:
    def drawn() -> list[Any]:
        rng = random.Random(0)
        return [space.sample(rng) for _ in range(SAMPLES)]

    values = _if_offered(drawn)
    _require(values is None or drawn() == values, "sample must take all chance from the generator that it is given")
    return values or []


def _check_mutate(space: Space[Any], value: Any, seed: int) -> None:
    before = space.render(value)
    changed = _if_offered(lambda: space.mutate(value, random.Random(seed)))
    if changed is None:
        return
    _check_spelling(space, changed)
    _require(space.render(value) == before, f"mutate must leave its argument as it is: {before!r}")
    _require(space.key(changed) != space.key(value), f"mutate must give another candidate: {before!r} came back")
    again = space.mutate(value, random.Random(seed))
    _require(again == changed, "mutate must take all chance from the generator that it is given")


def _check_crossover(space: Space[Any], a: Any, b: Any, seed: int) -> None:
    before = [space.render(a), space.render(b)]
    child = _if_offered(lambda: space.crossover(a, b, random.Random(seed)))
    if child is None:
        return
    _check_spelling(space, child)
    _require([space.render(a), space.render(b)] == before, f"crossover must leave its arguments as they are: {before}")
    again = space.crossover(a, b, random.Random(seed))
    _require(again == child, "crossover must take all chance from the generator that it is given")
    twin = space.crossover(a, a, random.Random(seed))
    _require(twin == a, f"the crossover of two equal candidates must be the same: {before[0]!r} gave {twin!r}")


def _check_neighbours(space: Space[Any], value: Any) -> None:
    found = _if_offered(lambda: list(islice(space.neighbours(value), NEIGHBOURS)))
    if found is None:
        return
    for neighbour in found:
        _check_spelling(space, neighbour)
    keys = [space.key(neighbour) for neighbour in found]
    _require(len(set(keys)) == len(keys), f"neighbours must differ from each other: those of {space.render(value)!r}")
    _require(space.key(value) not in keys, f"neighbours must differ from the candidate: {space.render(value)!r}")


def check_text(space: Space[Any], text: str) -> None:
    """Test that a text, any text, is a proper candidate of the space or a ParseError of one line.

    Raises:
        AssertionError: it is neither.
    """
    try:
        value = space.parse(text)
    except ParseError as error:
        reason = str(error)
        _require(bool(reason) and "\n" not in reason, f"a ParseError must be one line that says why: {reason!r}")
        return
    except Exception as error:
        raise AssertionError(
            f"parse must raise nothing but ParseError: {type(error).__name__} on {text[:80]!r}"
        ) from error
    _check_spelling(space, value)


def _check_schema(space: Space[Any], schema: dict[str, Any], rng: random.Random) -> None:
    for _ in range(SAMPLES):
        fields = {name: _value(field, rng) for name, field in schema.get("properties", {}).items()}
        if fields and None not in fields.values():
            _parsed(space, json.dumps(fields), "what the schema allows must be a candidate")


def _value(field: dict[str, Any], rng: random.Random) -> Any:
    """Something that a schema of a word or a number allows; None for other schemas."""
    if "enum" in field:
        return rng.choice(field["enum"])
    if field.get("type") == "integer":
        return rng.randint(field["minimum"], field["maximum"])
    return rng.uniform(field["minimum"], field["maximum"]) if field.get("type") == "number" else None


def _check_words(space: Space[Any], grammar: Words, values: Iterable[Any], rng: random.Random) -> None:
    for value in values:
        words = space.render(value).split(" ")
        fits = len(words) == len(grammar.slots) and all(map(lambda word, slot: word in slot, words, grammar.slots))
        _require(fits, f"the grammar must allow what is rendered: {space.render(value)!r}")
    for _ in range(SAMPLES):
        text = " ".join(rng.choice(slot) for slot in grammar.slots)
        _parsed(space, text, "what the grammar allows must be a candidate")


def _check_paths(space: Space[Any], grammar: Paths, values: Iterable[Any], rng: random.Random) -> None:
    for value in values:
        place = 0
        for word in space.render(value).split(" "):
            following = dict(grammar.places[place])
            _require(word in following, f"the grammar must allow what is rendered: {space.render(value)!r}")
            place = following[word]
        _require(not grammar.places[place], f"the grammar must end where a candidate ends: {space.render(value)!r}")
    for _ in range(SAMPLES):
        words, place = [], 0
        while grammar.places[place]:
            word, place = rng.choice(grammar.places[place])
            words.append(word)
        _parsed(space, " ".join(words), "what the grammar allows must be a candidate")


def _check_arrangement(space: Space[Any], grammar: Arrangement, values: Iterable[Any], rng: random.Random) -> None:
    for value in values:
        first, *others = space.render(value).split(grammar.between)
        fits = first == grammar.first and sorted(others) == sorted(grammar.others)
        _require(fits, f"the grammar must allow what is rendered: {space.render(value)!r}")
    for _ in range(SAMPLES):
        text = grammar.between.join([grammar.first, *rng.sample(grammar.others, len(grammar.others))])
        _parsed(space, text, "what the grammar allows must be a candidate")


def _parsed(space: Space[Any], text: str, rule: str) -> Any:
    try:
        return space.parse(text)
    except ParseError as error:
        raise AssertionError(f"{rule}: {text[:80]!r} was refused: {error}") from error


def _damaged(text: str, rng: random.Random) -> str:
    """The text with a few characters lost, doubled or swapped for others."""
    chars = list(text)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(chars) + 1)
        chars[place : place + rng.randint(0, 2)] = rng.choice(["", " ", ",", "|", "7", "é", text[:3]])
    return "".join(chars)


def _if_offered(draw: Callable[[], Any]) -> Any:
    """What is drawn; None where the space does not offer it (see `Space`: a UsageError)."""
    try:
        return draw()
    except UsageError:
        return None


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise AssertionError(rule)

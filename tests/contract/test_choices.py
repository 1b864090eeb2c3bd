"""Choices keep the contract of a space, say exactly what is wrong, and offer only what exists under its condition."""

import json
import random
import re
from collections import Counter
from enum import Enum
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, PositiveFloat, PositiveInt

from optiprompt.errors import ParseError, UsageError
from optiprompt.grammar import Paths, Words
from optiprompt.spaces.choices import Choices
from optiprompt.testing.spaces import check_space, check_text

TRAINING = Choices(
    {
        "layers": (1, 8),
        "units": {"low": 16, "high": 512, "step": 16, "log": True},
        "act": ["relu", "GeLU", "silu_2"],
        "bias": [True, False],
        "optimizer": ["sgd", "adam", "adamw"],
        "lr": (1e-5, 0.1, "log"),
        "momentum": {"low": 0.0, "high": 0.99, "when": {"optimizer": "sgd"}},
        "nesterov": {"choices": [True, False], "when": {"optimizer": "sgd", "bias": True}},
        "decay": {"low": "1e-6", "high": 1e-2, "log": True, "optional": True, "when": {"optimizer": ["adamw", "sgd"]}},
    }
)
ADAM = "layers=3 units=96 act=GeLU bias=true optimizer=adam lr=0.0012"
# Several levels of conditions; and one that whole numbers decide.
NESTED = Choices(
    {
        "block": ["plain", "attention", "mixed"],
        "heads": {"choices": [1, 2, 4], "when": {"block": ["attention", "mixed"]}},
        "rotary": {"choices": [True, False], "when": {"heads": [2, 4]}},
        "base": {"low": 100, "high": 100_000, "log": True, "when": {"rotary": True}},
        "depth": (1, 3),
        "width2": {"low": 8, "high": 32, "step": 8, "when": {"depth": [2, 3]}},
    }
)
PLAIN = Choices({"x": (-1.0, 1.0), "n": (0, 100_000), "kernel": [1, 3, 5, -1, 0.5, None, "auto"]})


class Act(Enum):
    RELU = "relu"
    TANH = "tanh"


class Settings(BaseModel):
    """A user's model."""

    optimizer: Literal["sgd", "adam"]
    act: Act = Act.RELU
    bias: bool = True
    units: int = Field(gt=0, le=64, multiple_of=4)
    drop: float = Field(ge=0.3, le=0.9, multiple_of=0.1)
    lr: float = Field(ge=1e-5, le=1, json_schema_extra={"log": True})
    clip: float | None = Field(default=None, ge=0.1, le=10)
    momentum: float | None = Field(default=None, ge=0, le=0.99, json_schema_extra={"when": {"optimizer": "sgd"}})
    norm: Literal["batch", "layer"] | None = None


SPACES = {"training": TRAINING, "nested": NESTED, "plain": PLAIN, "model": Choices.from_model(Settings)}
each_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


@each_space
def test_choices_keep_the_contract(space: Choices) -> None:
    check_space(space)


@each_space
@given(seed=st.integers(0, 2**32))
def test_what_is_drawn_mutated_or_crossed_is_read_back_the_same(space: Choices, seed: int) -> None:
    rng = random.Random(seed)
    a, b = space.sample(rng), space.sample(rng)
    for value in (a, space.mutate(a, rng), space.crossover(a, b, rng), *space.neighbours(b)):
        assert space.parse(space.render(value)) == value


NAMES = ["layers", "Units", "act", "optimizer", "lr", "momentum", "decay"]
MARKS = ["=", ":", " ", ", ", "\n- ", '"', "{", "}", "-", "."]
WORDS = ["adam", "sgd", "relu", "true", "null", "1e-3", "1e999", "64", "3", "²", ADAM]
fragments = st.sampled_from([*NAMES, *MARKS, *WORDS])


@given(st.lists(fragments, max_size=25).map("".join) | st.text(st.characters(), max_size=60))
def test_any_text_is_a_candidate_or_a_parse_error(text: str) -> None:
    check_text(TRAINING, text)


@pytest.mark.parametrize(
    "text",
    [
        ADAM,
        "LR: .0012; optimizer: ADAM, bias: True, act: gelu, units: 96, layers: 3",
        "layers 3 units 96 act gelu bias true optimizer adam lr 0.0012",
        '{"layers": 3, "units": 96, "act": "GeLU", "bias": true, "optimizer": "adam", "lr": 1.2e-3, "momentum": null}',
        "{'layers': 3.0, 'units': 100, 'act': 'GeLU', 'bias': True, 'optimizer': 'Adam', 'lr': 0.001234}",
        "- layers: 3\n- units: 96\n- act: GeLU\n- bias: true\n- optimizer: adam\n- lr: 0.0012\n- decay: none",
        "--layers=3 --units=96 --act=GeLU --bias=true --optimizer=adam --lr=0.0012",
    ],
)
def test_a_candidate_reads_the_same_in_every_spelling(text: str) -> None:
    assert TRAINING.candidate(text).text == ADAM
    assert TRAINING.parse(text) == {
        "layers": 3,
        "units": 96,
        "act": "GeLU",
        "bias": True,
        "optimizer": "adam",
        "lr": 0.0012,
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ADAM + " momentum=0.9", "momentum must be left out: it exists only if optimizer=sgd"),
        (ADAM.replace("adam", "sgd") + " momentum=0.9", "nesterov missing: write nesterov=..."),
        (ADAM.replace("lr=0.0012", "lr=2"), "lr=2 is out of range: 1e-5 to 0.1"),
        (ADAM.replace("layers=3", "layers=2.5"), "layers=2.5 is not a whole number"),
        (ADAM.replace("layers=3", "layers=three"), "layers is no number: 'three'"),
        (ADAM.replace("GeLU", "elu"), "act cannot be 'elu': it is one of relu, GeLU, silu_2"),
        (ADAM.replace("layers", "layer"), "unknown field 'layer': did you mean layers?; layers missing"),
        (ADAM + " lr=0.1", "lr is given twice"),
        ("adam", "unknown field 'adam': there are layers, units, act, bias, optimizer, lr"),
        ("", "layers, units, act, bias, optimizer, lr missing: write layers=... units=... act=..."),
    ],
)
def test_a_refusal_says_why(text: str, reason: str) -> None:
    with pytest.raises(ParseError, match=re.escape(reason)):
        TRAINING.parse(text)


def test_numbers_are_rounded_to_few_digits_and_keep_their_bounds() -> None:
    space = Choices({"log": (3.3e-4, 0.5, "log"), "share": (0.0, 0.5), "near": (0.8, 0.999), "many": (1, 100_000)})
    cases = {
        "log=0.012345 share=0.1234 near=0.9504 many=54321": "log=0.012 share=0.12 near=0.95 many=54000",
        "log=3.3e-4 share=0.5 near=0.999 many=100000": "log=3.3e-4 share=0.5 near=0.999 many=100000",
    }
    for text, canonical in cases.items():
        assert space.candidate(text).text == canonical
    every = Choices({"many": {"low": 0, "high": 50_000, "step": 1}})
    assert every.parse("many=43217") == {"many": 43217}
    assert every.grammar is None  # too many to list


def test_a_log_scale_is_sampled_by_its_decades() -> None:
    rng = random.Random(0)
    decades = Counter(len(str(int(1 / float(TRAINING.sample(rng)["lr"] or 1)))) for _ in range(2000))
    assert min(decades[digits] for digits in (2, 3, 4, 5)) > 350


def test_a_mutation_and_a_neighbour_change_one_choice_and_what_hangs_on_it() -> None:
    value = TRAINING.parse(ADAM)
    texts = [TRAINING.render(other) for other in TRAINING.neighbours(value)]
    assert ADAM.replace("adam", "sgd") + " momentum=0.49 nesterov=true decay=1e-4" in texts
    assert ADAM.replace("units=96", "units=112") in texts
    for other in TRAINING.neighbours(value):
        kept = value.keys() & other.keys()
        assert sum(value[name] != other[name] for name in kept) == 1


def test_a_child_has_every_field_from_a_parent_that_has_it() -> None:
    rng = random.Random(0)
    a = TRAINING.parse(ADAM)
    b = TRAINING.parse("layers=8 units=512 act=relu bias=false optimizer=sgd lr=0.1 momentum=0.9 decay=none")
    children = [TRAINING.crossover(a, b, rng) for _ in range(200)]
    for child in children:
        for name, chosen in child.items():
            known = [parent[name] for parent in (a, b) if name in parent]
            assert chosen in known or not known
    # Only a child with the one's optimizer and the other's bias has a field that neither has.
    assert any("nesterov" in child for child in children)
    assert len({TRAINING.key(child) for child in children}) > 30


def test_features_lie_further_apart_the_more_differs() -> None:
    rng = random.Random(0)
    apart = [
        TRAINING.features(TRAINING.parse(text))
        for text in (
            ADAM,
            ADAM.replace("lr=0.0012", "lr=0.0013"),
            ADAM.replace("lr=0.0012", "lr=0.1"),
            ADAM.replace("GeLU", "relu"),
            ADAM.replace("GeLU", "relu").replace("adam", "sgd") + " momentum=0.9 nesterov=true decay=none",
        )
    ]
    distances = [sum(abs(a - b) for a, b in zip(apart[0], each, strict=True)) for each in apart]
    assert distances == sorted(distances)
    assert distances[3:] == [2, 10]  # an option; two of them, and three fields that were not there
    assert {len(TRAINING.features(TRAINING.sample(rng))) for _ in range(50)} == {len(apart[0])}


def _fits(value: dict[str, Any], schema: dict[str, Any]) -> bool:
    """Whether a JSON schema, as far as ours go, holds."""
    if "anyOf" in schema:
        return any(_fits(value, each) for each in schema["anyOf"])
    if schema.get("type") == "object":
        names = list(schema["properties"])
        return list(value) == names == schema["required"] and all(
            _fits(value[name], inner) for name, inner in schema["properties"].items()
        )
    if "enum" in schema:
        return value in schema["enum"]
    if schema["type"] == "null":
        return value is None
    return value is not None and bool(schema["minimum"] <= value <= schema["maximum"])


@each_space
def test_the_schema_allows_every_candidate_and_no_field_that_must_not_be_there(space: Choices) -> None:
    assert space.schema is not None
    schema, rng = json.loads(json.dumps(space.schema.schema)), random.Random(0)
    for _ in range(200):
        value = space.sample(rng)
        assert _fits(value, schema)
        assert space.parse(json.dumps(value)) == value
        for name in [field.name for field in space.fields if field.when and field.name in value]:
            assert not _fits({other: value[other] for other in value if other != name}, schema)


def test_the_grammar_lists_the_words_that_may_follow() -> None:
    assert isinstance(PLAIN.grammar, Words)
    assert isinstance(NESTED.grammar, Paths)
    heads = {word for word, _ in NESTED.grammar.places[0]}
    assert heads == {"block=plain", "block=attention", "block=mixed"}
    texts = _sentences(NESTED.grammar, 0)
    assert len(set(texts)) == len(texts)
    depths = 1 + 2 * 4  # one layer, or two or three with a second width
    bases = len(NESTED.fields[3].values)
    assert len(texts) == depths * (1 + 2 * (1 + 2 * (1 + bases)))


def _sentences(grammar: Paths, place: int) -> list[str]:
    words = grammar.places[place]
    return [f"{word} {rest}".strip() for word, after in words for rest in _sentences(grammar, after)] if words else [""]


def test_many_conditions_do_not_explode() -> None:
    switches: dict[str, Any] = {f"use{number}": [True, False] for number in range(30)}
    sizes = {f"size{number}": {"low": 1, "high": 9, "when": {f"use{number}": True}} for number in range(30)}
    apart = Choices({**switches, **sizes})
    assert apart.grammar is None
    assert apart.schema is None
    together: dict[str, Any] = {}
    for number in range(30):
        together |= {f"use{number}": [True, False], f"size{number}": sizes[f"size{number}"]}
    assert isinstance(Choices(together).grammar, Paths)


def test_a_value_of_a_models_space_makes_an_instance() -> None:
    space, rng = Choices.from_model(Settings), random.Random(0)
    values = [space.sample(rng) for _ in range(200)]
    made = [Settings(**value) for value in values]  # type: ignore[arg-type]
    assert {each.momentum is None for each in made if each.optimizer == "sgd"} == {False}
    assert {each.momentum for each in made if each.optimizer == "adam"} == {None}
    assert {each.act for each in made} == set(Act)
    assert {each.norm for each in made} == {"batch", "layer", None}
    assert {each.clip is None for each in made} == {True, False}
    assert (min(each.units for each in made), max(each.units for each in made)) == (4, 64)
    assert {each.drop for each in made} == {0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}


def test_numbers_of_numpy_and_in_text_become_those_of_python() -> None:
    space = Choices(
        {
            "lr": list(np.logspace(-3, -1, 3)),
            "units": [np.int64(16), np.int64(32)],
            "depth": (np.int64(1), np.int64(4)),
            "heads": {"low": "1", "high": "8"},
            "drop": {"low": "0.0", "high": "1e-1"},
        }
    )
    value = space.parse("lr=0.01 units=32 depth=2 heads=3 drop=0.05")
    assert value == {"lr": 0.01, "units": 32, "depth": 2, "heads": 3, "drop": 0.05}
    assert [type(each) for each in value.values()] == [float, int, int, int, float]
    assert space.render(value) == "lr=0.01 units=32 depth=2 heads=3 drop=0.05"


class Unbounded(BaseModel):
    lr: float = Field(gt=0)


class Exclusive(BaseModel):
    lr: float = Field(gt=0, le=1)


class Inner(BaseModel):
    inner: Settings


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "choices need at least one field"),
        ({"a": ["x"]}, "a needs at least two different options, not x"),
        ({"a": [1, 1.0]}, "a needs at least two different options"),
        ({"a": [True, "true"]}, "a needs at least two different options"),
        ({"a": ["x y", "z"]}, "a: an option must be a number, true, false, none or one word"),
        ({"a": [float("nan"), 1]}, "a: nan cannot be an option"),
        ({"a": ("x", "y")}, "a: 'x' is no number: write bounds as numbers, and options as a list"),
        ({"a": "x"}, "a: a field is a list of options, a tuple"),
        ({"a": (2, 1)}, "a needs bounds with low below high, not 2 and 1"),
        ({"a": (0, 1, "log")}, "a is on a log scale, so low must be above 0"),
        ({"a": {"low": 0, "high": 1, "step": 2}}, "a needs a step above 0 that fits between 0 and 1"),
        ({"a": {"low": 0, "high": 1e6, "step": 1}}, "a has more than 100,000 values: give a larger step"),
        ({"a": {"low": 0, "hihg": 1}}, "a: unknown key 'hihg': did you mean 'high'?"),
        ({"a": {"low": 0, "high": 1, "log": "yes"}}, "a: log is true or false, not 'yes'"),
        ({"a": [1, 2], "b": {"choices": [1, 2], "when": {"a": 3}}}, "b: its condition cannot hold: a cannot be '3'"),
        ({"b": {"choices": [1, 2], "when": {"a": 3}}}, "b: its condition names 'a', which must be a field before it"),
        ({"n_units": (1, 2), "nunits": (1, 2)}, "the fields n_units and nunits cannot be told apart"),
        ({"a b": (1, 2)}, "the name of a field must be ASCII letters"),
    ],
)
def test_a_space_that_is_not_understood_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=re.escape(reason)):
        Choices(fields)


def test_the_constants_of_a_model_stay_as_they_are() -> None:
    class Tagged(BaseModel):
        kind: Literal["mlp"] = "mlp"
        norm: Literal["batch"] | None = None
        layers: int = Field(ge=1, le=6)

    space = Choices.from_model(Tagged)
    assert [field.name for field in space.fields] == ["norm", "layers"]
    made = {Tagged.model_validate(space.sample(random.Random(seed))).norm for seed in range(20)}
    assert made == {None, "batch"}

    class Bare(BaseModel):
        kind: Literal["mlp"]

    with pytest.raises(UsageError, match="kind has only the value 'mlp': give it a default, or a second value"):
        Choices.from_model(Bare)


def test_a_model_that_cannot_be_searched_is_refused() -> None:
    with pytest.raises(UsageError, match=r"lr has no bounds: give Field\(ge=..., le=...\)"):
        Choices.from_model(Unbounded)
    with pytest.raises(UsageError, match="lr: the bounds of a float must be inclusive"):
        Choices.from_model(Exclusive)
    with pytest.raises(UsageError, match="inner: only Literal, Enum, bool, int, float"):
        Choices.from_model(Inner)


def test_a_number_with_another_sign_is_another_number() -> None:
    space = Choices({"units": [2, 3], "power": ["1e-5", "1e5"], "big": [1e7, 5.0]})
    assert space.parse("units=2 power=1e-5 big=1e7") == {"units": 2, "power": "1e-5", "big": 1e7}
    for wrong in ("units=-2 power=1e5 big=5", "units=2 power=1e-6 big=5", "units=2 power=1e5 big=1e-7"):
        with pytest.raises(ParseError, match="cannot be"):
            space.parse(wrong)


def test_json_is_read_with_its_escapes() -> None:
    space = Choices({"form": ["größe", "klein"], "n": (1, 3), "rate": {"low": 0.0, "high": 1.0, "optional": True}})
    value = {"form": "größe", "n": 2, "rate": None}
    assert space.parse(json.dumps(value)) == value
    with pytest.raises(ParseError, match="unknown field"):
        space.parse('{"form": "klein", "n": 2, "rate": 0.5, "more": 1}')
    with pytest.raises(ParseError, match="n is given twice"):
        space.parse('{"form": "klein", "n": 2, "rate": 0.5, "n": 3}')


def test_a_condition_on_a_value_between_two_is_refused_and_not_moved() -> None:
    fields = {"units": {"low": 16, "high": 128, "step": 16}, "drop": {"choices": [0, 1], "when": {"units": 100}}}
    with pytest.raises(UsageError, match="units cannot be 100; the nearest is 96"):
        Choices(fields)


def test_an_integer_with_bounds_written_as_floats_is_still_one() -> None:
    class Model(BaseModel):
        n: int = Field(ge=1.0, le=10.0)

    space = Choices.from_model(Model)
    for seed in range(20):
        Model.model_validate(space.sample(random.Random(seed)), strict=True)


def test_of_two_bounds_of_a_model_the_tighter_one_counts() -> None:
    class Model(BaseModel):
        units: PositiveInt = Field(ge=16, le=24)
        depth: Annotated[PositiveInt, Field(ge=2, le=4, lt=4)]
        rate: PositiveFloat = Field(ge=0.1, le=1)

    space = Choices.from_model(Model)
    assert space.fields[0].values == tuple(range(16, 25))
    assert space.fields[1].values == (2, 3)
    for seed in range(50):
        Model.model_validate(space.sample(random.Random(seed)), strict=True)


def test_what_is_said_inside_an_optional_field_of_a_model_counts() -> None:
    class Model(BaseModel):
        opt: Literal["sgd", "adam"]
        momentum: Annotated[float, Field(ge=0, le=0.9, json_schema_extra={"when": {"opt": "sgd"}})] | None = None
        decay: Annotated[float, Field(ge=1e-5, le=0.1, json_schema_extra={"log": True})] | None = None

    space = Choices.from_model(Model)
    with pytest.raises(ParseError, match="momentum must be left out: it exists only if opt=sgd"):
        space.parse("opt=adam momentum=0.9 decay=none")
    drawn = [Model.model_validate(space.sample(random.Random(seed))).decay for seed in range(200)]
    small = [each < 1e-3 for each in drawn if each is not None]
    assert 0.2 < sum(small) / len(small) < 0.8, "on a log scale half of them"


@pytest.mark.parametrize(("low", "high", "step"), [(0.1, 0.3, 0.2), (0.8, 0.9, 0.1), (0.4, 0.7, 0.3), (0.6, 0.9, 0.3)])
def test_a_step_that_fits_once_is_taken(low: float, high: float, step: float) -> None:
    assert Choices({"x": {"low": low, "high": high, "step": step}}).fields[0].values == (low, high)


def test_markdown_around_a_candidate_does_no_harm() -> None:
    space = Choices({"act": ["relu", "tanh"], "n": (1, 3)})
    for text in (
        '```json\n{\n  "act": "relu",\n  "n": 3\n}\n```',
        '```{"act": "relu", "n": 3}```',
        "**act**: relu\n**n**: 3",
    ):
        assert space.parse(text) == {"act": "relu", "n": 3}

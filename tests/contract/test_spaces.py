"""Every space keeps the contract, and the contract test notices those that do not."""

import math
import random
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from optiprompt.errors import ParseError, UsageError
from optiprompt.grammar import Arrangement, Words, record
from optiprompt.spaces.base import Space
from optiprompt.spaces.cell import CellSpace
from optiprompt.spaces.graph_cell import GraphCellSpace
from optiprompt.spaces.numbers import Numbers
from optiprompt.spaces.permutation import Permutation
from optiprompt.spaces.text import Text
from optiprompt.testing.spaces import check_space

CELL = CellSpace(["1<-0", "2<-0", "2<-1"], ["none", "skip", "conv3x3"], {"zero": "none"})
GRAPH = GraphCellSpace(["gat", "gcn", "fc", "skip"], "skip", {"linear": "fc"})
INTEGERS = Numbers({"w": (10, 20), "b": (-5, 5)}, integer=True)


@pytest.mark.parametrize(
    ("space", "examples"),
    [
        (CELL, ["zero, SKIP, conv-3x3"]),
        (CELL, ['{"1<-0": "skip", "2<-0": "none", "2<-1": "conv3x3"}']),
        (GRAPH, ["GAT gcn Linear fc in in one", "[0 -> gat, 1 -> gcn, 1 -> skip, 2 -> fc]"]),
        (INTEGERS, ["15, 0"]),
        (Numbers({"rate": (0.0001, 0.3), "decay": (-0.5, 0.5)}), ["rate=1e-3 decay=-0"]),
        (Numbers({"x": (0.29, 0.31)}, decimals=2), ["[.3]"]),
        (Permutation(3), ["0,2,1"]),
        (Permutation(20), []),
        (Text(), ["", "Let's think step by step.", '"Yes" or "No"', "“ 'quoted twice' ”", "{{ 7*7 }}"]),
    ],
    ids=["cell", "cell as JSON", "graph cell", "integers", "decimals", "narrow", "triple", "tour", "text"],
)
def test_the_spaces_keep_the_contract(space: Space[Any], examples: list[str]) -> None:
    check_space(space, examples)


@pytest.mark.parametrize(
    ("space", "text", "reason"),
    [
        (CELL, "skip none", "found 2 operations, a cell has 3: one each for 1<-0, 2<-0, 2<-1"),
        (CELL, "skip none conv5x5", "unknown operation 'conv5x5' at edge 2<-1: allowed are none, skip, conv3x3"),
        (CELL, "0133", "found 4 digits, a cell has 3 edges"),
        (CELL, "013", "digit 3 at edge 2<-1 is above 2: allowed are none, skip, conv3x3"),
        (CELL, "|skip~0|+|none~1|skip~0|", "needs the edges 1<-0, 2<-0, 2<-1"),
        (CELL, '{"1<-0": "skip"}', "the JSON object has no 2<-0, 2<-1: give it the fields 1<-0, 2<-0, 2<-1"),
        (GRAPH, "in gat one gcn", "found 2 sources and 2 operations, not 4 of each: write for each node in turn"),
        (GRAPH, "in gat one gcn one gin two fc", "unknown word 'gin': operations are gat, gcn, fc, skip"),
        (GRAPH, "in gat one gcn three gcn two fc", "node three cannot read three: only in or one or two"),
        (GRAPH, "in skip one skip one skip two skip", "every node is skip: use another operation"),
        (INTEGERS, "w=15", "b is missing: write w=..., b=..."),
        (INTEGERS, "15", "found 1 numbers, there must be 2: write w=..., b=..."),
        (INTEGERS, "w=15, b=2, w=3", "repeated name 'w'"),
        (INTEGERS, "w=15, c=2", "unknown name 'c'"),
        (INTEGERS, "w=21, b=2", "w=21 is out of range: 10 to 20"),
        (INTEGERS, "w=15.5, b=2", "w=15.5 is not a whole number"),
        (INTEGERS, "w=nan, b=2", "w is not a number: 'nan'"),
        (Numbers({"rate": (0.001, 0.5)}), "1e999", "rate=1e999 is out of range: 0.001 to 0.5"),
        (Permutation(5), "0,1,2,2,7", "3, 4 missing; 2 repeated; 7 out of range: write every number from 0 to 4 once"),
        (Permutation(4), "1,0,2,3", "begins with 1"),
        (Permutation(4), "0,1,-2,3", "'-2' is not a number from 0 to 3"),
        (Text(), "x" * 501, "has 501 characters, at most 500 are allowed"),
        (Text(), "Think about <ins> first", "contains '<INS>', which is not allowed"),
        (Text(forbidden=list("0123456789")), "Take 7 steps", "contains '7'"),
    ],
)
def test_a_refusal_says_why(space: Space[Any], text: str, reason: str) -> None:
    with pytest.raises(ParseError, match=re.escape(reason)):
        space.parse(text)


@pytest.mark.parametrize(
    "build",
    [
        lambda: CellSpace([], ["a", "b"]),
        lambda: CellSpace(["1<-0"], ["conv_1", "Conv1"]),
        lambda: CellSpace(["1<-0"], ["a", "b c"]),
        lambda: CellSpace(["1<-0"], ["a", "b"], {"A": "b"}),
        lambda: GraphCellSpace(["gat", "skip"], "identity"),
        lambda: GraphCellSpace(["one", "skip"], "skip"),
        lambda: GraphCellSpace(["gat", "skip"], "skip", {"gat": "skip"}),
        lambda: Numbers({}),
        lambda: Numbers({"x": (1, 1)}, integer=True),
        lambda: Numbers({"x": (0, math.inf)}),
        lambda: Numbers({"x y": (0, 1)}),
        lambda: Permutation(2),
    ],
)
def test_a_space_without_a_choice_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        build()


def test_quotes_around_the_whole_are_dropped_and_others_kept() -> None:
    assert Text().parse(' "Think twice." ') == "Think twice."
    assert Text().parse('Say "yes".') == 'Say "yes".'
    assert Text().parse('""') == ""


class Letter(Space[str]):
    """A correct little space, the base of the broken ones: a, b or c."""

    grammar = Words(slots=(("a", "b", "c"),))

    def parse(self, text: str) -> str:
        if text.strip() not in {"a", "b", "c"}:
            raise ParseError("must be a, b or c")
        return text.strip()

    def render(self, value: str) -> str:
        return value

    def describe(self) -> str:
        return "a, b or c"

    def sample(self, rng: random.Random) -> str:
        return rng.choice("abc")

    def mutate(self, value: str, rng: random.Random) -> str:
        return rng.choice([letter for letter in "abc" if letter != value])

    def crossover(self, a: str, b: str, rng: random.Random) -> str:
        return rng.choice([a, b])

    def neighbours(self, value: str) -> Iterator[str]:
        yield from (letter for letter in "abc" if letter != value)


class Raises(Letter):
    def parse(self, text: str) -> str:
        return {"a": "a", "b": "b", "c": "c"}[text]


class Shouts(Letter):
    def render(self, value: str) -> str:
        return value.upper()


class Forgets(Letter):
    def render(self, value: str) -> str:
        return "a"


class Unstable(Letter):
    def key(self, value: str) -> str:
        return f"{value}{id(object())}{random.random()}"


class Standstill(Letter):
    def mutate(self, value: str, rng: random.Random) -> str:
        return value


class Stranger(Letter):
    def crossover(self, a: str, b: str, rng: random.Random) -> str:
        return rng.choice("abc")


class Misleading(Letter):
    schema = record({"letter": {"enum": ["a", "b"]}})


class OwnChance(Letter):
    def sample(self, rng: random.Random) -> str:
        return random.choice("abc")


class Repeats(Letter):
    def neighbours(self, value: str) -> Iterator[str]:
        yield from "ab" * 2


class Narrow(Letter):
    grammar = Words(slots=(("a", "b"),))


class Wide(Letter):
    grammar = Words(slots=(("a", "b", "c", "d"),))


class Shorter(Permutation):
    def __init__(self) -> None:
        super().__init__(4)
        self.grammar = Arrangement("0", ("1", "2"), between=",")


class Scattered(Permutation):
    """Takes only orders in which no number stands beside its successor."""

    def __init__(self) -> None:
        super().__init__(5)

    def parse(self, text: str) -> tuple[int, ...]:
        order = super().parse(text)
        if any(b - a == 1 for a, b in pairwise(order)):
            raise ParseError("two successors stand side by side")
        return order

    def sample(self, rng: random.Random) -> tuple[int, ...]:
        return rng.choice([(0, 2, 4, 1, 3), (0, 3, 1, 4, 2), (0, 4, 3, 2, 1)])

    def mutate(self, value: tuple[int, ...], rng: random.Random) -> tuple[int, ...]:
        raise UsageError("no mutations")

    def crossover(self, a: tuple[int, ...], b: tuple[int, ...], rng: random.Random) -> tuple[int, ...]:
        raise UsageError("no crossover")

    def neighbours(self, value: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        raise UsageError("no neighbours")


def test_a_correct_space_passes() -> None:
    check_space(Letter(), ["a"])


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (Raises(), "nothing but ParseError: KeyError"),
        (Shouts(), "what is rendered must parse"),
        (Forgets(), "must give the value again"),
        (Unstable(), "key must be stable"),
        (Standstill(), "mutate must give another"),
        (Stranger(), "crossover of two equal candidates must be the same"),
        (Misleading(), "what the schema allows must be a candidate"),
        (OwnChance(), "sample must take all chance"),
        (Repeats(), "neighbours must differ"),
        (Narrow(), "grammar must allow what is rendered"),
        (Wide(), "what the grammar allows must be a candidate"),
        (Shorter(), "grammar must allow what is rendered"),
        (Scattered(), "what the grammar allows must be a candidate"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Space) else "",
)
def test_a_broken_space_is_noticed(broken: Space[Any], rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_space(broken, ["a"] if isinstance(broken, Letter) else [])


@pytest.mark.parametrize(
    "same",
    [
        ["in gat one skip two gcn three fc", "in skip one gat two gcn three fc"],
        ["in gat in gcn in fc in fc", "in fc in gcn in fc in gat"],
        ["in gat one gcn in fc three gat", "in fc one gat in gat three gcn", "0 gat 0 fc 1 gcn 2 gat"],
        ["in gat one gcn two skip two skip", "in gat one gcn two skip 2 skip"],
        ["in gat in skip one gcn two skip", "in skip one gat two gcn in skip", "in skip one skip two gat three gcn"],
    ],
)
def test_one_graph_is_one_cell_however_it_is_spelled(same: list[str]) -> None:
    assert len({GRAPH.candidate(text) for text in same}) == 1


def test_different_graphs_are_different_cells() -> None:
    texts = ["in gat one gcn two skip two skip", "in gat one gcn two skip in skip", "in gat one gcn one skip in skip"]
    assert len({GRAPH.candidate(text).key for text in texts}) == 3


def test_an_order_takes_a_stretch_of_one_parent_and_the_order_of_the_other() -> None:
    space, a, b = Permutation(9), (0, 1, 2, 3, 4, 5, 6, 7, 8), (0, 8, 7, 6, 5, 4, 3, 2, 1)
    children = {space.crossover(a, b, random.Random(seed)) for seed in range(200)}
    assert len(children) > 20
    for child in children:
        kept = {place for place in range(1, 9) if child[place] == a[place] and place in child}
        rest = [number for number in child if number not in {a[place] for place in kept}]
        assert rest == [number for number in b if number in rest], child


def test_numbers_are_listed_in_the_grammar_unless_there_are_too_many() -> None:
    assert Numbers({"x": (-0.1, 0.1), "y": (9, 9.1)}, decimals=1).grammar == Words(
        (("x=-0.1,", "x=0,", "x=0.1,"), ("y=9", "y=9.1"))
    )
    assert Numbers({"x": (0, 1)}, decimals=4).grammar is None


def test_a_space_without_random_candidates_needs_examples() -> None:
    with pytest.raises(AssertionError, match="give check_space some examples"):
        check_space(Text())

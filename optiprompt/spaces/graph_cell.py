"""Cells of graph neural networks: four nodes, each with what it reads and an operation, as in NAS-Bench-Graph."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from optiprompt.errors import ParseError, UsageError
from optiprompt.grammar import Words, record
from optiprompt.spaces._words import fold, json_fields
from optiprompt.spaces.base import Space

NODES = 4
INPUT = "in"
# What a node reads: the input or an earlier node. Words, for many tokenizers make two tokens of a space and a digit.
SOURCES = ("in", "one", "two", "three")
NUMBERS = (*SOURCES[1:], "four")
PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")  # of the words
# All trees of four nodes below the input: for each node the number of what it reads, 0 being the input.
STRUCTURES = (
    (0, 0, 0, 0),
    (0, 0, 0, 1),
    (0, 0, 1, 1),
    (0, 0, 1, 2),
    (0, 0, 1, 3),
    (0, 1, 1, 1),
    (0, 1, 1, 2),
    (0, 1, 2, 2),
    (0, 1, 2, 3),
)
_SPELLED = {"input": 0, "zero": 0, "0": 0, "1": 1, "2": 2, "3": 3} | {word: at for at, word in enumerate(SOURCES)}
_BETWEEN = re.compile(r"->|<-|[\s,;:=|/+→←\[\](){}\"'`]+")
_NO_ALIASES: Mapping[str, str] = {}

# An operation's number with the trees that read it, sorted.
Tree = tuple[int, tuple[Any, ...]]
Spelling = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class GraphCell:
    """Four nodes.

    Attributes:
        sources: of each node the number of what it reads: 0 is the input, 1 the first node.
        operations: of each node.
    """

    sources: tuple[int, ...]
    operations: tuple[str, ...]


class GraphCellSpace(Space[GraphCell]):
    """For each node in turn what it reads and its operation: `in gcn one gat one skip two fc`.

    A value is the one spelling of its graph: the order of the nodes does not matter, nor at which place of a path the
    input is passed on unchanged, nor whether it is passed on to the output (which takes no raw input). That agrees with
    NAS-Bench-Graph (Qin et al. 2022, arXiv 2206.09166), whose 26,206 architectures are the keys of this space.

    Reading is lenient: case, brackets, commas, arrows, `_` and `-` do not matter, sources may be numbers, the first
    may be left out, and all sources may stand before or after the operations; a JSON object by `schema` is taken too.

    Attributes:
        operations: the words.
        skip: the one of them that passes on what it reads unchanged.
    """

    def __init__(
        self, operations: Sequence[str], skip: str, aliases: Mapping[str, str] = _NO_ALIASES, *, blind: bool = False
    ) -> None:
        """Set up the space.

        Args:
            operations: different words, `skip` among them and one more.
            skip: passes on what it reads unchanged.
            aliases: further spellings, each with the operation that it stands for.
            blind: tell the optimizer how a cell is written, but not what it means.

        Raises:
            UsageError: the words cannot be told apart, or there is no choice.
        """
        self.operations, self.skip = tuple(operations), skip
        self._words = {fold(word): word for word in self.operations}
        if len(self.operations) < 2 or len(self._words) < len(self.operations) or skip not in self.operations:
            raise UsageError(f"a graph cell needs different operations, {skip} among them: {', '.join(operations)}")
        for word in self.operations:
            if not word or _BETWEEN.search(word) or fold(word) in _SPELLED:
                raise UsageError(f"an operation must be one word, and none for a node, not {word!r}")
        for alias, word in aliases.items():
            if word not in self.operations or self._words.setdefault(fold(alias), word) != word:
                raise UsageError(f"the alias {alias!r} for {word!r} must name one of {', '.join(self.operations)}")
        self._number = {word: at for at, word in enumerate(self.operations)}
        slots = tuple(words for node in range(NODES) for words in (SOURCES[: node + 1], self.operations))
        self.grammar = Words(slots)
        self._blind, self._slots = blind, slots
        self.tag = "CANDIDATE" if blind else "CELL"
        self._fields = tuple(f"{part} {number}" for number in NUMBERS for part in ("source", "operation"))
        if blind:
            self._fields = PLACES
        self.schema = record(
            {name: {"type": "string", "enum": list(words)} for name, words in zip(self._fields, slots, strict=True)}
        )

    def parse(self, text: str) -> GraphCell:
        """The cell, as its graph is always written.

        Raises:
            ParseError: a word is missing, too much or unknown, a node reads a later one, or there is nothing but skip.
        """
        given = json_fields(text, self._fields)
        words = list(given) if given is not None else [word for word in _BETWEEN.split(text) if word]
        sources = [_SPELLED[word.casefold()] for word in words if word.casefold() in _SPELLED]
        others = [word for word in words if word.casefold() not in _SPELLED]
        for word in others:
            if fold(word) not in self._words:
                raise ParseError(f"unknown word {word[:40]!r}: {self._known}")
        if len(sources) == NODES - 1:
            sources.insert(0, 0)
        if len(others) != NODES or len(sources) != NODES:
            raise ParseError(self._miscounted(len(sources), len(others)))
        for node, source in enumerate(sources):
            if source > node:
                place = f"the {PLACES[2 * node]} word cannot be" if self._blind else f"node {NUMBERS[node]} cannot read"
                raise ParseError(f"{place} {SOURCES[source]}: only {' or '.join(SOURCES[: node + 1])}")
        found = self.canonical(sources, [self._words[fold(word)] for word in others])
        if found is None:
            if self._blind:
                raise ParseError(f"there is nothing but {self.skip}: use another word at one place at least")
            raise ParseError(f"every node is {self.skip}: use another operation at one node at least")
        return found

    @property
    def _known(self) -> str:
        words = ", ".join(self.operations)
        if self._blind:
            return f"there are {words} and {', '.join(SOURCES)}"
        return f"operations are {words}, sources in to three"

    def _miscounted(self, sources: int, operations: int) -> str:
        if self._blind:
            return f"found {sources} of {', '.join(SOURCES)} and {operations} other words, not {NODES} of each"
        form = "write for each node in turn its source and its operation"
        return f"found {sources} sources and {operations} operations, not {NODES} of each: {form}"

    def canonical(self, sources: Sequence[int], operations: Sequence[str]) -> GraphCell | None:
        """The one spelling of a graph; None where all operations are skips."""
        skip, numbers = self._number[self.skip], tuple(self._number[word] for word in operations)
        found = _canonical(tuple(sources), numbers, skip)
        return GraphCell(found[0], tuple(self.operations[number] for number in found[1])) if found else None

    def render(self, value: GraphCell) -> str:
        """Source and operation of each node, with a single space between."""
        return " ".join(
            f"{SOURCES[source]} {word}" for source, word in zip(value.sources, value.operations, strict=True)
        )

    def key(self, value: GraphCell) -> str:
        """The one spelling, also of a value that was made by hand."""
        return self.render(self.canonical(value.sources, value.operations) or value)

    def describe(self) -> str:
        """How a cell is written."""
        words = tuple(word for at, word in enumerate(self.operations * NODES) if at < NODES)
        example = self.render(GraphCell((0, 1, 1, 2), words))
        if self._blind:
            places = "; ".join(f"{name}: {', '.join(each)}" for name, each in zip(PLACES, self._slots, strict=True))
            return (
                f"A candidate is {2 * NODES} words with a space between. Each is one of those of its place: {places}."
                f" Some are the same candidate as others. Candidates look like this: {example}"
            )
        return (
            f"A cell has {NODES} nodes: one, two, three and four. It is written as {2 * NODES} words with a space"
            " between: for each node in this order its source, which is what the node reads (in, the input of the cell,"
            f" or an earlier node), and its operation (one of {', '.join(self.operations)}). The outputs of all nodes"
            " that no other node reads are joined to the output of the cell. Candidates look like this:"
            f" {example}"
        )

    def sample(self, rng: random.Random) -> GraphCell:
        """A cell whose structure and operations are drawn uniformly: one with more spellings comes up more often."""
        while True:
            operations = [rng.choice(self.operations) for _ in range(NODES)]
            if cell := self.canonical(rng.choice(STRUCTURES), operations):
                return cell

    def mutate(self, value: GraphCell, rng: random.Random) -> GraphCell:
        """Another operation at a node, or another structure; each equally often, and both drawn uniformly."""
        while True:
            node = rng.randrange(NODES + 1)
            if node == NODES:
                cell = self.canonical(rng.choice(STRUCTURES), value.operations)
            else:
                cell = self.canonical(value.sources, _with(value.operations, node, rng.choice(self.operations)))
            if cell and cell != value:
                return cell

    def crossover(self, a: GraphCell, b: GraphCell, rng: random.Random) -> GraphCell:
        """Each node, with its source, from one of the two."""
        while True:
            nodes = [
                rng.choice(pair)
                for pair in zip(
                    zip(a.sources, a.operations, strict=True), zip(b.sources, b.operations, strict=True), strict=True
                )
            ]
            if cell := self.canonical([source for source, _ in nodes], [word for _, word in nodes]):
                return cell

    def neighbours(self, value: GraphCell) -> Iterator[GraphCell]:
        """Every cell with another operation at one node, or with the same operations in another structure."""
        near = [
            self.canonical(value.sources, _with(value.operations, node, word))
            for node in range(NODES)
            for word in self.operations
        ]
        near += [self.canonical(structure, value.operations) for structure in STRUCTURES]
        yield from (cell for cell in dict.fromkeys(near) if cell and cell != value)

    def features(self, value: GraphCell) -> list[float]:
        """Which operations there are, how often one follows another, and how deep the nodes are."""
        words = (*self.operations, INPUT)
        pairs = dict.fromkeys(((before, after) for before in words for after in self.operations), 0.0)
        depths, deep = [0], [0.0] * NODES
        for source, word in zip(value.sources, value.operations, strict=True):
            pairs[INPUT if source == 0 else value.operations[source - 1], word] += 1
            depths.append(depths[source] + 1)
            deep[depths[-1] - 1] += 1
        return [*(2.0 * value.operations.count(word) for word in self.operations), *pairs.values(), *deep]


def _with(operations: tuple[str, ...], node: int, word: str) -> tuple[str, ...]:
    return (*operations[:node], word, *operations[node + 1 :])


@lru_cache(maxsize=2**17)
def _canonical(sources: tuple[int, ...], operations: tuple[int, ...], skip: int) -> Spelling | None:
    """The first of all spellings of a graph, in alphabetical order; None where there is nothing but skips."""
    # The cell's output joins no raw input.
    forest = tuple(sorted(tree for tree in _readers(0, sources, operations, skip) if tree != (skip, ())))
    if not forest:
        return None
    for _ in range(NODES - sum(map(_size, forest))):
        forest = ((skip, forest),)
    return min(_spellings(tuple((0, tree) for tree in forest), 1))


def _readers(node: int, sources: tuple[int, ...], operations: tuple[int, ...], skip: int) -> list[Tree]:
    """The trees that read a node, without the skips that change nothing."""
    found: list[Tree] = []
    for reader in (at + 1 for at, source in enumerate(sources) if source == node):
        operation, trees = operations[reader - 1], _readers(reader, sources, operations, skip)
        if operation == skip:
            found += trees or [(skip, ())]
        else:
            # A skip that is all that follows a node passes it on to the output, where it would go anyway.
            found.append((operation, () if trees == [(skip, ())] else tuple(sorted(trees))))
    return found


def _size(tree: Tree) -> int:
    return 1 + sum(map(_size, tree[1]))


def _spellings(ready: tuple[tuple[int, Tree], ...], number: int) -> Iterator[Spelling]:
    """Sources and operations in every order of the nodes that may be the first in alphabetical order."""
    if not ready:
        yield (), ()
    for at, (source, (operation, trees)) in enumerate(ready):
        if source > ready[0][0]:
            break  # the others come earlier in the alphabet
        others = (*ready[:at], *ready[at + 1 :], *((number, tree) for tree in trees))
        for sources, operations in _spellings(others, number + 1):
            yield (source, *sources), (operation, *operations)

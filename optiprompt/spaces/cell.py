"""Cells of a network: one operation for each edge of a fixed graph, as in NAS-Bench-201."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence

from optiprompt.errors import ParseError, UsageError
from optiprompt.grammar import Words, record
from optiprompt.spaces._words import fold, json_fields
from optiprompt.spaces.base import Space

Cell = tuple[str, ...]

_NO_ALIASES: Mapping[str, str] = {}
_BETWEEN = re.compile(r"[\s,;\[\](){}\"'`]+")


class CellSpace(Space[Cell]):
    """One operation per edge, written as words with a single space between: `conv3x3 skip none`.

    Reading is lenient: case, commas, brackets, `_` and `-` do not matter, and three other spellings of a whole cell are
    taken: an architecture string like NAS-Bench-201's `|nor_conv_3x3~0|+|none~0|skip_connect~1|`, one digit per edge,
    each the index of an operation: `301`, and a JSON object by `schema`.

    Attributes:
        edges: names of the edges in their order; an architecture string is read where they look like `2<-0` (to node 2
            from node 0).
        operations: the words; their order gives the digits their meaning.
    """

    def __init__(
        self,
        edges: Sequence[str],
        operations: Sequence[str],
        aliases: Mapping[str, str] = _NO_ALIASES,
        *,
        part: str = "edge",
        whole: str = "cell",
        word: str = "operation",
    ) -> None:
        """Set up the space.

        Args:
            edges: names of the edges.
            operations: at least two different words.
            aliases: further spellings, each with the operation that it stands for.
            part: what the optimizer is told that an edge is.
            whole: likewise a cell.
            word: likewise an operation.

        Raises:
            UsageError: no edge, fewer than two operations, or words that cannot be told apart.
        """
        self.edges = tuple(edges)
        self.operations = tuple(operations)
        self._part, self._whole, self._word, self.tag = part, whole, word, whole.upper()
        self._words = {fold(word): word for word in self.operations}
        if not self.edges:
            raise UsageError("a cell needs at least one edge")
        if len(self.operations) < 2 or len(self._words) < len(self.operations):
            raise UsageError(f"a cell needs at least two different operations, not {', '.join(self.operations)}")
        for word in self.operations:
            if not word or _BETWEEN.search(word) or "|" in word:
                raise UsageError(f"an operation must be one word without brackets, quotes or commas, not {word!r}")
        for alias, word in aliases.items():
            if word not in self.operations or self._words.setdefault(fold(alias), word) != word:
                raise UsageError(f"the alias {alias!r} for {word!r} must name one of {', '.join(self.operations)}")
        self.grammar = Words(slots=(self.operations,) * len(self.edges))
        self.schema = record({edge: {"type": "string", "enum": list(self.operations)} for edge in self.edges})

    def parse(self, text: str) -> Cell:
        """The operations of the cell, in the order of the edges.

        Raises:
            ParseError: wrong number of operations, or one that does not exist.
        """
        if (given := json_fields(text, self.edges)) is not None:
            return self._named(given)
        if "|" in text and all("<-" in edge for edge in self.edges):
            return self._named(self._architecture(text))
        key = text.strip()
        if len(self.operations) <= 10 and re.fullmatch(r"[0-9]+", key) and fold(key) not in self._words:
            return self._digits(key)
        return self._named([word for word in _BETWEEN.split(text) if word])

    def _named(self, words: Sequence[str]) -> Cell:
        if len(words) != len(self.edges):
            raise ParseError(
                f"found {len(words)} {self._word}s, a {self._whole} has {len(self.edges)}: "
                f"one each for {', '.join(self.edges)}"
            )
        for edge, word in zip(self.edges, words, strict=True):
            if fold(word) not in self._words:
                raise ParseError(f"unknown {self._word} {word[:40]!r} at {self._part} {edge}: {self._allowed}")
        return tuple(self._words[fold(word)] for word in words)

    def _digits(self, key: str) -> Cell:
        if len(key) != len(self.edges):
            raise ParseError(
                f"found {len(key)} digits, a {self._whole} has {len(self.edges)} {self._part}s: {', '.join(self.edges)}"
            )
        for edge, digit in zip(self.edges, key, strict=True):
            if int(digit) >= len(self.operations):
                raise ParseError(
                    f"digit {digit} at {self._part} {edge} is above {len(self.operations) - 1}: {self._allowed}"
                )
        return tuple(self.operations[int(digit)] for digit in key)

    def _architecture(self, text: str) -> list[str]:
        """The operations of an architecture string, whose groups are nodes 1, 2, ... with their incoming edges."""
        pairs = [
            (f"{node}<-{source.strip()}", word.strip())
            for node, group in enumerate(text.split("+"), start=1)
            for word, _, source in (part.partition("~") for part in group.strip().strip("|").split("|"))
        ]
        if tuple(edge for edge, _ in pairs) != self.edges:
            raise ParseError(f"an architecture string |operation~source|+... needs the edges {', '.join(self.edges)}")
        return [word for _, word in pairs]

    @property
    def _allowed(self) -> str:
        return f"allowed are {', '.join(self.operations)}"

    def render(self, value: Cell) -> str:
        """The operations with a single space between."""
        return " ".join(value)

    def describe(self) -> str:
        """How a cell is written."""
        return (
            f"A {self._whole} is {len(self.edges)} words with a space between, one for each of the {self._part}s"
            f" {', '.join(self.edges)} in this order; each word is one of {', '.join(self.operations)}."
        )

    def sample(self, rng: random.Random) -> Cell:
        """A cell drawn uniformly."""
        return tuple(rng.choice(self.operations) for _ in self.edges)

    def mutate(self, value: Cell, rng: random.Random) -> Cell:
        """Another operation on one edge, both drawn uniformly."""
        edge = rng.randrange(len(value))
        other = rng.choice([word for word in self.operations if word != value[edge]])
        return (*value[:edge], other, *value[edge + 1 :])

    def crossover(self, a: Cell, b: Cell, rng: random.Random) -> Cell:
        """The operation of each edge from one of the two (uniform crossover)."""
        return tuple(rng.choice(pair) for pair in zip(a, b, strict=True))

    def neighbours(self, value: Cell) -> Iterator[Cell]:
        """Every cell with another operation on one edge."""
        for edge, present in enumerate(value):
            for word in self.operations:
                if word != present:
                    yield (*value[:edge], word, *value[edge + 1 :])

    def features(self, value: Cell) -> list[float]:
        """One-hot, edge by edge."""
        return [float(word == present) for present in value for word in self.operations]

"""Orders of n things that begin with the first, such as tours through n places."""

import random
import re
from collections import Counter
from collections.abc import Iterator

from optiprompt.errors import ParseError, UsageError
from optiprompt.grammar import Arrangement
from optiprompt.spaces.base import Space

Order = tuple[int, ...]

_BETWEEN = re.compile(r"[\s,;\[\](){}]+|->|→")
_NUMBER = re.compile(r"[0-9]{1,9}")


class Permutation(Space[Order]):
    """All orders of 0 to n - 1 that begin with 0, written as `0,3,1,2`.

    Attributes:
        n: how many things there are, at least 3.
    """

    tag = "trace"
    temperature = 1.0

    def __init__(self, n: int) -> None:
        """Set up the space.

        Raises:
            UsageError: n is below 3, where there is only one order.
        """
        if n < 3:
            raise UsageError(f"a permutation that begins with 0 needs n of at least 3, not {n}")
        self.n = n
        self.grammar = Arrangement("0", tuple(map(str, range(1, n))), between=",")

    def parse(self, text: str) -> Order:
        """The order; spaces, brackets and arrows are taken as well as commas.

        Raises:
            ParseError: something other than every number from 0 to n - 1 once, 0 first.
        """
        parts = [part for part in _BETWEEN.split(text) if part]
        for part in parts:
            if not _NUMBER.fullmatch(part):
                raise ParseError(f"{part[:40]!r} is not a number from 0 to {self.n - 1}: {self._form}")
        order = tuple(int(part) for part in parts)
        counts = Counter(order)
        wrong = {
            "missing": [number for number in range(self.n) if number not in counts],
            "repeated": [number for number, times in counts.items() if times > 1],
            "out of range": [number for number in counts if number >= self.n],
        }
        if problems := [f"{_some(numbers)} {problem}" for problem, numbers in wrong.items() if numbers]:
            raise ParseError(f"{'; '.join(problems)}: {self._form}")
        if order[0] != 0:
            raise ParseError(f"begins with {order[0]}: {self._form}")
        return order

    @property
    def _form(self) -> str:
        return f"write every number from 0 to {self.n - 1} once, 0 first"

    def render(self, value: Order) -> str:
        """The numbers with commas between."""
        return ",".join(map(str, value))

    def describe(self) -> str:
        """How an order is written."""
        return f"A candidate is every number from 0 to {self.n - 1} once, with commas between, beginning with 0."

    def sample(self, rng: random.Random) -> Order:
        """An order drawn uniformly."""
        return (0, *rng.sample(range(1, self.n), self.n - 1))

    def mutate(self, value: Order, rng: random.Random) -> Order:
        """A stretch, drawn uniformly, reversed (2-opt)."""
        return _reversed(value, *sorted(rng.sample(range(1, self.n), 2)))

    def crossover(self, a: Order, b: Order, rng: random.Random) -> Order:
        """A stretch of the first, drawn uniformly, and the rest in the order of the second (Davis 1985)."""
        first, last = sorted(rng.sample(range(1, self.n + 1), 2))
        kept = a[first:last]
        taken = set(kept)
        rest = [number for number in b if number not in taken]
        return (*rest[:first], *kept, *rest[first:])

    def neighbours(self, value: Order) -> Iterator[Order]:
        """Every order with one stretch reversed (2-opt)."""
        for first in range(1, self.n - 1):
            for last in range(first + 1, self.n):
                yield _reversed(value, first, last)


def _reversed(order: Order, first: int, last: int) -> Order:
    return (*order[:first], *reversed(order[first : last + 1]), *order[last + 1 :])


def _some(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")

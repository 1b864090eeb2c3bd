"""The contract of a space: which candidates exist, and how they are written, compared and varied."""

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Generic, TypeVar

from optiprompt.candidate import Candidate
from optiprompt.errors import UsageError
from optiprompt.grammar import Grammar, JsonSchema

T = TypeVar("T")


class Space(ABC, Generic[T]):
    """Which candidates exist.

    A subclass gives `parse` and `render`, inverse to each other: `parse(render(v)) == v`, `render(parse(t))` is the one
    way to write the candidate. `sample`, `mutate`, `crossover` and `neighbours` are needed only by what varies
    candidates without a language model. `optiprompt.testing.spaces.check_space` tests all this.

    Attributes:
        kind: which meta-prompt templates speak of it: prompts/STYLE_KIND.jinja.
        tag: what stands around a candidate in a chat reply: `<TAG>...</TAG>`.
        temperature: at which a model that continues a list of candidates proposes best (digits suffer from heat that
            words of a list bear); None leaves it to the algorithm.
        grammar: what a continuation may look like, for backends that decode inside a grammar.
        schema: a candidate as JSON, which `parse` takes too: how it is asked for in a chat.
    """

    kind: ClassVar[str] = "structured"
    tag: str = "CANDIDATE"
    temperature: ClassVar[float | None] = None
    grammar: Grammar | None = None
    schema: JsonSchema | None = None

    @abstractmethod
    def parse(self, text: str) -> T:
        """The value that the text stands for.

        Raises:
            ParseError: the text is no candidate; the message says why, for the optimizer to read.
        """

    @abstractmethod
    def render(self, value: T) -> str:
        """The one way to write the value down."""

    @abstractmethod
    def describe(self) -> str:
        """How a candidate is written, in a sentence or two for the meta-prompt."""

    def key(self, value: T) -> str:
        """Canonical form: equal for candidates that must not be evaluated twice."""
        return self.render(value)

    def sample(self, rng: random.Random) -> T:
        """A random candidate."""
        raise UsageError(f"{type(self).__name__} cannot draw random candidates: use the algorithm opro")

    def mutate(self, value: T, rng: random.Random) -> T:
        """A random candidate one small change away."""
        raise UsageError(f"{type(self).__name__} cannot mutate candidates: use the algorithm opro")

    def crossover(self, a: T, b: T, rng: random.Random) -> T:
        """A random candidate made of parts of two; it may be one of them, and is where they are equal."""
        raise UsageError(f"{type(self).__name__} cannot cross candidates: use the algorithm opro, random or evolution")

    def neighbours(self, value: T) -> Iterator[T]:
        """All candidates one small change away."""
        raise UsageError(f"{type(self).__name__} has no neighbours: use the algorithm opro, random or evolution")

    def features(self, value: T) -> Sequence[float] | None:
        """What a predictor of scores knows of a candidate: as many numbers for each, 0 to 1; a choice is one-hot."""
        return None

    @property
    def predictable(self) -> bool:
        """There are features to learn from."""
        return type(self).features is not Space.features

    def candidate(self, text: str) -> Candidate[T]:
        """The candidate that the text stands for.

        Raises:
            ParseError: the text is no candidate.
        """
        return self.of(self.parse(text))

    def of(self, value: T) -> Candidate[T]:
        """The candidate with this value."""
        return Candidate(text=self.render(value), value=value, key=self.key(value))

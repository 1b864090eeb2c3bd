"""Which tokens may come next inside a grammar: words by a table of their tokens, JSON schemas by llguidance."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from optiprompt.backends._model import Model
from optiprompt.errors import FatalBackendError
from optiprompt.grammar import Arrangement, Grammar, JsonSchema, Paths, Words

if TYPE_CHECKING:
    import torch

# No free white space: a small model would fill its reply with it.
_JSON_STYLE: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}

# A place in the grammar, and what is missing of the word that leads there, in tokens.
Way = tuple[Any, tuple[int, ...]]


class Follower(Protocol):
    """One reply's way through a grammar."""

    def take(self, token: int) -> None:
        """Go on with a token that was allowed."""
        ...

    def forced(self) -> list[int]:
        """The tokens that must come next, already taken."""
        ...

    @property
    def complete(self) -> bool:
        """Whether nothing more may follow."""
        ...

    def allowed(self, vocabulary: int) -> "torch.Tensor":
        """Which tokens may come next: booleans of shape (vocabulary,)."""
        ...


class Grammars:
    """The grammars of one model; each is compiled once."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._starts: dict[str, Callable[[], Follower]] = {}
        self._tokenizer: Any = None

    def follow(self, grammar: Grammar) -> Follower:
        """The start of a reply inside the grammar.

        Raises:
            FatalBackendError: the grammar cannot be used.
        """
        name = repr(grammar)
        if name not in self._starts:
            self._starts[name] = self._compile(grammar)
        return self._starts[name]()

    def _compile(self, grammar: Grammar) -> Callable[[], Follower]:
        match grammar:
            case Words():
                return self._words(grammar)
            case Paths():
                return self._paths(grammar)
            case Arrangement():
                return self._arrangement(grammar)
            case JsonSchema():
                return self._json(grammar)

    def _words(self, grammar: Words) -> Callable[[], Follower]:
        if not all(grammar.slots):
            raise FatalBackendError("the grammar cannot be used: a position has no words: mend the space's grammar")
        tokens = {word: self._model.after_text(f" {word}") for slot in grammar.slots for word in slot}
        slots = [[tokens[word] for word in slot] for slot in grammar.slots]

        def following(slot: int) -> Iterable[Way]:
            return [(slot + 1, word) for word in slots[slot]] if slot < len(slots) else []

        return lambda: _WordFollower(0, following, self._model.ends)

    def _paths(self, grammar: Paths) -> Callable[[], Follower]:
        tokens = {word: self._model.after_text(f" {word}") for words in grammar.places for word, _ in words}
        ways = [[(place, tokens[word]) for word, place in words] for words in grammar.places]
        return lambda: _WordFollower(0, ways.__getitem__, self._model.ends)

    def _arrangement(self, grammar: Arrangement) -> Callable[[], Follower]:
        first = self._model.after_text(f" {grammar.first}")
        tokens = {word: self._model.after_text(f"{grammar.between}{word}") for word in grammar.others}

        def following(left: frozenset[str] | None) -> Iterable[Way]:
            return [(frozenset(tokens), first)] if left is None else [(left - {word}, tokens[word]) for word in left]

        return lambda: _WordFollower(None, following, self._model.ends)

    def _json(self, grammar: JsonSchema) -> Callable[[], Follower]:
        from llguidance import LLMatcher
        from llguidance.hf import from_tokenizer

        try:
            if self._tokenizer is None:
                ends = sorted(self._model.ends)
                self._tokenizer = from_tokenizer(self._model.tokenizer, n_vocab=self._model.vocabulary, eos_token=ends)
            source = LLMatcher.grammar_from_json_schema(grammar.schema, overrides=_JSON_STYLE)
        except ValueError as error:
            raise FatalBackendError(f"this model cannot decode JSON: {error}: use another model or space") from error
        matcher = LLMatcher(self._tokenizer, source, log_level=0)
        _check(matcher)
        return lambda: _JsonFollower(matcher.deep_copy())


class _WordFollower:
    """Follows the words' own tokens: llguidance would also allow any other way to cut them into tokens.

    Args:
        place: where the reply begins.
        following: the ways that lead on from a place; none from the last.
        ends: the tokens that may end the reply.
    """

    def __init__(self, place: Any, following: Callable[[Any], Iterable[Way]], ends: frozenset[int]) -> None:
        self._following, self._ends = following, ends
        self._ways: set[Way] = set()
        self._open({(place, ())})

    def take(self, token: int) -> None:
        self._open({(place, missing[1:]) for place, missing in self._ways if missing and missing[0] == token})

    def forced(self) -> list[int]:
        tokens: list[int] = []
        while len(choices := self._choices()) == 1 and not choices & self._ends:
            tokens += choices
            self.take(tokens[-1])
        return tokens

    @property
    def complete(self) -> bool:
        return all(not missing for _, missing in self._ways)

    def allowed(self, vocabulary: int) -> "torch.Tensor":
        import torch

        table = torch.zeros(vocabulary, dtype=torch.bool)
        table[list(self._choices())] = True
        return table

    def _choices(self) -> set[int]:
        ends = self._ends if any(not missing for _, missing in self._ways) else frozenset()
        return {missing[0] for _, missing in self._ways if missing} | ends

    def _open(self, ways: set[Way]) -> None:
        """Where a word is whole, go on with the words that may follow; only the last leaves nothing missing."""
        self._ways = set()
        for place, missing in ways:
            self._ways |= {(place, missing)} if missing else set(self._following(place)) or {(place, ())}


class _JsonFollower:
    """Follows a JSON schema."""

    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher

    def take(self, token: int) -> None:
        self._consume([token])

    def forced(self) -> list[int]:
        tokens = [] if self.complete else list(self._matcher.compute_ff_tokens())
        self._consume(tokens)
        return tokens

    @property
    def complete(self) -> bool:
        return bool(self._matcher.is_stopped())

    def allowed(self, vocabulary: int) -> "torch.Tensor":
        import torch

        bits = torch.frombuffer(bytearray(self._matcher.compute_logit_bias()), dtype=torch.uint8)
        _check(self._matcher)
        return bits[:vocabulary] > 0

    def _consume(self, tokens: list[int]) -> None:
        self._matcher.consume_tokens(tokens)
        _check(self._matcher)


def _check(matcher: Any) -> None:
    if matcher.is_error():
        raise FatalBackendError(f"the grammar cannot be used: {matcher.get_error()}: simplify the space's grammar")

"""The contract of a backend: what a language model is asked, and what it answers."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Literal, Protocol, runtime_checkable

from optiprompt.candidate import Usage
from optiprompt.grammar import Grammar

Role = Literal["system", "user", "assistant"]
Form = Literal["chat", "continuation"]

# Made once: json.dumps with settings makes an encoder for each call.
_sorted = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


def _fields(value: Any) -> dict[str, Any]:
    """What `asdict` gives for a dataclass with slots, without its deep copies: every call pays for them."""
    return {name: getattr(value, name) for name in value.__slots__}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model, independent of who is asked.

    Attributes:
        prompt: messages of a chat, or plain text to continue.
        max_tokens: the longest reply, in tokens.
        temperature: 0 takes the likeliest token each time.
        stop: the reply ends before the first of these strings.
        grammar: what the reply may look like; a backend that cannot decode inside it ignores it.
        seed: fixes the sampling together with the sample's index; None at temperature 0.
        options: nothing is written: the reply is the likeliest of these texts behind the prompt, by the sum of its
            tokens' log-probabilities, and of two alike the first. In plain text a space goes before each. Only for
            backends that can do it: see `ranks`.
    """

    prompt: str | tuple[Message, ...]
    max_tokens: int = 512
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    grammar: Grammar | None = None
    seed: int | None = None
    options: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, defaults left out."""
        fields = _fields(self)
        if not isinstance(self.prompt, str):
            fields["prompt"] = tuple(_fields(message) for message in self.prompt)
        if self.grammar is not None:
            fields["grammar"] = {"kind": type(self.grammar).__name__, **asdict(self.grammar)}
        return {name: value for name, value in fields.items() if value not in (None, ())}

    def key(self, backend: str) -> str:
        """The name of this request to this backend: 16 hex digits of a SHA-256."""
        return self.digest(backend)[:16]

    def digest(self, backend: str) -> str:
        """The SHA-256 of this request to this backend, in hex."""
        try:
            return _digest(self, backend)
        except TypeError:  # a grammar that holds a schema cannot be looked up by its value
            return _digest.__wrapped__(self, backend)


@lru_cache(maxsize=1024)  # the journal and the cache ask one after the other
def _digest(request: Request, backend: str) -> str:
    text = _sorted([backend, request.to_json()])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def ranks(backend: object) -> bool:
    """Whether a backend answers requests with `options`: it says so by an attribute `ranks`, which it need not have."""
    return bool(getattr(backend, "ranks", False))


def sample_seed(request_key: str, sample: int) -> int:
    """The seed of one sample: 31 bits from the request's key (which holds the run's seed) and the sample's index."""
    return int.from_bytes(hashlib.sha256(f"{request_key}/{sample}".encode()).digest()[:4], "big") >> 1


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered to one sample of a request.

    Attributes:
        text: the reply without the prompt.
        finish: `stop` (it ended), `length` (cut off at max_tokens), `refused`, or `error` (the call failed).
        usage: tokens and calls of this sample; the prompt of n samples in one call is counted once.
        error: why the call failed.
    """

    text: str
    finish: Literal["stop", "length", "refused", "error"] = "stop"
    usage: Usage = Usage(calls=1)
    error: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Reply":
        """From the values of `asdict`.

        Raises:
            KeyError, TypeError: they are not those of a reply.
        """
        return cls(**{**fields, "usage": Usage(**fields["usage"])})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**_fields(self), "usage": _fields(self.usage)}


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """How to reach or run a model; each backend reads the fields that concern it.

    Attributes:
        device: `auto`, `cpu`, `cuda` or `mps` for a local model.
        dtype: `auto`, `float32`, `bfloat16` or `float16` for a local model.
        concurrency: how many calls may be under way at once.
        timeout: seconds that one attempt may take.
        extra: further fields of the request's body, for model-specific parameters of a server.
    """

    device: str = "auto"
    dtype: str = "auto"
    concurrency: int = 16
    timeout: float = 120.0
    extra: Mapping[str, Any] = field(default_factory=dict)


class Backend(Protocol):
    """A language model that can be asked. The three properties may be plain attributes.

    One that sends several requests for a call asks the run's meter before each (meter.py) and says `meters = True`; for
    all others each call of `generate` counts as one.
    """

    @property
    def name(self) -> str:
        """How the user names it, `openai:gpt-4.1-mini`; part of every request's key."""
        ...

    @property
    def proposes(self) -> Form:
        """The form in which it proposes best: small and base models only continue text."""
        ...

    @property
    def decodes(self) -> bool:
        """Whether it samples inside a request's grammar."""
        ...

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        """One reply for each sample index, in their order.

        A sample whose call failed after all tries gives a reply with `finish="error"` as long as another one came
        through.

        Raises:
            FatalBackendError: asking again cannot help.
            BackendError: no sample came through.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens the text has; an estimate where the tokenizer is not at hand."""
        ...

    @property
    def context(self) -> int:
        """How many tokens a prompt and its reply may have together."""
        ...

    async def aclose(self) -> None:
        """Free what the backend holds. It can be used again afterwards."""
        ...


@runtime_checkable
class Cacheable(Protocol):
    """A backend whose replies may be shared by runs: the same request and sample would get the same reply again.

    A backend without this method is asked each time: one under development, or one whose replies depend on the order of
    the calls.
    """

    def identity(self) -> str:
        """What decides its replies besides its name and the request: weights, precision, further parameters.

        May take long: it is called once a run, beside the event loop.
        """
        ...

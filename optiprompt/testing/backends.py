"""The contract test for backends, for everyone who writes one.

A test of your own backend is one line: `check_backend(connect("", BackendOptions()))`. It asks thirty short questions.
"""

import asyncio
import json

from optiprompt.backends.base import Backend, Cacheable, Message, Reply, Request, ranks
from optiprompt.grammar import Arrangement, JsonSchema, Paths, Words

_CHAT = (Message("system", "You are brief."), Message("user", "Name a colour."))
_TEXT = "The colours of the rainbow are red,"
_COLOURS = ("red", "green", "blue")
_SCHEMA = {
    "type": "object",
    "properties": {"colour": {"enum": list(_COLOURS)}, "count": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["colour", "count"],
    "additionalProperties": False,
}


def check_backend(backend: Backend) -> None:
    """Test that a backend keeps the contract of `Backend`.

    - it says its name, in which form it proposes, whether it decodes inside grammars, and how long its context is;
      where its replies may be shared (`Cacheable`), its identity too;
    - chats and plain text are answered, one reply for each sample that is asked for, also when many requests run at the
      same time and after it was closed;
    - replies end before a stop string, do not exceed `max_tokens`, and count the request as a call once;
    - where it decodes inside grammars, every reply is inside;
    - where it ranks options, the reply is one of them, the same however they are ordered.

    Args:
        backend: the backend to test; each of its calls must come through.

    Raises:
        AssertionError: it does not; the message says where.
    """
    assert backend.name.strip(), "the name is empty"
    assert backend.proposes in ("chat", "continuation"), f"proposes must be chat or continuation: {backend.proposes!r}"
    assert isinstance(backend.decodes, bool), f"decodes must be True or False: {backend.decodes!r}"
    assert backend.context > 0, f"the context must be positive: {backend.context}"
    assert backend.count_tokens("") == 0, "an empty text has no tokens"
    short, long = backend.count_tokens("red"), backend.count_tokens("red green blue " * 50)
    assert 0 < short < long, f"a long text must have more tokens than a word: {long}, {short}"
    if isinstance(backend, Cacheable):
        assert isinstance(backend.identity(), str), f"the identity must be a text: {backend.identity()!r}"
        assert backend.identity() == backend.identity(), "the identity must stay the same"
    asyncio.run(_check_replies(backend))


async def _check_replies(backend: Backend) -> None:
    for prompt in (_CHAT, _TEXT):
        for samples in ((0,), (0, 1, 2), (4, 3)):
            _check(
                backend,
                Request(prompt, max_tokens=8, temperature=1.0, seed=1),
                samples,
                await _ask(backend, prompt, samples),
            )
    await _check_stop(backend)
    await _check_many(backend)
    if backend.decodes:
        await _check_grammars(backend)
    if ranks(backend):
        await _check_options(backend)
    await backend.aclose()
    request = Request(_TEXT, max_tokens=8)
    _check(backend, request, (0,), await backend.generate(request, (0,)))
    await backend.aclose()


async def _ask(backend: Backend, prompt: str | tuple[Message, ...], samples: tuple[int, ...]) -> list[Reply]:
    return await backend.generate(Request(prompt, max_tokens=8, temperature=1.0, seed=1), samples)


async def _check_stop(backend: Backend) -> None:
    request = Request(_TEXT, max_tokens=30, stop=(" ", "e"))
    replies = await backend.generate(request, (0,))
    _check(backend, request, (0,), replies)


async def _check_many(backend: Backend) -> None:
    requests = [Request(f"{number} {_TEXT}", max_tokens=number) for number in range(1, 9)]
    for request, replies in zip(
        requests, await asyncio.gather(*(backend.generate(r, (0, 1)) for r in requests)), strict=True
    ):
        _check(backend, request, (0, 1), replies)


async def _check_grammars(backend: Backend) -> None:
    words = Request(_TEXT, max_tokens=60, temperature=1.0, grammar=Words((_COLOURS,) * 3), seed=2)
    for reply in await backend.generate(words, range(4)):
        empty, *inside = reply.text.split(" ")
        assert (empty, len(inside)) == ("", 3), f"three words, a space before each, were asked for: {reply.text!r}"
        assert set(inside) <= set(_COLOURS), f"a word outside the grammar: {reply.text!r}"
    paths = Paths(((("few", 1), ("many", 2)), (("3", 3), ("31", 3)), (("400", 1),), ()))
    branching = Request(_TEXT, max_tokens=60, temperature=1.0, grammar=paths, seed=2)
    for reply in await backend.generate(branching, range(4)):
        allowed = {" few 3", " few 31", " many 400 3", " many 400 31"}
        assert reply.text in allowed, f"a path outside the grammar: {reply.text!r}"
    order = Request(_TEXT, max_tokens=60, temperature=1.0, grammar=Arrangement("0", ("1", "12", "2"), ","), seed=2)
    for reply in await backend.generate(order, range(4)):
        first, *others = reply.text.split(",")
        assert (first, sorted(others)) == (" 0", ["1", "12", "2"]), f"each word once was asked for: {reply.text!r}"
    schema = Request(_CHAT, max_tokens=100, temperature=1.0, grammar=JsonSchema(_SCHEMA), seed=2)
    for reply in await backend.generate(schema, range(4)):
        value = json.loads(reply.text)
        assert set(value) == {"colour", "count"}, f"not the fields of the schema: {reply.text!r}"
        assert value["colour"] in _COLOURS, f"a value outside the schema: {reply.text!r}"
        assert value["count"] in range(10), f"a value outside the schema: {reply.text!r}"


async def _check_options(backend: Backend) -> None:
    for prompt in (_CHAT, _TEXT):
        chosen = set()
        for options in (_COLOURS, _COLOURS[::-1]):
            request = Request(prompt, max_tokens=1, options=options)
            replies = await backend.generate(request, (0, 1))
            _check(backend, request, (0, 1), replies)
            chosen |= {reply.text for reply in replies}
        assert len(chosen) == 1, f"the likeliest option must be one whatever their order: {chosen}"
        assert chosen <= set(_COLOURS), f"not one of the options: {chosen}"


def _check(backend: Backend, request: Request, samples: tuple[int, ...], replies: list[Reply]) -> None:
    about = f"{request} of {backend.name}"
    assert len(replies) == len(samples), f"{len(samples)} samples asked for, {len(replies)} replies: {about}"
    assert all(isinstance(reply, Reply) for reply in replies), f"not all are replies: {about}"
    failed = [reply.error for reply in replies if reply.finish == "error"]
    assert not failed, f"a call failed: {failed[0]}: {about}"
    for reply in replies:
        assert reply.usage.completion_tokens <= request.max_tokens, f"longer than max_tokens: {reply}: {about}"
        assert not any(stop in reply.text for stop in request.stop), f"goes on behind a stop string: {reply}: {about}"
    assert sum(reply.usage.calls for reply in replies) >= 1, f"no call is counted: {about}"
    assert any(reply.usage.prompt_tokens for reply in replies), f"the prompt's tokens are not counted: {about}"

"""Backend `openai:NAME[@BASE_URL]`: any server with OpenAI's chat or completions endpoint, through the openai SDK.

The SDK brings authentication, connections and error types; retries and deadlines (`_retry`) and the number of calls at
once (`_limits`) are ours. docs/servers.md lists the base URLs of the usual servers.
"""

import asyncio
import json
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from optiprompt import meter
from optiprompt.backends._openai_body import Answer, Choice, Dialect, prompt_text, read
from optiprompt.backends._openai_errors import Filtered, Refused, TooLong
from optiprompt.backends._openai_server import Server
from optiprompt.backends._retry import RetryPolicy, Transient, retry
from optiprompt.backends.base import BackendOptions, Form, Reply, Request, sample_seed
from optiprompt.candidate import Usage
from optiprompt.errors import BackendError, BudgetSpent, FatalBackendError, UsageError

_OPENAI = "https://api.openai.com/v1"
_PATHS: dict[Form, str] = {"chat": "/chat/completions", "continuation": "/completions"}
_OURS = {"model", "messages", "prompt", "n", "stream"}
_CONTEXT = 128_000
_CHARACTERS_PER_TOKEN = 3.5  # under the usual 4 of English text, so that estimates err on the long side


def connect(rest: str, options: BackendOptions, policy: RetryPolicy | None = None) -> "OpenAIBackend":
    """The backend of `openai:REST`. Asks nothing yet.

    Args:
        rest: `NAME` or `NAME@BASE_URL`. Without a URL the one in `OPENAI_BASE_URL` is asked, else OpenAI.
        options: `extra` goes into each request's body, apart from `context`: the model's context in tokens.
        policy: how long to go on with a call that fails.

    Raises:
        UsageError: no model, no key, a URL that is none, or a field in `extra` that is not the user's to set.
    """
    model, url = _parse(rest)
    taken = sorted(_OURS & options.extra.keys())
    if taken:
        raise UsageError(f"extra must not hold {', '.join(taken)}: optiprompt sets that itself")
    if options.concurrency < 1 or options.timeout <= 0:
        raise UsageError("concurrency must be at least 1 and timeout more than 0 seconds")
    key = (os.environ.get("OPENAI_API_KEY") or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError("OPENAI_API_KEY holds characters that no key has: copy it again")
    if not key and not url:
        raise UsageError(
            f"openai:{model} needs a key: set OPENAI_API_KEY, or name a server: openai:{model}@http://HOST/v1"
        )
    # A server that needs no key still gets the header: the SDK wants one.
    server = Server(url or _OPENAI, key or "none", options.timeout, options.concurrency)
    return OpenAIBackend(f"openai:{model}@{url}" if url else f"openai:{model}", model, server, options, policy)


def _parse(rest: str) -> tuple[str, str | None]:
    found = re.fullmatch(r"(.*?)@(https?://.*)", rest)
    if not found and "@" in rest:
        raise UsageError(f"openai:{rest}: what follows @ must be a URL that begins with http:// or https://")
    model, url = (found[1], found[2]) if found else (rest, os.environ.get("OPENAI_BASE_URL"))
    if not model:
        raise UsageError("which model? Write openai:NAME or openai:NAME@BASE_URL")
    if url and not re.fullmatch(r"https?://[^/?#@]+(?:/[^?#]*)?", url):
        where = "after @" if found else "in OPENAI_BASE_URL"
        raise UsageError(f"the URL {where} must look like http://HOST/v1; a key belongs into OPENAI_API_KEY")
    return model, url.rstrip("/") if url else None


@dataclass(eq=False, slots=True)
class _Sent:
    """How many requests went out for a call, those that failed included."""

    requests: int = 0


class OpenAIBackend:
    """A model behind an OpenAI-compatible server. Made by `connect`.

    What the server refuses (`n`, `seed`, `temperature`, ...) is left out from then on: see `Dialect`.
    """

    proposes: Form = "chat"
    decodes = False
    meters = True

    def __init__(
        self, name: str, model: str, server: Server, options: BackendOptions, policy: RetryPolicy | None = None
    ) -> None:
        self.name = name
        self._server = server
        self._timeout = options.timeout
        self._policy = policy or RetryPolicy()
        extra = dict(options.extra)
        self._context = int(extra.pop("context", _CONTEXT))
        self._extra = extra
        self._dialects: dict[Form, Dialect] = {form: Dialect(model, extra) for form in _PATHS}

    @property
    def context(self) -> int:
        """Tokens for prompt and reply: 128,000, or what `extra` says, or what a server said that refused a prompt."""
        return self._context

    def count_tokens(self, text: str) -> int:
        """An estimate: 3.5 characters a token."""
        return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)

    def identity(self) -> str:
        """The fields that the user adds to each request."""
        return json.dumps(sorted(self._extra.items()), default=str)

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        """One reply for each sample index, in their order.

        Several samples are asked for in one call where the server gives as many, else in a call each. At temperature 0
        all samples are the same reply, paid once. `usage.calls` counts every request sent, those that failed included.

        Raises:
            FatalBackendError: asking again cannot help: key, model, quota or request refused.
            BackendError: no sample came through.
            BudgetSpent: the run may send no more; it holds the replies that came before.
        """
        if not samples:
            return []
        if request.temperature == 0:
            (reply,) = await self._call(request, samples[:1], _Sent())
            return [reply, *(replace(reply, usage=Usage()) for _ in samples[1:])]
        dialect = self._dialects[_form(request)]
        replies: list[Reply] = []
        if dialect.many and len(samples) > 1:
            replies = await self._call(request, samples, _Sent())
            dialect.many = dialect.many and len(replies) == len(samples)
        each = await self._each(request, samples[len(replies) :])
        for spent in (reply for reply in each if isinstance(reply, BudgetSpent)):
            came = zip(samples, [*replies, *each], strict=True)
            spent.replies = {
                sample: reply for sample, reply in came if isinstance(reply, Reply) and reply.finish != "error"
            }
            raise spent
        replies += [reply for reply in each if isinstance(reply, Reply)]
        if all(reply.finish == "error" for reply in replies):
            error = BackendError(replies[0].error)
            error.calls = sum(reply.usage.calls for reply in replies)
            raise error
        return replies

    async def aclose(self) -> None:
        """Close the connections of the running event loop. The backend can be used again afterwards."""
        await self._server.aclose()

    async def _each(self, request: Request, samples: Sequence[int]) -> list[Reply | BudgetSpent]:
        """A call for each sample, at once; `BudgetSpent` in place of those that were not to be sent any more."""

        async def one(sample: int) -> Reply | BudgetSpent:
            sent = _Sent()
            try:
                return (await self._call(request, [sample], sent))[0]
            except BudgetSpent as spent:  # returned: raised it would cut the calls that are paid
                return spent
            except FatalBackendError:
                raise
            except BackendError as error:
                return Reply("", finish="error", usage=Usage(calls=sent.requests), error=str(error))

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(sample)) for sample in samples]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _call(self, request: Request, samples: Sequence[int], sent: _Sent) -> list[Reply]:
        """One call for all samples, tried until it succeeds: the replies to the first of them, at least one."""
        limit = await self._server.limit()

        async def attempt() -> Answer:
            cuts = limit.cuts
            try:
                answer = await self._ask(request, samples, sent)
            except Transient as error:
                if error.rate_limited:
                    limit.cut(cuts)
                raise
            limit.grow()
            return answer

        # The slot is kept between the attempts: a server in trouble is asked less.
        async with limit:
            try:
                answer = await retry(attempt, self._policy, self._timeout)
            except BackendError as error:
                error.calls = sent.requests
                raise
        # The call that waited for this slot is sent before anybody works on this reply.
        await asyncio.sleep(0)
        return self._replies(answer, request, len(samples), sent)

    async def _ask(self, request: Request, samples: Sequence[int], sent: _Sent) -> Answer:
        """One attempt; asks again at once without a parameter that the server does not take."""
        form = _form(request)
        dialect = self._dialects[form]
        seeded = request.seed is not None and request.temperature > 0
        seed = sample_seed(request.key(self.name), samples[0]) if seeded else None
        while True:
            body = dialect.body(request, len(samples), seed)
            prompt, replies = self.count_tokens(prompt_text(request.prompt)), body.get("n", 1)
            try:
                async with meter.request(self.name, prompt, request.max_tokens, replies) as call:
                    sent.requests += 1
                    answer = self._read(await self._server.post(_PATHS[form], body), request)
                    call.took(Usage(1, *self._tokens(answer, request)))
                    return answer
            except Refused as error:
                if not dialect.learn(body, error.said, error.parameter):
                    raise
            except Filtered:
                return Answer((Choice("", "refused"),) * len(samples), None, None)
            except TooLong as error:
                self._context = min(self._context, error.context or self._context)
                raise

    def _read(self, text: str, request: Request) -> Answer:
        try:
            return read(json.loads(text), request.stop)
        except ValueError as error:  # HTML of a proxy, a body cut short, an answer without choices
            start = " ".join(text[:80].split())
            raise Transient(f"{self._server.url} sent something else than an answer: {error}: {start!r}") from error

    def _replies(self, answer: Answer, request: Request, wanted: int, sent: _Sent) -> list[Reply]:
        """The answer's texts, with its usage shared among them: the prompt and the calls are the first one's."""
        choices = answer.choices[:wanted]
        prompt, completion = self._tokens(answer, request)
        share, rest = divmod(completion, len(choices))
        shares = [share + (place < rest) for place in range(len(choices))]
        usages = [Usage(sent.requests, prompt, shares[0]), *(Usage(0, 0, share) for share in shares[1:])]
        return [Reply(choice.text, choice.finish, usage) for choice, usage in zip(choices, usages, strict=True)]

    def _tokens(self, answer: Answer, request: Request) -> tuple[int, int]:
        """Tokens of prompt and replies, estimated where the server does not count them."""
        prompt, completion = answer.prompt_tokens, answer.completion_tokens
        if prompt is None:
            prompt = self.count_tokens(prompt_text(request.prompt))
        if completion is None:
            completion = sum(self.count_tokens(choice.text) for choice in answer.choices)
        return prompt, completion


def _form(request: Request) -> Form:
    return "continuation" if isinstance(request.prompt, str) else "chat"

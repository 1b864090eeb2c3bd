"""The way to a server: one SDK client and one pool of connections for each event loop; failures become our errors."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from optiprompt import meter
from optiprompt.backends import _openai_errors as errors
from optiprompt.backends._limits import AdaptiveLimit
from optiprompt.backends._transport import CONNECT_SECONDS, Transport, certificates
from optiprompt.errors import BudgetSpent

if TYPE_CHECKING:
    from openai import AsyncOpenAI


@dataclass(eq=False, slots=True)
class _Link:
    """What belongs to one event loop."""

    client: "AsyncOpenAI"
    transport: Transport
    limit: AdaptiveLimit
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    models: tuple[list[str] | None] | None = None


class Server:
    """A server with OpenAI's HTTP interface.

    Args:
        url: base URL, without a slash at the end.
        key: sent as bearer token; never part of a message.
        timeout: seconds that connecting may take, at most 10 (the deadline of a call is the retry loop's).
        concurrency: the most calls at once.
    """

    def __init__(self, url: str, key: str, timeout: float, concurrency: int) -> None:
        self.url = url
        self._key = key
        self._timeout = timeout
        self._concurrency = concurrency
        self._links: dict[asyncio.AbstractEventLoop, tuple[AsyncGenerator[_Link, None], _Link]] = {}

    async def limit(self) -> AdaptiveLimit:
        """The slots for calls in the running loop."""
        return (await self._link()).limit

    async def post(self, path: str, body: dict[str, Any]) -> str:
        """Send one request.

        Returns:
            The answer's text, whatever it is.

        Raises:
            Transient: trying again may help.
            Refused: the request is not to the server's liking.
            Filtered: the prompt is not to the server's liking.
            TooLong: the prompt does not fit.
            FatalBackendError: asking again cannot help; says what to mend.
        """
        import aiohttp

        link = await self._link()
        try:
            response = await link.transport.post(path, body)
        except (aiohttp.ClientError, OSError) as error:
            raise errors.broken(error, self.url) from error
        if 200 <= response.status < 300:
            return response.text
        refusal = errors.Refusal.of(response, self._key)
        if refusal.status == 404:
            raise errors.missing(self.url, body["model"], path, await self._models(), refusal.said)
        raise errors.verdict(refusal, self.url, body["model"])

    async def aclose(self) -> None:
        """Close the running loop's client. The next call opens another."""
        lifetime, _ = self._links.pop(asyncio.get_running_loop(), (None, None))
        if lifetime:
            await lifetime.aclose()

    async def _link(self) -> _Link:
        loop = asyncio.get_running_loop()
        if loop not in self._links:
            self._links = {other: link for other, link in self._links.items() if not other.is_closed()}
            lifetime = self._lifetime()
            # No other task runs in between: the generator does not wait before it yields.
            self._links[loop] = (lifetime, await anext(lifetime))
        return self._links[loop][1]

    async def _lifetime(self) -> AsyncGenerator[_Link, None]:
        """A client's life. A generator, because `asyncio.run` ends open ones: nobody has to call `aclose` before."""
        import openai

        client = openai.AsyncOpenAI(
            base_url=self.url,
            api_key=self._key,
            max_retries=0,
            timeout=openai.Timeout(self._timeout, connect=min(self._timeout, CONNECT_SECONDS)),
            http_client=openai.DefaultAioHttpClient(verify=certificates()),
        )
        transport = Transport(client, self._timeout)
        try:
            yield _Link(client, transport, AdaptiveLimit(self._concurrency))
        finally:
            await transport.close()
            await client.close()

    async def _models(self) -> list[str] | None:
        """The names of the server's models, asked once; None where it does not tell."""
        link = await self._link()
        async with link.lock:
            if link.models is None:
                try:
                    async with meter.request(self.url, 0, 0):
                        link.models = (await self._ask_models(link.client),)
                except BudgetSpent:
                    return None
            return link.models[0]

    async def _ask_models(self, client: "AsyncOpenAI") -> list[str] | None:
        import openai

        try:
            listing = json.loads(await client.get("/models", cast_to=str))
            return [str(model["id"]) for model in listing["data"]]
        except (openai.APIError, ValueError, KeyError, TypeError):
            return None

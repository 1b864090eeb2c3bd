"""The hot path of HTTP: a pooled aiohttp session that posts what the openai SDK's client would post.

The SDK's client says where and as whom: base URL, credentials, headers, trusted certificates. Its own way through
pydantic and httpx takes five times the processor time, which limits how many calls can be under way.
"""

import functools
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from optiprompt.backends._retry import Transient

if TYPE_CHECKING:
    import ssl

    import aiohttp
    from openai import AsyncOpenAI

MOST_BYTES = 32 << 20  # of one answer; a reply of 100,000 tokens has half a megabyte
CONNECT_SECONDS = 10.0

# Made once: json.dumps with settings makes an encoder for each call.
_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answered.

    Attributes:
        status: the HTTP status, after redirects.
        text: the body.
        retry_after: the header Retry-After.
    """

    status: int
    text: str
    retry_after: str | None


class Transport:
    """Posts JSON to one server. For one event loop; close it there.

    Args:
        client: the SDK's client for this server.
        timeout: seconds that connecting may take, at most 10. What comes after has no limit but the retry loop's.
    """

    def __init__(self, client: "AsyncOpenAI", timeout: float) -> None:
        import aiohttp
        from multidict import CIMultiDict

        self._url = str(client.base_url).rstrip("/")
        headers = CIMultiDict(client.auth_headers)
        headers.update({name: value for name, value in client.default_headers.items() if isinstance(value, str)})
        self._session = aiohttp.ClientSession(
            # The adaptive limit bounds the calls under way; another bound here would queue them within their deadline.
            connector=aiohttp.TCPConnector(limit=0, ssl=certificates()),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(timeout, CONNECT_SECONDS)),
            headers=headers,
            # trust_env would look into the environment and into ~/.netrc for each call, in a thread.
            proxy=_proxy(self._url),
        )

    async def post(self, path: str, body: Mapping[str, Any]) -> Response:
        """Send one request, once.

        Raises:
            Transient: the answer is too large.
            aiohttp.ClientError: no connection, or it broke.
            OSError: the same, from the system.
        """
        # A lone surrogate has no place in UTF-8; servers refuse its JSON escape, too.
        data = _encode(body).encode("utf-8", "replace")
        async with self._session.post(self._url + path, data=data) as response:
            text = await _read(response)
            return Response(response.status, text, response.headers.get("Retry-After"))

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


async def _read(response: "aiohttp.ClientResponse") -> str:
    """The body, which is UTF-8 as JSON always is."""
    chunks, size = [], 0
    while chunk := await response.content.readany():
        chunks.append(chunk)
        size += len(chunk)
        if size > MOST_BYTES:
            raise Transient(f"{response.url.origin()} sent more than {MOST_BYTES >> 20} MB for one answer")
    return b"".join(chunks).decode("utf-8", "replace")


@functools.cache
def certificates() -> "ssl.SSLContext":
    """The certificates that the SDK trusts, SSL_CERT_FILE honoured; shared, because loading them takes 20 ms."""
    library = "httpx2" if find_spec("httpx2") else "httpx"  # the SDK's, since its version 3 and before
    context: ssl.SSLContext = importlib.import_module(library).create_ssl_context()
    return context


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for this URL."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"

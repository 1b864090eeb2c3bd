"""What a server's refusal means: try again, give up this call, ask otherwise, or tell the user what to mend."""

import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from optiprompt.backends._retry import Transient, retry_after
from optiprompt.backends._transport import Response
from optiprompt.errors import BackendError, FatalBackendError, PromptTooLong

_NO_QUOTA = {"insufficient_quota", "billing_hard_limit_reached"}
_FILTERED = {"content_filter", "content_policy_violation", "invalid_prompt"}
_TOO_LONG = re.compile(r"(?i)context.?(?:length|size|window|limit)|too many (?:input )?tokens|prompt is too long")
_CONTEXT = re.compile(r"(?i)(?:context length is|context size) *\(?(\d+)")


class Filtered(BackendError):
    """The server does not let the model speak about this prompt."""


class TooLong(PromptTooLong):
    """The prompt and its reply do not fit into the model's context of `context` tokens (None: it was not told)."""

    def __init__(self, reason: str, context: int | None) -> None:
        super().__init__(reason)
        self.context = context


class Refused(FatalBackendError):
    """The server does not like the request: `said` are its words, `parameter` the field it blames, if it names one."""

    def __init__(self, reason: str, said: str, parameter: str | None) -> None:
        super().__init__(reason)
        self.said = said
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with an error status, read as the SDK reads it.

    Attributes:
        status: the HTTP status.
        said: the server's own words: one line, without the key, empty where there are none.
        codes: what OpenAI calls code and type of the error.
        parameter: the field it blames, if it names one.
        context: the model's context in tokens, if it tells.
        retry_after: the seconds it asks to wait.
    """

    status: int
    said: str
    codes: frozenset[str]
    parameter: str | None
    context: int | None
    retry_after: float | None

    @classmethod
    def of(cls, response: Response, key: str) -> "Refusal":
        """Read an answer.

        Args:
            response: with a status that is no success.
            key: left out of the words.
        """
        try:
            body = json.loads(response.text)
        except ValueError:
            body = response.text
        body = body.get("error", body) if isinstance(body, dict) else body
        fields = body if isinstance(body, dict) else {}
        said = _words(body, key)
        codes = frozenset(str(fields[name]) for name in ("code", "type") if fields.get(name))
        told = fields.get("n_ctx")  # llama.cpp's way to say it
        found = _CONTEXT.search(said)
        context = told if isinstance(told, int) else int(found[1]) if found else None
        parameter = str(fields["param"]) if fields.get("param") else None
        return cls(response.status, said, codes, parameter, context, retry_after(response.retry_after))


def _words(body: Any, key: str) -> str:
    text = body
    if isinstance(body, dict):
        text = body.get("message") or body.get("detail") or body
        if isinstance(text, list) and text and isinstance(text[0], dict):  # FastAPI names the field in `loc`
            text = f"{'.'.join(map(str, text[0].get('loc', ())))}: {text[0].get('type')}: {text[0].get('msg')}"
    line = " ".join(re.sub(r"<[^>]*>", " ", str(text or "")).replace(key, "***").split())
    return line if len(line) <= 300 else f"{line[:300]}..."


def verdict(refusal: Refusal, server: str, model: str) -> BackendError:
    """The error to raise for a status of 400 or more.

    Args:
        refusal: the server's.
        server: its base URL.
        model: the one that was asked.
    """
    status, codes = refusal.status, refusal.codes
    because = f" ({refusal.said})" if refusal.said else ""
    if status == 402 or _NO_QUOTA & codes:
        return FatalBackendError(f"the quota of the key at {server} is used up: add credit or use another key{because}")
    if status == 401:
        return FatalBackendError(f"{server} refused the key: set OPENAI_API_KEY to a key of this server{because}")
    if status == 403:
        return FatalBackendError(f"{server} does not let this key use the model {model!r}: change one of them{because}")
    if status in (408, 409, 425, 429) or (status >= 500 and status != 501):
        reason = f"{server} answered {status}{because}"
        return Transient(reason, retry_after=refusal.retry_after, rate_limited=status == 429)
    if _FILTERED & codes:
        return Filtered(f"{server} refused the prompt{because}")
    if status == 413 or _TOO_LONG.search(" ".join([*codes, refusal.said])):
        return TooLong(f"the prompt is too long for the model {model!r}: show or ask less{because}", refusal.context)
    reason = f"{server} refused the request to the model {model!r} with status {status}{because}"
    return Refused(reason, refusal.said, refusal.parameter) if status in (400, 422) else FatalBackendError(reason)


def missing(server: str, model: str, path: str, models: list[str] | None, said: str) -> FatalBackendError:
    """The error for a status of 404.

    Args:
        server: its base URL.
        model: the one that was asked.
        path: of the endpoint that was asked.
        models: those the server has, if it tells.
        said: the server's words.
    """
    because = f" ({said})" if said else ""
    if models is None:
        return FatalBackendError(f"{server}{path} does not exist: check the base URL, it often ends in /v1{because}")
    if model in models:
        return FatalBackendError(
            f"the model {model!r} at {server} does not answer on {path}: use another model{because}"
        )
    shown = get_close_matches(model, models, n=3, cutoff=0.4) or models[:3]
    more = f" and {len(models) - len(shown)} more" if len(models) > len(shown) else ""
    return FatalBackendError(f"{server} has no model {model!r}: it has {', '.join(shown) or 'none'}{more}")


def broken(error: Exception, server: str) -> Transient:
    """The error for a connection that could not be made or that broke: one of aiohttp's, or the system's."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        detail = getattr(error, "os_error", error)
        return Transient(f"no server answers at {server}: is it running? ({detail})", unreachable=True)
    # A server may close a connection that was idle just when it is used again: that is no trouble to wait for.
    idle = isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
    return Transient(f"the connection to {server} broke ({type(error).__name__})", at_once=idle)

"""The models as the command line names them."""

import re
from dataclasses import dataclass

from optiprompt.errors import UsageError


@dataclass(frozen=True)
class Endpoint:
    """A model behind an OpenAI-compatible server: its name there, and the base URL."""

    model: str
    url: str


def endpoint(spec: str) -> Endpoint:
    """The endpoint of `NAME@BASE_URL` or `openai:NAME@BASE_URL`.

    Raises:
        UsageError: it is none; the calls to a model inside this process cannot be counted at a proxy.
    """
    found = re.fullmatch(r"(?:openai:)?(.+?)@(https?://[^/].*)", spec)
    if not found:
        raise UsageError(f"{spec!r}: calls are counted at a proxy: serve the model and write NAME@http://HOST/v1")
    return Endpoint(found[1], found[2].rstrip("/"))

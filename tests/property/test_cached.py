"""Whatever a model says, the cache gives it back as the run recorded it."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optiprompt.backends._cached import Cached, GroupedCache
from optiprompt.backends.base import Message, Reply, Request
from optiprompt.backends.scripted import ScriptedBackend
from optiprompt.cache import ReplyCache
from optiprompt.candidate import Usage

numbers = count()
any_text = st.text(st.characters(), max_size=60)  # every code point, surrogates too


class Saying(ScriptedBackend):
    """Says one text, once."""

    def __init__(self, text: str) -> None:
        super().__init__("saying", [])
        self.left = [text]

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        return [Reply(self.left.pop(), usage=Usage(1, 2, 3))]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompt=any_text, reply=any_text)
def test_any_reply_to_any_prompt_comes_back_as_it_was(tmp_path: Path, prompt: str, reply: str) -> None:
    identity = str(next(numbers))

    async def work() -> None:
        with closing(ReplyCache(tmp_path / "replies.sqlite")) as replies:
            cached = Cached(Saying(reply), lambda: identity, GroupedCache(replies))
            request = Request((Message("user", prompt),))
            [first] = await cached.generate(request, [0])
            await cached.aclose()
            [again] = await cached.generate(request, [0])
        assert first.text == again.text == reply.encode("utf-8", "replace").decode()
        assert (first.usage, again.usage) == (Usage(1, 2, 3), Usage(cached=1))

    asyncio.run(work())

"""Recorded replies, counted for what they are for."""

import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

from optiprompt.backends._recorded import Recorded
from optiprompt.backends.base import Backend, Reply, Request
from optiprompt.candidate import Usage
from optiprompt.journal import Journal


@dataclass(eq=False, slots=True)
class Tally:
    """What some replies took.

    Attributes:
        usage: the calls that were made for them.
        cached: how many cost nothing: on disk before, or asked for already.
        began: when the first was asked for, on the monotonic clock.
        ended: when the last one came.
    """

    usage: Usage = Usage()
    cached: int = 0
    began: float | None = None
    ended: float = 0.0

    @property
    def seconds(self) -> float:
        """From the first request to the last reply."""
        return 0.0 if self.began is None else self.ended - self.began


TALLY: ContextVar[Tally] = ContextVar("tally")
"""Where the running asyncio task and the tasks that it starts are counted; set it before they ask."""


class Counted(Recorded):
    """Counts each reply in the tally of the task that asked for it, and tells a listener."""

    def __init__(self, backend: Backend, journal: Journal, heard: Callable[[], None]) -> None:
        super().__init__(backend, journal)
        self._on_disk = frozenset(self._replies)
        self._heard = heard

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        """As recorded."""
        tally = TALLY.get()
        tally.began = time.monotonic() if tally.began is None else tally.began
        try:
            replies = await super().generate(request, samples)
        finally:
            tally.ended = time.monotonic()
            self._heard()
        key = request.key(self.name)
        for sample, reply in zip(samples, replies, strict=True):
            if reply.finish != "error" and (
                (key, sample) in self._on_disk or reply.usage in (Usage(), Usage(cached=1))
            ):
                tally.cached += 1
            else:
                tally.usage += reply.usage
        return replies

"""A backend that does not ask the run's meter itself, such as a local model: each call of `generate` is one request."""

import asyncio
import math
from collections.abc import Sequence

from optiprompt import meter
from optiprompt.backends._around import Around
from optiprompt.backends._openai_body import prompt_text
from optiprompt.backends.base import Backend, Reply, Request
from optiprompt.candidate import Usage
from optiprompt.errors import BudgetSpent
from optiprompt.prices import price_of

_CHARACTERS_PER_TOKEN = 3.5  # an estimate before the call; afterwards the real tokens count


def metered(backend: Backend) -> Backend:
    """The backend, metered: as it is where it asks the meter itself before each request (`meters = True`)."""
    return backend if getattr(backend, "meters", False) else Metered(backend)


class Metered(Around):
    """Asks the meter before each call of `generate`."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        # A call that costs nothing may be cut when the time is over; a paid reply is waited for.
        price = price_of(backend.name)
        self._free = price is not None and price.free

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        """As the backend answers.

        Raises:
            BudgetSpent: the run may send no more.
        """
        tokens = math.ceil(len(prompt_text(request.prompt)) / _CHARACTERS_PER_TOKEN)
        async with meter.request(self.name, tokens, request.max_tokens, len(samples)) as call:
            replies = await self._in_time(request, samples)
            call.took(sum((reply.usage for reply in replies), Usage()))
        return replies

    async def _in_time(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        running = meter.current()
        left = running.seconds_left() if running and self._free else None
        try:
            async with asyncio.timeout(left) as limit:
                return await self._backend.generate(request, samples)
        except TimeoutError:
            late = running.late() if running and limit.expired() else None
            if late is None:
                raise
            raise BudgetSpent(late) from None

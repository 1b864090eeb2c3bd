"""The optimizer's way to its backend, which may be the scorer's too."""

from collections.abc import Sequence

from optiprompt.backends._around import Around
from optiprompt.backends.base import Reply, Request
from optiprompt.roles import acting


class Proposing(Around):
    """What is asked through it counts as the optimizer's."""

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        """As the backend answers."""
        with acting("optimizer"):
            return await self._backend.generate(request, samples)

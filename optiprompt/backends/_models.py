"""The models of a run, each with its replies kept, and each one however many parts it plays."""

from typing import TypeVar

from optiprompt.backends._cached import GroupedCache
from optiprompt.backends._group import Group
from optiprompt.backends._inner import inner
from optiprompt.backends._metered import metered
from optiprompt.backends._recorded import Recorded
from optiprompt.backends.base import Backend
from optiprompt.journal import Journal

B = TypeVar("B", Backend, None, Backend | None)


class Models:
    """Puts what a run needs around the backends that the user gave.

    Args:
        replies: the run's journal; None for a search in memory only.
        cache: that all runs share.
    """

    def __init__(self, replies: Journal | None, cache: GroupedCache | None) -> None:
        self._replies, self._cache = replies, cache
        self._made: dict[int, Backend] = {}

    def recorded(self, backend: B) -> B | Backend:
        """The run's own journal is asked first, then the cache, then the model; of a group each member so."""
        if backend is None:
            return backend
        if isinstance(backend, Group):
            return Group([self.recorded(each) for each in backend.members])
        if id(backend) not in self._made:
            self._made[id(backend)] = (
                metered(backend) if self._replies is None else Recorded(inner(backend, self._cache), self._replies)
            )
        return self._made[id(backend)]

    async def aclose(self) -> None:
        """Close all."""
        for each in self._made.values():
            await each.aclose()

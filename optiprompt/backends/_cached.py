"""A backend that asks only for what no run has asked before: replies are shared through the reply cache."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from optiprompt.backends._around import Around
from optiprompt.backends._recorded import clean
from optiprompt.backends.base import Backend, Reply, Request
from optiprompt.cache import ReplyCache
from optiprompt.candidate import Usage
from optiprompt.errors import BudgetSpent
from optiprompt.threads import in_thread

GROUP_SECONDS = 1.0  # what a crash loses of it is in the run's own journal

# Made once: json.dumps with settings makes an encoder for each call.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Cached(Around):
    """Gives a reply out of the cache where there is one; that took no call and no token, and counts as `cached`.

    Only complete replies are kept: none that was cut off, refused or failed. A sampled reply without a seed is nobody
    else's, and is neither looked up nor kept.

    Args:
        backend: who is asked for the rest.
        identity: `Cacheable.identity` of the model.
        cache: of the run.
    """

    def __init__(self, backend: Backend, identity: Callable[[], str], cache: "GroupedCache") -> None:
        super().__init__(backend)
        self._identity = identity
        self._cache = cache
        self._whom: asyncio.Task[str] | None = None

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        """As the backend answers, which is asked for the samples that are not in the cache."""
        if request.temperature > 0 and request.seed is None:
            return await self._backend.generate(request, samples)
        keys = await self._keys(request, samples)
        found = await self._cache.get(keys.values())
        hits = {sample: _reply(found[key]) for sample, key in keys.items() if key in found}
        replies = {sample: reply for sample, reply in hits.items() if reply is not None}
        self._cache.hits += len(replies)
        if missing := [sample for sample in samples if sample not in replies]:
            try:
                fresh = [clean(reply) for reply in await self._backend.generate(request, missing)]
            except BudgetSpent as spent:  # what was paid before is kept all the same
                self._keep(keys, spent.replies)
                raise
            answers = dict(zip(missing, fresh, strict=True))
            self._keep(keys, answers)
            replies |= answers
        return [replies[sample] for sample in samples]

    def _keep(self, keys: Mapping[int, bytes], replies: Mapping[int, Reply]) -> None:
        self._cache.put([(keys[s], self.name, reply) for s, reply in replies.items() if reply.finish == "stop"])

    async def aclose(self) -> None:
        """Write what waits, and close the backend; the cache belongs to the run."""
        await self._cache.flush()
        await super().aclose()

    async def _keys(self, request: Request, samples: Sequence[int]) -> dict[int, bytes]:
        if self._whom is None:
            # It may fetch a model's weights. Not under a lock: that lets one at a time go on, and breaks their group.
            self._whom = asyncio.create_task(in_thread(self._identity))
        whom, asked = await asyncio.shield(self._whom), request.digest(self.name)
        return {sample: hashlib.sha256(f"{whom}\n{asked}/{sample}".encode()).digest() for sample in samples}


class GroupedCache:
    """The reply cache for one event loop: what is asked or kept at about the same time is one visit of one thread.

    Attributes:
        hits: how many replies came out of it.
    """

    def __init__(self, cache: ReplyCache) -> None:
        self.hits = 0
        self._cache = cache
        self._reading = asyncio.Lock()
        self._wanted: set[bytes] = set()
        self._lookup: asyncio.Task[dict[bytes, bytes]] | None = None
        self._waiting: list[tuple[bytes, str, Reply]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writes: set[asyncio.Future[None]] = set()

    async def get(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """Replies by key, those of others who asked at the same time among them."""
        self._wanted.update(keys)
        self._lookup = lookup = self._lookup or asyncio.create_task(self._look_up())
        # A cancelled caller must not take the others' replies away.
        return await asyncio.shield(lookup)

    async def _look_up(self) -> dict[bytes, bytes]:
        async with self._reading:
            # Whoever comes from here on belongs to the next group.
            wanted, self._wanted, self._lookup = self._wanted, set(), None
            return await asyncio.get_running_loop().run_in_executor(None, self._cache.get, wanted)

    def put(self, entries: Sequence[tuple[bytes, str, Reply]]) -> None:
        """Keep replies; nobody waits for it."""
        self._waiting += entries
        if self._timer is None and self._waiting:
            self._timer = asyncio.get_running_loop().call_later(GROUP_SECONDS, self._write)

    def _write(self) -> None:
        self._timer = None
        entries, self._waiting = self._waiting, []
        write = asyncio.get_running_loop().run_in_executor(None, self._add, entries)
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)

    def _add(self, entries: Sequence[tuple[bytes, str, Reply]]) -> None:
        self._cache.add([(key, name, _json(reply)) for key, name, reply in entries])

    async def flush(self) -> None:
        """Wait until all that was put is written."""
        if self._timer is not None:
            self._timer.cancel()
            self._write()
        await asyncio.gather(*self._writes)


def _json(reply: Reply) -> bytes:
    return _encode(reply.to_json()).encode()


def _reply(data: bytes) -> Reply | None:
    """A reply out of the cache; None where it cannot be read, so that it is asked for again."""
    try:
        return replace(Reply.of(json.loads(data)), usage=Usage(cached=1))
    except (ValueError, KeyError, TypeError):
        return None

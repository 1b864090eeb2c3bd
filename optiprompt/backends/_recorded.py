"""A backend whose replies are kept in the run, so that a resumed run pays for none of them again."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace

from optiprompt.backends.base import Backend, Form, Reply, Request, ranks
from optiprompt.candidate import Usage
from optiprompt.errors import RunError
from optiprompt.journal import Journal


class Recorded:
    """Asks the backend only for samples that are not in the journal, and records each before it is used."""

    def __init__(self, backend: Backend, journal: Journal) -> None:
        self._backend = backend
        self._journal = journal
        self._requests: set[str] = set()
        self._replies: dict[tuple[str, int], Reply] = {}
        self._given: set[tuple[str, int]] = set()
        self._under_way: dict[str, asyncio.Lock] = {}
        for record in journal.records:
            self._load(record)

    def _load(self, record: dict[str, object]) -> None:
        if record.get("backend") != self.name:
            return
        key = str(record["request"])
        if "prompt" in record:
            self._requests.add(key)
            return
        try:
            fields = dict(record["reply"])  # type: ignore[call-overload]
            reply = Reply(**{**fields, "usage": Usage(**fields["usage"])})
        except (KeyError, TypeError) as error:
            raise RunError(f"replies.jsonl holds a record that is no reply: {error}") from error
        self._replies[key, int(str(record["sample"]))] = reply

    @property
    def name(self) -> str:
        return self._backend.name

    @property
    def proposes(self) -> Form:
        return self._backend.proposes

    @property
    def decodes(self) -> bool:
        return self._backend.decodes

    @property
    def ranks(self) -> bool:
        return ranks(self._backend)

    @property
    def context(self) -> int:
        return self._backend.context

    def count_tokens(self, text: str) -> int:
        """As the backend counts."""
        return self._backend.count_tokens(text)

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        """As the backend answers; what is on disk or under way is not asked again.

        A reply that is given out a second time took nothing: its usage is empty then.
        """
        key = request.key(self.name)
        failed: dict[int, Reply] = {}
        # Two examples may ask the same: the second waits for the first one's reply.
        async with self._under_way.setdefault(key, asyncio.Lock()):
            missing = [sample for sample in samples if (key, sample) not in self._replies]
            if missing:
                answers = [_clean(reply) for reply in await self._backend.generate(request, missing)]
                replies = dict(zip(missing, answers, strict=True))
                failed = {sample: reply for sample, reply in replies.items() if reply.finish == "error"}
                await self._record(key, request, {s: reply for s, reply in replies.items() if s not in failed})
        return [failed[sample] if sample in failed else self._give((key, sample)) for sample in samples]

    def _give(self, name: tuple[str, int]) -> Reply:
        if name in self._given:
            return replace(self._replies[name], usage=Usage())
        self._given.add(name)
        return self._replies[name]

    async def _record(self, key: str, request: Request, replies: dict[int, Reply]) -> None:
        records: list[dict[str, object]] = []
        if key not in self._requests:
            self._requests.add(key)
            records.append({"request": key, "backend": self.name, **request.to_json()})
        for sample, reply in replies.items():
            self._replies[key, sample] = reply
            records.append({"request": key, "backend": self.name, "sample": sample, "reply": asdict(reply)})
        await self._journal.commit(records)

    async def aclose(self) -> None:
        """Close the backend; the journal belongs to the run."""
        await self._backend.aclose()


def _clean(reply: Reply) -> Reply:
    """The reply without lone surrogates, which no file and no other model would take."""
    return replace(reply, text=reply.text.encode("utf-8", "replace").decode())

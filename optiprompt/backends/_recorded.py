"""A backend whose replies are kept in the run, so that a resumed run pays for none of them again."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from optiprompt.backends._around import Around
from optiprompt.backends.base import Backend, Reply, Request
from optiprompt.candidate import Usage
from optiprompt.errors import BudgetSpent, RunError
from optiprompt.journal import Journal
from optiprompt.roles import current_role


class Recorded(Around):
    """Asks the backend only for samples that are not in the journal, and records each before it is used."""

    def __init__(self, backend: Backend, journal: Journal) -> None:
        super().__init__(backend)
        self._journal = journal
        self._requests: set[str] = set()
        self._replies: dict[tuple[str, int], Reply] = {}
        self._given: set[tuple[str, int]] = set()
        self._under_way: dict[str, asyncio.Lock] = {}
        steps = [place for place, record in enumerate(journal.records) if "stepped" in record]
        for place, record in enumerate(journal.records):
            self._load(record)
            if steps and place == steps[-1]:  # what came before is in the account of that step
                self._given.update(self._replies)

    def _load(self, record: dict[str, object]) -> None:
        if record.get("backend") != self.name:  # another backend's, or a note of the meter
            return
        key = str(record["request"])
        if "prompt" in record:
            self._requests.add(key)
            return
        try:
            reply = Reply.of(record["reply"])  # type: ignore[arg-type]
        except (KeyError, TypeError) as error:
            raise RunError(f"replies.jsonl holds a record that is no reply: {error}") from error
        self._replies[key, int(str(record["sample"]))] = reply

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
                try:
                    answers = [clean(reply) for reply in await self._backend.generate(request, missing)]
                except BudgetSpent as spent:  # a run with a larger budget needs the replies that came before
                    await self._record(key, request, {s: clean(reply) for s, reply in spent.replies.items()})
                    raise
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
            asked = {"request": key, "backend": self.name, "role": current_role()}
            records.append({**asked, **request.to_json()})
        for sample, reply in replies.items():
            self._replies[key, sample] = reply
            records.append({"request": key, "backend": self.name, "sample": sample, "reply": reply.to_json()})
        await self._journal.commit(records)


def clean(reply: Reply) -> Reply:
    """The reply without lone surrogates, which no file and no other model would take."""
    if reply.text.isascii():
        return reply
    return replace(reply, text=reply.text.encode("utf-8", "replace").decode())

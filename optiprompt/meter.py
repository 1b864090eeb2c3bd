"""What a run has spent, and whether it may send one more request: asked before each, by optimizer and scorer alike.

A backend that sends requests itself takes part with

    async with meter.request(name, prompt_tokens, longest) as call:
        ...                       # send it
        call.took(usage)          # the real tokens

and says so with an attribute `meters = True`; for all others `metered` does it, one request a call of `generate`.
Outside a run all this does nothing.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime

from optiprompt.attempts import Attempts
from optiprompt.budget import Budget
from optiprompt.candidate import Usage
from optiprompt.errors import BudgetSpent
from optiprompt.events import Event
from optiprompt.journal import Journal
from optiprompt.ledger import Call, spent_before
from optiprompt.prices import FREE, Price
from optiprompt.roles import Role, current_role


class Meter:
    """Counts what a run spends, the parts before a resumption included, and keeps it within its budget.

    Set `held_back` to leave so many calls for the end, and `held_share` to leave that share of tokens, money and time;
    `aside` to leave so many calls more for something else.

    Calls are counted before they are sent, and where they are limited written to the journal too, so that no crash
    makes the run forget one. Of tokens and money an estimate is set aside until the answer is there: the tokens of the
    prompt as the backend counts them, and for each reply the longest one that this model has given under the same
    `max_tokens` (before the first: `max_tokens`). What was spent can be over the limit only by the error of the
    estimates of the last calls. Where what is set aside leaves no room, a call waits for those under way before it is
    refused.
    """

    def __init__(
        self,
        budget: Budget,
        prices: Mapping[str, Price | None],
        journal: Journal | None = None,
        events: Sequence[Event] = (),
    ) -> None:
        """Begin the clock.

        Args:
            budget: the limits.
            prices: by the backend's name; None where it is not known.
            journal: of the run's replies; what it holds was spent before.
            events: of the run so far; their times tell how long it was at work before.
        """
        self._budget = budget
        self._prices = prices
        self._journal = journal
        self._spent = spent_before(journal.records if journal else (), events)
        self._events = len(events)
        self._began = time.monotonic() - self._spent.seconds
        self._noted = False
        self._reserved: set[Call] = set()
        self._longest: dict[tuple[str, int], int] = {}  # by backend and max_tokens; 0: whatever that was
        self._door = asyncio.Lock()
        self._settled = asyncio.Event()
        self.held_back, self.held_share, self.aside = 0, 0.0, 0
        self.attempts = Attempts()

    @property
    def usd(self) -> float | None:
        """US dollars; None where a model was asked whose price is not known."""
        used = [name for name, usage in self._spent.usage.items() if usage.tokens]
        return None if any(self._prices.get(name) is None for name in used) else self._cost

    @property
    def seconds(self) -> float:
        """How long the run has been at work."""
        return time.monotonic() - self._began

    def seconds_left(self) -> float | None:
        """Until the time is over; None where there is no limit."""
        if self._budget.minutes is None:
            return None
        return max(0.0, self._limit(self._budget.minutes * 60) - self.seconds)

    def remaining_calls(self, role: Role = "scorer") -> int | None:
        """How many requests a role may still send, those held back aside; None where there is no limit."""
        held = self.held_back + self.aside
        return min((left for left, _ in self._spent.limits(self._budget, role, held)), default=None)

    def calls_by_role(self) -> dict[str, int]:
        """Requests to the optimizer, and to the scorer."""
        return dict(self._spent.by_role)

    def total(self) -> Usage:
        """Calls and tokens of all backends."""
        return sum(self._spent.usage.values(), Usage(calls=self._spent.calls))

    def spent(self, role: Role = "scorer") -> str | None:
        """Why no request may be sent in a role any more; None while some may."""
        budget = self._budget
        for left, reason in self._spent.limits(budget, role, self.held_back, self.aside):
            if not left:
                return reason
        if budget.tokens is not None and self._spent.tokens >= self._limit(budget.tokens):
            return self._said(money=False)
        if budget.usd is not None and self._cost >= self._limit(budget.usd):
            return self._said(money=True)
        return self.late()

    def _limit(self, whole: float) -> float:
        """What may be spent now of tokens, money or time."""
        return whole * (1 - self.held_share)

    def affordable(self) -> float:
        """How many calls the budget still has room for, at what a call has taken so far; infinite without limits."""
        room = [math.inf]
        made, budget = self._spent.calls, self._budget
        if (left := self.remaining_calls()) is not None:
            room.append(left)
        for limit, spent in ((budget.tokens, self._spent.tokens), (budget.usd, self._cost)):
            if limit is not None and spent:
                room.append(max(0.0, limit - spent) * made / spent)
        if (seconds := self.seconds_left()) is not None and self.seconds and made:
            room.append(seconds * made / self.seconds)
        return min(room)

    def _said(self, money: bool) -> str:
        if money:
            return f"${self._cost:.4f} of ${self._budget.usd:g} are spent{self._kept}"
        return f"{self._spent.tokens:,} of {self._budget.tokens:,} tokens are spent{self._kept}"

    def late(self) -> str | None:
        """Why the run stops where the time is over."""
        return f"{self._budget.minutes:g} minutes are over{self._kept}" if self.seconds_left() == 0 else None

    @property
    def _kept(self) -> str:
        return f", all but the {self.held_share:.0%} kept for dev and test" if self.held_share else ""

    def at_work(self) -> None:
        """There is something to do: note the time, so that the pause before is not taken for work later."""
        if not self._noted and self._journal is not None:
            self._journal.append({"working": datetime.now(UTC).isoformat(), "events": self._events})
        self._noted = True

    @asynccontextmanager
    async def request(self, backend: str, prompt_tokens: int, longest: int, replies: int = 1) -> AsyncIterator[Call]:
        """The time from sending a request to its answer.

        Args:
            backend: name of the one that is asked.
            prompt_tokens: of the prompt, as well as they can be counted.
            longest: the most tokens of one reply.
            replies: how many are asked for.

        Raises:
            BudgetSpent: it must not be sent.
        """
        expected = min(longest, self._longest.get((backend, longest)) or self._longest.get((backend, 0)) or longest)
        call = Call(backend, Usage(1, prompt_tokens, replies * expected))
        if self._budget.tokens is not None or self._budget.usd is not None:
            async with self._door:  # one after the other: who waits for room is not overtaken
                await self._room_for(call)
        elif reason := self.spent(current_role()):
            raise BudgetSpent(reason)
        self._count(backend)
        self._reserved.add(call)
        try:
            yield call
        finally:
            self._reserved.discard(call)
            self._spent.add(backend, call.usage)
            for _ in range(call.usage.calls - 1):
                self._count(backend)
            if each := math.ceil(call.usage.completion_tokens / replies):
                for kind in ((backend, longest), (backend, 0)):
                    self._longest[kind] = max(each, self._longest.get(kind, 0))
            self._settled.set()

    async def _room_for(self, call: Call) -> None:
        while True:
            if reason := self.spent(current_role()):
                raise BudgetSpent(reason)
            tokens, usd = self._with(call)
            over_tokens = self._budget.tokens is not None and tokens > self._limit(self._budget.tokens)
            over_usd = self._budget.usd is not None and usd > self._limit(self._budget.usd)
            if not over_tokens and not over_usd:
                return
            if not self._reserved:
                raise BudgetSpent(f"{self._said(money=over_usd)}, and the next call may take more than is left")
            self._settled.clear()
            await self._settled.wait()

    def _with(self, call: Call) -> tuple[int, float]:
        """Tokens and US dollars if this call is sent too, and all under way take what is set aside for them."""
        under_way = [call, *self._reserved]
        tokens = sum(each.reserved.tokens for each in under_way)
        usd = sum((self._prices.get(each.backend) or FREE).of(each.reserved) for each in under_way)
        return self._spent.tokens + tokens, self._cost + usd

    @property
    def _cost(self) -> float:
        return sum((self._prices.get(name) or FREE).of(each) for name, each in self._spent.usage.items())

    def _count(self, backend: str) -> None:
        self._spent.count(current_role())
        if self._journal is not None and self._budget.limits_calls:
            self._journal.append({"sent": backend, "role": current_role()})


_current: ContextVar[Meter | None] = ContextVar("meter", default=None)


def current() -> Meter | None:
    """The meter of the run that this is part of; None outside."""
    return _current.get()


@contextmanager
def metering(meter: Meter) -> Iterator[None]:
    """What is asked in this block is the run's."""
    token = _current.set(meter)
    try:
        yield
    finally:
        _current.reset(token)


def request(
    backend: str, prompt_tokens: int, longest: int, replies: int = 1
) -> AbstractAsyncContextManager[Call, bool | None]:
    """As `Meter.request` of the current run; outside a run nothing is counted.

    Raises:
        BudgetSpent: it must not be sent.
    """
    meter = current()
    if meter is None:
        return nullcontext(Call(backend, Usage()))
    return meter.request(backend, prompt_tokens, longest, replies)


def spent(role: Role = "scorer") -> str | None:
    """Why the current run may send no request in that role any more; None while it may, and outside a run."""
    meter = current()
    return meter.spent(role) if meter is not None else None


def affordable() -> float:
    """As `Meter.affordable` of the current run; infinite outside."""
    meter = current()
    return meter.affordable() if meter is not None else math.inf


def hold_back(calls: int, share: float) -> None:
    """Leave so many calls of the current run for later, and that share of its tokens, money and time; 0 frees all."""
    meter = current()
    if meter is not None:
        meter.held_back, meter.held_share = calls, share


def money() -> float | None:
    """US dollars that the current run has spent; None where that is nothing, or not known."""
    meter = current()
    return (meter.usd or None) if meter is not None else None


def at_work() -> None:
    """The current run has something to do."""
    meter = current()
    if meter is not None:
        meter.at_work()


def in_time() -> None:
    """Where work that is no model call begins.

    Raises:
        BudgetSpent: the run's time is over.
    """
    meter = current()
    if meter is not None and (reason := meter.late()):
        raise BudgetSpent(reason)

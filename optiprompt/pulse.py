"""What a run has spent is told now and then, since a single step may take minutes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from optiprompt.budget import Budget
from optiprompt.events import Working
from optiprompt.meter import Meter
from optiprompt.store import Run

SECONDS = 1.0


@asynccontextmanager
async def pulse(store: Run, meter: Meter, budget: Budget) -> AsyncIterator[None]:
    """Tell the run's watcher every second, as long as the block lasts."""

    async def beat() -> None:
        while True:  # at once for the first time: what a resumed run has spent counts before its first step
            store.working(Working(meter.total(), meter.usd or None, share(meter, budget)))
            await asyncio.sleep(SECONDS)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        # A watcher that fails here fails with the next event too, which ends the run and says so.
        await asyncio.gather(beating, return_exceptions=True)


def share(meter: Meter, budget: Budget) -> float:
    """How much is spent of the limit that is nearest; 0 where there is none.

    Calls to the optimizer are left out: some operators go on without them.
    """
    total, by_role = meter.total(), meter.calls_by_role()
    spent = [
        (total.calls, budget.calls),
        (by_role.get("scorer", 0), budget.scorer_calls),
        (total.tokens, budget.tokens),
        (meter.usd or 0.0, budget.usd),
        (meter.seconds / 60, budget.minutes),
    ]
    return min(1.0, max((some / limit for some, limit in spent if limit), default=0.0))

"""What a run has spent is told now and then, since a single step may take minutes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from optiprompt.events import Working
from optiprompt.meter import Meter
from optiprompt.store import Run

SECONDS = 1.0


@asynccontextmanager
async def pulse(store: Run, meter: Meter) -> AsyncIterator[None]:
    """Tell the run's watcher every second, as long as the block lasts."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(SECONDS)
            store.working(Working(meter.total(), meter.usd))

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        # A watcher that fails here fails with the next event too, which ends the run and says so.
        await asyncio.gather(beating, return_exceptions=True)

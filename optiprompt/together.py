"""Several pieces of work at once, their results in order."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from optiprompt.errors import BudgetSpent

T = TypeVar("T")


async def together(works: Sequence[Coroutine[Any, Any, T]], done: Callable[[int, T], None]) -> None:
    """Run all at once, and give each result with its place to `done`, in order.

    Raises:
        BudgetSpent: one of them may go on no more; raised after the others, whose calls are paid.
        Exception: what one of them raises; the others are cut.
    """
    running = [asyncio.ensure_future(work) for work in works]
    spent: BudgetSpent | None = None
    try:
        for place, each in enumerate(running):
            try:
                result = await each
            except BudgetSpent as error:
                spent = error
            else:
                done(place, result)
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    if spent is not None:
        raise spent

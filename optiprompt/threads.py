"""Blocking work beside the event loop, and in it."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def turn() -> None:
    """Wait before some tenths of a millisecond of work: in each round of the event loop one caller goes on.

    Replies come in crowds. Worked on all at once, they would keep the loop from the network for many milliseconds, in
    which the next calls are not sent.
    """
    async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        await asyncio.sleep(0)


async def in_thread(work: Callable[[], T]) -> T:
    """The work's result, from a thread of its own that nothing waits for.

    asyncio's own threads are joined when the loop closes, so Ctrl-C would wait for work that takes minutes. This one is
    left behind when the caller is cancelled, and ends with the process.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def body() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - raised again in the caller's task
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=body, name="optiprompt-work", daemon=True).start()
    return await done

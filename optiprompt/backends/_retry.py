"""The one retry loop: what may pass is tried again, with bounds on the attempts, on each one's time and on all time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, RetryError, retry_if_exception_type, wait_random_exponential

from optiprompt import meter
from optiprompt.errors import BackendError
from optiprompt.roles import current_role

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to go on with a call that fails.

    The wait before attempt k + 1 is what the server asks for (Retry-After), and on top of it a time drawn from 0 to
    `first_wait * 2 ** (k - 1)` seconds, so that calls that failed together do not come back together.

    Attributes:
        attempts: the most attempts of one call.
        connects: the most attempts while nothing answers at the server's address.
        first_wait: the longest first wait, in seconds.
        longest_wait: the most of either part of a wait, in seconds.
        total: seconds after which no attempt is begun and a running one is cut.
    """

    attempts: int = 8
    connects: int = 3
    first_wait: float = 0.5
    longest_wait: float = 60.0
    total: float = 600.0


class Transient(BackendError):
    """A failure that may pass.

    Args:
        reason: one line.
        retry_after: seconds the server asks to wait.
        rate_limited: the server is asked too often.
        unreachable: nothing answers at the server's address.
        at_once: the next attempt need not wait, if this was the first.
    """

    def __init__(
        self,
        reason: str,
        *,
        retry_after: float | None = None,
        rate_limited: bool = False,
        unreachable: bool = False,
        at_once: bool = False,
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.rate_limited = rate_limited
        self.unreachable = unreachable
        self.at_once = at_once


async def retry(attempt: Callable[[], Awaitable[T]], policy: RetryPolicy, timeout: float) -> T:
    """Run `attempt` until it gives a result.

    Args:
        attempt: raises `Transient` where trying again may help; every other error passes through at once.
        policy: the bounds.
        timeout: seconds an attempt may take from its start to the last byte of its answer.

    Raises:
        BackendError: no attempt within the bounds gave a result; names the last reason.
    """
    started = time.monotonic()

    async def bounded() -> T:
        allowed = max(0.0, min(timeout, started + policy.total - time.monotonic()))
        try:
            # The hard deadline also cuts a server that keeps the connection alive by dripping bytes.
            async with asyncio.timeout(allowed):
                return await attempt()
        except TimeoutError as error:
            raise Transient(f"no complete answer within {allowed:.3g} s") from error

    try:
        return await _told(bounded())
    except Transient as error:
        failures = [error]

    # tenacity comes in when a call has failed, for setting it up takes time: the first attempt is the one above.
    async def again() -> T:
        if failures:
            raise failures.pop()
        return await _told(bounded())

    waits = wait_random_exponential(multiplier=policy.first_wait, max=policy.longest_wait)

    def wait(state: RetryCallState) -> float:
        failure = _failure(state)
        if failure.at_once and state.attempt_number == 1:
            return 0.0
        asked = failure.retry_after
        return waits(state) + min(asked or 0.0, policy.longest_wait)

    def stop(state: RetryCallState) -> bool:
        most = min(policy.connects, policy.attempts) if _failure(state).unreachable else policy.attempts
        return state.attempt_number >= most or time.monotonic() + state.upcoming_sleep >= started + policy.total

    retrying = AsyncRetrying(retry=retry_if_exception_type(Transient), wait=wait, stop=stop)
    try:
        result: T = await retrying(again)
    except RetryError as error:
        count = error.last_attempt.attempt_number
        tries = "1 attempt" if count == 1 else f"{count} attempts in {time.monotonic() - started:.3g} s"
        raise BackendError(
            f"{error.last_attempt.exception()} (gave up after {tries})"
        ) from error.last_attempt.exception()
    return result


async def _told(attempt: Awaitable[T]) -> T:
    """The result; the run hears what became of the attempt."""
    run = meter.current()
    try:
        result = await attempt
    except BackendError as error:
        if run:
            run.attempts.tell(current_role(), str(error))
        raise
    if run:
        run.attempts.tell(current_role())
    return result


def _failure(state: RetryCallState) -> Transient:
    failure = state.outcome.exception() if state.outcome else None
    assert isinstance(failure, Transient)  # nothing else is retried
    return failure


def retry_after(value: str | None) -> float | None:
    """Seconds to wait by a Retry-After header, a number or an HTTP date; None where it says neither."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        seconds = (date - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if seconds == seconds else None

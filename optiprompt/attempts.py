"""Whether the models of a run answer at all, and calls that are set aside while others are made."""

from collections.abc import Iterator
from contextlib import contextmanager

from optiprompt import meter

SURE = 2  # attempts that may fail before it is said that no model answers


def attempted(failure: str = "") -> None:
    """A model was asked, and why that brought nothing; empty where it did."""
    current = meter.current()
    if current is None:
        return
    if failure and not current.heard:
        current.failures = [*current.failures[-SURE:], failure]
    elif not failure:
        current.heard, current.failures = True, []


def unheard() -> str:
    """Why the last attempt failed, where some did and no model has replied since the run began; else empty."""
    current = meter.current()
    return current.failures[-1] if current is not None and len(current.failures) > SURE else ""


@contextmanager
def aside(calls: int) -> Iterator[None]:
    """Leave so many calls for later within the block."""
    current = meter.current()
    if current is None:
        yield
        return
    current.aside = calls
    try:
        yield
    finally:
        current.aside = 0

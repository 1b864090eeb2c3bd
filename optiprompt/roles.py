"""Which of a run's two models is asked: also where one backend is both, its calls are told apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Role = Literal["optimizer", "scorer"]
"""The optimizer proposes; all else, a judge too, is asked for scores."""

_role: ContextVar[Role] = ContextVar("role", default="scorer")


def current_role() -> Role:
    """The role in which this asyncio task asks."""
    return _role.get()


@contextmanager
def acting(role: Role) -> Iterator[None]:
    """What is asked in this block, and by the tasks that it starts, is asked in this role."""
    token = _role.set(role)
    try:
        yield
    finally:
        _role.reset(token)

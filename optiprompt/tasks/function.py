"""Any Python function as a task."""

import asyncio
import copy
import math
import random
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from optiprompt.backends.base import Backend
from optiprompt.candidate import Candidate, Direction, Evaluation
from optiprompt.errors import ParseError, UsageError
from optiprompt.meter import in_time
from optiprompt.spaces.base import Space
from optiprompt.tasks.base import Task
from optiprompt.threads import in_thread

T = TypeVar("T")


class FunctionTask(Task):
    """Scores candidates of any space with a Python function.

    Args:
        name: of the task and its runs.
        space: which candidates there are.
        score: takes a candidate's value; returns its score, or an `Evaluation` with more to say. A candidate for which
            it raises, or returns a number that is not finite, has failed; the reason is kept and the search goes on.
        describe: what is optimised, for the meta-prompt.
        start: starting candidates in the space's text form, or how many random ones to draw.
        direction: whether a higher or a lower score is better.
        score_name: what the score is called in the meta-prompt.
        workers: how many candidates are scored at once, each in a thread of its own.
        costs: takes a candidate's value; returns what it costs, by name, without scoring it: `{"parameters": 1.2e6}`.
            Called once for each candidate; one for which it raises is rejected with the reason.
    """

    split = "function"

    def __init__(
        self,
        name: str,
        space: Space[T],
        score: Callable[[T], float | Evaluation],
        *,
        describe: str = "",
        start: Sequence[str] | int = 4,
        direction: Direction = "maximize",
        score_name: str = "score",
        workers: int = 1,
        costs: Callable[[T], Mapping[str, float]] | None = None,
    ) -> None:
        if workers < 1:
            raise UsageError(f"workers must be at least 1, not {workers}")
        self.name = name
        self.space = space
        self.direction = direction
        self.description = describe
        self.score_name = score_name
        self._score: Callable[[Any], float | Evaluation] = score
        self._costs: Callable[[Any], Mapping[str, float]] | None = costs
        self._known_costs: dict[str, dict[str, float]] = {}
        self._start = start
        self._workers = workers
        self._free: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None

    def start(self, rng: random.Random) -> Sequence[str]:
        """The given texts, or as many random candidates as asked for."""
        if not isinstance(self._start, int):
            return self._start
        return [self.space.render(self.space.sample(rng)) for _ in range(self._start)]

    def costs(self, candidate: Candidate[Any]) -> dict[str, float]:
        """What the user's function says, as Python's own numbers.

        Raises:
            ParseError: it fails on this candidate.
        """
        if self._costs is None:
            return {}
        # Once: a cost that is measured varies, and what is recorded is what was within the limit.
        if (known := self._known_costs.get(candidate.key)) is not None:
            return dict(known)
        try:
            # A copy: the user's code may change what it is given.
            told = self._costs(copy.deepcopy(candidate.value))
            found = {str(name): float(cost) for name, cost in told.items()}
        except Exception as error:  # noqa: BLE001 - the user's code: its errors are this candidate's
            raise ParseError(f"its costs cannot be told: {type(error).__name__}: {error}") from None
        self._known_costs[candidate.key] = found
        return dict(found)

    async def evaluate(self, candidate: Candidate[Any], scorer: Backend | None) -> Evaluation:
        """Call the function, in a thread."""
        async with self._semaphore():
            in_time()
            return await in_thread(lambda: self._evaluate(candidate.value))

    def _semaphore(self) -> asyncio.Semaphore:
        # A semaphore belongs to one event loop, and each search has its own.
        loop = asyncio.get_running_loop()
        if self._free is None or self._free[0] is not loop:
            self._free = loop, asyncio.Semaphore(self._workers)
        return self._free[1]

    def _evaluate(self, value: Any) -> Evaluation:
        try:
            score = self._score(copy.deepcopy(value))
            if isinstance(score, Evaluation):
                return _plain(score)
            if not math.isfinite(number := float(score)):
                return Evaluation.failed(f"{_called(self._score)} returned {number}, which is no finite score")
            return Evaluation("ok", number)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code: its errors are this candidate's
            frame = traceback.extract_tb(error.__traceback__)[-1]
            return Evaluation.failed(f"{type(error).__name__}: {error} ({frame.filename}:{frame.lineno})")

    def identity(self) -> dict[str, Any]:
        """The name and the space; a function has no identity that could be compared."""
        return {"name": self.name, "space": self.space.describe()}


def _called(function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    name = getattr(function, "__name__", type(function).__name__)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name


def _plain(evaluation: Evaluation) -> Evaluation:
    """The evaluation with Python's own numbers, where it came with numpy's or torch's."""
    return replace(
        evaluation,
        score=None if evaluation.score is None else float(evaluation.score),
        stderr=None if evaluation.stderr is None else float(evaluation.stderr),
        n=int(evaluation.n),
        metrics={str(name): float(value) for name, value in evaluation.metrics.items()},
        curve=tuple(map(float, evaluation.curve)),
    )

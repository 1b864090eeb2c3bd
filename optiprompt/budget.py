"""What a run may spend, and when it may stop before."""

import math
from dataclasses import dataclass

from optiprompt.errors import UsageError
from optiprompt.trajectory import Trajectory

BARREN_STEPS = 20
FAILING_STEPS = 5
FAILURES = 20
# Each of these ends a run in the end; patience and target may never.
ENDS = ("steps", "evaluations", "calls", "optimizer_calls", "scorer_calls", "tokens", "usd", "minutes")
_WHOLE = {"steps": 0} | dict.fromkeys(
    ("evaluations", "patience", "calls", "optimizer_calls", "scorer_calls", "tokens"), 1
)  # the least of each


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may spend; None is no limit. All are totals over the run, resumed parts included.

    Attributes:
        steps: optimization steps; the starting candidates are not one.
        evaluations: unique candidates scored, the starting candidates included.
        patience: stop after this many steps in a row without a better score.
        target: stop when the best score is this good or better.
        calls: requests sent to optimizer and scorer together, those that failed included; never one over. Several
            samples that a server gives in one answer (`n`) are one request.
        optimizer_calls: likewise, those of the optimizer alone.
        scorer_calls: likewise, those of the scorer, with those of a judge.
        tokens: of prompts and replies.
        usd: US dollars; the price of each model must be known (prices.py).
        minutes: of the time in which the run is at work.
    """

    steps: int | None = None
    evaluations: int | None = None
    patience: int | None = None
    target: float | None = None
    calls: int | None = None
    optimizer_calls: int | None = None
    scorer_calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        for name, least in _WHOLE.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} must be at least {least}, not {value}")
        if self.target is not None and not math.isfinite(self.target):
            raise UsageError(f"target must be a finite number, not {self.target}")
        for name in ("usd", "minutes"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise UsageError(f"{name} must be a finite number above 0, not {value}")
        if all(getattr(self, name) is None for name in ENDS):
            raise UsageError(f"a run needs an end: give one of {', '.join(ENDS)}")

    @property
    def limits_calls(self) -> bool:
        """Whether calls are limited, together or by role."""
        return any(limit is not None for limit in (self.calls, self.optimizer_calls, self.scorer_calls))

    def room(self, trajectory: Trajectory, wanted: int) -> int:
        """How many of the wanted new candidates may still be evaluated."""
        return wanted if self.evaluations is None else min(wanted, self.evaluations - len(trajectory))

    def spent(self, trajectory: Trajectory) -> str | None:
        """Why the run stops now; None while it goes on."""
        if trajectory.steps < 0:
            return None
        best = trajectory.best
        if best and self.target is not None and not trajectory.better(self.target, best.score):
            return f"the target {self.target:g} is reached"
        if self.evaluations is not None and len(trajectory) >= self.evaluations:
            return f"{self.evaluations} evaluations are made"
        if self.steps is not None and trajectory.steps >= self.steps:
            return f"{self.steps} steps are done"
        if self.patience is not None and trajectory.stale_steps() >= self.patience:
            return f"{self.patience} steps brought nothing better"
        if trajectory.barren >= BARREN_STEPS:
            return f"{BARREN_STEPS} steps in a row brought no new candidate"
        return None


def hopeless(trajectory: Trajectory) -> str | None:
    """Why it makes no sense to go on, with the root cause: step after step every call or evaluation failed.

    Once something has been scored the set-up works, and single candidates that fail are data: then a longer row counts.
    """
    least = FAILURES if trajectory.best else 1
    if trajectory.failing < FAILING_STEPS or len(trajectory.failures) < least:
        return None
    return f"{trajectory.failing} steps in a row failed; the last: {trajectory.failures[-1].evaluation.reason}"

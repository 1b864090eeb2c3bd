"""Races where the scorer's calls are few for the candidates to come: brief looks at many find more than long ones."""

from collections.abc import Sequence

from optiprompt.budget import Budget
from optiprompt.finals import reserved
from optiprompt.racing import Racing
from optiprompt.tasks.base import Task

FEWEST_SEEN = 4


def fitted(racing: Racing, calls: float, total: int) -> Racing:
    """The default race made sparing where calls are few.

    Args:
        racing: what was asked for; a race of the user's own is left as it is.
        calls: to the scorer that there are for each candidate.
        total: how many examples there are.
    """
    if racing != Racing() or calls >= total / 2:
        return racing
    first = max(FEWEST_SEEN, min(racing.first_block, int(calls / 2)))
    return Racing(confidence=0.9, first_block=first, growth=2.0, keep=0.5)


def examples_each(task: Task, budget: Budget, started: int, proposals: int, elsewhere: Sequence[Task] | None) -> float:
    """How many examples each candidate to come could be scored on; infinite where calls are not limited.

    Args:
        task: what is searched.
        budget: of the run.
        started: how many starting candidates there are, each scored on all examples.
        proposals: how many there will be at most, were it not for the budget.
        elsewhere: the tasks of transfers; None where nothing is kept for the end.
    """
    limits = [each for each in (budget.calls, budget.scorer_calls) if each is not None]
    if not limits:
        return float("inf")
    spent = started * len(task.examples) * task.calls_each
    kept = 0 if elsewhere is None else reserved(task, spent, budget, elsewhere)[0]
    known = [each for each in (budget.optimizer_calls, budget.evaluations) if each is not None]
    left = max(0, min(limits) - spent - kept)
    return left / max(1, min([proposals, *known])) / (task.repeats * task.calls_each)

"""Limits on what a candidate may cost: checked before anything is evaluated (TabNAS: Yang et al. 2022, 2204.07615).

A candidate beyond a limit is rejected, never repaired or punished in its score: what is drawn by rejection is a fair
draw from the candidates within the limits.
"""

import math
import random
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from optiprompt.candidate import Candidate
from optiprompt.errors import ParseError, UsageError
from optiprompt.front import show_cost

if TYPE_CHECKING:
    from optiprompt.tasks.base import Task

COMPARED = 8  # draws of the starting candidates: what is random is hardly the same in all of them
DRAWS = 20_000  # in a row without one within the limits: then there is none, or as good as


def counted(task: "Task") -> list[str]:
    """The costs that matter, by name."""
    return list(dict.fromkeys((*task.limits, *([task.pareto] if task.pareto else []))))


def over(task: "Task", costs: Mapping[str, float]) -> str:
    """Why a candidate with these costs is rejected, for the optimizer to read; empty where it is not."""
    for name in counted(task):
        cost, called = costs.get(name), task.cost_name(name)
        if cost is None or not math.isfinite(cost):
            return f"its {called} cannot be told"
        if name in task.limits and cost > task.limits[name]:
            return f"its {called}, {show_cost(cost)}, is above the limit of {show_cost(task.limits[name])}"
    return ""


def check_cost(task: "Task", name: str) -> None:
    """Make sure that a task can tell a cost of its candidates before they are scored.

    Raises:
        UsageError: it cannot; names what it can tell.
    """
    problems: list[str] = []
    known = next(_told(task, problems), {})
    if not known and problems:
        raise UsageError(f"the task {task.name} cannot tell the {name} of a candidate: {problems[-1]}")
    if name not in known:
        mend = f"it can tell {', '.join(known)}" if known else "leave out the limit or the Pareto search"
        raise UsageError(f"the task {task.name} cannot tell the {name} of a candidate before scoring it: {mend}")


def _told(task: "Task", problems: list[str]) -> Iterator[Mapping[str, float]]:
    """The costs of the starting candidates and of a random one, where they can be told; else why not is added."""
    rng = random.Random(0)
    candidates: list[Candidate[Any]] = []
    for text in task.start(rng):
        with suppress(ParseError):
            candidates.append(task.space.candidate(text))
    with suppress(ParseError, UsageError):  # there are spaces that cannot be drawn from
        candidates.append(task.space.of(task.space.sample(rng)))
    for candidate in candidates:
        try:
            yield task.costs(candidate)
        except ParseError as error:
            problems.append(str(error))


def check_limit(name: str, limit: float) -> None:
    """Refuse a limit that is no number.

    Raises:
        UsageError: it is not.
    """
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit):
        raise UsageError(f"the limit on {name} must be a number, not {limit!r}")


def starting(task: "Task", rng: random.Random) -> list[str]:
    """The task's starting candidates, with other draws in place of random ones that are beyond the limits.

    Those that are not drawn, but the same each time, stay as they are.

    Raises:
        UsageError: no random one is within the limits.
    """
    texts = list(task.start(rng))
    if not texts or not task.limits:
        return texts
    draws = [list(task.start(rng)) for _ in range(COMPARED)]
    fixed = {each[0] for each in zip(texts, *draws, strict=True) if len(set(each)) == 1}
    drawn, barren = draws[0], 0
    kept = dict.fromkeys(text for text in texts if text in fixed or _within(task, text))
    while len(kept) < len(texts) and set(drawn) - fixed and barren < DRAWS:
        fresh = [text for text in drawn if text not in kept and _within(task, text)]
        kept |= dict.fromkeys(fresh[: len(texts) - len(kept)])
        barren = 0 if fresh else barren + len(drawn)
        drawn = list(task.start(rng))
    if not kept:
        raise UsageError(
            f"{task.name}: none of {DRAWS:,} random candidates has {_listed(task.limits)}: raise the limit"
        )
    return list(kept)


def rules(task: "Task") -> str:
    """What limits and a Pareto search mean, for the optimizer; empty where there are none."""
    limits = {task.cost_name(name): limit for name, limit in task.limits.items()}
    told = [f"Only candidates with {_listed(limits)} are accepted."] if limits else []
    if task.pareto:
        better = "higher" if task.direction == "maximize" else "lower"
        told.append(
            f"A {better} {task.score_name} and lower {task.cost_name(task.pareto)} are both wanted: (front) marks the "
            "candidates that no other one beats in one of them while equal or better in the other."
        )
    return " ".join(told)


def _listed(limits: Mapping[str, float]) -> str:
    return " and ".join(f"{name} of at most {show_cost(limit)}" for name, limit in limits.items())


def _within(task: "Task", text: str) -> bool:
    try:
        return task.admits(task.space.candidate(text))
    except ParseError:
        return True  # not a matter of limits: the loop's check says why it is no candidate

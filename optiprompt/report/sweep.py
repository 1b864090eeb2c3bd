"""The figures of a sweep: a line for each cell, with intervals over its repeats."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from optiprompt.sweep import Ran
from optiprompt.tasks.base import Row, Task


@dataclass(frozen=True)
class Estimate:
    """A mean over repeats with its 95% interval (Student's t); a single value has no interval."""

    mean: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        return f"{self.mean:.4g}" if self.low is None else f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g})"


def estimate(values: Sequence[float]) -> Estimate | None:
    """The mean of the values; None where there are none."""
    if not values:
        return None
    if len(values) == 1:
        return Estimate(values[0])
    from scipy.special import stdtrit

    mean = fmean(values)
    half = float(stdtrit(len(values) - 1, 0.975)) * stdev(values) / math.sqrt(len(values))
    return Estimate(mean, mean - half, mean + half)


@dataclass(frozen=True)
class Figures:
    """One run.

    Attributes:
        seed: of the run.
        run: its folder.
        score: the best; like all below None where it failed.
        text: the best candidate.
        evaluations: unique candidates scored.
        steps: optimization steps.
        calls: model calls.
        failed: why it failed.
        hypervolume: of the front of a Pareto search; see `Front`.
        beside: the best candidate's score on the data that decided nothing, where the task reports one.
    """

    seed: int
    run: str
    score: float | None = None
    text: str | None = None
    evaluations: int | None = None
    steps: int | None = None
    calls: int | None = None
    failed: str | None = None
    tested: bool = False
    hypervolume: float | None = None
    beside: float | None = None

    @property
    def merit(self) -> float | None:
        """What the search was for."""
        return self.score if self.hypervolume is None else self.hypervolume


@dataclass(frozen=True)
class Line:
    """One cell.

    Attributes:
        cell: its name.
        values: what is varied.
        best: mean of the best scores of its runs, of Pareto searches of the hypervolumes; like all below, over those
            that did not fail.
        difference: mean of the paired differences to the first cell, seed by seed; None where there are fewer than two.
        evaluations: mean of the unique candidates scored.
        steps: mean of the optimization steps.
        calls: mean of the model calls.
        runs: all runs; those of tasks with a test split have the score of their winner on test.
    """

    cell: str
    values: Mapping[str, Any]
    best: Estimate | None
    difference: Estimate | None
    evaluations: float | None
    steps: float | None
    calls: float | None
    runs: tuple[Figures, ...]

    def columns(self, task: Task) -> dict[str, str]:
        """The figures as the table shows them, by the column's title."""
        good = sum(run.failed is None for run in self.runs)
        score = f"test {task.score_name}" if any(run.tested for run in self.runs) else f"best {task.measured}"
        score = "hypervolume" if task.pareto else score
        beside = estimate([run.beside for run in self.runs if run.beside is not None])
        return {
            "runs": str(good) if good == len(self.runs) else f"{good} of {len(self.runs)}, the others failed",
            f"{score} (95%)": "failed" if self.best is None else str(self.best),
            **({} if beside is None else {f"test {task.score_name} of the best (95%)": str(beside)}),
            "evaluations made": _count(self.evaluations),
            "steps made": _count(self.steps),
            "calls made": _count(self.calls),
        }

    def failures(self) -> list[str]:
        """A line of text for each run that failed."""
        return [f"{run.run}: {run.failed}" for run in self.runs if run.failed is not None]


def lines(ran: Sequence[Ran]) -> list[Line]:
    """A line for each cell, from what became of its jobs, in their order."""
    found: list[Line] = []
    first: dict[int, float] = {}
    for name, group in groupby(ran, key=lambda each: each.job.cell.name):
        members = list(group)
        runs = tuple(map(_figures, members))
        scores = {run.seed: run.merit for run in runs if run.merit is not None}
        pairs = [score - first[seed] for seed, score in scores.items() if seed in first]
        found.append(
            Line(
                cell=name,
                values=members[0].job.cell.values,
                best=estimate(list(scores.values())),
                difference=estimate(pairs) if len(pairs) > 1 else None,
                evaluations=_mean([run.evaluations for run in runs]),
                steps=_mean([run.steps for run in runs]),
                calls=_mean([run.calls for run in runs]),
                runs=runs,
            )
        )
        if len(found) == 1:
            first = scores
    return found


def sweep_rows(found: Sequence[Line], task: Task) -> list[Row]:
    """The lines of a sweep's table."""
    rows = []
    for place, line in enumerate(found):
        difference = "" if line.difference is None else str(line.difference)
        cells = {name: "" if value is None else str(value) for name, value in line.values.items()}
        compared = {"difference to the first (95%)": "-" if place == 0 else difference}
        rows.append(Row("", {**cells, **line.columns(task), **compared}))
    return rows


def to_json(found: Sequence[Line], task: Task, folder: Path) -> dict[str, Any]:
    """One object: what was scored how, and the lines."""
    return {
        "run": str(folder),
        "task": task.name,
        "split": task.split,
        "score_name": task.score_name,
        "direction": task.direction,
        "rows": [asdict(line) for line in found],
    }


def _figures(ran: Ran) -> Figures:
    seed, run = ran.job.plan.seed, str(ran.folder)
    if ran.result is None or ran.result.best is None:
        return Figures(seed, run, failed=ran.reason)
    best, trajectory, test = ran.result.best, ran.result.trajectory, ran.result.test
    tested, front = test is not None and test.score is not None, trajectory.front()
    return Figures(
        seed,
        run,
        score=test.score if test is not None and tested else best.score,
        text=best.text,
        evaluations=len(trajectory),
        steps=trajectory.steps,
        calls=ran.result.usage.calls,
        tested=tested,
        hypervolume=front.hypervolume if front else None,
        beside=None if front else best.evaluation.metrics.get("test"),
    )


def _mean(values: Sequence[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _count(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}".removesuffix(".0")

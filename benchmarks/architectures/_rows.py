"""From finished searches to rows, and the tables at the end."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.architectures._searches import Finished, Found, Job, control
from optiprompt.plugins import find

Row = dict[str, Any]
MARKS = (10, 25, 50, 100, 200)
PAIRS = (("plain", "ablated"), ("blind", "blind ablated"))
DIGITS = 2  # of differences alone
CLASSICAL = 40  # as many times the seeds: these searches take milliseconds


@dataclass(frozen=True)
class Arm:
    """Searches that differ only in their seeds.

    Attributes:
        task: as in `Job`.
        algorithm: its name.
        optimizer: the model, also where a control takes its place; None for classical algorithms.
        variant: `plain`, `blind`, `ablated` or `blind ablated`.
        evaluations: unique ones.
        seeds: how many.
    """

    task: str
    algorithm: str
    optimizer: str | None
    variant: str
    evaluations: int
    seeds: int

    def jobs(self) -> list[Job]:
        """Its searches, one a seed."""
        ablated = self.optimizer is not None and self.variant.endswith("ablated")
        asked = control(self.optimizer) if ablated and self.optimizer else self.optimizer
        blind = self.variant.startswith("blind")
        return [Job(self.task, self.algorithm, asked, blind, self.evaluations, seed) for seed in range(self.seeds)]


def arms(
    task: str, algorithms: Sequence[str], optimizers: Sequence[str], evaluations: int, seeds: int, blind: bool
) -> list[Arm]:
    """What is compared on a task; `blind` says whether it can be hidden what the task is about."""
    variants = [each for pair in PAIRS[: 1 + blind] for each in pair]
    found = []
    for name in algorithms:
        if find("algorithms", name).ALGORITHM.needs_optimizer:
            found += [
                Arm(task, name, optimizer, each, evaluations, seeds) for optimizer in optimizers for each in variants
            ]
        else:
            found.append(Arm(task, name, None, "plain", evaluations, CLASSICAL * seeds))
    return found


Searches = dict[Arm, dict[int, Found]]
"""The finished searches of a task's arms, by seed."""


def searches(compared: Sequence[Arm], finished: Finished) -> Searches:
    """Those of one task."""
    return {arm: {job.seed: done for job in arm.jobs() if (done := finished.get(job))} for arm in compared}


def rows_of(found: Searches) -> list[Row]:
    """The rows of one task: each arm's, then the paired differences; of as many seeds as are finished."""
    rows = [row for arm, own in found.items() for row in _rows(arm, own)]
    for arm, own in found.items():
        for variant, other in PAIRS:
            if arm.optimizer and arm.variant == variant:
                rivals = next(found[each] for each in found if (each.optimizer, each.variant) == (arm.optimizer, other))
                rows += _differences(arm, other, own, rivals)
    return rows


def _rows(arm: Arm, found: dict[int, Found]) -> list[Row]:
    if not found:
        return []
    seconds = fmean(each.seconds for each in found.values())
    scores = {mark: [at(each, mark) for each in found.values()] for mark in marks(arm.evaluations)}
    return [row_of(arm, arm.variant, mark, scores[mark], seconds) for mark in scores]


def _differences(arm: Arm, other: str, found: dict[int, Found], rivals: dict[int, Found]) -> list[Row]:
    seeds = sorted(found.keys() & rivals.keys())
    if not seeds:
        return []
    seconds = fmean(found[seed].seconds + rivals[seed].seconds for seed in seeds)
    rows = []
    for mark in marks(arm.evaluations):
        gains = [at(found[seed], mark) - at(rivals[seed], mark) for seed in seeds]
        row = row_of(arm, f"{arm.variant} - {other}", mark, gains, seconds)
        rows.append({**row, **interval(row["mean"], row["sem"], len(seeds) - 1)})
    return rows


def row_of(arm: Arm, variant: str, mark: int, values: Sequence[float], seconds: float) -> Row:
    """A row; `seconds` are those of one search."""
    benchmark, _, dataset = arm.task.partition("/")
    return {
        "benchmark": benchmark,
        "dataset": dataset,
        "algorithm": arm.algorithm,
        "optimizer": arm.optimizer,
        "variant": variant,
        "evaluations": mark,
        "mean": fmean(values),
        "sem": stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None,
        "seeds": len(values),
        "seconds": round(seconds, 3),
    }


def interval(mean: float, sem: float | None, freedom: int) -> dict[str, float | None]:
    """The 95% interval of a mean, by the t distribution with so many degrees of freedom."""
    from scipy.stats import t

    if sem is None:
        return {"low": None, "high": None}
    half = float(t.ppf(0.975, freedom)) * sem
    return {"low": mean - half, "high": mean + half}


def at(found: Found, mark: int) -> float:
    """The best score after so many evaluations; a search that ended before has it still."""
    return found.curve[min(mark, len(found.curve)) - 1]


def marks(evaluations: int) -> list[int]:
    """After how many evaluations there are rows."""
    return [each for each in MARKS if each < evaluations] + [evaluations]


def show(rows: Sequence[Row], measured: str) -> None:
    """The table of one task.

    Args:
        rows: of the task.
        measured: what its numbers are, in words.
    """
    if not rows:
        return
    shown = sorted({row["evaluations"] for row in rows})
    largest = max((abs(row["mean"]) for row in rows if "low" not in row), default=None)
    digits = DIGITS if largest is None else max(0, 3 - math.floor(math.log10(largest))) if largest else 4
    name = f"{rows[0]['benchmark']} {rows[0]['dataset']}"
    table = Table(title=f"{name}: {measured} after n evaluations")
    for column in ("algorithm", "optimizer", "variant"):
        table.add_column(column, no_wrap=True)
    for column in ("seeds", *(f"n = {mark}" for mark in shown), "seconds"):
        table.add_column(column, justify="right")
    lines: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        lines.setdefault((row["algorithm"], row["optimizer"] or "", row["variant"]), []).append(row)
    for line, own in lines.items():
        cells = [_cell(row, digits) for row in own]
        table.add_row(*line, str(own[0]["seeds"]), *cells, f"{own[0]['seconds']:.2f}")
    Console(width=78 + 29 * len(shown)).print(table)


def _cell(row: Row, digits: int) -> str:
    if "low" not in row:
        return f"{row['mean']:.{digits}f}" + ("" if row["sem"] is None else f" ± {row['sem']:.{digits}f}")
    interval = "" if row["low"] is None else f" [{row['low']:+.{digits}f}, {row['high']:+.{digits}f}]"
    return f"{row['mean']:+.{digits}f}{interval}"

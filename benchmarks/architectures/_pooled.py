"""All tasks together: how far a model's searches come out above the classical ones, and above their own ablation."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import NamedTuple

from benchmarks.architectures._rows import PAIRS, Arm, Row, Searches, at, interval, marks, row_of
from benchmarks.architectures._searches import Found

UNIT = "local-search"


class _Gain(NamedTuple):
    """On one task, in units; above zero is better. `seconds` are those of both searches."""

    mean: float
    error: float
    seeds: int
    seconds: float


def pooled(found: Mapping[str, Searches], rising: Mapping[str, bool]) -> list[Row]:
    """Differences over all tasks: the mean of the tasks', each in standard deviations of local search's result.

    Above zero is better, also for a loss. The error is that of the searches' chance on these tasks; it says nothing
    of others.

    Args:
        found: the finished searches of each task.
        rising: of each task, whether a higher score is better.

    Returns:
        A row for each model, variant, rival and mark that all tasks have; none where there is but one task.
    """
    rows = list[Row]()
    for arm, other in _pairs(list(next(iter(found.values()), ()))) if len(found) > 1 else ():
        for mark in marks(arm.evaluations):
            gains = [_gain(found[task], _on(arm, task), _on(other, task), mark, rising[task]) for task in found]
            known = [gain for gain in gains if gain is not None]
            if len(known) == len(gains):
                rows.append(_row(arm, other, mark, known))
    return rows


def _pairs(compared: Sequence[Arm]) -> Iterator[tuple[Arm, Arm]]:
    """Each search of a model, with each classical algorithm and with its own ablation."""
    ablations = dict(PAIRS)
    for arm in compared:
        for other in compared if arm.optimizer and arm.variant in ablations else ():
            ablation = replace(other, variant=arm.variant) == arm and other.variant == ablations[arm.variant]
            if ablation or other.optimizer is None:
                yield arm, other


def _on(arm: Arm, task: str) -> Arm:
    return replace(arm, task=task)


def _gain(found: Searches, arm: Arm, other: Arm, mark: int, rising: bool) -> _Gain | None:
    """On one task; None where there are too few searches for it."""
    usual = next((done for each, done in found.items() if each.algorithm == UNIT), {})
    own, rivals = found.get(arm, {}), found.get(other, {})
    mine, theirs, unit = (_scores(each, mark) for each in (own, rivals, usual))
    paired = mine.keys() & theirs.keys()
    if min(len(paired), len(unit)) < 2 or not (spread := stdev(unit.values())):
        return None
    seconds = sum(fmean(each.seconds for each in searches.values()) for searches in (own, rivals))
    scale = (1 if rising else -1) / spread
    if other.optimizer is None:  # which has many more seeds
        mean, seeds = fmean(mine.values()) - fmean(theirs.values()), len(mine)
        error = math.hypot(_error(mine.values()), _error(theirs.values()))
    else:
        gains = [mine[seed] - theirs[seed] for seed in paired]
        mean, seeds, error = fmean(gains), len(gains), _error(gains)
    return _Gain(scale * mean, error / spread, seeds, seconds)


def _scores(found: Mapping[int, Found], mark: int) -> dict[int, float]:
    return {seed: at(each, mark) for seed, each in found.items()}


def _error(values: Collection[float]) -> float:
    return stdev(values) / math.sqrt(len(values))


def _row(arm: Arm, other: Arm, mark: int, gains: Sequence[_Gain]) -> Row:
    mean, seeds = fmean(gain.mean for gain in gains), sum(gain.seeds for gain in gains)
    error = math.hypot(*(gain.error for gain in gains)) / len(gains)
    rival = other.variant if other.optimizer else other.algorithm
    seconds = fmean(gain.seconds for gain in gains)
    row = row_of(_on(arm, f"pooled/{len(gains)} tables"), f"{arm.variant} - {rival}", mark, [mean], seconds)
    return {**row, "sem": error, "seeds": seeds, **interval(mean, error, seeds - len(gains))}

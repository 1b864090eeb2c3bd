"""All tasks together: how far a model's searches come out above the classical ones, and above their own ablation."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import NamedTuple

from benchmarks.architectures._rows import PAIRS, Arm, Row, Searches, at, interval, marks, row_of

UNIT = "local-search"


class _Gain(NamedTuple):
    """On one task, in units; above zero is better."""

    mean: float
    error: float
    seeds: int


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
            if None not in gains:
                rows.append(_row(arm, other, mark, [gain for gain in gains if gain]))
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
    scores = {each: {seed: at(done, mark) for seed, done in own.items()} for each, own in found.items()}
    usual = next((list(scores[each].values()) for each in found if each.algorithm == UNIT), [])
    mine, theirs = scores.get(arm, {}), scores.get(other, {})
    if min(len(mine), len(theirs), len(usual)) < 2 or not (unit := stdev(usual)):
        return None
    sign = 1 if rising else -1
    if other.optimizer is None:
        error = math.hypot(_error(list(mine.values())), _error(list(theirs.values())))
        return _Gain(sign * (fmean(mine.values()) - fmean(theirs.values())) / unit, error / unit, len(mine))
    pairs = [mine[seed] - theirs[seed] for seed in mine.keys() & theirs.keys()]
    return _Gain(sign * fmean(pairs) / unit, _error(pairs) / unit, len(pairs)) if len(pairs) > 1 else None


def _error(values: Sequence[float]) -> float:
    return stdev(values) / math.sqrt(len(values))


def _row(arm: Arm, other: Arm, mark: int, gains: Sequence[_Gain]) -> Row:
    mean, seeds = fmean(gain.mean for gain in gains), sum(gain.seeds for gain in gains)
    error = math.hypot(*(gain.error for gain in gains)) / len(gains)
    rival = other.variant if other.optimizer else other.algorithm
    row = row_of(_on(arm, f"pooled/{len(gains)} tables"), f"{arm.variant} - {rival}", mark, [mean], 0.0)
    return {**row, "sem": error, "seeds": seeds, **interval(mean, error, seeds - len(gains))}

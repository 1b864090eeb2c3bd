"""The comparison of two candidates by the worst of several tasks: as selection.py's, for a score that is no mean."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from optiprompt.candidate import Outcome
from optiprompt.selection import FLIPS, RESAMPLES, Comparison

if TYPE_CHECKING:
    import numpy as np


def compare(a: Sequence[Outcome], b: Sequence[Outcome], strata: int, repeats: int = 1) -> Comparison:
    """How much better `a` is in its worst stratum than `b` in its own worst, which may be another one.

    The p-value is the larger of two: of a permutation test, in which for each question the two candidates are exchanged
    by lot, with the answers of all its scorers together (alone it claims too much where the two have different worst
    tasks), and of the percentile bootstrap, in which the questions of each task are drawn anew. The bootstrap gives the
    interval. Examples that either has no score for are left out.

    Args:
        a: outcomes of the one, the strata in turn.
        b: those of the other, on the same examples.
        strata: how many there are: tasks times scorers.
        repeats: how many scorers there are.
    """
    import numpy as np

    one, other = (_by_task(outcomes, strata, repeats) for outcomes in (a, b))
    known = (~(np.isnan(one) | np.isnan(other))).astype(float)
    one, other = np.where(known, one, 0.0), np.where(known, other, 0.0)
    tasks, questions, _ = known.shape
    if not known.any():
        return Comparison(0.0, -1.0, 1.0, 1.0, 0)
    difference = float(_lead(one.sum(1)[:, None], other.sum(1)[:, None], known.sum(1)[:, None])[0])
    rng = np.random.default_rng(0)
    signs = (rng.choice((-1.0, 1.0), (FLIPS, questions)) for _ in range(tasks))
    swung = np.stack([lot @ half for lot, half in zip(signs, (one - other) / 2, strict=True)])
    middle = (one + other).sum(1)[:, None] / 2
    flipped = np.append(_lead(middle + swung, middle - swung, known.sum(1)[:, None]), difference)
    lots = rng.multinomial(questions, np.full(questions, 1 / questions), (tasks, RESAMPLES)).astype(float)
    drawn = _lead(lots @ one, lots @ other, lots @ known)
    low, high = np.quantile(drawn, (0.025, 0.975))
    permuted = (abs(flipped) >= abs(difference) - 1e-9).mean()
    wrong = drawn <= 0 if difference > 0 else drawn >= 0
    bootstrapped = 2 * (1 + wrong.sum()) / (1 + RESAMPLES)
    return Comparison(
        difference,
        min(difference, float(low)),
        max(difference, float(high)),
        min(1.0, float(max(permuted, bootstrapped))),
        int(known.max(2).sum()),
    )


def _by_task(outcomes: Sequence[Outcome], strata: int, repeats: int) -> "np.ndarray":
    """The scores, tasks x questions x scorers; not a number where there is none."""
    import numpy as np

    scores = [np.nan if each.score is None else each.score for each in outcomes]
    return np.array(scores).reshape(-1, strata // repeats, repeats).swapaxes(0, 1)


def _lead(one: "np.ndarray", other: "np.ndarray", counts: "np.ndarray") -> "np.ndarray":
    """By how much the worst mean of the one is above that of the other, from sums (tasks x draws x scorers)."""
    import numpy as np

    worst = [np.where(counts, sums / np.maximum(counts, 1), np.inf).min((0, 2)) for sums in (one, other)]
    return np.asarray(worst[0] - worst[1])

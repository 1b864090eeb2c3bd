"""Two candidates beside each other on the same examples."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optiprompt.candidate import Outcome
from optiprompt.intervals import Z95

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_EXACT = 12  # examples with a difference up to which all sign patterns are tried
_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one candidate is than another.

    Attributes:
        value: mean score of the one minus that of the other, from -1 to 1; 0 where there is nothing to compare.
        low: lower end of its 95% interval.
        high: upper end.
        p: two-sided p-value of the hypothesis that both are equally good.
        n: examples that both have a score on.
    """

    value: float
    low: float
    high: float
    p: float
    n: int


def compare(one: Sequence[Outcome], other: Sequence[Outcome]) -> Difference:
    """Compare the scores of two candidates example by example; what failed for either is left out.

    Right and wrong answers: McNemar's exact test (1947), and the interval of Bonett and Price (2012), which stays
    honest where the two answer nearly alike. Other scores from 0 to 1: a permutation test that exchanges the two scores
    of an example (all exchanges where these are few, else 10,000 random ones, always the same), and Student's interval
    of the mean difference.

    Args:
        one: the outcomes of a candidate.
        other: those of another; examples are matched by their ids.
    """
    scores = {outcome.example: outcome.score for outcome in other}
    pairs = [
        (mine.score, theirs)
        for mine in one
        if mine.score is not None and (theirs := scores.get(mine.example)) is not None
    ]
    if not pairs:
        return Difference(0.0, -1.0, 1.0, 1.0, 0)
    graded = all(score in (0.0, 1.0) for pair in pairs for score in pair)
    return _right_or_wrong(pairs) if graded else _any_scores(pairs)


def _right_or_wrong(pairs: Sequence[tuple[float, float]]) -> Difference:
    from scipy.stats import binomtest

    n = len(pairs)
    wins, losses = sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)
    p = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    # Bonett and Price: one more win and one more loss.
    win, loss = (wins + 1) / (n + 2), (losses + 1) / (n + 2)
    half = Z95 * math.sqrt((win + loss - (win - loss) ** 2) / (n + 2))
    return _difference((wins - losses) / n, win - loss, half, p, n)


def _any_scores(pairs: Sequence[tuple[float, float]]) -> Difference:
    import numpy as np
    from scipy.stats import t

    differences = np.array([a - b for a, b in pairs])
    n = len(differences)
    half = float(t.ppf(0.975, n - 1) * differences.std(ddof=1) / math.sqrt(n)) if n > 1 else 2.0
    value = float(differences.mean())
    return _difference(value, value, half, _p_of_signs(differences[differences != 0]), n)


def _p_of_signs(differences: "NDArray[np.float64]") -> float:
    """How often random signs take the differences' sum as far from 0: an exchange of two scores turns the sign."""
    import numpy as np

    size = len(differences)
    least = abs(differences.sum()) - 1e-9  # sums that are equal but for rounding are equal
    if size <= _MOST_EXACT:
        signs = 1 - 2 * (np.arange(2**size)[:, None] >> np.arange(size) & 1)
        return float((abs(signs @ differences) >= least).mean())
    random = np.random.default_rng(0)
    blocks = (random.choice((-1.0, 1.0), (_RESAMPLES // 10, size)) @ differences for _ in range(10))
    # The signs as they are count as one of the resamples.
    return (1 + sum(int((abs(block) >= least).sum()) for block in blocks)) / (1 + _RESAMPLES)


def _difference(value: float, centre: float, half: float, p: float, n: int) -> Difference:
    return Difference(value, max(-1.0, centre - half), min(1.0, centre + half), min(1.0, float(p)), n)

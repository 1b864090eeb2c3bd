"""Honest selection: which candidate won, whether it is better than the baseline, and how sure that is.

The best of many scores is too high on the examples it was chosen by. So the search sees one set of examples, the winner
is chosen on a second, and compared with the baseline once, on a third. "Better" is a one-sided claim, made at 5%.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

ALPHA = 0.05
POWER = 0.8
Z95 = NormalDist().inv_cdf(0.975)
FLIPS = 9_999
RESAMPLES = 2_000

Scores = Sequence[
    float | None
]  # one candidate's scores, 0 to 1, in the order of the examples; None where a call failed


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much better `a` is than `b` on the same examples.

    Attributes:
        difference: mean of a - b.
        low: lower end of the 95% interval of the difference.
        high: upper end.
        p_value: two-sided.
        n: examples that both have a score for.
    """

    difference: float
    low: float
    high: float
    p_value: float
    n: int

    @property
    def p_better(self) -> float:
        """One-sided: how likely so large a difference is where `a` is not better."""
        return self.p_value / 2 if self.difference > 0 else 1 - self.p_value / 2

    @property
    def better(self) -> bool:
        return self.p_better <= ALPHA

    @property
    def worse(self) -> bool:
        return 1 - self.p_better <= ALPHA

    @property
    def needed(self) -> int | None:
        """How many examples would show a difference of this size in four of five cases; None where there is none."""
        if not self.difference or not self.n:
            return None
        stderr = (self.high - self.low) / (2 * Z95)
        wanted = NormalDist().inv_cdf(1 - ALPHA) + NormalDist().inv_cdf(POWER)
        return math.ceil(self.n * (wanted * stderr / self.difference) ** 2)


def compare(a: Scores, b: Scores) -> Comparison:
    """Compare two candidates on the same examples; those that either has no score for are left out.

    Answers that are right or wrong get the exact unconditional McNemar test (Suissa and Shuster 1991), which keeps to
    5% and finds more than the usual conditional one, and the adjusted Wald interval of Agresti and Min (2005). Other
    scores get a sign-flip permutation test and the t interval.

    Raises:
        ValueError: the two have not the same number of examples.
    """
    pairs = [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None]
    differences = [x - y for x, y in pairs]
    difference = fmean(differences) if differences else 0.0
    if all(score in (0, 1) for pair in pairs for score in pair):
        p_value = _mcnemar(differences.count(1), differences.count(-1), len(pairs))
        low, high = _adjusted_wald(differences)
    else:
        p_value = _sign_flips(differences)
        low, high = _t_interval(differences)
    return Comparison(difference, max(-1.0, low), min(1.0, high), p_value, len(pairs))


def _mcnemar(more: int, fewer: int, n: int) -> float:
    """Two-sided p-value, from how many of n examples only `a` and only `b` got right.

    The examples on which they differ are a part of n that nothing is known of, so the worst case of it counts.
    """
    from scipy.stats import binom

    if more == fewer:
        return 1.0
    differing, chances = _differing(n)
    z = abs(more - fewer) / math.sqrt(more + fewer)
    # Of d examples on which they differ, the fewest that a must have got right for a result at least as extreme.
    least = -(-(differing + z * differing**0.5 - 1e-9) // 2)
    tails = binom.sf(least - 1, differing, 0.5)
    return min(1.0, 2 * float((chances @ tails).max()))


@lru_cache(maxsize=8)
def _differing(n: int) -> "tuple[np.ndarray, np.ndarray]":
    """The possible numbers of differing examples but 0, and their chances for each share (rows) that may differ."""
    import numpy as np
    from scipy.stats import binom

    differing = np.arange(1, n + 1)
    return differing, binom.pmf(differing, n, np.linspace(0.005, 1, 200)[:, None])


def _sign_flips(differences: Sequence[float]) -> float:
    """Two-sided p-value: how often differences whose signs are drawn by lot are as extreme."""
    import numpy as np

    signs = np.random.default_rng(0).choice((-1.0, 1.0), (FLIPS, len(differences)))
    drawn = np.append(signs @ np.array(differences), math.fsum(differences))
    return min(1.0, 2 * float((drawn >= abs(drawn[-1]) - 1e-9).mean()))


def _adjusted_wald(differences: Sequence[float]) -> tuple[float, float]:
    """Two examples are added: half a one for each of the four ways in which a pair can turn out."""
    n = len(differences) + 2
    mean = math.fsum(differences) / n
    variance = (math.fsum(each * each for each in differences) + 1) / n - mean * mean
    half = Z95 * math.sqrt(variance / n)
    return mean - half, mean + half


def _t_interval(differences: Sequence[float]) -> tuple[float, float]:
    from scipy.stats import t

    n = len(differences)
    mean = math.fsum(differences) / n
    squares = math.fsum((each - mean) ** 2 for each in differences)
    if n < 2 or squares < 1e-12:
        return _adjusted_wald(differences)
    half = float(t.ppf(0.975, n - 1)) * math.sqrt(squares / (n - 1) / n)
    return mean - half, mean + half


def corrected(scores: Sequence[Scores], baseline: int = 0) -> Comparison:
    """Compare the best of many with the baseline on the very examples that it was chosen by.

    The choice is allowed for by repeating it. The examples are drawn anew with replacement: by how much the best of each
    draw does better there than on the real ones is the optimism that the difference is freed from (Efron and
    Gong 1983). Where only chance separates the candidates, with their own correlations, the largest lead over the
    baseline tells how surprising the real one is (Westfall and Young 1993; White 2000), and how far down its interval
    must reach. What the optimizer learned from these examples is not allowed for: only unseen examples show that.

    Args:
        scores: those of every candidate that was in the choice (candidates x examples), the baseline among them.
        baseline: its place among them.

    Raises:
        ValueError: the candidates have not all the same number of examples.
    """
    import numpy as np

    given = np.array([[math.nan if each is None else float(each) for each in row] for row in scores])
    leads = given - given[baseline]
    known = ~np.isnan(leads)
    leads[~known] = 0.0
    counts = np.maximum(known.sum(1), 1)
    means = leads.sum(1) / counts
    best = int(means.argmax())
    naive = compare(scores[best], scores[baseline])
    n = leads.shape[1]
    if best == baseline or not n:
        return naive
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(float)
    again = drawn @ leads.T / np.maximum(drawn @ known.T, 1)
    chosen = again.argmax(1)
    optimism = float((again[np.arange(RESAMPLES), chosen] - means[chosen]).mean())
    centred = np.where(known, leads - means[:, None], 0.0)
    chance = np.sort((rng.choice((-1.0, 1.0), (RESAMPLES, n)) @ centred.T / counts).max(1))
    p_better = (1 + int((chance >= means[best] - 1e-9).sum())) / (1 + RESAMPLES)
    low = float(means[best] - np.quantile(chance, 0.975))
    difference = float(means[best]) - optimism
    p_value = max(naive.p_value, min(1.0, 2 * p_better))
    return Comparison(difference, max(-1.0, min(low, difference)), max(naive.high, difference), p_value, naive.n)

"""Honest selection: which candidate won, whether it is better than the baseline, and how sure that is.

The best of many scores is too high on the examples it was chosen by. So the search sees one set of examples, the winner
is chosen on a second, and compared with the baseline once, on a third. "Better" is said where the two-sided p-value is
at most 5%: by chance alone in at most 2.5% of searches, and in accord with the 95% interval.
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
TINY = 1e-9  # a difference that is rounding

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
    def better(self) -> bool:
        return self.difference > 0 and self.p_value <= ALPHA

    @property
    def worse(self) -> bool:
        return self.difference < 0 and self.p_value <= ALPHA

    @property
    def needed(self) -> int | None:
        """How many examples would show a difference of this size in four of five cases; None where there is none."""
        if abs(self.difference) < TINY or not self.n:
            return None
        stderr = (self.high - self.low) / (2 * Z95)
        wanted = NormalDist().inv_cdf(1 - ALPHA / 2) + NormalDist().inv_cdf(POWER)
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
    return float((abs(drawn) >= abs(drawn[-1]) - 1e-9).mean())


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


def corrected(scores: Sequence[Scores], baseline: int = 0, handicaps: Sequence[float] = ()) -> Comparison:
    """Compare the best of many with the baseline on the very examples that it was chosen by.

    The choice is allowed for by repeating it. The examples are drawn anew with replacement, and the best of each draw
    is scored on the examples that were not drawn: the mean of these leads is the difference (Tsamardinos et al. 2018).
    Where only chance separates the candidates, with their own correlations, the largest lead over the baseline tells
    how surprising the real one is (Westfall and Young 1993; White 2000), and how far down its interval must reach.
    What the optimizer learned from these examples is not allowed for: only unseen examples show that.

    Args:
        scores: those of every candidate that was in the choice (candidates x examples), the baseline among them.
        baseline: its place among them.
        handicaps: what was added to each one's mean in the choice, such as a penalty for its length; else nothing.

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
    added = np.array(handicaps or [0.0] * len(means))
    best = int((means + added).argmax())
    naive = compare(scores[best], scores[baseline])
    n = leads.shape[1]
    if best == baseline or not n:
        return naive
    drawn, signs = _lots(n)
    chosen = (_means(drawn, leads, known) + added).argmax(1)
    left = _means((drawn == 0).astype(float), leads, known)
    # With handicaps another one may be chosen now and then, with a larger lead.
    difference = min(float(left[np.arange(RESAMPLES), chosen].mean()), float(means[best]))
    centred = np.where(known, leads - means[:, None], 0.0)
    chance = (signs @ centred.T / counts).max(1)
    p_better = (1 + int((chance >= means[best] - 1e-9).sum())) / (1 + RESAMPLES)
    low = max(-1.0, float(means[best] - np.quantile(chance, 0.975)))
    p_value = max(naive.p_value, min(1.0, 2 * p_better))
    return Comparison(difference, min(low, difference), max(naive.high, difference), p_value, naive.n)


@lru_cache(maxsize=4)
def _lots(n: int) -> "tuple[np.ndarray, np.ndarray]":
    """How often each of n examples is drawn, and signs by lot (draws x examples); always the same."""
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(float), rng.choice((-1.0, 1.0), (RESAMPLES, n))


def _means(weights: "np.ndarray", leads: "np.ndarray", known: "np.ndarray") -> "np.ndarray":
    """Mean leads (draws x candidates) with the examples weighted so in each draw."""
    import numpy as np

    return np.asarray(weights @ leads.T / np.maximum(weights @ known.T, 1))


def choose(scores: Sequence[Scores]) -> int:
    """The place of the winner among the top few: the best mean; of equal ones the first.

    Args:
        scores: of the few on dev (candidates x examples), the better on train first.

    Raises:
        ValueError: there is no candidate to choose from.
    """
    means = list(map(mean, scores))
    return max(range(len(means)), key=means.__getitem__)


def mean(scores: Scores) -> float:
    """The mean of the scores that there are; 0 where there are none."""
    return fmean(known) if (known := [each for each in scores if each is not None]) else 0.0


def verdict(test: Comparison, split: str = "test", train: float | None = None, held_out: float | None = None) -> str:
    """The final lines in words: is the winner better than the baseline, and how much of its lead was luck.

    Args:
        test: winner against baseline.
        split: which examples that was on.
        train: the winner's mean on the examples that it was chosen by.
        held_out: the winner's mean on the `test` examples.
    """
    if not test.n:
        return f"Nothing can be said: no {split} example has a score for both the winner and the baseline."
    claim = "is better than" if test.better else "is worse than" if test.worse else "is not shown to be better than"
    p_value = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"
    lines = [
        f"The winner {claim} the baseline: {100 * test.difference:+.1f} points on {test.n} {split} examples "
        f"(95% interval {100 * test.low:+.1f} to {100 * test.high:+.1f}; {p_value})."
    ]
    if not test.better and test.difference > 0 and test.needed and test.needed > test.n:
        lines.append(f"To see a difference of this size, about {test.needed} examples are needed.")
    if train is not None and held_out is not None:
        bias = 100 * (train - held_out)
        lines.append(
            f"Selection bias: {bias:+.1f} points ({100 * train:.1f} on train, {100 * held_out:.1f} on {split})."
        )
    return "\n".join(lines)

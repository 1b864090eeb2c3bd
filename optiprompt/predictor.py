"""A light predictor of scores, fitted to the trajectory: which of many proposals are worth an evaluation.

A Gaussian process on the ranks of the scores, with a kernel that falls with the distance of the features; its length
and noise are those of the highest marginal likelihood (Rasmussen and Williams 2006, chapter 5), and what counts is the
expected improvement (Jones et al. 1998). The networks of Neural Predictor (Wen et al. 2020, arXiv 1912.00848) and the
trees of GBDT-NAS (Luo et al. 2020, arXiv 2007.04785) need more evaluations than there are here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

FEWEST = 6  # scored candidates, before there is anything to learn
MOST = 300  # the latest and the best: the fit takes their number to the third power
LENGTHS = (0.5, 1.0, 2.0, 4.0)
NOISES = (0.03, 0.2)


def improvements(
    known: Sequence[Sequence[float]], scores: Sequence[float], others: Sequence[Sequence[float]]
) -> list[float]:
    """The expected improvement of candidates on the best that is known, in standard deviations of the scores' ranks.

    Args:
        known: features of the scored candidates (candidates x features).
        scores: theirs; the higher the better.
        others: features of the candidates in question.
    """
    import numpy as np
    from scipy.special import ndtri
    from scipy.stats import norm, rankdata

    targets = ndtri((rankdata(scores) - 0.5) / len(scores))
    # Half the distance of one-hot features is the number of choices in which two candidates differ.
    apart = _distances(known, known) / 2
    fits = [_fit(apart, targets, length, noise) for length in LENGTHS for noise in NOISES]
    _, length, noise, factor, weights, scale = max(fits, key=lambda fit: fit[0])
    near = np.exp(-_distances(others, known) / 2 / length)
    mean = near @ weights
    left = 1 + noise - (np.linalg.solve(factor, near.T) ** 2).sum(0)
    spread = np.sqrt(np.maximum(1e-9, scale * left))
    gain = (mean - targets.max()) / spread
    return [float(each) for each in spread * (gain * norm.cdf(gain) + norm.pdf(gain))]


def _distances(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> "np.ndarray":
    import numpy as np
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(np.asarray(a, float), np.asarray(b, float), "cityblock"))


def _fit(
    apart: "np.ndarray", targets: "np.ndarray", length: float, noise: float
) -> tuple[float, float, float, "np.ndarray", "np.ndarray", float]:
    """Log marginal likelihood, the settings, Cholesky factor, weights, and the scale of the best fit."""
    import numpy as np

    factor = np.linalg.cholesky(np.exp(-apart / length) + noise * np.eye(len(targets)))
    weights = np.linalg.solve(factor.T, np.linalg.solve(factor, targets))
    scale = max(1e-12, float(targets @ weights) / len(targets))
    likelihood = -0.5 * len(targets) * np.log(scale) - np.log(np.diag(factor)).sum()
    return float(likelihood), length, noise, factor, weights, scale

"""Racing: which candidates are worth the rest of the examples.

The candidates of a step are scored on growing blocks of the same examples; after each block those that can hardly end
as the best on all examples are dropped. The idea is that of Hoeffding races (Maron and Moore 1997). Their bounds, which
hold for any scores, are too wide for some tens of examples: the chance to end as the best is estimated instead, from
what is known: how much a mean over part of a finite set can still move, and which examples are hard, from candidates
that have all scores (the regression estimator of survey sampling: Cochran 1977).

The chance of each candidate itself is held against a limit, not a p-value against each rival, so that it may be looked
at as often as one likes: under the model it is a martingale. Eight even rivals have an eighth each, and none goes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from optiprompt.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

DRAWS = 4_000
DIFFICULTY_FROM = 5  # incumbents, the best ones
# Chosen by benchmarks/racing.py. Few examples say little: the mean is drawn towards that of the step as if so many more
# had been seen there, the slope on difficulty towards 1, and no spread is zero.
MEAN_WEIGHT = 5.0
SLOPE_WEIGHT = 20.0
LEAST_SQUARES = 0.5


@dataclass(frozen=True, slots=True)
class Racing:
    """How candidates race.

    Attributes:
        confidence: a candidate whose chance to end as the best is below 1 - confidence is dropped. At the default the
            true best of a step survives in at least 95% of races (benchmarks/racing.py).
        first_block: examples before the first look.
        growth: how many times as many have been seen at each further look.
        keep: the largest share of the racers that goes on after a look (successive halving, Jamieson and Talwalkar
            2016); 1 drops none but the hopeless.
    """

    confidence: float = 0.995
    first_block: int = 12
    growth: float = 1.25
    keep: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise UsageError(f"confidence must be between 0 and 1, not {self.confidence}")
        if self.first_block < 2:
            raise UsageError(f"first_block must be at least 2, not {self.first_block}")
        if not (math.isfinite(self.growth) and self.growth > 1):
            raise UsageError(f"growth must be above 1, not {self.growth}")
        if not 0 < self.keep <= 1:
            raise UsageError(f"keep must be above 0 and at most 1, not {self.keep}")


def blocks(total: int, racing: Racing, unit: int = 1) -> list[int]:
    """How many examples have been seen at each look, in rising order; the last is all of them.

    A rest too small to be worth a look of its own goes with the block before it. All are multiples of `unit`.
    """
    sizes = []
    size = float(racing.first_block)
    while size * math.sqrt(racing.growth) < total:
        sizes.append(-(-round(size) // unit) * unit)
        size = max(size * racing.growth, size + 1)
    return [*dict.fromkeys(each for each in sizes if each < total), total] if total > 0 else []


def hopeless(
    scores: Sequence[Sequence[float | None]],
    incumbents: Sequence[Sequence[float | None]],
    total: int,
    racing: Racing,
) -> list[bool]:
    """Which racers have too small a chance to end above all incumbents and all other racers.

    Args:
        scores: the racers' scores, 0 to 1, on the first n examples of a random order (racers x n); None where a call
            failed.
        incumbents: scores of earlier candidates on all examples, in the same order (incumbents x total).
        total: how many examples there are.
        racing: the settings.

    Returns:
        One verdict a racer. Nobody is hopeless before the second example or after the last. Where fewer racers are
        kept, the worst of the others leave too.

    Raises:
        ValueError: the rows have not all the same length.
    """
    seen = len(scores[0]) if scores else 0
    if not 2 <= seen < total:
        return [False] * len(scores)
    chance = chances(scores, incumbents, total)
    places = sorted(range(len(chance)), key=lambda place: -chance[place])
    kept = set(places[: math.ceil(racing.keep * len(places))])
    return [each < 1 - racing.confidence or place not in kept for place, each in enumerate(chance)]


def chances(
    scores: Sequence[Sequence[float | None]], incumbents: Sequence[Sequence[float | None]], total: int
) -> list[float]:
    """Each racer's chance to end as the best; arguments as those of `hopeless`, with 2 <= n < total."""
    import numpy as np

    given = _array(scores)
    racers, seen = given.shape
    known = ~np.isnan(given)
    counts = known.sum(1)
    group = given[known].mean() if known.any() else 0.5
    sums = np.where(known, given, 0.0).sum(1)
    means = (sums + MEAN_WEIGHT * group) / (counts + MEAN_WEIGHT)
    errors = np.where(known, given - (sums / np.maximum(counts, 1))[:, None], 0.0)
    coming = np.zeros(racers)  # by how much the coming examples are easier
    bar = -math.inf
    if len(incumbents):
        earlier = _array(incumbents)
        totals = np.array([row[~np.isnan(row)].mean() if not np.isnan(row).all() else -math.inf for row in earlier])
        bar = float(totals.max())
        ease = _ease(earlier[np.argsort(-totals, kind="stable")[:DIFFICULTY_FROM]])
        here = ease[:seen] - ease[:seen].mean()
        spread = SLOPE_WEIGHT * ease.var() + 1e-9
        slopes = (errors @ here + spread) / (here @ here + spread)
        errors = np.where(known, errors - slopes[:, None] * here, 0.0)
        coming = slopes * (ease[seen:].mean() - ease[:seen].mean())
    covariance = (errors @ errors.T + LEAST_SQUARES * np.eye(racers)) / seen
    left = (total - seen) / total
    ends = (1 - left) * np.where(counts, sums / np.maximum(counts, 1), group) + left * (means + coming)
    # What the coming examples bring is unsure twice: where the true mean is, and how these examples fall around it.
    unsure = left * np.sqrt(1 / (counts + MEAN_WEIGHT) + 1 / (total - seen))
    drawn = ends + unsure * (_draws(racers, seen - 1) @ np.linalg.cholesky(covariance).T)
    # A tie with an incumbent is no gain, and right answers come in whole numbers.
    winners = drawn.argmax(1)[drawn.max(1) > bar + 0.5 / total]
    return [float(each) for each in np.bincount(winners, minlength=racers) / DRAWS]


@lru_cache(maxsize=64)
def _draws(racers: int, freedom: int) -> "np.ndarray":
    """Independent draws from a multivariate t distribution, always the same ones."""
    import numpy as np

    rng = np.random.default_rng(0)
    spread = np.sqrt(freedom / rng.chisquare(freedom, (DRAWS, 1)))
    return np.asarray(rng.standard_normal((DRAWS, racers)) * spread)


def _array(rows: Sequence[Sequence[float | None]]) -> "np.ndarray":
    import numpy as np

    return np.array([[math.nan if each is None else float(each) for each in row] for row in rows])


def _ease(scores: "np.ndarray") -> "np.ndarray":
    """How well the given candidates do on each example; where none has a score, as on the others."""
    import numpy as np

    known = ~np.isnan(scores)
    filled = np.where(known, scores, 0.0)
    overall = filled.sum() / max(1, known.sum())
    return np.asarray(np.where(known.any(0), filled.sum(0) / np.maximum(known.sum(0), 1), overall))

"""How sure a score is."""

import math

Z95 = 1.959964


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95% interval of a share of n examples (Wilson 1927), which is honest at 0 and 1 too."""
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    # Rounding must not leave a hair's breadth where the interval ends at 0 or 1.
    return 0.0 if share == 0 else centre - half, 1.0 if share == 1 else centre + half


def normal(mean: float, stderr: float) -> tuple[float, float]:
    """The 95% interval of a mean by its standard error."""
    return mean - Z95 * stderr, mean + Z95 * stderr

"""Tours through points in the plane: length, two classical heuristics, and the shortest one by integer programming."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

from optiprompt.spaces.permutation import Order

Points = tuple[tuple[int, int], ...]

SECONDS = 60.0
_SOLVING = Lock()


@dataclass(frozen=True, slots=True)
class Solution:
    """The best tour a solver gave.

    Attributes:
        tour: begins with 0.
        length: of the closed tour.
        proven: no tour is shorter.
    """

    tour: Order
    length: float
    proven: bool


def length(points: Points, tour: Sequence[int]) -> float:
    """Euclidean length of the closed tour."""
    return math.fsum(math.dist(points[a], points[b]) for a, b in zip(tour, (*tour[1:], tour[0]), strict=True))


def nearest_neighbour(points: Points) -> Order:
    """From 0 always on to the nearest point not yet visited."""
    tour, left = [0], set(range(1, len(points)))
    while left:
        tour.append(min(left, key=lambda point: (math.dist(points[tour[-1]], points[point]), point)))
        left.remove(tour[-1])
    return tuple(tour)


def farthest_insertion(points: Points) -> Order:
    """From 0 on, always insert the point farthest from the tour where it makes the tour least longer.

    Rosenkrantz, Stearns and Lewis 1977.
    """
    tour = [0]
    gap = {point: math.dist(points[0], points[point]) for point in range(1, len(points))}
    while gap:
        point = max(gap, key=lambda each: (gap[each], -each))
        del gap[point]
        tour.insert(min(range(1, len(tour) + 1), key=lambda place: _detour(points, tour, place, point)), point)
        gap = {each: min(old, math.dist(points[point], points[each])) for each, old in gap.items()}
    return tuple(tour)


def _detour(points: Points, tour: Sequence[int], place: int, point: int) -> float:
    before, here, after = points[tour[place - 1]], points[point], points[tour[place % len(tour)]]
    return math.dist(before, here) + math.dist(here, after) - math.dist(before, after)


def two_opt(points: Points, tour: Order) -> Order:
    """The tour with stretches reversed until no reversal makes it shorter (Croes 1958)."""
    n, better = len(tour), True
    while better:
        better = False
        for first in range(1, n - 1):
            for last in range(first + 1, n):
                a, b = points[tour[first - 1]], points[tour[first]]
                c, d = points[tour[last]], points[tour[(last + 1) % n]]
                if math.dist(a, c) + math.dist(b, d) < math.dist(a, b) + math.dist(c, d) - 1e-9:
                    tour = (*tour[:first], *reversed(tour[first : last + 1]), *tour[last + 1 :])
                    better = True
    return tour


def shortest(points: Points, seconds: float = SECONDS) -> Solution:
    """The shortest tour, proven; where the time is over before, the better of both heuristics after `two_opt`.

    Threads wait for one another, and what was solved once in the process is not solved again.
    """
    with _SOLVING:
        return _shortest(points, seconds)


@cache
def _shortest(points: Points, seconds: float) -> Solution:
    tour = solve(points, seconds)
    if tour is not None:
        return Solution(tour, length(points, tour), True)
    tours = [two_opt(points, heuristic(points)) for heuristic in (nearest_neighbour, farthest_insertion)]
    tour = min(tours, key=lambda each: length(points, each))
    return Solution(tour, length(points, tour), False)


def solve(points: Points, seconds: float) -> Order | None:
    """The shortest tour by integer programming with scipy's HiGHS, or None where the time is over before.

    One variable an edge, two edges at every point (Dantzig, Fulkerson and Johnson 1954). A solution that falls apart
    into several rounds is forbidden by one more constraint for each: two edges must leave it.
    """
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array, csr_array, vstack
    from scipy.sparse.csgraph import connected_components

    n, end = len(points), time.monotonic() + seconds
    a, b = np.triu_indices(n, 1)
    edges = len(a)
    places = np.array(points, dtype=float)
    cost = np.hypot(*(places[a] - places[b]).T)
    incidence = (np.ones(2 * edges), (np.concatenate([a, b]), np.tile(np.arange(edges), 2)))
    constraints = [LinearConstraint(csr_array(coo_array(incidence, shape=(n, edges))), 2, 2)]
    cuts: list[Any] = []
    while (left := end - time.monotonic()) > 0:
        limits = [LinearConstraint(vstack(cuts), 2, np.inf)] if cuts else []
        options = {"time_limit": left, "mip_rel_gap": 0}
        found = milp(cost, integrality=1, bounds=Bounds(0, 1), constraints=constraints + limits, options=options)
        if found.status != 0:
            return None
        used = found.x > 0.5
        graph = coo_array((np.ones(n), (a[used], b[used])), shape=(n, n))
        rounds, member = connected_components(graph, directed=False)
        if rounds == 1:
            return _walk(list(zip(a[used].tolist(), b[used].tolist(), strict=True)))
        cuts += [csr_array([(member[a] == each) != (member[b] == each)], dtype=float) for each in range(rounds)]
    return None


def _walk(edges: Sequence[tuple[int, int]]) -> Order:
    """The tour of these edges from 0."""
    beside: dict[int, list[int]] = {}
    for a, b in edges:
        beside.setdefault(a, []).append(b)
        beside.setdefault(b, []).append(a)
    tour = [0, min(beside[0])]
    while len(tour) < len(edges):
        before, here = tour[-2:]
        tour.append(next(point for point in beside[here] if point != before))
    return tuple(tour)

"""The Pareto front of a search for a good score at a low cost.

Candidates are ranked as in NSGA-II (Deb et al. 2002): first by how many fronts have to be taken away before they are on
one, then by how far they are from their neighbours on it. Within this module a point is a pair of which both are
minimised.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from optiprompt.candidate import Direction, Evaluation

Point = tuple[float, float]


def show_cost(cost: float) -> str:
    """A cost, or a limit on it, for people and for the optimizer: `1,234,567`, `0.31462`."""
    return f"{cost:,.0f}" if abs(cost) >= 1e5 else f"{cost:,.6g}"


def dominates(a: Point, b: Point) -> bool:
    """Whether a is at least as good as b in both, and better in one."""
    return a != b and a[0] <= b[0] and a[1] <= b[1]


def ranks(points: Sequence[Point]) -> list[int]:
    """For each point the number of its front: 0 where no other point dominates it, 1 where only those of 0 do, ..."""
    found = [0] * len(points)
    lowest: list[float] = []  # second value of the last point on each front; it ascends from front to front
    last: Point | None = None
    for place in sorted(range(len(points)), key=points.__getitem__):
        point = points[place]
        if point != last:  # equal points do not dominate each other
            rank = bisect_right(lowest, point[1])
            lowest[rank : rank + 1] = [point[1]]
        found[place], last = rank, point
    return found


def crowding(points: Sequence[Point]) -> list[float]:
    """How much room each point of one front has: the gap between its neighbours, summed over both values.

    Each value counts as a share of its range; the ends of the front have infinite room.
    """
    room = [0.0] * len(points)
    for axis in (0, 1):
        order = sorted(range(len(points)), key=lambda place: points[place][axis])
        width = points[order[-1]][axis] - points[order[0]][axis]
        room[order[0]] = room[order[-1]] = math.inf
        for before, place, after in zip(order, order[1:], order[2:], strict=False):
            room[place] += (points[after][axis] - points[before][axis]) / (width or 1.0)
    return room


def merits(points: Sequence[Point]) -> list[tuple[float, float]]:
    """A key for each point, greater for better ones: the front's number turned round, then the room on it."""
    rank = ranks(points)
    found = [(0.0, 0.0)] * len(points)
    for number in set(rank):
        places = [place for place in range(len(points)) if rank[place] == number]
        for place, room in zip(places, crowding([points[place] for place in places]), strict=True):
            found[place] = (-number, room)
    return found


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """The area that the points dominate, as far as it is better than the reference point in both values."""
    area, height = 0.0, reference[1]
    for first, second in sorted(points):
        if first < reference[0] and second < height:
            area += (reference[0] - first) * (height - second)
            height = second
    return area


class Scored(Protocol):
    """What was evaluated in a step: a trial, or the event of it."""

    @property
    def evaluation(self) -> Evaluation: ...
    @property
    def step(self) -> int: ...


T = TypeVar("T", bound=Scored)


@dataclass(frozen=True)
class Front(Generic[T]):
    """What a search has found of the trade-off between score and cost.

    Attributes:
        members: the candidates that no other one dominates, by ascending cost; equally good ones are all there.
        hypervolume: the area that they dominate, in units of the score times units of the cost. It only grows.
        reference: score and cost of the point that the area ends at: the worst score of the starting candidates, and
            the limit on the cost, or without one the highest cost of the starting candidates. (Where none of these has
            a score, the first step that brought one stands in for them.)
    """

    members: tuple[T, ...]
    hypervolume: float
    reference: tuple[float, float]


@dataclass(frozen=True)
class Tradeoff:
    """Two objectives: a good score, and a low cost.

    Attributes:
        direction: whether a higher or a lower score is better.
        cost: name of the cost among the metrics of an evaluation.
        limit: the highest cost that is allowed; None without a limit on it.
    """

    direction: Direction
    cost: str
    limit: float | None = None

    def point(self, each: Scored) -> Point:
        """What is minimised."""
        score = each.evaluation.score
        if score is None:
            raise ValueError(f"no score: {each.evaluation.reason}")
        return (-score if self.direction == "maximize" else score, each.evaluation.metrics[self.cost])

    def front(self, scored: Sequence[T]) -> Front[T] | None:
        """The front of what has a score, given in the order in which it was evaluated; None where nothing has."""
        if not scored:
            return None
        points = [self.point(each) for each in scored]
        first = [point for point, each in zip(points, scored, strict=True) if each.step == scored[0].step]
        highest = max(cost for _, cost in first) if self.limit is None else self.limit
        reference = max(loss for loss, _ in first), highest
        best = [place for place, rank in enumerate(ranks(points)) if rank == 0]
        best.sort(key=lambda place: points[place][1])
        worst = -reference[0] if self.direction == "maximize" else reference[0]
        return Front(tuple(scored[place] for place in best), hypervolume(points, reference), (worst, reference[1]))

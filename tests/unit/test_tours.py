"""The heuristics and the solver beside brute force."""

import random
from itertools import pairwise, permutations

import pytest

from optiprompt.spaces.permutation import Order
from optiprompt.tasks._tours import (
    Points,
    farthest_insertion,
    length,
    nearest_neighbour,
    shortest,
    two_opt,
)


def scattered(n: int, seed: int) -> Points:
    rng = random.Random(seed)
    return tuple((rng.randint(-100, 100), rng.randint(-100, 100)) for _ in range(n))


def every_tour(n: int) -> list[Order]:
    return [(0, *rest) for rest in permutations(range(1, n))]


def reversed_stretches(tour: Order) -> list[Order]:
    n = len(tour)
    return [(*tour[:a], *tour[a:b][::-1], *tour[b:]) for a in range(1, n) for b in range(a + 2, n + 1)]


# Two clusters far apart: the first solution of the solver falls apart into a round for each.
CLUSTERS: Points = ((-90, 0), (-91, 1), (-90, 2), (-89, 1), (90, 0), (91, 1), (90, 2), (89, 1))


@pytest.mark.parametrize("points", [scattered(8, 0), scattered(8, 1), scattered(3, 2), scattered(4, 3), CLUSTERS])
def test_the_optimum_is_that_of_brute_force(points: Points) -> None:
    found = shortest(points)
    best = min(length(points, tour) for tour in every_tour(len(points)))
    assert found.proven
    assert found.length == length(points, found.tour) == pytest.approx(best, rel=1e-12)
    assert found.tour[0] == 0
    assert sorted(found.tour) == list(range(len(points)))


@pytest.mark.parametrize("seed", range(5))
def test_nearest_neighbour_goes_to_the_nearest_point_left(seed: int) -> None:
    points = scattered(7, seed)

    def legs(tour: Order) -> list[float]:
        return [length(points, pair) for pair in pairwise(tour)]

    # Of all tours the one whose first leg is shortest, then its second, and so on.
    assert nearest_neighbour(points) == min(every_tour(7), key=legs)


@pytest.mark.parametrize("seed", range(5))
def test_farthest_insertion_is_the_best_place_for_the_farthest_point(seed: int) -> None:
    """By the definition, without its shortcuts: every place is tried and the whole tour measured."""
    points = scattered(7, seed)
    tour: Order = (0,)
    while len(tour) < 7:
        left = set(range(7)) - set(tour)
        point = max(left, key=lambda each: min(length(points, (each, other)) for other in tour))
        grown = [(*tour[:place], point, *tour[place:]) for place in range(1, len(tour) + 1)]
        tour = min(grown, key=lambda each: length(points, each))
    assert length(points, farthest_insertion(points)) == pytest.approx(length(points, tour))


def test_two_opt_ends_where_no_reversal_is_shorter() -> None:
    points = scattered(8, 4)
    start = tuple(range(8))
    tour = two_opt(points, start)
    assert length(points, tour) < length(points, start)
    assert length(points, tour) <= min(length(points, each) for each in reversed_stretches(tour)) + 1e-9


def test_without_time_the_best_known_tour_is_not_called_proven() -> None:
    points = scattered(20, 5)
    known, best = shortest(points, seconds=0.0), shortest(points)
    assert (known.proven, best.proven) == (False, True)
    assert best.length <= known.length < 1.2 * best.length
    assert sorted(known.tour) == list(range(20))

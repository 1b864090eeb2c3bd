"""Ranks, crowding and hypervolume agree with their definitions, on any points: ties and equal points too."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optiprompt.front import Point, crowding, dominates, hypervolume, merits, ranks

SIDE = 6
points = st.lists(st.tuples(st.integers(0, SIDE), st.integers(0, SIDE)), max_size=25)


def peeled(left: Sequence[Point]) -> dict[Point, int]:
    """The rank of each point by taking away one front after the other."""
    found: dict[Point, int] = {}
    number = 0
    while left:
        front = [a for a in left if not any(b[0] <= a[0] and b[1] <= a[1] and b != a for b in left)]
        found |= dict.fromkeys(front, number)
        left = [each for each in left if each not in front]
        number += 1
    return found


@given(points)
def test_ranks_are_those_of_peeling_front_by_front(cloud: list[Point]) -> None:
    by_hand = peeled(cloud)
    assert ranks(cloud) == [by_hand[point] for point in cloud]


@given(points)
def test_the_hypervolume_counts_the_dominated_unit_squares(cloud: list[Point]) -> None:
    squares = [(x, y) for x in range(SIDE) for y in range(SIDE)]
    covered = sum(any(p[0] <= x and p[1] <= y for p in cloud) for x, y in squares)
    assert hypervolume(cloud, (SIDE, SIDE)) == covered


@given(points, points)
def test_more_points_never_take_hypervolume_away(some: list[Point], more: list[Point]) -> None:
    assert hypervolume([*some, *more], (SIDE, SIDE)) >= hypervolume(some, (SIDE, SIDE))


@given(points)
def test_no_point_has_less_merit_than_one_it_dominates(cloud: list[Point]) -> None:
    keys = merits(cloud)
    assert all(
        a > b for p, a in zip(cloud, keys, strict=True) for q, b in zip(cloud, keys, strict=True) if dominates(p, q)
    )


def test_of_one_front_the_ends_and_the_lonely_come_first() -> None:
    line = [(0.0, 10.0), (1.0, 9.0), (2.0, 8.0), (6.0, 4.0), (10.0, 0.0)]
    room = crowding(line)
    assert (room[0], room[4]) == (math.inf, math.inf)
    assert room[1:4] == pytest.approx([0.4, 1.0, 1.6])

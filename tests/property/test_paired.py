"""The paired test: sound for all scores, symmetric, and as rarely wrong as it says."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optiprompt.candidate import Outcome
from optiprompt.paired import Difference, compare

graded = st.sampled_from([0.0, 1.0, None])
judged = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0]))


def outcomes(scores: Sequence[float | None]) -> list[Outcome]:
    return [Outcome(str(place), score) for place, score in enumerate(scores)]


def lists(score: st.SearchStrategy[float | None]) -> st.SearchStrategy[list[tuple[float | None, float | None]]]:
    return st.lists(st.tuples(score, score), max_size=40)


@given(st.one_of(lists(graded), lists(judged)))
def test_it_is_symmetric_and_within_its_bounds(pairs: list[tuple[float | None, float | None]]) -> None:
    one, other = outcomes([a for a, _ in pairs]), outcomes([b for _, b in pairs])
    found, turned = compare(one, other), compare(list(reversed(other)), one)
    assert 0 < found.p <= 1
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.n == turned.n == sum(a is not None and b is not None for a, b in pairs)
    for mirrored, value in ((turned.value, -found.value), (turned.low, -found.high), (turned.high, -found.low)):
        assert mirrored == pytest.approx(value)
    assert turned.p == pytest.approx(found.p)
    same = compare(one, one)
    assert (same.value, same.p) == (0, 1)


def test_right_and_wrong_answers_get_mcnemars_exact_test() -> None:
    one, other = outcomes([1.0] * 10 + [0.0] * 2 + [1.0] * 8), outcomes([0.0] * 10 + [1.0] * 2 + [1.0] * 8)
    found = compare(one, other)
    # 12 examples differ, 2 of them the other way: 2 (1 + 12 + 66) / 2^12.
    assert found.p == pytest.approx(2 * 79 / 4096)
    assert found.value == pytest.approx(8 / 20)
    # Bonett and Price: 8/22 -+ 1.96 sqrt((14/22 - (8/22)^2) / 22).
    assert found.low == pytest.approx(0.0669, abs=1e-4)
    assert found.high == pytest.approx(0.6603, abs=1e-4)


def test_other_scores_get_every_exchange_where_they_are_few() -> None:
    one, other = outcomes([0.9, 0.8, 0.7, 0.6, 0.5]), outcomes([0.5, 0.5, 0.5, 0.5, 0.5])
    # Of the 16 sign patterns of four differences only the one found and its opposite are as far from 0.
    assert compare(one, other).p == pytest.approx(2 / 16)


def test_nothing_in_common_is_no_difference() -> None:
    assert compare(outcomes([1.0, None]), [Outcome("1", 0.0)]) == Difference(0.0, -1.0, 1.0, 1.0, 0)


@pytest.mark.parametrize("scores", ["graded", "judged"])
def test_equal_candidates_are_told_apart_in_at_most_five_percent_and_the_interval_covers(scores: str) -> None:
    rng = random.Random(7)

    def score(level: float) -> float:
        return float(rng.random() < level) if scores == "graded" else min(1.0, max(0.0, rng.gauss(level, 0.2)))

    found = []
    for _ in range(250):
        levels = [rng.uniform(0.2, 0.8) for _ in range(60)]
        found.append(compare(outcomes([score(x) for x in levels]), outcomes([score(x) for x in levels])))
    assert sum(each.p < 0.05 for each in found) <= 0.07 * 250
    assert sum(each.low <= 0 <= each.high for each in found) >= 0.92 * 250

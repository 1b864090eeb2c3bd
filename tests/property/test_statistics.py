"""Racing and selection hold for any scores, also where calls failed."""

import math

from hypothesis import example, given, settings
from hypothesis import strategies as st

from optiprompt.racing import Racing, blocks, chances, hopeless
from optiprompt.selection import compare, corrected, verdict

score = st.one_of(st.none(), st.sampled_from([0.0, 1.0]), st.floats(0, 1))


def rows(width: int, least: int = 0) -> st.SearchStrategy[list[list[float | None]]]:
    return st.lists(st.lists(score, min_size=width, max_size=width), min_size=least, max_size=5)


@settings(deadline=None)
@given(st.data(), st.integers(0, 25), st.integers(0, 30))
def test_any_race_has_a_verdict_for_everyone(data: st.DataObject, seen: int, more: int) -> None:
    racers, incumbents = data.draw(rows(seen)), data.draw(rows(seen + more))
    verdicts = hopeless(racers, incumbents, seen + more, Racing())
    assert len(verdicts) == len(racers)
    assert verdicts == hopeless(racers, incumbents, seen + more, Racing())
    if racers and seen >= 2 and more:
        found = chances(racers, incumbents, seen + more)
        assert all(0 <= each <= 1 for each in found)
        assert sum(found) <= 1 + 1e-9


@given(st.integers(0, 5000), st.integers(2, 100), st.floats(1, 10, exclude_min=True))
def test_blocks_rise_to_the_total(total: int, first: int, growth: float) -> None:
    sizes = blocks(total, Racing(first_block=first, growth=growth))
    assert sizes == sorted(set(sizes))
    assert sizes[-1:] == ([total] if total else [])


@settings(deadline=None)
@given(st.integers(0, 30).flatmap(lambda width: rows(width, least=1)), st.integers(0, 4))
@example([[2.6e-249], [0.0]], 0)
def test_any_scores_can_be_compared(scores: list[list[float | None]], baseline: int) -> None:
    for found in (compare(scores[0], scores[-1]), corrected(scores, baseline % len(scores))):
        assert -1 <= found.low <= found.difference <= found.high <= 1
        assert 0 < found.p_value <= 1
        assert all(map(math.isfinite, (found.low, found.difference, found.high)))
        assert verdict(found, train=0.5, held_out=0.4)

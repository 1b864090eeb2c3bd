import numpy as np
import pytest

from optiprompt.errors import UsageError
from optiprompt.racing import Racing, blocks, chances, hopeless

TOTAL = 100


def bits(rng: np.random.Generator, chance: float, n: int = TOTAL) -> list[float | None]:
    return [float(each) for each in rng.random(n) < chance]


@pytest.mark.parametrize("total", [0, 1, 2, 11, 12, 13, 50, 100, 1319])
def test_blocks_grow_and_end_with_all_examples(total: int) -> None:
    sizes = blocks(total, Racing())
    assert sizes == sorted(set(sizes))
    assert sizes[-1:] == ([total] if total else [])
    assert all(12 <= size <= total for size in sizes[:-1])


def test_a_growth_close_to_1_still_moves_on() -> None:
    assert blocks(10, Racing(first_block=2, growth=1.0001)) == [2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_who_is_far_behind_goes_and_who_leads_stays() -> None:
    rng = np.random.default_rng(0)
    racers = [bits(rng, 0.9, 30), bits(rng, 0.1, 30)]
    assert hopeless(racers, [bits(rng, 0.6)], TOTAL, Racing()) == [False, True]


def test_all_go_where_the_incumbent_is_out_of_reach() -> None:
    rng = np.random.default_rng(0)
    assert hopeless([bits(rng, 0.3, 40), bits(rng, 0.4, 40)], [bits(rng, 0.95)], TOTAL, Racing()) == [True, True]


def test_equal_racers_all_stay() -> None:
    row = bits(np.random.default_rng(0), 0.5, 30)
    assert not any(hopeless([row] * 8, [], TOTAL, Racing()))


def test_the_same_scores_on_harder_examples_are_worth_more() -> None:
    """Half right so far: behind an incumbent that got these right, ahead of one that got these wrong."""
    half: list[float | None] = [1.0, 0.0] * 10
    incumbent = [1.0] * 50 + [0.0] * 50
    [easy] = chances([half], [incumbent], TOTAL)
    [hard] = chances([half], [incumbent[::-1]], TOTAL)
    assert hard > easy


def test_nobody_goes_too_early_or_after_the_end() -> None:
    good, bad = [1.0] * TOTAL, [0.0] * TOTAL
    assert hopeless([bad[:1]], [good], TOTAL, Racing()) == [False]
    assert hopeless([bad], [good], TOTAL, Racing()) == [False]
    assert hopeless([], [good], TOTAL, Racing()) == []


def test_more_confidence_never_drops_more() -> None:
    rng = np.random.default_rng(1)
    racers = [bits(rng, 0.5, 20) for _ in range(8)]
    dropped = [sum(hopeless(racers, [bits(rng, 0.6)], TOTAL, Racing(each))) for each in (0.9999, 0.99, 0.9, 0.6)]
    assert dropped == sorted(dropped)
    assert dropped[0] < dropped[-1]


def test_a_racer_whose_calls_all_failed_is_not_judged_by_that() -> None:
    rng = np.random.default_rng(2)
    unheard: list[float | None] = [None] * 20
    assert hopeless([bits(rng, 0.5, 20), unheard], [bits(rng, 0.5)], TOTAL, Racing()) == [False, False]


@pytest.mark.parametrize("wrong", [{"confidence": 1.0}, {"confidence": 0.0}, {"first_block": 1}, {"growth": 1.0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Racing(**wrong)  # type: ignore[arg-type]


def test_the_true_best_survives_and_calls_are_saved() -> None:
    """Candidates that differ by some points, on examples of all degrees of difficulty."""
    survived, calls, races = 0, 0, 60
    for seed in range(races):
        rng = np.random.default_rng(seed)
        ease = rng.beta(1, 1, TOTAL)
        quality = rng.normal(0, 0.15, 10)
        right = rng.random((10, TOTAL)) < np.clip(ease + quality[:, None], 0, 1)
        racers, incumbents = right[:8].astype(float), right[8:].astype(float).tolist()
        alive, seen = list(range(8)), 0
        for size in blocks(TOTAL, Racing()):
            calls += len(alive) * (size - seen)
            seen = size
            verdicts = hopeless(racers[alive, :size].tolist(), incumbents, TOTAL, Racing())
            alive = [racer for racer, out in zip(alive, verdicts, strict=True) if not out]
        scores = racers.mean(1)
        survived += scores.max() <= right[8:].mean(1).max() or any(scores[each] == scores.max() for each in alive)
    assert survived >= 0.95 * races
    assert calls < 0.5 * races * 8 * TOTAL

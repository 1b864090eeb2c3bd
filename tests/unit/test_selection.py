import numpy as np
import pytest
from scipy.stats import binomtest

from optiprompt.selection import Comparison, choose, compare, corrected, verdict


def answers(both: int, first: int, second: int, neither: int) -> tuple[list[float], list[float]]:
    """Outcomes of two candidates, by how many examples both, only one, or neither got right."""
    a = [1.0] * (both + first) + [0.0] * (second + neither)
    return a, [1.0] * both + [0.0] * first + [1.0] * second + [0.0] * neither


def test_a_known_case_against_figures_worked_out_by_hand() -> None:
    found = compare(*answers(50, 20, 5, 25))
    assert found.difference == pytest.approx(0.15)
    assert found.n == 100
    # Agresti and Min: (20.5 - 5.5) / 102 +- 1.96 * sqrt((26 / 102 - 0.14706 ** 2) / 102)
    assert (found.low, found.high) == pytest.approx((0.0534, 0.2408), abs=5e-4)
    assert found.better


@pytest.mark.parametrize(("first", "second"), [(20, 5), (9, 2), (15, 8), (4, 0), (30, 25)])
def test_the_test_is_no_weaker_than_the_conditional_one(first: int, second: int) -> None:
    conditional = binomtest(first, first + second).pvalue
    assert 0 < compare(*answers(40, first, second, 60 - first)).p_value <= conditional + 1e-9


@pytest.mark.parametrize("n", [5, 20, 60])
def test_by_chance_alone_better_is_said_in_at_most_a_fortieth(n: int) -> None:
    """Exactly, over all results and whatever share of the examples differs."""
    from scipy.stats import multinomial

    claims = [
        (more, fewer)
        for more in range(n + 1)
        for fewer in range(min(more, n - more + 1))
        if compare(*answers(0, more, fewer, n - more - fewer)).better
    ]
    for share in (0.02, 0.1, 0.3, 0.47, 0.7, 1.0):
        cells = [share / 2, share / 2, 1 - share]
        chance = sum(multinomial.pmf([more, fewer, n - more - fewer], n, cells) for more, fewer in claims)
        assert chance <= 0.0251


@pytest.mark.parametrize("graded", [False, True])
def test_the_other_way_round_is_the_same_with_the_sign_turned(graded: bool) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 40)) if graded else (rng.random((2, 40)) < 0.5).astype(float)
    there, back = compare(a.tolist(), b.tolist()), compare(b.tolist(), a.tolist())
    assert back.difference == pytest.approx(-there.difference)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
    assert back.p_value == pytest.approx(there.p_value)


def test_graded_scores_get_a_permutation_test_and_the_t_interval() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.2, 0.6, 30)
    raised = compare((base + rng.uniform(0, 0.2, 30)).tolist(), base.tolist())
    assert raised.better
    assert 0 < raised.low < 0.1 < raised.high < 0.2
    noise = compare((base + rng.normal(0, 0.1, 30)).tolist(), base.tolist())
    assert not noise.better


def test_examples_that_either_has_no_score_for_are_left_out() -> None:
    assert compare([1.0, None, 0.0, 1.0], [0.0, 1.0, None, 0.0]) == compare([1.0, 1.0], [0.0, 0.0])


def test_with_nothing_to_go_by_nothing_is_claimed() -> None:
    found = compare([None, None], [1.0, 0.0])
    assert (found.n, found.p_value, found.better, found.needed) == (0, 1.0, False, None)
    assert found.low < -0.9 < 0.9 < found.high


def test_the_best_of_many_equals_is_not_called_better() -> None:
    """On its own, the lead of the best of 40 looks large in most searches; corrected it does not."""
    naive = fixed = 0
    leads = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scores = (rng.random((41, 80)) < rng.beta(1, 1, 80)).astype(float).tolist()
        best = max(scores, key=sum)
        naive += compare(best, scores[0]).better
        found = corrected(scores)
        fixed += found.better
        leads.append(found.difference)
    assert naive >= 8
    assert fixed <= 4
    assert abs(np.mean(leads)) < 0.02


def test_a_large_lead_is_still_found_after_the_correction() -> None:
    rng = np.random.default_rng(0)
    scores = (rng.random((10, 100)) < 0.4).astype(float).tolist()
    scores.append([float(each) for each in rng.random(100) < 0.85])
    found = corrected(scores)
    assert found.better
    assert found.low < found.difference < found.high


def test_the_baseline_itself_may_be_the_best() -> None:
    found = corrected([[0.0, 1.0, 0.0], [1.0, 1.0, 1.0]], baseline=1)
    assert (found.difference, found.better) == (0.0, False)


def test_the_winner_has_the_best_mean_and_of_equal_ones_comes_first() -> None:
    assert choose([[1, 0], [0, 1]]) == 0
    assert choose([[0, 1], [1, None]]) == 1
    assert choose([[None], [0]]) == 0


def test_a_clear_win_is_said_in_words_with_its_selection_bias() -> None:
    text = verdict(compare(*answers(50, 20, 5, 25)), train=0.78, held_out=0.7)
    assert text.splitlines() == [
        "The winner is better than the baseline: +15.0 points on 100 test examples (95% interval +5.3 to +24.1; "
        "p = 0.004).",
        "Selection bias: +8.0 points (78.0 on train, 70.0 on test).",
    ]


def test_too_few_examples_are_said_with_how_many_are_needed() -> None:
    text = verdict(compare(*answers(20, 10, 7, 23)))
    assert text.startswith("The winner is not shown to be better than the baseline: +5.0 points on 60 test examples")
    needed = compare(*answers(20, 10, 7, 23)).needed
    assert needed
    assert needed > 60
    assert f"about {needed} examples are needed" in text


def test_the_needed_number_gives_the_power_it_promises() -> None:
    needed = compare(*answers(20, 14, 7, 19)).needed
    assert needed
    rng = np.random.default_rng(0)
    kinds = rng.choice(3, p=[14 / 60, 7 / 60, 39 / 60], size=(300, needed))
    found = [compare(*answers(0, int((k == 0).sum()), int((k == 1).sum()), int((k == 2).sum()))).better for k in kinds]
    assert 0.7 < np.mean(found) < 0.92


def test_a_loss_and_an_empty_comparison_are_said_as_well() -> None:
    assert verdict(compare(*answers(40, 2, 30, 28)), "dev").startswith("The winner is worse than the baseline: -28.0")
    assert verdict(Comparison(0.0, -1.0, 1.0, 1.0, 0)).startswith("Nothing can be said: no test example")

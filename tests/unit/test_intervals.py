import pytest
from scipy.stats import binomtest

from optiprompt.candidate import Evaluation, Outcome


@pytest.mark.parametrize(("right", "n"), [(0, 12), (12, 12), (7, 24), (1, 100), (130, 250)])
def test_graded_examples_get_wilsons_interval(right: int, n: int) -> None:
    outcomes = tuple(Outcome(str(number), float(number < right)) for number in range(n))
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
    found = Evaluation("ok", right / n, 0.0, n, outcomes=outcomes).interval
    assert found == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_other_scores_get_the_normal_one_and_single_measurements_none() -> None:
    assert Evaluation("ok", 90.0, 0.5, 3).interval == pytest.approx((89.02, 90.98), abs=1e-3)
    assert Evaluation("ok", 90.0).interval is None
    assert Evaluation.failed("lost").interval is None

from dataclasses import replace

import pytest

from optiprompt.candidate import Candidate, Direction, Evaluation, Proposal, Trial
from optiprompt.trajectory import Trajectory


def trial(text: str, score: float | None, step: int = 0, duplicate: bool = False) -> Trial:
    evaluation = Evaluation.failed("no") if score is None else Evaluation("ok", score)
    return Trial(Proposal(text, "test"), Candidate(text, text, text), evaluation, step, duplicate)


def unparsed(text: str, reason: str) -> Trial:
    return Trial(Proposal(text, "test"), None, Evaluation.invalid(reason), 1)


@pytest.mark.parametrize(("direction", "expected"), [("maximize", ["b", "c", "a"]), ("minimize", ["a", "c", "b"])])
def test_ranking_follows_the_direction_and_leaves_out_what_has_no_score(
    direction: Direction, expected: list[str]
) -> None:
    trajectory = Trajectory(direction)
    trajectory.add_step(
        [trial("a", 1), trial("b", 3), trial("broken", None), trial("c", 2), unparsed("?!", "no number")]
    )
    assert [each.text for each in trajectory.ranked()] == expected
    assert [each.evaluation.reason for each in trajectory.rejected] == ["no", "no number"]


def test_of_equal_scores_the_earlier_is_the_better() -> None:
    trajectory = Trajectory("maximize")
    trajectory.add_step([trial("first", 1), trial("second", 1)])
    assert trajectory.best is not None
    assert trajectory.best.text == "first"


def test_the_curve_counts_unique_evaluations_only() -> None:
    trajectory = Trajectory("maximize")
    trajectory.add_step([trial("broken", None), trial("a", 1), trial("b", 3)])
    trajectory.add_step([trial("a", 1, 1, duplicate=True), trial("c", 2, 1), unparsed("?", "no")])
    trajectory.add_step([trial("d", 5, 2)])
    assert trajectory.curve() == [1, 3, 3, 5]
    assert len(trajectory) == 5
    assert trajectory.stale_steps() == 0


def test_steps_that_bring_only_duplicates_are_counted_until_something_new_comes() -> None:
    trajectory = Trajectory("maximize")
    trajectory.add_step([trial("a", 1)])
    for _ in range(3):
        trajectory.add_step([trial("a", 1, duplicate=True)])
    assert (trajectory.steps, trajectory.barren, trajectory.failing) == (3, 3, 0)
    trajectory.add_step([trial("b", 0)])
    assert trajectory.barren == 0


def test_a_model_that_repeats_itself_is_noticed_beside_what_needs_no_model() -> None:
    trajectory = Trajectory("maximize")
    trajectory.add_step([trial("a", 1)])
    for step in (1, 2):
        repeated = trial("a", 1, step, duplicate=True)
        repeated = replace(repeated, proposal=replace(repeated.proposal, reply=("key", step)))
        trajectory.add_step([repeated, trial(f"new {step}", 0, step)])
    assert (trajectory.barren, trajectory.repeating) == (0, 2)
    trajectory.add_step([trial("only a neighbour", 0, 3)])
    assert trajectory.repeating == 2
    fresh = trial("fresh", 0, 4)
    trajectory.add_step([replace(fresh, proposal=replace(fresh.proposal, reply=("key", 4)))])
    assert trajectory.repeating == 0

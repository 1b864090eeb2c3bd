"""The predictor finds what is worth an evaluation, and the searcher takes that of what was drawn."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt.backends.uniform import UniformBackend
from optiprompt.candidate import Evaluation, Proposal, Trial
from optiprompt.operators.base import Scene
from optiprompt.operators.infill import Infill
from optiprompt.predictor import improvements
from optiprompt.trajectory import Trajectory

SPACE = op.CellSpace([f"e{number}" for number in range(6)], ["a", "b", "c", "d"])


def right(cell: tuple[str, ...]) -> float:
    """How many edges are as in the best cell."""
    return float(sum(word == best for word, best in zip(cell, "abcdab", strict=True)))


def test_it_ranks_unseen_candidates_much_better_than_chance() -> None:
    pytest.importorskip("scipy")
    from scipy.stats import spearmanr

    rng = random.Random(0)
    cells = list({SPACE.sample(rng) for _ in range(160)})
    known, others = cells[:40], cells[40:]
    promise = improvements(
        [SPACE.features(x) for x in known], [right(x) for x in known], [SPACE.features(x) for x in others]
    )
    assert spearmanr(promise, [right(x) for x in others]).statistic > 0.6


def test_equal_scores_are_no_problem() -> None:
    features = [SPACE.features(SPACE.sample(random.Random(seed))) for seed in range(8)]
    assert len(improvements(features[:6], [1.0] * 6, features[6:])) == 2


def search(tmp_path: Path, seed: int, **settings: object) -> op.Result:
    task = op.FunctionTask("right", SPACE, right, start=8)
    algorithm = op.Opro(proposals=2, **settings)  # type: ignore[arg-type]
    return op.optimize(
        task,
        optimizer=UniformBackend(),
        algorithm=algorithm,
        seed=seed,
        budget=op.Budget(evaluations=24),
        run_dir=tmp_path / f"{seed}{settings.get('predictor')}",
    )


def test_a_search_with_it_finds_better_candidates(tmp_path: Path) -> None:
    def mean(predictor: bool) -> float:
        found = [search(tmp_path, seed, predictor=predictor).best for seed in range(8)]
        return sum(trial.score for trial in found if trial) / 8

    assert mean(True) > mean(False)


@pytest.mark.parametrize(("settings", "a_step"), [({}, 4), ({"predictor": False}, 8), ({"proposals": 6}, 6)])
def test_what_a_predictor_learns_is_used_sooner(tmp_path: Path, settings: dict[str, Any], a_step: int) -> None:
    task = op.FunctionTask("right", SPACE, right, start=8)
    algorithm, budget = op.Opro(**settings), op.Budget(evaluations=24)
    result = op.optimize(task, optimizer=UniformBackend(), algorithm=algorithm, budget=budget, run_dir=tmp_path)
    assert sum(trial.step == 1 and not trial.duplicate for trial in result.trajectory.trials) == a_step


def test_the_operators_and_their_shares_are_in_the_events(tmp_path: Path) -> None:
    result = search(tmp_path, 0)
    sources = {trial.proposal.source for trial in result.trajectory.trials}
    assert sources == {"start", "opro", "infill", "neighbour"}
    text = (tmp_path / "0None" / "events.jsonl").read_text()
    assert '"operators":{"infill":{"proposals":' in text.replace(" ", "")


def test_where_one_place_is_open_only_what_is_new_is_asked_for() -> None:
    space = op.CellSpace(["e0", "e1"], ["a", "b", "c"])
    task = op.FunctionTask("right", space, lambda cell: float(cell == ("a", "a")), start=["a a"])
    trajectory = Trajectory("maximize")
    tried = ["a a", "a b", "b a", "b b", "c a"]
    trajectory.add_step(
        [Trial(Proposal(text, "start"), space.candidate(text), Evaluation("ok", 1.0), 0) for text in tried]
    )
    scene = Scene(task, trajectory, op.Opro(), UniformBackend(), 0, None, None)
    proposals = asyncio.run(Infill().propose(scene, 30, random.Random(0)))
    moved = [each.text for each in proposals]
    assert {"a c", "b c"} <= set(moved)
    # What is known comes from the open pairs alone: a third of the draws, of which 5 in 9 are known.
    assert sum(text in tried for text in moved) < len(moved) / 3


def test_the_same_seed_gives_the_same_search(tmp_path: Path) -> None:
    first = search(tmp_path / "a", 3)
    second = search(tmp_path / "b", 3)
    assert [trial.text for trial in first.trajectory.trials] == [trial.text for trial in second.trajectory.trials]

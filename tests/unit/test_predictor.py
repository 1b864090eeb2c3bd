"""The predictor finds what is worth an evaluation, and the searcher takes that of what was drawn."""

import random
from pathlib import Path

import pytest

import optiprompt as op
from optiprompt.backends.uniform import UniformBackend
from optiprompt.predictor import improvements

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


def test_the_operators_and_their_shares_are_in_the_events(tmp_path: Path) -> None:
    result = search(tmp_path, 0)
    sources = {trial.proposal.source for trial in result.trajectory.trials}
    assert sources == {"start", "opro", "infill", "neighbour"}
    text = (tmp_path / "0None" / "events.jsonl").read_text()
    assert '"operators":{"infill":{"proposals":' in text.replace(" ", "")


def test_the_same_seed_gives_the_same_search(tmp_path: Path) -> None:
    first = search(tmp_path / "a", 3)
    second = search(tmp_path / "b", 3)
    assert [trial.text for trial in first.trajectory.trials] == [trial.text for trial in second.trajectory.trials]

"""The loop: nothing is paid twice, failures are kept, budgets are exact, a killed run goes on where it stood."""

import json
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt.algorithms.base import Algorithm
from optiprompt.errors import RunError, SearchFailed, UsageError
from optiprompt.store import read_events

Point = dict[str, float]


def paraboloid(point: Point) -> float:
    return -((point["x"] - 7) ** 2) - (point["y"] + 3) ** 2


def broken(point: Point) -> float:
    raise ConnectionError("no GPU today")


class Counting:
    """A scoring function that counts its calls by candidate."""

    def __init__(self, score: Callable[[Point], float] = paraboloid) -> None:
        self.calls: list[tuple[float, ...]] = []
        self._score = score
        self._lock = threading.Lock()

    def __call__(self, point: Point) -> float:
        with self._lock:
            self.calls.append(tuple(point.values()))
        return self._score(point)


def make_task(score: Callable[[Point], float], low: int = -10, high: int = 10, **details: Any) -> op.FunctionTask:
    space = op.Numbers({"x": (low, high), "y": (low, high)}, integer=True)
    return op.FunctionTask("paraboloid", space, score, **details)


def without_time(folder: Path) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [{name: value for name, value in record.items() if name != "time"} for record in records]


ALGORITHMS: list[Algorithm] = [op.Random(), op.Evolution(), op.LocalSearch()]


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda each: each.name)
def test_the_evaluation_budget_is_met_exactly_and_nothing_is_scored_twice(algorithm: Algorithm, tmp_path: Path) -> None:
    score = Counting()
    result = op.optimize(make_task(score), algorithm=algorithm, budget=op.Budget(evaluations=60), run_dir=tmp_path)
    assert len(score.calls) == len(set(score.calls)) == 60 == len(result.trajectory)
    assert result.stop_reason == "60 evaluations are made"
    assert result.best is not None
    assert result.best.score == max(paraboloid({"x": x, "y": y}) for x, y in score.calls)


def test_same_seed_same_events_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        op.optimize(make_task(paraboloid), algorithm=op.Evolution(), steps=30, seed=seed, run_dir=tmp_path / name)
    assert without_time(tmp_path / "a") == without_time(tmp_path / "b")
    assert without_time(tmp_path / "a")[1:] != without_time(tmp_path / "c")[1:]


def test_concurrency_never_changes_the_outcome(tmp_path: Path) -> None:
    def slow(point: Point) -> float:
        time.sleep(random.random() * 0.01)
        return paraboloid(point)

    for name, workers in (("one", 1), ("eight", 8)):
        task = make_task(slow, workers=workers)
        op.optimize(task, algorithm=op.Random(proposals=8), steps=5, run_dir=tmp_path / name)
    assert without_time(tmp_path / "one") == without_time(tmp_path / "eight")


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda each: each.name)
def test_a_run_killed_after_any_event_goes_on_to_the_same_end(algorithm: Algorithm, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    budget = op.Budget(evaluations=25)
    op.optimize(make_task(paraboloid, -3, 3), algorithm=algorithm, budget=budget, run_dir=whole)
    lines = (whole / "events.jsonl").read_bytes().splitlines(keepends=True)
    for kept in range(1, len(lines) + 1):
        folder = tmp_path / f"killed-{kept}"
        folder.mkdir()
        torn = lines[kept][: len(lines[kept]) // 2] if kept < len(lines) else b""
        (folder / "events.jsonl").write_bytes(b"".join(lines[:kept]) + torn)
        score = Counting()
        op.optimize(make_task(score, -3, 3), algorithm=algorithm, budget=budget, run_dir=folder)
        assert without_time(folder) == without_time(whole)
        evaluated = sum(json.loads(line)["type"] == "evaluated" for line in lines[:kept])
        assert len(score.calls) == 25 - evaluated


def test_resuming_with_the_same_arguments_does_nothing_and_with_more_steps_goes_on(tmp_path: Path) -> None:
    def search(steps: int) -> int:
        score = Counting()
        op.optimize(make_task(score), algorithm=op.Random(), steps=steps, run_dir=tmp_path)
        return len(score.calls)

    assert search(10) == 4 + 10
    before = (tmp_path / "events.jsonl").read_bytes()
    assert search(10) == 0
    assert (tmp_path / "events.jsonl").read_bytes() == before
    assert search(15) == 5


def test_failures_stay_in_the_trajectory_with_their_reason_and_the_search_goes_on(tmp_path: Path) -> None:
    def fragile(point: Point) -> float:
        if point["x"] < -5:
            raise ZeroDivisionError("x is too low")
        return float("nan") if point["y"] < -5 else paraboloid(point)

    result = op.optimize(make_task(fragile), algorithm=op.Random(), budget=op.Budget(evaluations=60), run_dir=tmp_path)
    reasons = [trial.evaluation.reason for trial in result.trajectory.rejected]
    assert any(reason.startswith("ZeroDivisionError: x is too low") and "test_loop.py" in reason for reason in reasons)
    assert any(reason.startswith("fragile (") and "returned nan, which is no finite" in reason for reason in reasons)
    assert result.best is not None
    assert result.best.candidate is not None
    assert result.best.candidate.value["x"] >= -5
    assert all(trial.evaluation.score is None for trial in result.trajectory.rejected)


def test_five_failing_steps_in_a_row_end_the_run_with_the_root_cause_and_everything_kept(tmp_path: Path) -> None:
    with pytest.raises(SearchFailed, match="no GPU today"):
        op.optimize(make_task(broken), algorithm=op.Random(), steps=50, run_dir=tmp_path)
    last = read_events(tmp_path)[-1]
    assert last.type == "ended"
    assert last.status == "failed"
    assert sum(event.type == "stepped" for event in read_events(tmp_path)) == 5


def test_a_run_in_which_nothing_could_be_scored_is_a_failure_and_no_success(tmp_path: Path) -> None:
    with pytest.raises(SearchFailed, match=r"nothing could be scored: .*no GPU today"):
        op.optimize(make_task(broken), algorithm=op.Random(), steps=1, run_dir=tmp_path)
    with pytest.raises(SearchFailed, match="nothing could be scored"):
        op.optimize(make_task(broken), algorithm=op.Random(), steps=1, run_dir=tmp_path)


def test_a_single_step_whose_candidate_fails_is_no_failed_run_when_the_start_was_scored(tmp_path: Path) -> None:
    def only_the_start(point: Point) -> float:
        return 1.0 if point == {"x": 0, "y": 0} else broken(point)

    task = make_task(only_the_start, start=["x=0, y=0"])
    result = op.optimize(task, algorithm=op.Random(), steps=1, run_dir=tmp_path)
    assert result.best is not None
    assert result.best.text == "x=0, y=0"
    assert len(result.trajectory.rejected) == 1


def test_numbers_of_numpy_in_an_evaluation_and_sys_exit_lose_nothing(tmp_path: Path) -> None:
    import numpy as np

    def score(point: Point) -> op.Evaluation:
        if point["x"] > 5:
            raise SystemExit(3)
        size: Any = np.int64(3)
        curve: Any = [1, 2]
        return op.Evaluation("ok", float(np.float32(point["x"])), metrics={"size": size}, curve=curve)

    task = make_task(score)  # type: ignore[arg-type]
    result = op.optimize(task, algorithm=op.Random(), budget=op.Budget(evaluations=40), run_dir=tmp_path)
    assert result.best is not None
    assert result.best.evaluation.metrics == {"size": 3.0}
    assert any("SystemExit" in trial.evaluation.reason for trial in result.trajectory.rejected)
    assert sum(event.type == "evaluated" for event in read_events(tmp_path)) == 40


def test_an_exhausted_space_ends_the_run_with_that_reason(tmp_path: Path) -> None:
    score = Counting()
    result = op.optimize(make_task(score, 0, 2), algorithm=op.Random(), steps=100, run_dir=tmp_path)
    assert len(score.calls) == 9
    assert "no new candidate" in result.stop_reason


def test_patience_and_target_stop_the_run(tmp_path: Path) -> None:
    by_target = op.Budget(steps=1000, target=-2.0)
    result = op.optimize(make_task(paraboloid), algorithm=op.LocalSearch(), budget=by_target, run_dir=tmp_path / "t")
    assert result.best is not None
    assert result.best.score >= -2
    assert "target" in result.stop_reason
    by_patience = op.Budget(steps=1000, patience=7)
    result = op.optimize(make_task(lambda _: 1.0), algorithm=op.Random(), budget=by_patience, run_dir=tmp_path / "p")
    assert result.trajectory.steps == 7


def test_minimising_prefers_the_lower_score(tmp_path: Path) -> None:
    task = make_task(lambda point: -paraboloid(point), direction="minimize")
    result = op.optimize(task, algorithm=op.LocalSearch(), budget=op.Budget(evaluations=150), run_dir=tmp_path)
    assert result.best is not None
    assert result.best.score == 0
    assert result.best.text == "x=7, y=-3"
    assert result.trajectory.curve() == sorted(result.trajectory.curve(), reverse=True)


def test_a_folder_with_another_search_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    op.optimize(make_task(paraboloid), algorithm=op.Random(), steps=2, run_dir=tmp_path)
    before = (tmp_path / "events.jsonl").read_bytes()
    with pytest.raises(RunError, match="holds another search, with seed 0, not 1"):
        op.optimize(make_task(paraboloid), algorithm=op.Random(), steps=2, seed=1, run_dir=tmp_path)
    assert (tmp_path / "events.jsonl").read_bytes() == before


def test_a_search_works_inside_a_running_event_loop_as_in_a_notebook(tmp_path: Path) -> None:
    import asyncio

    async def cell() -> float:
        result = op.optimize(make_task(paraboloid), algorithm=op.Random(), steps=3, run_dir=tmp_path)
        assert result.best is not None
        return result.best.score

    assert asyncio.run(cell()) <= 0


def test_opro_without_an_optimizer_is_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs an optimizer"):
        op.optimize(make_task(paraboloid), run_dir=tmp_path / "new")
    assert not (tmp_path / "new").exists()

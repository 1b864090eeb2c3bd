"""Every algorithm searches as many unique candidates as it was given, as long as there are any."""

from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt.algorithms.base import Algorithm
from optiprompt.tasks.loader import load_task


def near_seven(value: dict[str, Any]) -> float:
    return -float(abs(value["a"] - 7) + abs(value["b"] - 7))


@pytest.mark.parametrize("algorithm", [op.Random(), op.Evolution(), op.LocalSearch()])
def test_most_of_a_small_space_can_be_searched(algorithm: Algorithm, tmp_path: Path) -> None:
    fields = {"a": (1, 20), "b": (1, 20)}
    task = op.FunctionTask("small", op.Choices(fields), score=near_seven)
    result = op.optimize(task, algorithm=algorithm, budget=op.Budget(evaluations=200), run_dir=tmp_path)
    assert len(result.trajectory) == 200


@pytest.mark.parametrize("algorithm", [op.Evolution(), op.LocalSearch(), op.Opro()])
def test_under_a_tight_limit_those_within_it_are_found_one_after_the_other(
    algorithm: Algorithm, tmp_path: Path
) -> None:
    task = load_task("nasbench201").within({"latency_ms": 9.05})  # 102 of 15,625 cells
    model = op.backend("uniform") if isinstance(algorithm, op.Opro) else None
    budget = op.Budget(evaluations=60)
    result = op.optimize(task, optimizer=model, algorithm=algorithm, budget=budget, run_dir=tmp_path)
    assert len(result.trajectory) == 60
    assert all(trial.evaluation.metrics["latency_ms"] <= 9.05 for trial in result.trajectory if trial.ok)

"""A warm start takes the best of an earlier run, also where starts are random, and the front of a Pareto run."""

from pathlib import Path
from typing import Any

import optiprompt as op
from optiprompt.warm import best_texts


def score(value: dict[str, Any]) -> float:
    return float(value["a"] + (value["b"] == "y") / 2)


def parameters(value: dict[str, Any]) -> dict[str, float]:
    return {"parameters": 10.0 * value["a"]}


def small(costs: bool = False) -> op.FunctionTask:
    fields = {"a": (1, 6), "b": ["x", "y"]}
    return op.FunctionTask(
        "small",
        op.Choices(fields),
        score=score,
        costs=parameters if costs else None,
    )


def test_a_best_candidate_that_might_be_a_random_start_is_started_from_all_the_same(tmp_path: Path) -> None:
    op.optimize(small(), algorithm=op.Random(), budget=op.Budget(evaluations=12), run_dir=tmp_path)
    best = [f"a={a} b={b}" for a, b in ((6, "y"), (6, "x"), (5, "y"), (5, "x"), (4, "y"))]
    assert list(op.warm_start(small(), tmp_path).warm) == best


def test_of_a_pareto_run_the_front_is_started_from(tmp_path: Path) -> None:
    task = small(costs=True).against("parameters")
    result = op.optimize(task, algorithm=op.Random(), budget=op.Budget(evaluations=12), run_dir=tmp_path)
    front = result.trajectory.front()
    assert front is not None
    members = [member.text for member in front.members]
    assert members == [f"a={a} b=y" for a in range(1, 7)]
    taken = best_texts(tmp_path, 5)
    assert set(taken) < set(members)
    assert {members[0], members[-1]} < set(taken), "the ends of the front"

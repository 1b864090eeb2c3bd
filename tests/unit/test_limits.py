"""Limits and Pareto searches: nothing beyond a limit is evaluated, and the front is what a brute-force filter finds."""

import json
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

import optiprompt as op
from optiprompt import cli
from optiprompt.algorithms.base import Algorithm
from optiprompt.api import run
from optiprompt.backends.base import Backend
from optiprompt.backends.scripted import Line, ScriptedBackend
from optiprompt.candidate import Candidate, Evaluation
from optiprompt.differences import difference
from optiprompt.errors import ParseError, RunError, UsageError
from optiprompt.events import Evaluated
from optiprompt.front import hypervolume
from optiprompt.loop import Search
from optiprompt.report.summary import best_of
from optiprompt.store import read_events
from optiprompt.tasks import _limits
from optiprompt.tasks.nasbench201 import NasBench201
from optiprompt.trajectory import Trajectory

ALGORITHMS: list[Algorithm] = [op.Random(proposals=4), op.Evolution(), op.LocalSearch(proposals=4), op.Opro(shown=5)]
each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda each: each.name)
LIMITS = {"parameters": 0.32, "latency_ms": 16.0}  # about a quarter of the cells


class Watched(NasBench201):
    """Keeps what is evaluated."""

    def __init__(self) -> None:
        super().__init__("nasbench201")
        self.evaluated: list[Candidate[Any]] = []

    async def evaluate(self, candidate: Candidate[Any], scorer: Backend | None) -> Evaluation:
        self.evaluated.append(candidate)
        return await super().evaluate(candidate, scorer)


def cells(count: int, seed: int = 0) -> ScriptedBackend:
    """An optimizer that proposes random cells, within limits or not."""
    space, rng = NasBench201("nasbench201").space, random.Random(seed)
    texts = [space.render(space.sample(rng)) for _ in range(count)]
    return ScriptedBackend("scripted:cells", [Line(text=f"<CELL>{text}</CELL>") for text in texts])


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    monkeypatch.setattr(sys, "argv", ["optiprompt", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


def brute_force(trajectory: Trajectory, cost: str) -> set[tuple[float, float]]:
    points = [(trial.score, trial.evaluation.metrics[cost]) for trial in trajectory]
    return {
        (score, price)
        for score, price in points
        if not any(s >= score and p <= price and (s, p) != (score, price) for s, p in points)
    }


@each_algorithm
def test_of_1000_evaluated_candidates_none_is_beyond_a_limit(algorithm: Algorithm) -> None:
    watched = Watched()
    task = watched.within(LIMITS)
    if algorithm.needs_optimizer:
        algorithm = op.Opro(shown=5, proposals=32)  # each step fits the predictor
    search = Search(task, algorithm, op.Budget(evaluations=1000), cells(8000) if algorithm.needs_optimizer else None)
    result = run(search, None)
    assert len(watched.evaluated) == len({each.key for each in watched.evaluated}) == 1000 == len(result.trajectory)
    for each in watched.evaluated:
        row = watched.look_up(each.value).metrics
        assert row["parameters"] <= 0.32
        assert 1000 * row["latency"] <= 16
    refused = [trial.evaluation.reason for trial in result.trajectory.rejected]
    assert bool(refused) == algorithm.needs_optimizer  # the others draw on, and propose only what is within
    others = {reason for reason in refused if "is above the limit of " not in reason}
    assert others <= {"the reply only repeats candidates"}


def test_the_reason_of_a_rejection_and_the_limit_are_shown_to_the_optimizer(tmp_path: Path) -> None:
    task = op.load_task("nasbench201").within({"parameters": 0.32})
    script = [Line(text="<CELL>conv conv conv conv conv conv</CELL>")] * 9
    result = op.optimize(
        task,
        optimizer=ScriptedBackend("scripted:conv", script),
        algorithm=op.Opro(proposals=1),
        steps=2,
        run_dir=tmp_path,
    )
    assert len(result.trajectory) == 8  # the starting candidates only
    asked = [json.loads(line) for line in (tmp_path / "replies.jsonl").read_text().splitlines()]
    first, second = (record["prompt"][0]["content"] for record in asked if "prompt" in record)
    assert "conv conv conv conv conv conv (its parameters, 1.53155, is above the limit of 0.32)" in second
    assert "Only candidates with parameters of at most 0.32 are accepted." in first


@each_algorithm
@pytest.mark.parametrize("cost", ["parameters", "latency_ms"])
def test_the_front_is_what_a_brute_force_filter_of_the_evaluated_finds(
    algorithm: Algorithm, cost: str, tmp_path: Path
) -> None:
    task = op.load_task("nasbench201/cifar100").against(cost)
    optimizer = cells(400) if algorithm.needs_optimizer else None
    budget = op.Budget(evaluations=120)
    result = op.optimize(task, optimizer=optimizer, algorithm=algorithm, budget=budget, run_dir=tmp_path)
    front = result.trajectory.front()
    assert front is not None
    found = [(each.score, each.evaluation.metrics[cost]) for each in front.members]
    assert set(found) == brute_force(result.trajectory, cost)
    assert [price for _, price in found] == sorted(price for _, price in found)
    start = [trial for trial in result.trajectory if trial.step == 0]
    assert front.reference == (
        min(each.score for each in start),
        max(each.evaluation.metrics[cost] for each in start),
    )
    record = best_of(tmp_path).to_json()
    assert [(each["score"], each[cost]) for each in record["front"]] == found
    assert record["hypervolume"] == front.hypervolume > 0
    assert record["score"] == max(score for score, _ in found)


def test_a_loss_is_weighed_against_a_cost_too() -> None:
    space = op.Numbers({"x": (0, 9)}, integer=True)
    start = [f"x={x}" for x in range(10)]
    task = op.FunctionTask(
        "u", space, lambda point: abs(point["x"] - 6), start=start, direction="minimize", costs=lambda point: point
    )
    result = run(Search(task.against("x"), op.Random(), op.Budget(steps=0)), None)
    front = result.trajectory.front()
    assert front is not None
    assert [each.text for each in front.members] == [f"x={x}" for x in range(7)]
    assert front.reference == (6, 9)
    assert front.hypervolume == sum((9 - x) * 1 for x in range(1, 7))


def test_a_limit_on_the_cost_of_a_pareto_search_is_where_its_hypervolume_ends() -> None:
    task = op.load_task("nasbench201").within({"parameters": 0.6}).against("parameters")
    front = run(Search(task, op.Evolution(), op.Budget(evaluations=40)), None).trajectory.front()
    assert front is not None
    assert front.reference[1] == 0.6


def mean_hypervolume(algorithm: Algorithm) -> float:
    """Of 100 evaluations, over some seeds, against one point for all."""
    task = op.load_task("nasbench201").against("latency_ms")
    found = []
    for seed in range(6):
        trajectory = run(Search(task, algorithm, op.Budget(evaluations=100), seed=seed), None).trajectory
        points = [(-trial.score, trial.evaluation.metrics["latency_ms"]) for trial in trajectory]
        found.append(hypervolume(points, (0, 30)))
    return fmean(found)


@pytest.mark.parametrize("algorithm", [op.Evolution(), op.LocalSearch()], ids=lambda each: each.name)
def test_a_pareto_search_dominates_more_than_random_search(algorithm: Algorithm) -> None:
    assert mean_hypervolume(algorithm) > mean_hypervolume(op.Random()) + 10


@each_algorithm
def test_a_run_goes_on_with_its_limits_and_its_front(algorithm: Algorithm, tmp_path: Path) -> None:
    task = op.load_task("nasbench201").within({"latency_ms": 14}).against("parameters")

    def search(evaluations: int, folder: Path) -> op.Result:
        optimizer = cells(2000) if algorithm.needs_optimizer else None
        budget = op.Budget(evaluations=evaluations)
        return op.optimize(task, optimizer=optimizer, algorithm=algorithm, budget=budget, run_dir=folder)

    search(32, tmp_path / "a")
    result = search(60, tmp_path / "a")
    front = result.trajectory.front()
    assert front is not None
    assert len(result.trajectory) == 60
    found = {(each.score, each.evaluation.metrics["parameters"]) for each in front.members}
    assert found == brute_force(result.trajectory, "parameters")
    evaluated = [event for event in read_events(tmp_path / "a") if isinstance(event, Evaluated)]
    assert all(event.evaluation.metrics["latency_ms"] <= 14 for event in evaluated)
    if not algorithm.needs_optimizer:  # at one stretch it is the same search
        assert search(60, tmp_path / "b").trajectory.trials == result.trajectory.trials


def test_a_run_is_not_gone_on_with_under_another_limit_or_another_cost(tmp_path: Path) -> None:
    task = op.load_task("nasbench201").within({"parameters": 0.5})
    op.optimize(task, algorithm=op.Random(), steps=1, run_dir=tmp_path)
    for other in (task.within({"parameters": 0.9}), task.against("parameters"), op.load_task("nasbench201")):
        with pytest.raises(RunError, match=r"holds another search, with task\."):
            op.optimize(other, algorithm=op.Random(), steps=1, run_dir=tmp_path)


def line_task(start: Sequence[str] | int = 4, **settings: Any) -> op.FunctionTask:
    space = op.Numbers({"x": (0, 99)}, integer=True)
    return op.FunctionTask("line", space, lambda point: point["x"], start=start, **settings)


def test_a_limit_on_a_function_task_comes_from_the_users_own_costs() -> None:
    task = line_task(costs=lambda point: {"parameters": 10 * point["x"]}).within({"parameters": 70})
    for algorithm in (op.Random(), op.Evolution(), op.LocalSearch()):
        result = run(Search(task, algorithm, op.Budget(evaluations=8, steps=300)), None)
        assert {trial.text for trial in result.trajectory} == {f"x={x}" for x in range(8)}  # all that there are
    assert line_task().costs(task.space.candidate("x=3")) == {}


def test_a_given_start_beyond_the_limit_is_recorded_as_invalid_and_costs_nothing() -> None:
    task = line_task(["x=3", "x=50"], costs=lambda point: {"parameters": point["x"]}).within({"parameters": 10})
    result = run(Search(task, op.Random(), op.Budget(evaluations=5)), None)
    first, second = result.trajectory.trials[:2]
    assert (first.text, first.evaluation.status) == ("x=3", "ok")
    assert (second.text, second.evaluation.status) == ("x=50", "invalid")
    assert second.evaluation.reason == "its parameters, 50, is above the limit of 10"
    assert len(result.trajectory) == 5


def test_where_costs_fail_or_are_no_number_the_candidate_is_rejected_with_the_reason() -> None:
    def costs(point: dict[str, float]) -> dict[str, float]:
        return {"parameters": float("nan") if point["x"] == 50 else 1 / point["x"]}

    task = line_task(["x=0", "x=50", "x=4"], costs=costs).against("parameters")
    result = run(Search(task, op.Random(), op.Budget(steps=0)), None)
    assert [trial.evaluation.reason for trial in result.trajectory.trials] == [
        "its costs cannot be told: ZeroDivisionError: division by zero",
        "its parameters cannot be told",
        "",
    ]


def test_a_cost_that_varies_is_asked_once_and_the_limit_holds_for_what_is_recorded() -> None:
    rng = random.Random(0)
    task = line_task(costs=lambda point: {"latency_ms": point["x"] + rng.uniform(0, 30)}).within({"latency_ms": 50})
    result = run(Search(task, op.Evolution(), op.Budget(evaluations=40)), None)
    assert max(trial.evaluation.metrics["latency_ms"] for trial in result.trajectory) <= 50


def test_what_a_candidate_cost_when_it_was_admitted_is_recorded_after_a_kill_too(tmp_path: Path) -> None:
    def search(costs: float) -> op.Result:
        task = line_task(costs=lambda point: {"latency_ms": point["x"] * costs}).within({"latency_ms": 50})
        return op.optimize(task, algorithm=op.Evolution(), budget=op.Budget(evaluations=12), run_dir=tmp_path)

    search(1)
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    proposed = max(place for place, line in enumerate(lines) if '"type":"proposed"' in line)
    (tmp_path / "events.jsonl").write_text("\n".join(lines[: proposed + 1]) + "\n")
    resumed = search(100).trajectory  # a machine on which all takes longer
    assert len(resumed) == 12
    assert all(
        trial.evaluation.metrics["latency_ms"] == trial.candidate.value["x"] for trial in resumed if trial.candidate
    )


def test_of_equally_good_candidates_a_pareto_search_names_the_cheapest_as_the_best(tmp_path: Path) -> None:
    space = op.Numbers({"x": (0, 99)}, integer=True)
    task = op.FunctionTask(
        "coarse",
        space,
        lambda point: point["x"] // 50,
        start=["90", "60", "70"],
        costs=lambda point: {"size": point["x"]},
    )
    result = op.optimize(
        task.against("size"), algorithm=op.Random(), budget=op.Budget(evaluations=40), run_dir=tmp_path
    )
    front, best = result.trajectory.front(), best_of(tmp_path)
    assert front is not None
    assert result.best is not None
    assert result.best.key in {each.key for each in front.members}
    assert best.text == result.best.text
    assert result.best.evaluation.metrics["size"] == min(
        trial.evaluation.metrics["size"] for trial in result.trajectory if trial.score == 1
    )


def test_a_blind_search_is_not_told_what_its_costs_are() -> None:
    plain, blind = (op.load_task("nasbench201", {"blind": hidden}) for hidden in (False, True))
    for limits, pareto, told in (
        ({"parameters": 0.32}, "", "Only candidates with cost of at most 0.32 are accepted."),
        ({"parameters": 0.32}, "latency_ms", "higher score and lower cost 2 are both wanted"),
    ):
        task = blind.within(limits)
        task = task.against(pareto) if pareto else task
        assert told in task.rules
        assert not re.search("parameters|latency", task.rules)
        refused = [task.refusal(task.space.of(task.space.sample(random.Random(seed)))) for seed in range(40)]
        assert {each.partition(",")[0] for each in refused} == {"", "its cost 1" if pareto else "its cost"}
    assert "parameters of at most 0.32" in plain.within({"parameters": 0.32}).rules
    with pytest.raises(ParseError) as failed:
        blind.space.parse("nothing of this kind")
    assert "operation" not in str(failed.value)


def test_functions_that_change_what_they_are_given_change_nothing_else() -> None:
    def score(point: dict[str, float]) -> float:
        return point.pop("x")

    space = op.Numbers({"x": (0, 99)}, integer=True)
    task = op.FunctionTask("pop", space, score, costs=lambda point: {"parameters": point.pop("x")})
    trials = run(
        Search(task.within({"parameters": 50}), op.Evolution(), op.Budget(evaluations=20)), None
    ).trajectory.trials
    assert all(trial.evaluation.metrics["parameters"] == trial.score for trial in trials if trial.ok)
    assert sum(trial.ok for trial in trials) == 20


def test_random_starts_beyond_the_limit_are_drawn_anew_in_a_small_space() -> None:
    space = op.Choices({"n": (1, 12)})

    def number(value: dict[str, Any]) -> float:
        return float(value["n"])

    task = op.FunctionTask("small", space, number, start=8, costs=lambda value: {"parameters": number(value)})
    for seed in range(20):
        starting = task.within({"parameters": 4}).starting(random.Random(seed))
        assert {text for text, _ in starting} == {"n=1", "n=2", "n=3", "n=4"}


@pytest.mark.parametrize("start", [0, [], ["x=50"]])
def test_what_a_candidate_costs_is_found_out_without_a_start(start: Sequence[str] | int) -> None:
    def costs(point: dict[str, float]) -> dict[str, float]:
        if point["x"] == 50:
            raise ValueError("not this one")
        return {"parameters": point["x"]}

    task = line_task(start, costs=costs).within({"parameters": 70})
    assert [text for text, _ in task.starting(random.Random(0))] == (start or [])


@pytest.mark.parametrize(
    ("cost", "limit", "reason"),
    [
        (0.34431, 0.3443, "its parameters, 0.34431, is above the limit of 0.3443"),
        (3209.4, 3209, "its parameters, 3,209.4, is above the limit of 3,209"),
        (70143, 70140, "its parameters, 70,143, is above the limit of 70,140"),
        (1234568, 1234567, "its parameters, 1,234,568, is above the limit of 1,234,567"),
    ],
)
def test_a_refusal_does_not_contradict_itself(cost: float, limit: float, reason: str) -> None:
    task = line_task(costs=lambda point: {"parameters": cost}).within({"parameters": limit})
    assert task.refusal(task.space.candidate("x=1")) == reason


def test_limits_that_nothing_or_nobody_can_meet_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_limits, "DRAWS", 500)
    task = op.load_task("nasbench201")
    with pytest.raises(UsageError, match=r"cannot tell the flops of a candidate.*: it can tell parameters, latency_ms"):
        task.within({"flops": 1})
    with pytest.raises(UsageError, match="limit on parameters must be a number, not nan"):
        task.within({"parameters": float("nan")})
    impossible = line_task(costs=lambda point: {"parameters": 1.0}).within({"parameters": 0.5})
    with pytest.raises(UsageError, match=r"parameters of at most 0.5: raise the limit"):
        run(Search(impossible, op.Random(), op.Budget(steps=1)), None)


@pytest.mark.parametrize("option", [("--max-parameters", "9"), ("--max-latency-ms", "9"), ("--pareto", "parameters")])
def test_a_task_of_examples_refuses_a_limit_in_one_line(
    option: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "data.jsonl").write_text('{"input": "1 + 1?", "target": "2"}\n' * 40)
    (tmp_path / "sums.yaml").write_text("kind: prompt\ndata: {file: data.jsonl}\n")
    words = ("run", str(tmp_path / "sums.yaml"), "--optimizer", "smollm2", "--scorer", "smollm2", *option)
    code, _, err = call(capsys, monkeypatch, *words)
    assert code == 2
    assert err.count("\n") == 1
    assert "cannot tell the" in err
    assert "leave out the limit or the Pareto search" in err


def test_the_command_line_keeps_limits_and_front_over_a_resume(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ["--algorithm", "evolution", "--display", "none", "--json"]
    limits = ["--max-evaluations", "20", "--max-parameters", "0.6", "--max-latency-ms", "16", "--pareto", "latency_ms"]
    code, out, _ = call(capsys, monkeypatch, "run", "nasbench201", *words, *limits, "--run-dir", str(tmp_path / "a"))
    assert code == 0
    call(capsys, monkeypatch, "resume", str(tmp_path / "a"), "--max-evaluations", "40", "--display", "none")
    code, out, _ = call(capsys, monkeypatch, "best", str(tmp_path / "a"), "--json")
    found = json.loads(out)
    events = [event.evaluation for event in read_events(tmp_path / "a") if isinstance(event, Evaluated)]
    assert len(events) == 40
    assert all(each.metrics["parameters"] <= 0.6 and each.metrics["latency_ms"] <= 16 for each in events)
    assert found["reference"]["latency_ms"] == 16
    best = max(events, key=lambda each: each.score or 0)
    assert (found["score"], found["front"][-1]["score"]) == (best.score, best.score)
    code, out, _ = call(capsys, monkeypatch, "best", str(tmp_path / "a"))
    assert len(out.splitlines()) == len(found["front"])


def test_a_cost_function_that_fails_is_shown_and_not_taken_for_a_missing_one() -> None:
    space = op.Choices({"x": (1, 5)})
    task = op.FunctionTask("x", space, lambda value: 1.0, costs=lambda value: {"size": 1 / 0})
    with pytest.raises(UsageError, match=r"cannot tell the size of a candidate: .*division by zero"):
        task.within({"size": 3})


@pytest.mark.parametrize(
    ("there", "here", "said"),
    [
        ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}}, "x.b.c 2, not 3"),
        ({"a": None}, {}, "x.a None, not nothing"),
        ([{"n": 1}, {"n": 2}], [{"n": 1}, {"n": 4}], "x.1.n 2, not 4"),
        ([1], [1, 2], "x [1], not [1, 2]"),
        ("label " * 30 + "one", "label " * 30 + "two", "x …l label label label one', not …l label label label two'"),
    ],
)
def test_the_first_setting_that_differs_is_named(there: Any, here: Any, said: str) -> None:
    assert difference("x", there, here) == said

"""Linear regression and the travelling salesman: what is scored and told, when a search is over, and their tables."""

import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt import cli
from optiprompt.errors import UsageError
from optiprompt.tasks.linear_regression import LinearRegression
from optiprompt.tasks.loader import load_task
from optiprompt.tasks.tsp import Tsp
from optiprompt.trajectory import Trajectory


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str]:
    """Exit code and stdout of a command."""
    monkeypatch.setattr(sys, "argv", ["optiprompt", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0), capsys.readouterr().out


def script(tmp_path: Path, lines: Sequence[Any]) -> str:
    path = tmp_path / "script.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"scripted:{path}"


def searched(task: op.Task, tmp_path: Path, replies: Sequence[Any], seed: int = 0, steps: int = 9) -> Trajectory:
    """Two proposals a step, from a script."""
    result = op.optimize(
        task,
        optimizer=op.backend(script(tmp_path, replies)),
        algorithm=op.Opro(proposals=2, operators="opro"),
        steps=steps,
        seed=seed,
        run_dir=tmp_path / f"run{seed}",
    )
    return result.trajectory


def numbers(*pairs: tuple[int, int]) -> list[str]:
    return [f"<NUMBERS>w={w}, b={b}</NUMBERS>" for w, b in pairs]


def test_the_score_is_the_squared_error_of_the_line() -> None:
    exact = LinearRegression("line", 3, -2, n=4, noise=0.0)
    assert exact.score({"w": 3, "b": -2}) == 0
    assert exact.score({"w": 4, "b": -2}) == 1 + 4 + 9 + 16
    noisy = [LinearRegression("line", 3, -2, noise=2.0, seed=seed).score({"w": 3, "b": -2}) for seed in (0, 0, 1)]
    assert noisy[0] == noisy[1] != noisy[2]
    assert all(4 * 50 / 3 < loss < 4 * 50 * 3 for loss in noisy)
    assert exact.show(12.6) == "13"


def test_starting_pairs_are_whole_numbers_from_10_to_20_fixed_by_the_seed() -> None:
    task = LinearRegression("line", start=500)
    pairs = task.start(random.Random(1))
    assert pairs == task.start(random.Random(1)) != task.start(random.Random(2))
    assert {number for pair in pairs for number in task.space.parse(pair).values()} == set(range(10, 21))


@pytest.mark.parametrize(("w", "b", "bound"), [(36, -1, 100), (-100, 5, 100), (2, 101, 1000), (12345, 0, 100_000)])
def test_the_space_always_holds_the_truth_and_does_not_tell_it(w: int, b: int, bound: int) -> None:
    task = load_task("linear_regression", {"w": w, "b": b})
    text = f"w={w}, b={b}"
    assert task.space.candidate(text).text == text
    assert f"from -{bound} to {bound}" in task.space.describe()
    assert not any(sign.isdigit() for sign in task.description)


def test_a_task_with_another_line_or_points_is_another_task() -> None:
    lines: list[dict[str, float]] = [{"w": 15}, {"w": 16}, {"seed": 1}, {"noise": 2.0}, {"n": 9}]
    assert len({json.dumps(load_task("linear_regression", each).identity()) for each in lines}) == 5
    assert len({json.dumps(load_task("tsp", each).identity()) for each in ({}, {"n": 11}, {"seed": 1})}) == 3


@pytest.mark.parametrize(("name", "field", "value"), [("linear_regression", "w", 1.5), ("tsp", "n", 2)])
def test_a_bad_setting_is_named(name: str, field: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{field}: .*not {value}"):
        load_task(name, {field: value})


def test_the_search_ends_in_the_step_that_brings_the_truth_and_the_table_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runs: Path
) -> None:
    replies = numbers((30, 1), (31, 1), (32, 1), (30, 1), (25, 23), (40, 1), (99, 9))
    optimizer = script(tmp_path, replies)
    words = ("run", "linear_regression", "--optimizer", optimizer, "--proposals", "2", "--operators", "opro")
    line = ("--set", "w=25", "--set", "b=23", "--display", "none")
    code, out = call(capsys, monkeypatch, *words, *line, "--run-dir", str(runs / "a"))
    assert code == 0
    assert "the optimum is found" in out
    cells = {row[0]: row[1:] for row in table_of(out)}
    assert cells[""][:2] == ["steps to optimum", "found"]
    assert cells[optimizer_row(cells)][:2] == ["3.0", "1 of 1"]
    assert cells["paper: gpt-4 (mean of 5)"][0] == "12.2"
    _, out = call(capsys, monkeypatch, "best", "a", "--json")
    found = json.loads(out)
    assert (found["text"], found["step"]) == ("w=25, b=23", 3)
    code, out = call(capsys, monkeypatch, *words, *line, "--repeats", "3", "--run-dir", str(runs / "b"))
    cells = {row[0]: row[1:] for row in table_of(out)}
    assert cells[optimizer_row(cells)][:2] == ["3.0", "3 of 3"]


def table_of(out: str) -> list[list[str]]:
    """The cells of the lines of a printed table."""
    lines = [line for line in out.splitlines() if line.strip()[:1] in ("│", "┃")]
    return [[cell.strip() for cell in line.strip().strip("│┃").replace("┃", "│").split("│")] for line in lines]


def optimizer_row(cells: dict[str, list[str]]) -> str:
    """The name of the row of what searched: the first below the head."""
    return list(cells)[1]


def test_steps_to_the_optimum_in_the_table_are_exact(tmp_path: Path) -> None:
    task = LinearRegression("line", 25, 23)
    wrong = [(30 + number, 1) for number in range(8)]
    third = searched(task, tmp_path, numbers(*wrong[:4], wrong[0], (25, 23)), seed=1)
    first = searched(task, tmp_path, numbers((25, 23), (40, 1)), seed=2)
    never = searched(task, tmp_path, numbers(*wrong[:4]), seed=3, steps=2)
    rows = {row.name: row for row in task.table("script", [third, first, never])}
    cells = rows["script"].cells
    starts = sum(sum(trial.step == 0 for trial in each) for each in (third, first, never))
    assert (cells["steps to optimum"], cells["found"]) == ("2.0", "2 of 3")
    assert cells["pairs explored"] == f"{(starts + 5 + 2 + 4) / 3:.1f}"
    assert [len(curve) for curve in rows["script"].curves] == [len(third), len(first), len(never)]
    paper = {name: row.cells["steps to optimum"] for name, row in rows.items() if name.startswith("paper")}
    assert list(paper.values()) == ["19.6", "26.4", "12.2"]
    assert {tuple(row.cells) for row in rows.values()} == {tuple(cells)}
    alone = task.table("script", [third])[0].cells
    assert (alone["steps to optimum"], alone["loss above the truth's"]) == ("3.0", "0")


def test_a_starting_point_that_is_the_truth_needs_no_step(tmp_path: Path) -> None:
    seed = next(s for s in range(99) if "w=15, b=14" in LinearRegression("line").start(random.Random(f"{s}/0")))
    task = LinearRegression("line")
    run = searched(task, tmp_path, [], seed=seed)
    cells = {row.name: row.cells for row in task.table("script", [run])}
    assert (cells["script"]["steps to optimum"], cells["script"]["found"]) == ("0.0", "1 of 1")
    assert cells["random search"]["found"] == "20 of 20"


def test_the_papers_figures_stand_only_beside_the_papers_data(tmp_path: Path) -> None:
    for task in (LinearRegression("line", 1, 1), LinearRegression("line", noise=2.0), Tsp("tsp", 6)):
        run = searched(task, tmp_path, ["rubbish"] * 2, steps=1)
        assert not any(row.name.startswith("paper") for row in task.table("script", [run]))
        (tmp_path / "run0" / "events.jsonl").unlink()


def test_random_search_is_as_large_as_the_runs_and_ends_at_the_optimum(tmp_path: Path) -> None:
    task = Tsp("tsp", 5, seed=3, start=2)  # 24 tours: random search finds one of the two shortest sometimes
    tours = [task.space.render(task.space.sample(random.Random(seed))) for seed in range(40)]
    wrong = [f"<trace>{tour}</trace>" for tour in tours if task.score(task.space.parse(tour)) > 1.01 * best(task)]
    run = searched(task, tmp_path, wrong[:10], steps=5)
    searches = task.random_searches([run])
    assert not task.solved(run)
    assert len(searches) == 20
    assert all(len(search) == len(run.trials) or task.solved(search) for search in searches), "a sample each"
    assert 0 < sum(map(task.solved, searches)) < 20
    assert all(search.trials[0] == run.trials[0] for search in searches)
    again = task.random_searches([run])
    assert [search.curve() for search in again] == [search.curve() for search in searches]


def best(task: Tsp) -> float:
    return task.best_known.length


def test_a_tour_search_ends_at_the_optimum_and_its_table_has_the_gaps(tmp_path: Path) -> None:
    task = Tsp("tsp", 10, seed=7)
    optimum = ",".join(map(str, task.best_known.tour))
    other = ",".join(map(str, (0, *task.best_known.tour[:0:-1])))  # the same tour the other way round
    wrong = [f"<trace>{','.join(map(str, (0, *order)))}</trace>" for order in ([*range(1, 10)], [*range(9, 0, -1)])]
    found = searched(task, tmp_path, [*wrong, "<trace>0,1,2</trace>", f"<trace>{other}</trace>"], seed=1)
    assert found.steps == 2
    assert task.solved(found)
    missed = searched(task, tmp_path, wrong, seed=2, steps=1)
    rows = {row.name: row.cells for row in task.table("script", [found, missed])}
    assert (rows["script"]["steps to optimum"], rows["script"]["found"]) == ("2.0", "1 of 2")
    assert missed.best is not None
    gap = 100 * (missed.best.score / best(task) - 1)
    assert rows["script"]["optimality gap, %"] == f"{gap / 2:.1f} ± {gap / 2:.1f}"
    assert rows["optimum (HiGHS)"]["optimality gap, %"] == "0.0"
    assert rows["optimum (HiGHS)"]["tour length"] == f"{task.score(task.space.parse(optimum)):.1f}"
    assert float(rows["nearest neighbour"]["optimality gap, %"]) >= 0
    assert [rows[f"paper: {name} (mean of 5)"]["optimality gap, %"] for name in ("nearest neighbour", "gpt-4")] == [
        "13.0",
        "0.0",
    ]
    assert {tuple(row) for row in rows.values()} == {tuple(rows["script"])}


def test_the_optimizer_is_told_every_point_and_starts_from_tours_that_begin_with_0() -> None:
    task = Tsp("tsp", 12, seed=5)
    assert all(f"({number}): {point}" in task.description for number, point in enumerate(task.points))
    assert all(-100 <= coordinate <= 100 for point in task.points for coordinate in point)
    assert all(task.space.parse(tour)[0] == 0 for tour in task.start(random.Random(0)))
    assert Tsp("tsp", 12, seed=6).points != task.points


@pytest.mark.parametrize("name", ["linear_regression", "tsp"])
def test_replies_that_are_only_rubbish_end_the_run(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runs: Path
) -> None:
    optimizer = script(tmp_path, [{"match": ".", "text": "I would rather not say."}])
    words = (
        "run",
        name,
        "--optimizer",
        optimizer,
        "--operators",
        "opro",
        "--steps",
        "500",
        "--run-dir",
        str(runs / "a"),
        "--display",
        "none",
    )
    code, out = call(capsys, monkeypatch, *words)
    assert code == 0
    assert "20 steps in a row brought no new candidate" in out
    _, out = call(capsys, monkeypatch, "best", "a", "--json")
    assert json.loads(out)["step"] == 0

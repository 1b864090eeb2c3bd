"""Sweeps: every combination with the same seeds, in one folder that can be gone on with; intervals over the repeats."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from optiprompt import cli
from optiprompt.config import Plan
from optiprompt.errors import UsageError
from optiprompt.report.curves import Curves
from optiprompt.report.sweep import estimate
from optiprompt.sweep import Sweep
from optiprompt.tasks.base import Row
from optiprompt.tasks.nasbench201 import NasBench201
from optiprompt.trajectory import Trajectory

GRID = (
    *("nasbench201", "--vary", "algorithm=random,local-search", "--vary", "max-evaluations=9,12"),
    *("--proposals", "4", "--repeats", "2"),
)
CELLS = [
    f"algorithm={algorithm},max-evaluations={count}" for algorithm in ("random", "local-search") for count in (9, 12)
]


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    monkeypatch.setattr(sys, "argv", ["optiprompt", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


def records(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = (folder / "events.jsonl").read_text("utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["type"] == kind]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.json*"))}


def test_every_combination_is_run_with_the_same_seeds_and_the_figures_are_those_of_the_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    code, out, err = call(capsys, monkeypatch, "sweep", *GRID, "--seed", "5", "--run-dir", str(folder), "--json")
    assert code == 0
    assert "[8/8]" in err
    found = json.loads(out)
    rows = {row["cell"]: row for row in found["rows"]}
    assert list(rows) == CELLS
    for cell, row in rows.items():
        count = row["values"]["max-evaluations"]
        finals = []
        for run, seed in zip(row["runs"], (5, 6), strict=True):
            assert (run["seed"], Path(run["run"])) == (seed, folder / cell / f"seed-{seed}")
            scores = [event["evaluation"]["score"] for event in records(Path(run["run"]), "evaluated")]
            assert len(scores) == run["evaluations"] == count
            assert run["score"] == max(scores)
            finals.append(max(scores))
        assert row["best"] == pytest.approx(interval(finals))
    first = [run["score"] for run in rows[CELLS[0]]["runs"]]
    for cell in CELLS[1:]:
        pairs = [run["score"] - base for run, base in zip(rows[cell]["runs"], first, strict=True)]
        assert rows[cell]["difference"] == pytest.approx(interval(pairs))

    before = contents(folder)
    code, out, _ = call(capsys, monkeypatch, "sweep", *GRID, "--seed", "5", "--run-dir", str(folder), "--json")
    assert (code, json.loads(out)) == (0, found)
    assert contents(folder) == before, "what is finished is not run again"
    code, out, _ = call(capsys, monkeypatch, "resume", str(folder), "--display", "none")
    assert code == 0
    assert f"{rows[CELLS[3]]['best']['mean']:.4g} (" in out
    assert contents(folder) == before


def interval(values: Sequence[float]) -> dict[str, float]:
    mean, half = float(stats.tmean(values)), float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    return {"mean": mean, "low": mean - half, "high": mean + half}


KILLED = """
import os, sys
from pathlib import Path
from optiprompt.cli import main
from optiprompt.events import Evaluated
from optiprompt.report.display import Display

left = 50
def count(self, event):
    global left
    left -= isinstance(event, Evaluated)
    if not left:
        os._exit(9)
Display.__call__ = count
main()
"""


def test_a_sweep_that_was_killed_goes_on_and_evaluates_nothing_twice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, runs: Path
) -> None:
    words = ["sweep", *GRID, "--run-dir", str(runs / "cut")]
    killed = subprocess.run([sys.executable, "-c", KILLED, *words], capture_output=True, timeout=60)
    assert killed.returncode == 9, killed.stderr
    before = contents(runs / "cut")
    made = {path: len(data.splitlines()) for path, data in before.items() if path.endswith("events.jsonl")}
    assert 2 < len(made) < 8, "it was killed in the middle"

    code, out, _ = call(capsys, monkeypatch, "resume", "cut", "--json", "--display", "none")
    assert code == 0
    after = contents(runs / "cut")
    assert all(after[path].startswith(before[path]) for path in made)
    for row in json.loads(out)["rows"]:
        for run in row["runs"]:
            keys = [event["key"] for event in records(Path(run["run"]), "evaluated")]
            assert len(keys) == len(set(keys)) == row["values"]["max-evaluations"]
    call(capsys, monkeypatch, "sweep", *GRID, "--run-dir", str(runs / "whole"), "--json")
    _, whole, _ = call(capsys, monkeypatch, "resume", "whole", "--json", "--display", "none")
    assert json.loads(out)["rows"] == json.loads(whole.replace(str(runs / "whole"), str(runs / "cut")))["rows"]


def test_a_sweep_may_grow_but_its_folder_takes_no_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = str(tmp_path / "sweep")
    base = ("sweep", "nasbench201", "--algorithm", "random", "--run-dir", folder, "--json", "--display", "none")
    call(capsys, monkeypatch, *base, "--vary", "proposals=1,2", "--steps", "2")
    first = contents(tmp_path)
    code, out, _ = call(
        capsys,
        monkeypatch,
        *base,
        "--vary",
        "proposals=1,2,3",
        "--steps",
        "2",
        "--repeats",
        "2",
        "--set",
        "start=5",
    )
    assert code == 1, "another setting for all cells is another sweep"
    code, out, _ = call(capsys, monkeypatch, *base, "--vary", "proposals=1,2,3", "--steps", "2", "--repeats", "2")
    assert code == 0
    assert [[run["evaluations"] for run in row["runs"]] for row in json.loads(out)["rows"]] == [
        [10, 10],
        [12, 12],
        [14] * 2,
    ]
    assert {path: data for path, data in contents(tmp_path).items() if path in first and "sweep.json" not in path} == {
        path: data for path, data in first.items() if "sweep.json" not in path
    }
    code, out, _ = call(capsys, monkeypatch, "resume", folder, "--steps", "3", "--json", "--display", "none")
    assert json.loads(out)["rows"][2]["evaluations"] == 17
    for words, named in (
        ((*base, "--vary", "start=4,5"), "holds another sweep, with varied ['proposals'], not ['start']"),
        (("run", *base[1:-1], "plain", "--repeats", "2"), "holds another sweep"),
        (("run", *base[1:]), "holds several runs"),
    ):
        code, _, err = call(capsys, monkeypatch, *words)
        assert code == 1
        assert named in err.splitlines()[-1]


def test_a_cell_that_fails_is_shown_with_its_reason_and_stops_no_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cells = ["skip conv conv skip conv conv", "conv conv conv conv conv conv"]
    (tmp_path / "good.jsonl").write_text("".join(json.dumps(f"<CELL>{cell}</CELL>") + "\n" for cell in cells))
    (tmp_path / "empty.jsonl").write_text("")
    monkeypatch.chdir(tmp_path)
    words = ["nasbench201", "--vary", "optimizer=scripted:empty.jsonl,scripted:good.jsonl", "--repeats", "2"]
    words += ["--steps", "1", "--proposals", "2", "--run-dir", "sweep"]
    code, out, err = call(capsys, monkeypatch, "sweep", *words)
    assert code == 1
    assert err.splitlines()[-2].startswith("failed: ")
    assert "has no reply left" in err.splitlines()[-1]
    assert "0 of 2, the others failed" in out
    code, out, _ = call(capsys, monkeypatch, "resume", "sweep", "--json")
    assert code == 1
    failed, good = json.loads(out)["rows"]
    assert failed["best"] is None
    assert all("has no reply left" in run["failed"] for run in failed["runs"])
    assert [run["evaluations"] for run in good["runs"]] == [10, 10], "each run gets the script from its beginning"
    assert good["difference"] is None


REFUSED = [
    (["--vary", "shwon=5,20"], "did you mean 'shown'"),
    (["--vary", "shown=5,many"], "shown=many: the algorithm opro: shown: "),
    (["--vary", "start=5,many"], "start: "),
    (["--vary", "strat=5"], "did you mean 'start'"),
    (["--vary", "zzz=1"], "zzz"),
    (["--vary", "shown=5", "--vary", "algorithm=opro,evolutoin"], "did you mean 'evolution'"),
    (["--vary", "algorithm=opro,random", "--vary", "shown=5"], "'shown' is no setting of random"),
    (["--vary", "optimizer=smollm2,smolm2"], "optimizer=smolm2: unknown backend"),
    (["--vary", "optimizer=smollm2,7"], "optimizer takes a name, not 7"),
    (["--vary", "max-evaluations=20,few"], "max-evaluations takes a whole number, not 'few'"),
    (["--vary", "steps=2,-1"], "steps must be at least 0"),
    (["--vary", "shown="], "give values, shown=A,B"),
    (["--vary", "shown"], "NAME=A,B"),
    (["--vary", "shown=5,5"], "5 twice"),
    (["--vary", "shown=5", "--vary", "shown=6"], "shown is given twice"),
    ([], "--vary"),
]


@pytest.mark.parametrize(("words", "named"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_cannot_be_run_is_refused_before_anything_is_and_leaves_nothing_behind(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, runs: Path
) -> None:
    code, out, err = call(capsys, monkeypatch, "sweep", "nasbench201", "--optimizer", "smollm2", *words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert named in err
    assert not runs.exists()


def test_names_of_folders_are_safe_on_every_file_system_and_differ() -> None:
    values = ("A", "a", "b/c:d?", "b|c:d?", "x" * 300, "x" * 301, None, True, [1, 2], "")
    names = [cell.name for cell in Sweep(Plan("nasbench201"), {"name": values}).cells()]
    assert len({name.lower() for name in names}) == len(values)
    assert all(
        set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,=+-") for name in names
    )
    assert max(map(len, names)) < 100
    assert names[:1] == ["name=A"]


def test_what_is_varied_goes_where_it_belongs() -> None:
    plan = Plan("gsm8k", settings={"proposals": 4}, overrides={"max_tokens": 9})
    assert plan.varied("shown", 5).settings == {"proposals": 4, "shown": 5}
    assert plan.varied("reply-tokens", 5).settings == {"proposals": 4, "reply_tokens": 5}
    assert plan.varied("max_tokens", 5).overrides == {"max_tokens": 5}
    assert plan.varied("train", 5).overrides == {"max_tokens": 9, "sizes.train": 5}
    assert plan.varied("data.split", "x").overrides == {"max_tokens": 9, "data.split": "x"}
    assert plan.varied("scorer", "smollm2").scorer == "smollm2"
    assert plan.varied("max-evaluations", 7).budget.evaluations == 7
    assert plan.varied("algorithm", "random").algorithm == "random"
    with pytest.raises(UsageError, match="'trian' is no setting of opro and no field of gsm8k: did you mean 'train'"):
        plan.varied("trian", 5)


def test_a_single_value_has_no_interval_and_a_band_stays_between_the_searches() -> None:
    single = estimate([3.0])
    assert single is not None
    assert (single.mean, single.low, single.high) == (3.0, None, None)
    assert estimate([]) is None
    searches = Curves("some", ((1.0, 2.0), (3.0, 3.0, 5.0), (), (2.0,)))
    assert searches.mean() == pytest.approx([2.0, 7 / 3, 3.0]), "a search that ended early keeps its best"
    low, high = searches.band()
    assert all(1 <= a <= b <= 5 for a, b in zip(low, high, strict=True))


def table(self: NasBench201, name: str, runs: Sequence[Trajectory]) -> list[Row]:
    """A table of a task's own, with a baseline that is no search."""
    best = [f"{max(run.curve()):.3f}" for run in runs]
    return [
        Row(name, {"bests": " ".join(best), "searches": str(len(runs))}, tuple(tuple(run.curve()) for run in runs)),
        Row("by hand", {"bests": "91.6"}),
    ]


def test_repeats_print_the_tasks_own_table_and_draw_its_curves(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(NasBench201, "table", table)
    words = ("run", "nasbench201", "--algorithm", "local-search", "--max-evaluations", "15", "--seed", "3")
    several, single = tmp_path / "several", tmp_path / "single"
    code, out, _ = call(capsys, monkeypatch, *words, "--repeats", "3", "--run-dir", str(several))
    assert code == 0
    bests = [max(e["evaluation"]["score"] for e in records(several / f"seed-{n}", "evaluated")) for n in (3, 4, 5)]
    assert " ".join(f"{best:.3f}" for best in bests) in out
    assert "by hand" in out
    code, out, _ = call(capsys, monkeypatch, "resume", str(several), "--json")
    found = json.loads(out)
    assert found["table"][0]["cells"]["searches"] == "3"
    assert [run["score"] for run in found["rows"][0]["runs"]] == bests

    code, out, _ = call(capsys, monkeypatch, *words, "--run-dir", str(single))
    assert code == 0
    assert out.startswith("best validation score")
    assert f"{bests[0]:.3f}" in out
    for folder in (several, single):
        assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (folder / "curves.svg").read_text()
    assert call(capsys, monkeypatch, "rm", str(single), "--yes")[0] == 0
    assert not single.exists()


def test_repeats_of_a_task_without_a_table_give_the_mean_with_its_interval(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, runs: Path
) -> None:
    words = ("run", "nasbench201", "--algorithm", "random", "--max-evaluations", "10", "--repeats", "3", "--json")
    code, out, _ = call(capsys, monkeypatch, *words)
    assert code == 0
    found = json.loads(out)
    [row] = found["rows"]
    assert row["best"] == pytest.approx(interval([run["score"] for run in row["runs"]]))
    assert found["table"][0]["name"] == "random"
    assert f"{row['best']['mean']:.4g} (" in found["table"][0]["cells"]["best validation accuracy (95%)"]
    assert all(Path(picture).is_file() and Path(picture).is_relative_to(runs) for picture in found["pictures"])


def test_where_evaluations_are_varied_the_usual_number_of_steps_is_no_limit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ("sweep", "nasbench201", "--algorithm", "random", "--vary", "max-evaluations=9,60", "--json")
    code, out, _ = call(capsys, monkeypatch, *words, "--display", "none", "--run-dir", str(tmp_path / "free"))
    assert code == 0
    assert [row["evaluations"] for row in json.loads(out)["rows"]] == [9, 60]
    limited = (*words, "--steps", "1", "--run-dir", str(tmp_path / "one"))
    _, out, _ = call(capsys, monkeypatch, *limited, "--display", "none")
    assert [row["steps"] for row in json.loads(out)["rows"]] == [1, 1]


def test_the_table_that_is_searched_can_be_varied(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ("sweep", "nasbench201", "--algorithm", "random", "--max-evaluations", "9", "--repeats", "2", "--json")
    code, out, _ = call(capsys, monkeypatch, *words, "--vary", "dataset=cifar10,cifar100", "--run-dir", str(tmp_path))
    assert code == 0
    first, second = json.loads(out)["rows"]
    assert first["best"]["mean"] > 85
    assert second["best"]["mean"] < 75
    code, _, err = call(capsys, monkeypatch, "run", "nasbench201/cifar10", "--set", "dataset=cifar100")
    assert code == 2
    assert "leave one out" in err
    code, _, err = call(capsys, monkeypatch, "run", "nasbench201", "--set", "dataset=cifar11")
    assert code == 2
    assert "did you mean nasbench201/cifar10" in err


def test_pareto_searches_are_compared_by_what_their_fronts_dominate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ("sweep", "nasbench201", "--pareto", "parameters", "--max-evaluations", "12", "--repeats", "2")
    vary = ("--algorithm", "random", "--vary", "algorithm=random,local-search")
    code, out, _ = call(capsys, monkeypatch, *words, *vary, "--json", "--run-dir", str(tmp_path))
    assert code == 0
    for row in json.loads(out)["rows"]:
        volumes = [run["hypervolume"] for run in row["runs"]]
        assert all(volume > 0 for volume in volumes)
        assert row["best"]["mean"] == pytest.approx(sum(volumes) / 2)
    code, out, _ = call(capsys, monkeypatch, *words, *vary, "--run-dir", str(tmp_path))
    assert "hypervolume" in out


def test_repeats_show_the_score_on_test_that_the_table_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ("run", "nasbenchgraph", "--algorithm", "random", "--max-evaluations", "9", "--repeats", "2")
    code, out, _ = call(capsys, monkeypatch, *words, "--json", "--run-dir", str(tmp_path))
    assert code == 0
    assert all(0.6 < run["beside"] < 0.9 for row in json.loads(out)["rows"] for run in row["runs"])

"""The benchmark of architecture search: its rows say what its searches found, and nothing is searched twice."""

import asyncio
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial as partial_of
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

from benchmarks.architectures import _rows
from benchmarks.architectures.__main__ import main
from benchmarks.architectures._pooled import pooled
from benchmarks.architectures._rows import Arm, Searches
from benchmarks.architectures._searches import CHAT_CONTROL, ChatControl, Found
from optiprompt import cli
from optiprompt.backends.base import Message, Request
from optiprompt.errors import OptipromptError, UsageError
from optiprompt.events import Evaluated
from optiprompt.metaprompt import template
from optiprompt.operators.recombine import ASKED
from optiprompt.store import read_events
from optiprompt.tasks._tables import COLOURS
from optiprompt.tasks.loader import load_task
from optiprompt.tasks.nasbench201 import OPERATIONS

KEYS = ["benchmark", "dataset", "algorithm", "optimizer", "variant", "evaluations", "mean", "sem", "seeds", "seconds"]
CELL, GRAPH = "nasbench201/cifar10", "nasbenchgraph/cora"

Row = dict[str, Any]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that is asked in a chat, and always answers the same."""
    file = tmp_path_factory.mktemp("script") / "script.jsonl"
    file.write_text('{"match": ".", "text": "<CELL>conv conv skip pool none conv</CELL>"}\n')
    return f"scripted:{file}"


def start(folder: Path, script: str) -> tuple[list[Row], list[str]]:
    """Start a small benchmark: its rows, and the lines of its finished searches."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_rows, "CLASSICAL", 2)
        patched.setattr(signal, "signal", lambda *_: None)  # the signals of this process are those of the tests
        main(folder / "rows.json", f"{CELL},{GRAPH}", optimizer=["uniform", script], seeds=2, evaluations=12)
    rows = json.loads((folder / "rows.json").read_text())
    return rows, (folder / "rows-partial.jsonl").read_text().splitlines()


@pytest.fixture(scope="module")
def done(script: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Row], list[str]]:
    """A benchmark that has run."""
    return start(tmp_path_factory.mktemp("done") / "out", script)


def curves(lines: list[str], **wanted: Any) -> dict[int, list[float]]:
    """Those of the finished searches of which all this is true, by seed."""
    found = [json.loads(line) for line in lines]
    return {each["seed"]: each["curve"] for each in found if all(each[key] == wanted[key] for key in wanted)}


def test_rows_are_those_of_the_searches(done: tuple[list[Row], list[str]]) -> None:
    rows, lines = done
    scores = [row for row in rows if " - " not in row["variant"]]
    assert all(list(row) == KEYS for row in scores)
    # Two tasks; three classical algorithms, and two models in four variants; after 10 and 12 evaluations.
    assert len(scores) == 2 * (3 + 2 * 4) * 2
    assert {row["variant"] for row in scores} == {"plain", "blind", "ablated", "blind ablated"}
    # Of `uniform` the ablated searches are the plain ones: they ran once.
    assert len(lines) == 2 * (3 * 4 + (2 + 2 + 2) * 2)
    [row] = [row for row in scores if (row["dataset"], row["algorithm"], row["evaluations"]) == ("cora", "random", 10)]
    assert row["seeds"] == 4
    assert row["mean"] == fmean(curve[9] for curve in curves(lines, task=GRAPH, algorithm="random").values())


def test_a_benchmark_without_a_data_set_is_its_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rows, "CLASSICAL", 1)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    names = "nasbench201,nasbench201/cifar10,hpolib:3209"
    main(tmp_path / "rows.json", names, algorithms="random", seeds=1, evaluations=9)
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [(row["benchmark"], row["dataset"]) for row in rows] == [
        ("nasbench201", "cifar10"),
        ("hpolib", "protein:3209"),
    ]


def test_a_second_start_goes_on(
    done: tuple[list[Row], list[str]], script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, lines = done
    kept = lines[:-5]
    (tmp_path / "rows-partial.jsonl").write_text("\n".join(kept) + "\n" + lines[-5][:40])
    again, more = start(tmp_path, script)
    assert more[: len(kept)] == kept, "what was finished stays"
    without_time = [{**json.loads(line), "seconds": 0} for line in more]
    assert len(more) == len(lines)
    assert all({**json.loads(line), "seconds": 0} in without_time for line in lines)
    assert [{**row, "seconds": 0} for row in again] == [{**row, "seconds": 0} for row in rows]
    assert "5 of 5: " in capsys.readouterr().out
    assert start(tmp_path, script) == (again, more)
    said = capsys.readouterr().out
    assert not re.search(r"\d of \d", said), "nothing was left to search"
    assert "nasbench201 cifar10: best validation accuracy" in said
    assert "plain - ablated" in said


def test_a_difference_is_of_pairs_with_the_same_seed(done: tuple[list[Row], list[str]], script: str) -> None:
    rows, lines = done
    differences = [row for row in rows if " - " in row["variant"] and row["benchmark"] != "pooled"]
    assert all(list(row) == [*KEYS, "low", "high"] for row in differences)
    assert {row["variant"] for row in differences} == {"plain - ablated", "blind - blind ablated"}
    assert all(row["mean"] == row["low"] == row["high"] == 0 for row in differences if row["optimizer"] == "uniform")
    for blind, variant in ((False, "plain - ablated"), (True, "blind - blind ablated")):
        about = {"optimizer": script, "variant": variant, "dataset": "cifar10", "evaluations": 12}
        [row] = [row for row in differences if all(row[key] == about[key] for key in about)]
        mine = curves(lines, task=CELL, optimizer=script, blind=blind)
        random = curves(lines, task=CELL, optimizer=CHAT_CONTROL, blind=blind)
        first, second = (mine[seed][-1] - random[seed][-1] for seed in (0, 1))
        assert row["mean"] == pytest.approx((first + second) / 2)
        assert row["sem"] == pytest.approx(abs(first - second) / 2)
        assert row["seeds"] == 2
        # 12.7062 is the 97.5th percentile of Student's t with one degree of freedom.
        assert row["high"] - row["mean"] == pytest.approx(12.7062 * row["sem"], rel=1e-4)
        assert row["mean"] - row["low"] == pytest.approx(12.7062 * row["sem"], rel=1e-4)


def test_all_tasks_together_are_told_in_standard_deviations_of_local_search(
    done: tuple[list[Row], list[str]], script: str
) -> None:
    rows, lines = done
    together = {(row["optimizer"], row["variant"]): row for row in rows if row["dataset"] == "2 tables"}
    rivals = {"random", "evolution", "local-search"}
    kept = {f"plain - {each}" for each in rivals | {"ablated"}} | {
        f"blind - {each}" for each in rivals | {"blind ablated"}
    }
    assert set(together) == {(optimizer, variant) for optimizer in ("uniform", script) for variant in kept}
    gains: dict[str, list[float]] = {"ablated": [], "evolution": []}
    for task in (CELL, GRAPH):
        unit = stdev(curve[-1] for curve in curves(lines, task=task, algorithm="local-search").values())
        mine, ablated, evolution = (
            {seed: curve[-1] / unit for seed, curve in curves(lines, task=task, **about).items()}
            for about in (
                {"optimizer": script, "blind": False},
                {"optimizer": CHAT_CONTROL, "blind": False},
                {"algorithm": "evolution"},
            )
        )
        gains["ablated"].append(fmean(mine[seed] - ablated[seed] for seed in (0, 1)))
        gains["evolution"].append(fmean(mine.values()) - fmean(evolution.values()))
    for rival, means in gains.items():
        row = together[script, f"plain - {rival}"]
        assert row["mean"] == pytest.approx(fmean(means))
        assert row["seeds"] == 4
        assert row["seconds"] > 0


def test_a_gain_is_above_zero_where_a_lower_loss_is_found() -> None:
    searches: dict[str, Searches] = {}
    for task in ("a", "b"):
        model = Arm(task, "opro", "m", "plain", 1, 2)
        searches[task] = {
            Arm(task, "local-search", None, "plain", 1, 2): {0: Found([3.0], 1), 1: Found([5.0], 1)},
            model: {0: Found([1.0], 1), 1: Found([2.0], 1)},
            replace(model, variant="ablated"): {0: Found([2.0], 1), 1: Found([2.0], 1)},
        }
    unit = math.sqrt(2)
    for rising, sign in ((False, 1), (True, -1)):
        rows = {row["variant"]: row for row in pooled(searches, {"a": rising, "b": rising})}
        means = {variant: row["mean"] for variant, row in rows.items()}
        assert means == pytest.approx({"plain - local-search": sign * 2.5 / unit, "plain - ablated": sign * 0.5 / unit})
        # Of one task: of the pairs 1/2, of the two means 1/2 and 1; of the mean of two tasks by root 2 less.
        errors = {"plain - local-search": math.hypot(0.5, 1) / unit / unit, "plain - ablated": 0.5 / unit / unit}
        assert {variant: row["sem"] for variant, row in rows.items()} == pytest.approx(errors)
        for row in rows.values():  # 4.3027 is the 97.5th percentile of Student's t with two degrees of freedom
            assert row["high"] - row["mean"] == pytest.approx(4.3027 * row["sem"], rel=1e-4)
            assert row["mean"] - row["low"] == pytest.approx(4.3027 * row["sem"], rel=1e-4)
    assert pooled(dict(list(searches.items())[:1]), {"a": True}) == [], "one task has rows of its own"
    unlike = {**searches, "b": {arm: found for arm, found in searches["b"].items() if arm.variant == "plain"}}
    assert [row["variant"] for row in pooled(unlike, {"a": True, "b": True})] == ["plain - local-search"]


@pytest.mark.parametrize("blind", [False, True])
def test_a_search_is_that_of_the_command_line(
    done: tuple[list[Row], list[str]], blind: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["run", CELL, "--optimizer", "uniform", "--max-evaluations", "12", "--seed", "1", "--display", "none"]
    words += ["--blind", "--set", "blind_seed=1"] if blind else []
    monkeypatch.setattr(sys, "argv", ["optiprompt", *words, "--run-dir", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert not stopped.value.code
    events = [event for event in read_events(tmp_path / "run") if isinstance(event, Evaluated)]
    scores = [event.evaluation.score or 0.0 for event in events]
    assert [max(scores[: n + 1]) for n in range(12)] == curves(done[1], task=CELL, optimizer="uniform", blind=blind)[1]
    assert all(set(event.text.split()) <= set(COLOURS if blind else OPERATIONS) for event in events)


def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.architectures", "--tasks", CELL, "--optimizer", "uniform"]
    command += ["--seeds", "500", "--json", str(tmp_path / "rows.json")]
    partial = tmp_path / "rows-partial.jsonl"
    # In a background job, as CI may be one, SIGINT is ignored, which children inherit.
    heard = partial_of(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, start_new_session=True, preexec_fn=heard) as running:
        try:
            until(lambda: partial.is_file() and partial.read_text().count("\n") > 3)
            running.send_signal(signal.SIGINT)
            assert running.wait(60) == 130
        except BaseException:
            os.killpg(running.pid, signal.SIGKILL)
            raise
    rows = json.loads((tmp_path / "rows.json").read_text())
    told, kept = sum(row["seeds"] for row in rows if row["evaluations"] == 50), partial.read_text().count("\n")
    assert told == kept > 3

    def gone() -> bool:
        try:
            os.killpg(running.pid, 0)
        except ProcessLookupError:
            return True
        return False

    until(gone)


def until(true: Callable[[], bool]) -> None:
    """Wait until it is so; fail after a minute."""
    patience = time.monotonic() + 60
    while not true():
        assert time.monotonic() < patience
        time.sleep(0.05)


def test_bad_calls_are_refused_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    file = tmp_path / "rows.json"
    with pytest.raises(UsageError, match="did you mean"):
        main(file, "nasbench201/cifar11")
    with pytest.raises(UsageError, match="highest number of parameters"):
        main(file, "hpolib/protein:few")
    with pytest.raises(OptipromptError, match="unknown algorithm 'evolve'"):
        main(file, CELL, "evolve")
    (tmp_path / "rows-partial.jsonl").write_text('{"task": "x"}\n')
    with pytest.raises(UsageError, match="no finished search: choose another --json"):
        main(file, CELL, "random")
    assert os.listdir(tmp_path) == ["rows-partial.jsonl"]


def test_the_control_of_a_chat_model_writes_as_many_candidates_as_it_is_asked_for() -> None:
    space = load_task(CELL).space
    control = ChatControl(space)
    parent = "conv skip none pool conv point"
    blank = dict.fromkeys(("description", "form", "scored", "better", "pareto", "score_name"), "")
    several = template("recombine_chat").render(
        blank, order="random", asked=ASKED, shown=[], rejected=[], tag=space.tag, parent=parent
    )
    for text, count in (("Write one new candidate that differs.", 1), (several, ASKED)):
        [reply, other] = asyncio.run(control.generate(Request((Message("user", text),)), [0, 1]))
        candidates = re.findall("<CELL>(.*?)</CELL>", reply.text)
        assert len(candidates) == count
        assert len({space.parse(each) for each in candidates}) > count / 2
        assert reply.text != other.text
        changed = [sum(a != b for a, b in zip(each.split(), parent.split(), strict=True)) for each in candidates]
        assert count == 1 or set(changed) <= {1, 2}, "a place or two, as the prompt asks"


def test_a_blind_search_names_no_cell() -> None:
    for name in (CELL, GRAPH):
        space = load_task(name, {"blind": True}).space
        assert "cell" not in f"{space.tag} {space.describe()}".casefold()

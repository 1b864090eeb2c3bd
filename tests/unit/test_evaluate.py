"""Measuring given candidates: what is reported, what it costs, and what `optiprompt evaluate` makes of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt import cli
from optiprompt.errors import RunError, UsageError
from optiprompt.measurement import labels_of
from optiprompt.report.evaluate import show
from optiprompt.testing.server import ChaosServer

KEYS = {"candidate", "score", "low", "high", "n", "calls", "cached", "failed", "tokens", "wall_seconds"}
FURTHER = {"split", "parse_rate", "majority", "confusion", "wrong", "pairs"}
# Thirty creatures: the odd ones are birds. The script knows them when it is told to look, and else says "fish".
REPLIES = [
    {"match": r"Look\.\nq\d*[13579]\b", "text": "The answer is bird."},
    {"match": r"Look\.", "text": "The answer is fish."},
    {"match": r"Guess\.", "text": "fish"},
    {"match": ".", "text": "who knows?"},
]


@pytest.fixture
def task_file(tmp_path: Path, runs: Path) -> str:
    rows = [{"input": f"q{number}", "target": "bird" if number % 2 else "fish"} for number in range(30)]
    (tmp_path / "zoo.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "zoo.yaml").write_text(
        "kind: prompt\ndata: {file: zoo.jsonl}\ngrader: choice\nchoices: [bird, fish]\n"
        "sizes: {train: 10, dev: 0, test: 20}\nstart: [Guess., Look.]\n"
    )
    return str(tmp_path / "zoo.yaml")


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "script.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in REPLIES))
    return f"scripted:{tmp_path / 'script.jsonl'}"


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    monkeypatch.setattr(sys, "argv", ["optiprompt", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


def measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str, code: int = 0
) -> list[dict[str, Any]]:
    got, out, err = call(capsys, monkeypatch, "evaluate", *words, "--json")
    assert got == code, err
    objects = json.loads(out)
    assert isinstance(objects, list)
    return objects


def test_json_has_an_object_a_candidate_with_all_that_was_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str, model: str
) -> None:
    words = (task_file, "--candidate", "Guess.", "--candidate", "Look.", "--candidate", "Hm.", "--scorer", model)
    guess, look, unsure = measured(capsys, monkeypatch, *words)
    assert set(guess) >= KEYS | FURTHER
    assert [guess["candidate"], look["candidate"], unsure["candidate"]] == ["Guess.", "Look.", "Hm."]
    birds = round(20 * (1 - guess["score"]))
    assert look["score"] == 1.0
    assert unsure["score"] == 0.0
    assert guess["low"] < guess["score"] < guess["high"]
    for each in (guess, look, unsure):
        assert (each["n"], each["calls"], each["cached"], each["failed"], each["split"]) == (20, 20, 0, 0, "test")
        assert each["majority"] == max(birds, 20 - birds) / 20
        assert each["tokens"] > 20
        assert 0 < each["wall_seconds"] < 60
    assert guess["confusion"] == {"bird": {"fish": birds}, "fish": {"fish": 20 - birds}}
    assert unsure["confusion"]["bird"] == {"": birds}
    assert (guess["parse_rate"], unsure["parse_rate"]) == (1.0, 0.0)
    assert (len(guess["wrong"]), look["wrong"]) == (birds, [])
    first, second = guess["pairs"]
    assert (first["candidate"], second["candidate"]) == ("Look.", "Hm.")
    assert first["difference"] == pytest.approx(guess["score"] - 1)
    assert first["low"] <= first["difference"] <= first["high"] < 0
    assert 0 < first["p"] <= 2 * 0.5**birds
    assert look["pairs"][0]["difference"] == -first["difference"]


def test_the_same_folder_repays_nothing_and_another_measurement_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str, model: str, tmp_path: Path
) -> None:
    words = (task_file, "--candidate", "Guess.", "--scorer", model, "--run-dir", str(tmp_path / "m"))
    [first] = measured(capsys, monkeypatch, *words)
    kept = {path.name: path.read_bytes() for path in (tmp_path / "m").glob("*.jsonl")}
    [again] = measured(capsys, monkeypatch, *words)
    assert (again["calls"], again["cached"], again["tokens"]) == (0, 20, 0)
    changing = {"calls", "cached", "tokens", "wall_seconds"}
    assert {k: v for k, v in again.items() if k not in changing} == {
        k: v for k, v in first.items() if k not in changing
    }
    assert {path.name: path.read_bytes() for path in (tmp_path / "m").glob("*.jsonl")} == kept

    # Killed on the way: seven replies, the last one torn.
    lines = kept["replies.jsonl"].splitlines(keepends=True)
    replies = [place for place, line in enumerate(lines) if b'"reply"' in line]
    cut = replies[7]
    (tmp_path / "m" / "replies.jsonl").write_bytes(b"".join(lines[:cut]) + lines[cut][:20])
    (tmp_path / "m" / "events.jsonl").write_bytes(kept["events.jsonl"].splitlines(keepends=True)[0])
    [after] = measured(capsys, monkeypatch, *words)
    assert (after["calls"], after["cached"], after["score"]) == (13, 7, first["score"])

    for other in (["--split", "train"], ["--limit", "5"], ["--candidate", "Look."], ["--position", "Q_end"]):
        code, out, err = call(capsys, monkeypatch, "evaluate", *words, *other)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "choose another --run-dir" in err


def test_a_candidate_may_be_a_text_a_file_or_a_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str, model: str, tmp_path: Path
) -> None:
    task = op.load_task(task_file)
    search = op.optimize(
        task, optimizer=op.backend(model), scorer=op.backend(model), steps=0, run_dir=tmp_path / "runs" / "searched"
    )
    assert search.best is not None
    assert search.best.text == "Look."
    (tmp_path / "mine.txt").write_text("Look.\n\nThen say so.  \n")
    given = ["searched", str(tmp_path / "runs" / "searched"), f"@{tmp_path / 'mine.txt'}", "no-such-run", "", "x" * 900]
    words = [word for each in given for word in ("--candidate", each)]
    found = measured(capsys, monkeypatch, task_file, *words, "--scorer", model)
    assert [each["candidate"] for each in found] == [
        "Look.",
        "Look.",
        "Look.\n\nThen say so.",
        "no-such-run",
        "",
        "x" * 900,
    ]
    assert [each["score"] for each in found[:2]] == [1.0, 1.0]
    assert [each["calls"] + each["cached"] for each in found] == [20] * 6
    assert found[1]["pairs"][0]["p"] == 1.0
    [default] = measured(capsys, monkeypatch, task_file, "--scorer", model)
    assert default["candidate"] == "Guess."
    # What was measured is a run too: its best candidate can be measured elsewhere.
    [moved] = measured(capsys, monkeypatch, task_file, "--candidate", default["run"], "--scorer", model)
    assert moved["candidate"] == "Guess."


@pytest.mark.parametrize("settings", [{}, {"form": "continuation"}, {"position": "Q_end"}, {"extract": True}])
def test_the_score_on_train_is_the_searchs_own(
    settings: dict[str, Any], task_file: str, model: str, tmp_path: Path
) -> None:
    task = op.load_task(task_file, settings)
    found = op.optimize(task, optimizer=op.backend(model), scorer=op.backend(model), steps=0, run_dir=tmp_path / "r")
    texts = [trial.text for trial in found.trajectory]
    done = op.evaluate(task, texts, scorer=op.backend(model), split="train")
    assert [each.score for each in done.candidates] == [trial.score for trial in found.trajectory]
    assert [each.evaluation.outcomes for each in done.candidates] == [
        trial.evaluation.outcomes for trial in found.trajectory
    ]


def test_min_score_fails_with_one_line_and_prints_the_results_all_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str, model: str
) -> None:
    words = ("evaluate", task_file, "--scorer", model, "--candidate", "Look.", "--min-score")
    assert call(capsys, monkeypatch, *words, "1")[::2] == (0, "")
    code, out, err = call(capsys, monkeypatch, *words, "0.9", "--candidate", "Guess.", "--json")
    assert code == 1
    assert json.loads(out)[0]["score"] == 1.0
    assert err.count("\n") == 1
    assert "'Guess.'" in err
    assert "--min-score 0.9" in err
    assert call(capsys, monkeypatch, *words, "90")[0] == 2


def test_the_tables_show_others_texts_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str, model: str
) -> None:
    words = ("--candidate", "Guess. [/INST] [b]", "--candidate", "", "--candidate", "Look.", "--scorer", model)
    code, out, err = call(capsys, monkeypatch, "evaluate", task_file, *words, "--split", "train", "--display", "plain")
    assert (code, err) == (0, "")
    assert "10 train examples" in out
    assert "1: Guess. [/INST] [b]\n2: (empty)\n3: Look." in out
    assert "2 minus 3: -1.000" in out
    assert "(none) " in out
    assert "wrong with 2: 10 of 10" in out
    assert "wrong with 3" not in out


BAD = [
    (["nasbench201"], "no prompt task"),
    (["TASK", "--split", "dev"], "--dev N"),
    (["TASK", "--test", "0"], "--test N"),
    (["TASK", "--candidate", "@no-such-file.txt"], "@no-such-file.txt"),
    (["TASK", "--candidate", "half \udcff"], "surrogate"),
    (["TASK", "--test", "500"], "500"),
    (["TASK", "--position", "middle"], "--position"),
    (["TASK", "--split", "all"], "--split"),
    (["zooo"], "unknown task"),
    (["gsm8k", "--human"], "--human is for a task induction/NAME, not gsm8k"),
]


@pytest.mark.parametrize(("words", "named"), BAD, ids=[named for _, named in BAD])
def test_a_bad_call_is_one_line_and_leaves_nothing_behind(
    words: list[str],
    named: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    task_file: str,
    model: str,
    runs: Path,
) -> None:
    words = [task_file if word == "TASK" else word for word in words]
    code, out, err = call(capsys, monkeypatch, "evaluate", *words, "--scorer", model)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert named in err
    assert not runs.exists()


def test_a_missing_scorer_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str
) -> None:
    code, _, err = call(capsys, monkeypatch, "evaluate", task_file)
    assert code == 2
    assert "needs a scorer" in err


def test_resume_says_how_a_measurement_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str, model: str
) -> None:
    [done] = measured(capsys, monkeypatch, task_file, "--scorer", model)
    code, _, err = call(capsys, monkeypatch, "resume", done["run"])
    assert code == 1
    assert "optiprompt evaluate" in err
    _, out, _ = call(capsys, monkeypatch, "best", done["run"], "--json")
    assert json.loads(out)["score"] == done["score"]
    assert json.loads(out)["split"] == "test"


def test_from_python(task_file: str, model: str, tmp_path: Path) -> None:
    task, scorer = op.load_task(task_file), op.backend(model)
    heard: list[tuple[int, int]] = []
    done = op.evaluate(
        task, "Guess.", scorer=scorer, limit=12, run_dir=tmp_path / "m", progress=lambda *each: heard.append(each)
    )
    [guess] = done.candidates
    assert len(done.examples) == len(guess.graded) == 12
    assert heard == [(number, 12) for number in range(1, 13)]
    assert guess.interval == guess.evaluation.interval
    assert {outcome.example for outcome in guess.wrong} == {each.id for each in done.examples if each.target == "bird"}
    assert done.labels in (("bird", "fish"), ("fish", "bird"))
    with pytest.raises(UsageError, match="unknown split 'all'"):
        op.evaluate(task, "Guess.", scorer=scorer, split="all")
    with pytest.raises(UsageError, match="limit must be at least 1"):
        op.evaluate(task, "Guess.", scorer=scorer, limit=0)
    with pytest.raises(UsageError, match="no candidate"):
        op.evaluate(task, [], scorer=scorer)
    op.optimize(task, optimizer=scorer, scorer=scorer, steps=0, run_dir=tmp_path / "s")
    with pytest.raises(RunError, match="holds something else"):
        op.evaluate(task, "Guess.", scorer=scorer, run_dir=tmp_path / "s")


def test_targets_are_labels_when_few_kinds_come_again_and_again() -> None:
    def examples(targets: Sequence[str | tuple[str, ...]]) -> list[op.Example]:
        return [op.Example(str(place), f"q{place}", target) for place, target in enumerate(targets)]

    assert labels_of(examples(["a", "b"] * 5)) == ("a", "b")
    assert labels_of(examples(["a", "b"] * 4)) == ()
    assert labels_of(examples([str(number) for number in range(21)] * 9)) == ()
    assert labels_of(examples([("a", "b"), "a"] * 9)) == ()


def test_ctrl_c_keeps_the_replies_and_says_how_to_go_on(task_file: str, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    with ChaosServer(lambda prompt: "fish", latency=0.3) as server:
        words = ["evaluate", task_file, "--scorer", f"openai:m@{server.url}", "--run-dir", str(folder)]
        command = [
            sys.executable,
            "-c",
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "from optiprompt.cli import main; main()",
            *words,
            "--concurrency",
            "2",
        ]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while server.requests < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 130, err
        assert (out, err.count("\n")) == ("", 1)
        assert f"--run-dir {folder}" in err
        kept = sum('"reply"' in line for line in (folder / "replies.jsonl").read_text().splitlines())
        assert 2 <= kept < 20
        before = server.requests
        done = op.evaluate(op.load_task(task_file), scorer=op.backend(f"openai:m@{server.url}"), run_dir=folder)
        assert server.requests - before == 20 - kept
        assert (done.candidates[0].cached, done.candidates[0].usage.calls) == (kept, 20 - kept)


def test_examples_that_a_candidate_shows_are_left_out_for_all(
    task_file: str, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = op.load_task(task_file)
    shots = "".join(
        f"<example><input>{each.input}</input><output>{each.target}</output></example>" for each in task.examples[:4]
    )
    shown = f"<instruction>Look.</instruction>{shots}"
    done = op.evaluate(task, [shown, "Guess."], scorer=op.backend(model), split="train", run_dir=tmp_path / "m")
    assert done.left_out == 4
    assert [len(each.graded) for each in done.candidates] == [6, 6]
    show(done)
    assert "4 left out, which a candidate shows" in capsys.readouterr().out

"""What a measurement makes of a real server that misbehaves: failed examples are reported apart, never as wrong."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from optiprompt import cli
from optiprompt.testing.server import ChaosServer, content_filter, every, status


@pytest.fixture
def task_file(tmp_path: Path, runs: Path) -> str:
    rows = [{"input": f"{number} + 1", "target": str(number + 1)} for number in range(60)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sums.yaml").write_text(
        "kind: prompt\ndata: {file: sums.jsonl}\ngrader: number\nsizes: {train: 20, dev: 0, test: 40}\n"
    )
    return str(tmp_path / "sums.yaml")


def answer(prompt: str) -> str:
    number = int(prompt.split("\n")[-1].split(" + ")[0])
    return str(number + (2 if "wrongly" in prompt else 1))


def evaluate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str
) -> tuple[int, list[dict[str, Any]], str]:
    monkeypatch.setattr(sys, "argv", ["optiprompt", "evaluate", *words, "--json"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), json.loads(captured.out or "[]"), captured.err


def test_failed_examples_are_reported_apart_and_are_no_wrong_answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str
) -> None:
    with ChaosServer(answer, faults=every(10, content_filter)) as server:
        words = (task_file, "--scorer", f"openai:m@{server.url}", "--concurrency", "1")
        several = ("--candidate", "Add.", "--candidate", "Add wrongly.")
        code, [good, bad], _ = evaluate(capsys, monkeypatch, *words, *several)
    assert code == 0
    for each, score in ((good, 1.0), (bad, 0.0)):
        assert (each["score"], each["n"], each["failed"], each["calls"]) == (score, 36, 4, 40)
    assert (good["wrong"], len(bad["wrong"])) == ([], 36)
    [pair] = good["pairs"]
    assert pair["difference"] == 1.0
    assert 32 <= pair["n"] <= 36, "what failed for either is left out"


def test_too_many_failures_are_no_score_and_exit_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str
) -> None:
    with ChaosServer(answer, faults=every(3, content_filter)) as server:
        words = (task_file, "--scorer", f"openai:m@{server.url}", "--candidate", "Add.", "--concurrency", "1")
        code, [found], err = evaluate(capsys, monkeypatch, *words)
    assert code == 1
    assert err.count("\n") == 1
    assert "14 of 40 examples could not be scored" in err
    assert (found["score"], found["low"], found["failed"], found["status"]) == (None, None, 14, "failed")


def test_a_burst_of_rate_limits_changes_no_score(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str
) -> None:
    with ChaosServer(answer, faults=every(8, status(429, retry_after="0"))) as server:
        words = (task_file, "--scorer", f"openai:m@{server.url}", "--candidate", "Add.")
        code, [found], _ = evaluate(capsys, monkeypatch, *words)
        assert code == 0
        assert (found["score"], found["n"], found["failed"]) == (1.0, 40, 0)
        assert found["calls"] == server.requests, "tries that failed are calls too"


def test_a_server_that_is_gone_is_one_line_and_the_same_command_goes_on_where_it_stood(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str, tmp_path: Path
) -> None:
    refused, broken = status(401, "no such key"), True
    with ChaosServer(answer, faults=lambda number: refused if broken and number >= 10 else None) as server:
        words = (task_file, "--scorer", f"openai:m@{server.url}", "--candidate", "Add.", "--concurrency", "1")
        where = ("--run-dir", str(tmp_path / "m"))
        code, found, err = evaluate(capsys, monkeypatch, *words, *where)
        assert (code, found, err.count("\n")) == (1, [], 1)
        broken = False
        before = server.requests
        code, [mended], _ = evaluate(capsys, monkeypatch, *words, *where)
        assert code == 0
        assert (mended["score"], mended["calls"], mended["cached"]) == (1.0, 30, 10)
        assert server.requests - before == 30
    ends = [json.loads(line) for line in (tmp_path / "m" / "events.jsonl").read_text().splitlines()]
    assert [each["status"] for each in ends if each["type"] == "ended"] == ["failed", "finished"]

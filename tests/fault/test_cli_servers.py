"""What a user sees on the command line when a server does not answer as hoped: one line with the mend."""

import json
import sys
from pathlib import Path

import pytest

from optiprompt import cli
from optiprompt.testing.server import ChaosServer


@pytest.fixture
def task_file(tmp_path: Path, runs: Path) -> str:
    rows = [{"input": f"{number} + 1", "target": str(number + 1)} for number in range(12)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sums.yaml").write_text("name: sums\nkind: prompt\ndata: {file: sums.jsonl}\ngrader: number\n")
    return str(tmp_path / "sums.yaml")


def search(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    task_file: str,
    scorer: str,
    optimizer: str = "",
) -> tuple[int, list[str]]:
    """Exit code, and the lines on stderr that are not progress."""
    words = ["run", task_file, "--optimizer", optimizer or scorer, "--scorer", scorer, "--steps", "1", "--timeout", "2"]
    monkeypatch.setattr(sys, "argv", ["optiprompt", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    lines = capsys.readouterr().err.splitlines()
    return int(stopped.value.code or 0), [line for line in lines if not line.startswith("step ")]


def test_a_wrong_key_is_one_line_that_does_not_show_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-key")
    with ChaosServer(key="right") as server:
        code, lines = search(capsys, monkeypatch, task_file, f"openai:m@{server.url}")
        assert server.requests <= 24, "a refused key is not tried again"
    assert code == 1
    assert len(lines) == 1
    assert "OPENAI_API_KEY" in lines[0]
    assert "sk-wrong-key" not in lines[0]


def test_a_model_that_the_server_does_not_have_is_named_with_those_it_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str
) -> None:
    with ChaosServer(models=["llama-8b", "qwen-7b"]) as server:
        code, lines = search(capsys, monkeypatch, task_file, f"openai:lama@{server.url}")
    assert code == 1
    assert len(lines) == 1
    assert "lama" in lines[0]
    assert "llama-8b" in lines[0]


def test_a_server_that_is_down_is_a_failed_run_and_no_score(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str, runs: Path
) -> None:
    with ChaosServer() as server:
        url = server.url
    code, lines = search(capsys, monkeypatch, task_file, f"openai:m@{url}")
    assert code == 1
    assert len(lines) == 1
    assert "no server answers" in lines[0]
    [events] = runs.glob("*/events.jsonl")
    records = [json.loads(line) for line in events.read_text().splitlines()]
    assert [record["type"] for record in records] == ["started", "proposed", "ended"], "a resumed run asks again"


def test_a_run_that_fails_after_paid_calls_says_where_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str, runs: Path
) -> None:
    with ChaosServer() as server, ChaosServer(models=["another"]) as other:
        code, lines = search(capsys, monkeypatch, task_file, f"openai:m@{server.url}", f"openai:gone@{other.url}")
    assert code == 1
    [folder] = runs.iterdir()
    assert [line for line in lines if str(folder) in line] == [f"what was paid is kept: optiprompt resume {folder}"]
    assert "gone" in lines[-1]


def test_a_limit_of_money_where_nothing_costs_any_and_a_target_out_of_reach_are_said_before_the_first_call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task_file: str, runs: Path
) -> None:
    with ChaosServer() as server:
        model = f"openai:m@{server.url}"
        words = ["optiprompt", "run", task_file, "--optimizer", model, "--scorer", model, "--steps", "0"]
        monkeypatch.setattr(sys, "argv", [*words, "--target", "85"])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert stopped.value.code == 2
        assert "a number from 0 to 1" in capsys.readouterr().err
        assert server.requests == 0
        assert not runs.exists(), "nothing is left behind"
        monkeypatch.setattr(sys, "argv", [*words, "--max-usd", "1"])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert not stopped.value.code
        assert "cost nothing" in capsys.readouterr().err

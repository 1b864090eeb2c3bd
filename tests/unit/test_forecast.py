"""The forecast of `--dry-run`: asks nothing, and says what a run then takes."""

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from optiprompt import cli
from optiprompt.testing.server import ChaosServer

QUESTION = "A shop sells {number} apples in the morning and one more in the evening. How many does it sell in the day?"
TASK = """
name: apples
kind: prompt
data: {file: apples.jsonl}
sizes: {train: 30, dev: 5, test: 5}
grader: number
start: ["Add the numbers.", "Think about it.", "add  the NUMBERS."]
max_tokens: 100
"""


@pytest.fixture
def task(tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setenv("OPTIPROMPT_PRICES", str(tmp_path / "prices.yaml"))
    (tmp_path / "prices.yaml").write_text("writer: {input: 3, output: 12}\nsolver: {input: 0.5, output: 2}\n")
    # The solver always says 7, which is right for a quarter: there is something to vary.
    targets = [str(number + 1 if number % 4 else 7) for number in range(40)]
    rows = [{"input": QUESTION.format(number=number), "target": target} for number, target in enumerate(targets)]
    (tmp_path / "apples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "apples.yaml").write_text(TASK)
    return str(tmp_path / "apples.yaml")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    def call(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["optiprompt", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        return int(stopped.value.code or 0), capsys.readouterr().out

    return call


class Answers:
    """Proposals of two sentences, and answers as long as those of a model that thinks."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def __call__(self, prompt: str) -> str:
        if "<INS>" in prompt:
            return f"<INS>Do it in the way that has the number {next(self._numbers)}. Then stop.</INS>"
        return "I count the apples of the morning and those of the evening, and add them up. Answer: 7"


def spent(folder: Path) -> dict[str, dict[str, float]]:
    """What the run's file of replies says was taken, by the model."""
    taken = {name: {"calls": 0.0, "tokens": 0.0} for name in ("writer", "solver")}
    for line in (folder / "replies.jsonl").read_text().splitlines():
        record = json.loads(line)
        if "reply" in record:
            usage = record["reply"]["usage"]
            model = taken[record["backend"].removeprefix("openai:").partition("@")[0]]
            model["calls"] += usage["calls"]
            model["tokens"] += usage["prompt_tokens"] + usage["completion_tokens"]
    return taken


def test_it_sends_nothing_and_the_calls_are_those_that_the_run_then_makes(
    task: str, call: Any, tmp_path: Path, runs: Path
) -> None:
    with ChaosServer(Answers()) as server:
        words = ["run", task, "--optimizer", f"openai:writer@{server.url}", "--scorer", f"openai:solver@{server.url}"]
        words += ["--steps", "4", "--proposals", "5", "--no-racing", "--no-final", "--operators", "opro"]
        code, out = call(*words, "--dry-run", "--json")
        assert code == 0
        assert server.requests == 0
        assert not runs.exists()
        expected = json.loads(out)
        assert expected["optimizer"]["calls"] == 4
        assert expected["scorer"]["calls"] == (2 + 4 * 5) * 30
        call(*words, "--run-dir", str(runs / "first"))
        assert server.requests == expected["calls"]
        taken = spent(runs / "first")
        assert {name: each["calls"] for name, each in taken.items()} == {"writer": 4, "solver": 660}

        # With this run to learn from, tokens are foreseen too.
        expected = json.loads(call(*words, "--dry-run", "--json")[1])
        for role, name in (("optimizer", "writer"), ("scorer", "solver")):
            assert expected[role]["tokens"] == pytest.approx(taken[name]["tokens"], rel=0.1), role
        assert server.requests == expected["calls"], "still nothing was asked"


def test_the_calls_of_mixed_operators_are_foreseen_about(task: str, call: Any, tmp_path: Path) -> None:
    with ChaosServer(Answers()) as server:
        words = ["run", task, "--optimizer", f"openai:writer@{server.url}", "--scorer", f"openai:solver@{server.url}"]
        words += ["--steps", "6", "--proposals", "5", "--no-racing", "--no-final"]
        expected = json.loads(call(*words, "--dry-run", "--json")[1])
        call(*words, "--run-dir", str(tmp_path / "run"))
        taken = spent(tmp_path / "run")
    assert expected["optimizer"]["calls"] == pytest.approx(taken["writer"]["calls"], rel=0.2)
    assert expected["scorer"]["calls"] == pytest.approx(taken["solver"]["calls"], rel=0.2)


def test_money_is_foreseen_from_the_prices_and_an_unknown_price_is_said(task: str, call: Any, tmp_path: Path) -> None:
    words = ["run", task, "--scorer", "openai:solver@http://192.0.2.1/v1", "--steps", "3", "--dry-run", "--no-final"]
    code, out = call(*words, "--optimizer", "openai:writer@http://192.0.2.1/v1", "--json")
    expected = json.loads(out)
    assert code == 0
    prices = {"optimizer": (3, 12), "scorer": (0.5, 2)}
    for role, (put_in, out_of) in prices.items():
        tokens = expected[role]
        usd = (tokens["prompt_tokens"] * put_in + tokens["completion_tokens"] * out_of) / 1e6
        assert tokens["usd"] == pytest.approx(usd)
    assert expected["usd"] == pytest.approx(sum(expected[role]["usd"] for role in prices))
    steps = expected["calls"] - expected["start"]["calls"]
    assert steps == pytest.approx(3 * expected["per_step"]["calls"], abs=3)
    other = [*words, "--optimizer", "openai:other@http://192.0.2.1/v1"]
    assert "unknown" in call(*other)[1]
    code, _ = call(*other, "--max-usd", "1")
    assert code == 2


@pytest.mark.parametrize(
    ("limit", "ends"),
    [
        (["--max-calls", "100"], "100 calls are made"),
        (["--max-tokens", "20000"], "20,000 tokens are spent"),
        (["--max-usd", "0.01"], "0.01 US dollars are spent"),
        (["--max-evaluations", "7"], "7 evaluations are made"),
        (["--steps", "0"], "0 steps are done"),
    ],
)
def test_it_ends_where_the_budget_would_end_the_run(limit: list[str], ends: str, task: str, call: Any) -> None:
    models = ["--optimizer", "openai:writer@http://192.0.2.1/v1", "--scorer", "openai:solver@http://192.0.2.1/v1"]
    code, out = call("run", task, *models, *limit, "--no-racing", "--no-final", "--dry-run", "--json")
    expected = json.loads(out)
    assert code == 0
    assert expected["ends"] == ends
    if "--max-calls" in limit:
        assert expected["calls"] == 100
    if "--max-tokens" in limit:
        assert expected["tokens"] == pytest.approx(20000, abs=2)
    if "--max-evaluations" in limit:
        assert expected["scorer"]["calls"] == 7 * 30


def test_racing_and_the_final_test_are_foreseen_too(task: str, call: Any) -> None:
    models = ["--optimizer", "openai:writer@http://192.0.2.1/v1", "--scorer", "openai:solver@http://192.0.2.1/v1"]
    words = ["run", task, *models, "--proposals", "5", "--dry-run", "--json"]
    plain = json.loads(call(*words, "--no-racing", "--no-final", "--steps", "4")[1])
    assert plain["end"]["calls"] == 0
    tested = json.loads(call(*words, "--no-racing", "--steps", "4")[1])
    assert tested["calls"] - plain["calls"] == tested["end"]["calls"] == 5 * 5 + 2 * 5
    raced = json.loads(call(*words, "--no-final", "--steps", "4")[1])
    assert raced["start"] == plain["start"]
    assert raced["per_step"]["scorer"]["calls"] < 0.7 * plain["per_step"]["scorer"]["calls"]
    for limit in (["--max-calls", "200"], ["--max-tokens", "20000"], ["--max-usd", "0.01"]):
        expected = json.loads(call(*words, *limit)[1])
        taken = expected[limit[0].removeprefix("--max-")]
        assert 0.6 * float(limit[1]) < taken <= 1.001 * float(limit[1]), "the end takes no more than is kept for it"


def test_a_task_without_scorer_and_a_model_that_is_not_here(call: Any, runs: Path) -> None:
    words = ["run", "nasbench201", "--optimizer", "hf:nobody/has-this-1B", "--operators", "opro", "--steps", "3"]
    code, out = call(*words, "--dry-run", "--json")
    expected = json.loads(out)
    assert code == 0
    assert expected["calls"] == expected["optimizer"]["calls"] == 3
    assert expected["optimizer"]["prompt_tokens"] > 3 * 100
    assert expected["usd"] == 0
    assert expected["evaluations"] == 8 + 3 * 4
    code, out = call("run", "nasbench201", "--algorithm", "random", "--dry-run")
    assert code == 0
    assert "in all" in out
    assert not runs.exists()


def test_no_key_is_needed_to_be_told_what_a_run_would_cost(task: str, call: Any) -> None:
    words = ["run", task, "--optimizer", "openai:gpt-4.1-mini", "--scorer", "openai:gpt-4.1-nano", "--steps", "2"]
    code, out = call(*words, "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["usd"] > 0

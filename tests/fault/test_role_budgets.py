"""Budgets of calls by role, against a server that counts them by model: never one over, and the end is paid for."""

import itertools
import json
import re
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt import cli
from optiprompt.backends._retry import RetryPolicy
from optiprompt.backends.openai import connect
from optiprompt.data.examples import Example
from optiprompt.data.splits import Splits
from optiprompt.errors import SearchFailed
from optiprompt.testing.server import ChaosServer, Schedule, every, in_turn, status

QUICK = RetryPolicy(attempts=6, connects=2, first_wait=0.01, longest_wait=0.05, total=20.0)
SIZE = 10  # examples in each split
START = 2 * SIZE
END = 5 * SIZE + 2 * SIZE


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPTIPROMPT_PRICES", str(tmp_path / "prices.yaml"))
    (tmp_path / "prices.yaml").write_text("")


class Answers:
    """Proposes a new instruction each time, and answers alike all that is asked without one, and rightly with it."""

    def __init__(self) -> None:
        self._numbers, self._door = itertools.count(), threading.Lock()

    def __call__(self, prompt: str) -> str:
        if "<INS>" not in prompt:
            asked = re.search(r"What is (\d+)", prompt) if "Instruction number" in prompt else None
            return str(int(asked[1]) + 1) if asked else "7"
        with self._door:
            return f"<INS>Instruction number {next(self._numbers)}.</INS>"


def examples(split: str) -> tuple[Example, ...]:
    return tuple(Example(f"{split}/{n}", f"What is {n} + 1 of {split}?", str(n + 1)) for n in range(SIZE))


def search(
    server: ChaosServer,
    folder: Path,
    budget: op.Budget,
    *,
    models: tuple[str, str] = ("m", "m"),
    held_out: bool = True,
    racing: op.Racing | None = None,
    operators: str = "opro",
) -> op.Result:
    options = op.BackendOptions(concurrency=32, timeout=5.0)
    optimizer = connect(f"{models[0]}@{server.url}", options, QUICK)
    same = models[0] == models[1]
    scorer = optimizer if same else connect(f"{models[1]}@{server.url}", options, QUICK)
    held = (examples("dev"), examples("test")) if held_out else ((), ())
    data = Splits(examples("train"), *held)
    task = op.PromptTask("sums", data, op.graders.number(), start=["Add.", "Add up."], max_tokens=60)
    return op.optimize(
        task,
        optimizer=optimizer,
        scorer=scorer,
        algorithm=op.Opro(proposals=4, operators=operators),
        budget=budget,
        scoring=op.Scoring(racing=racing),
        run_dir=folder,
        seed=1,
    )


def seen(server: ChaosServer) -> Counter[str]:
    """The requests that came in, by role: those of the optimizer show the tag that proposals stand in."""
    return Counter("optimizer" if "<INS>" in json.dumps(body) else "scorer" for body in server.bodies)


FAULTS: dict[str, Schedule | None] = {
    "no faults": None,
    "429": every(3, status(429, retry_after="0.01")),
    "500": in_turn([status(500), None, None]),
}


@pytest.mark.parametrize("models", [("m", "m"), ("writer", "solver")], ids=["one model", "two models"])
@pytest.mark.parametrize("faults", FAULTS)
@pytest.mark.parametrize(("optimizer", "scorer"), [(1, 300), (3, 300), (50, START), (50, START + 1), (50, 90), (7, 61)])
def test_no_role_sends_one_request_over_also_when_the_run_is_resumed(
    optimizer: int, scorer: int, faults: str, models: tuple[str, str], tmp_path: Path
) -> None:
    budget = op.Budget(optimizer_calls=optimizer, scorer_calls=scorer)
    with ChaosServer(Answers(), faults=FAULTS[faults], latency=0.001, honours_n=False) as server:
        result = search(server, tmp_path / "run", budget, models=models, operators="mix")
        counted = seen(server)
        assert counted["optimizer"] <= optimizer
        assert counted["scorer"] <= scorer
        assert counted["optimizer"] == optimizer or counted["scorer"] > scorer - 2 * SIZE
        assert dict(counted) == result.calls_by_role
        assert "calls are made" in result.stop_reason
        if models[0] != models[1]:
            assert Counter(body["model"] for body in server.bodies)["writer"] == counted["optimizer"]
        before = (tmp_path / "run" / "events.jsonl").read_bytes()
        search(server, tmp_path / "run", budget, models=models, operators="mix")
        assert seen(server) == counted
        if FAULTS[faults] is None:  # else the end may have been cut, and what came in meanwhile is used now
            assert (tmp_path / "run" / "events.jsonl").read_bytes() == before, "nothing to do is nothing done"


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (op.Budget(optimizer_calls=3, scorer_calls=1000), "3 optimizer calls are made"),
        (
            op.Budget(optimizer_calls=1000, scorer_calls=300),
            f"all but the {END} calls kept for dev and test of 300 scorer calls are made",
        ),
        (op.Budget(optimizer_calls=3), "3 optimizer calls are made"),
    ],
    ids=["the optimizer's end first", "the scorer's end first", "the scorer has no limit"],
)
@pytest.mark.parametrize("racing", [None, op.Racing()], ids=["all", "race"])
def test_when_one_role_is_done_the_run_ends_well_with_dev_and_test(
    budget: op.Budget, reason: str, racing: op.Racing | None, tmp_path: Path
) -> None:
    with ChaosServer(Answers()) as server:
        result = search(server, tmp_path / "run", budget, racing=racing)
        counted = seen(server)
    assert result.stop_reason == reason
    assert result.final is not None
    assert result.final.dev is not None
    assert result.final.dev.n == SIZE
    assert result.test is not None
    assert result.test.n == SIZE
    if budget.optimizer_calls == 3:
        assert counted["optimizer"] == 3
        assert len(result.trajectory) == 2 + 3 * 4, "all that was proposed is scored; four samples are one request"


def test_the_calls_of_a_role_count_although_they_were_made_before_it_was_limited(tmp_path: Path) -> None:
    with ChaosServer(Answers(), honours_n=False) as server:
        search(server, tmp_path / "run", op.Budget(steps=2), held_out=False)
        counted = seen(server)
        assert counted["optimizer"] == 8, "a server that gives one sample an answer is asked for each"
        for limits in (op.Budget(optimizer_calls=8), op.Budget(scorer_calls=counted["scorer"])):
            result = search(server, tmp_path / "run", limits, held_out=False)
            assert "calls are made" in result.stop_reason
        assert seen(server) == counted
        search(server, tmp_path / "run", op.Budget(optimizer_calls=10), held_out=False)
        assert seen(server)["optimizer"] == 10


@pytest.fixture
def sums(tmp_path: Path) -> str:
    rows = "".join(json.dumps({"input": f"{n} + 1", "target": str(n + 1)}) + "\n" for n in range(100))
    (tmp_path / "sums.jsonl").write_text(rows)
    path = tmp_path / "sums.yaml"
    path.write_text(
        "name: sums\nkind: prompt\ndata: {file: sums.jsonl}\nsizes: {train: 20, dev: 0, test: 0}\n"
        "grader: number\nstart: [Add., Add up.]\n"
    )
    return str(path)


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setattr("sys.argv", ["optiprompt", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert not stopped.value.code
    return capsys.readouterr().out


def test_the_command_line_limits_each_role_in_run_resume_and_sweep(
    sums: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, runs: Path
) -> None:
    with ChaosServer(Answers()) as server:
        model = f"openai:m@{server.url}"
        words = [sums, "--optimizer", model, "--scorer", model, "--no-racing", "--no-cache", "--proposals", "2"]
        words += ["--operators", "opro"]
        limits = ["--max-optimizer-calls", "2", "--max-scorer-calls", "110"]
        folder = str(tmp_path / "run")
        out = call(capsys, monkeypatch, "run", *words, *limits, "--run-dir", folder)
        assert "stopped: 110 scorer calls are made" in out
        assert "112 calls (2 of the optimizer, 110 of the scorer)" in out
        assert seen(server) == {"optimizer": 2, "scorer": 110}
        more = ["--max-optimizer-calls", "3", "--max-scorer-calls", "500"]
        assert "stopped: 3 optimizer calls are made" in call(capsys, monkeypatch, "resume", folder, *more)
        assert seen(server) == {"optimizer": 3, "scorer": 40 + 3 * 40}
        before = seen(server)
        call(capsys, monkeypatch, "sweep", *words, *limits, "--vary", "shown=5,10", "--run-dir", str(tmp_path / "many"))
        assert seen(server) - before == {"optimizer": 4, "scorer": 220}


@pytest.mark.parametrize(
    ("limit", "role", "ends"),
    [
        (["--max-optimizer-calls", "3"], "optimizer", "3 optimizer calls are made"),
        (["--max-scorer-calls", "110"], "scorer", "110 scorer calls are made"),
    ],
)
def test_the_forecast_ends_where_the_run_does(
    limit: list[str],
    role: str,
    ends: str,
    sums: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    runs: Path,
) -> None:
    with ChaosServer(Answers()) as server:
        model = f"openai:m@{server.url}"
        words = ["run", sums, "--optimizer", model, "--scorer", model, "--no-racing", "--proposals", "2", *limit]
        words += ["--operators", "opro"]
        expected: dict[str, Any] = json.loads(call(capsys, monkeypatch, *words, "--dry-run", "--json"))
        assert server.requests == 0
        assert expected["ends"] == ends
        call(capsys, monkeypatch, *words, "--no-cache")
        assert expected[role]["calls"] == seen(server)[role] == int(limit[1])


@pytest.mark.parametrize("calls", [3, 4])
def test_an_optimizer_that_only_fails_ends_the_run_as_failed_also_under_a_limit_of_its_calls(
    calls: int, tmp_path: Path
) -> None:
    budget = op.Budget(optimizer_calls=calls, scorer_calls=1000)
    with (
        ChaosServer(Answers(), honours_n=False) as solver,
        ChaosServer(Answers(), faults=in_turn([status(500)]), honours_n=False) as writer,
        pytest.raises(SearchFailed, match=rf"nothing could be proposed: {calls} optimizer calls? .* 500"),
    ):
        op.optimize(
            op.PromptTask("sums", Splits(examples("train")), op.graders.number(), start=["Add."], max_tokens=60),
            optimizer=connect(f"w@{writer.url}", op.BackendOptions(timeout=5.0), QUICK),
            scorer=connect(f"s@{solver.url}", op.BackendOptions(timeout=5.0), QUICK),
            algorithm=op.Opro(proposals=4, operators="opro"),
            budget=budget,
            run_dir=tmp_path / "run",
        )

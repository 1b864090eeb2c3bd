"""Budgets of calls, tokens, money and time, against a server that counts: never one over, nothing paid twice."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt import cli
from optiprompt.backends._retry import RetryPolicy
from optiprompt.backends.openai import connect
from optiprompt.data.examples import Example
from optiprompt.data.splits import Splits
from optiprompt.errors import SearchFailed, UsageError
from optiprompt.store import read_events
from optiprompt.testing.server import ChaosServer, Schedule, cut_off, every, first, in_turn, status

QUICK = RetryPolicy(attempts=6, connects=2, first_wait=0.01, longest_wait=0.05, total=20.0)
EXAMPLES = 20


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPTIPROMPT_PRICES", str(tmp_path / "prices.yaml"))
    (tmp_path / "prices.yaml").write_text("")


def sums() -> op.PromptTask:
    train = tuple(Example(str(number), f"What is {number} + 1?", str(number + 1)) for number in range(EXAMPLES))
    return op.PromptTask("sums", Splits(train), op.graders.number(), start=["Add.", "Add up."], max_tokens=60)


class Answers:
    """Proposes a new instruction each time, and answers every question in eight words."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def __call__(self, prompt: str) -> str:
        if "<INS>" in prompt:
            return f"<INS>Instruction number {next(self._numbers)}.</INS>"
        return "I think that the right answer is 7."


def search(
    server: ChaosServer, folder: Path, budget: op.Budget, *, proposals: int = 4, model: str = "m", timeout: float = 5.0
) -> op.Result:
    backend = connect(f"{model}@{server.url}", op.BackendOptions(concurrency=32, timeout=timeout), QUICK)
    algorithm = op.Opro(proposals=proposals, operators="opro")
    return op.optimize(
        sums(),
        optimizer=backend,
        scorer=backend,
        algorithm=algorithm,
        budget=budget,
        scoring=op.Scoring(racing=None),
        run_dir=folder,
        seed=1,
    )


def asked_twice(server: ChaosServer) -> int:
    """Scorer requests that were sent before."""
    prompts = [json.dumps(body["messages"]) for body in server.bodies if "n" not in body]
    return len(prompts) - len(set(prompts))


FAULTS: dict[str, Schedule | None] = {
    "no faults": None,
    "429": every(3, status(429, retry_after="0.01")),
    "a 500 and a cut connection": in_turn([status(500), None, cut_off, None]),
}


@pytest.mark.parametrize("faults", FAULTS)
@pytest.mark.parametrize("cap", [1, 39, 40, 41, 100])
def test_the_server_sees_at_most_the_calls_of_the_budget_also_when_the_run_is_resumed(
    cap: int, faults: str, tmp_path: Path
) -> None:
    with ChaosServer(Answers(), faults=FAULTS[faults], latency=0.002) as server:
        result = search(server, tmp_path / "run", op.Budget(steps=2, calls=cap))
        assert server.requests == cap
        assert result.stop_reason == f"{cap} calls are made"
        assert result.usage.calls == cap
        before = (tmp_path / "run" / "events.jsonl").read_bytes()
        again = search(server, tmp_path / "run", op.Budget(steps=2, calls=cap))
        assert server.requests == cap
        assert (again.best and again.best.text) == (result.best and result.best.text)
        assert (tmp_path / "run" / "events.jsonl").read_bytes() == before, "nothing to do is nothing done"


def test_a_run_resumed_with_a_larger_budget_pays_nothing_twice_and_ends_as_if_it_had_never_stopped(
    tmp_path: Path,
) -> None:
    with ChaosServer(Answers(), honours_n=False) as server:
        for cap in (25, 43, 45, 90, 1000):  # in the start, among the proposals, in a step
            result = search(server, tmp_path / "parts", op.Budget(steps=2, calls=cap))
        spent, twice = server.requests, asked_twice(server)
    assert result.stop_reason == "2 steps are done"
    assert twice == 2 * 2, "three more samples of the meta-prompt in each step, and no question"
    with ChaosServer(Answers(), honours_n=False) as server:
        search(server, tmp_path / "whole", op.Budget(steps=2))
    assert spent == server.requests
    texts = [
        [event.text for event in read_events(tmp_path / name) if event.type == "evaluated"]
        for name in ("parts", "whole")
    ]
    assert sorted(texts[0]) == sorted(texts[1])


def test_what_was_evaluated_in_full_before_the_budget_ended_a_step_counts(tmp_path: Path) -> None:
    with ChaosServer(lambda prompt: "1" if "Add up." in prompt else "no number") as server:
        result = search(server, tmp_path / "run", op.Budget(steps=2, calls=2 * EXAMPLES - 1))
    assert result.best is not None
    assert result.best.text == "Add."
    assert [event.type for event in read_events(tmp_path / "run")] == [
        "started",
        "proposed",
        "evaluated",
        "selected",
        "ended",
    ]


def test_a_killed_run_remembers_the_calls_that_were_under_way(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
import optiprompt as op
from test_budgets import search
class Server: url = sys.argv[1]
search(Server, Path(sys.argv[2]), op.Budget(steps=2, calls=100))
"""
    with ChaosServer(Answers(), latency=0.2) as server:
        words = [sys.executable, "-c", code, server.url, str(tmp_path / "run")]
        child = subprocess.Popen(words, env={**os.environ, "OPTIPROMPT_PRICES": os.environ["OPTIPROMPT_PRICES"]})
        while server.requests < 40:
            assert child.poll() is None
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        child.wait()
        time.sleep(0.3)
        search(server, tmp_path / "run", op.Budget(steps=2, calls=100))
    assert server.requests <= 100


@pytest.mark.parametrize("cap", [300, 1500, 4000])
def test_the_tokens_stay_under_the_cap_and_come_near_it(cap: int, tmp_path: Path) -> None:
    with ChaosServer(Answers(), latency=0.002) as server:
        result = search(server, tmp_path / "run", op.Budget(tokens=cap))
    assert 0.9 * cap <= result.usage.tokens <= cap * 1.05
    assert "tokens are spent" in result.stop_reason
    assert result.usd == 0, "a server on this machine costs nothing"


def test_a_budget_too_small_for_one_call_sends_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, runs: Path
) -> None:
    (tmp_path / "sums.jsonl").write_text("".join(f'{{"input": "{n} + 1", "target": "{n + 1}"}}\n' for n in range(20)))
    (tmp_path / "sums.yaml").write_text("name: sums\nkind: prompt\ndata: {file: sums.jsonl}\ngrader: number\n")
    with ChaosServer() as server:
        model = f"openai:m@{server.url}"
        words = ["run", str(tmp_path / "sums.yaml"), "--optimizer", model, "--scorer", model, "--max-tokens", "50"]
        monkeypatch.setattr(sys, "argv", ["optiprompt", *words, "--json"])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
    assert stopped.value.code == 0
    assert json.loads(capsys.readouterr().out)["text"] is None
    assert server.requests == 0


def test_money_is_counted_for_optimizer_and_scorer_and_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text("m: {input: 1.0, output: 10.0}\n")
    with ChaosServer(Answers(), latency=0.002) as server:
        result = search(server, tmp_path / "run", op.Budget(usd=0.02), model="m-2025-04-14")
        spent = result.usd
        assert spent is not None
        assert 0.018 <= spent <= 0.021
        assert spent == pytest.approx((result.usage.prompt_tokens + 10 * result.usage.completion_tokens) / 1e6)
        assert result.stop_reason.startswith("$0.0")
        again = search(server, tmp_path / "run", op.Budget(usd=0.03), model="m-2025-04-14")
        assert 0.027 <= (again.usd or 0) <= 0.031, "what was spent before counts"
    steps = [event.usd for event in read_events(tmp_path / "run") if event.type == "stepped"]
    assert steps == sorted(steps)  # type: ignore[type-var]
    assert None not in steps


def test_a_model_of_unknown_price_is_refused_under_a_budget_of_money_before_anything_is_spent(tmp_path: Path) -> None:
    backend = connect("new-model@http://192.0.2.1/v1", op.BackendOptions(), QUICK)
    with pytest.raises(UsageError, match=r"price of new-model is not known.*new-model: \{input.*prices\.yaml"):
        op.optimize(sums(), optimizer=backend, scorer=backend, budget=op.Budget(usd=1), run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_minutes_end_a_run_and_the_pause_between_two_parts_is_no_work(tmp_path: Path) -> None:
    def run(minutes: float) -> op.Result:
        began = time.monotonic()
        result = search(server, tmp_path / "run", op.Budget(minutes=minutes))
        assert time.monotonic() - began < 1.3 * 60 * minutes + 10
        return result

    with ChaosServer(Answers(), latency=0.05) as server:
        search(server, tmp_path / "first", op.Budget(calls=1))  # what is imported at the first call takes time too
        requests = server.requests
        assert run(3 / 60).stop_reason == "0.05 minutes are over"
        assert server.requests > requests
        requests = server.requests
        assert run(3 / 60).stop_reason == "0.05 minutes are over"
        assert server.requests == requests
        time.sleep(3.5)
        run(6 / 60)
        assert server.requests > requests + 10, "three seconds' work was left"


def test_a_slow_function_stops_when_the_time_is_over(tmp_path: Path) -> None:
    def slow(point: dict[str, float]) -> float:
        time.sleep(0.1)
        return point["x"]

    task = op.FunctionTask("slow", op.Numbers({"x": (0, 1)}), slow, start=2)
    budget = op.Budget(minutes=3 / 60)
    result = op.optimize(task, algorithm=op.Random(proposals=1000), budget=budget, run_dir=tmp_path)
    assert result.stop_reason == "0.05 minutes are over"
    assert 2 <= len(result.trajectory) <= 32
    assert result.best is not None
    assert result.best.score == max(trial.score for trial in result.trajectory)


def test_a_local_model_is_metered_too(tmp_path: Path) -> None:
    script = [{"match": "INS", "text": "<INS>Go on.</INS>"}, {"match": ".", "text": "7"}]
    (tmp_path / "script.jsonl").write_text("".join(json.dumps(line) + "\n" for line in script))
    backend = op.backend(f"scripted:{tmp_path / 'script.jsonl'}")

    def run(calls: int) -> Any:
        budget = op.Budget(steps=1, calls=calls)
        return op.optimize(
            sums(),
            optimizer=backend,
            scorer=backend,
            algorithm=op.Opro(operators="opro"),
            budget=budget,
            scoring=op.Scoring(racing=None),
            run_dir=tmp_path / "run",
        )

    for calls in (30, 50):
        result = run(calls)
        assert result.usage.calls == calls
        assert result.stop_reason == f"{calls} calls are made"
    assert run(100).usage.calls == 3 * EXAMPLES + 1


@pytest.mark.parametrize(("cap", "said"), [(30, "The model 'm' does not exist"), (100, "no model 'm': it has other")])
def test_looking_for_the_models_of_a_server_is_a_call_too(cap: int, said: str, tmp_path: Path) -> None:
    with ChaosServer(models=["other"]) as server, pytest.raises(op.OptipromptError, match=said):
        search(server, tmp_path / "run", op.Budget(steps=1, calls=cap))
    assert server.requests + server.lookups <= cap


def test_first_failures_are_calls_although_they_bring_nothing(tmp_path: Path) -> None:
    with ChaosServer(Answers(), faults=first(10, status(503, retry_after="0.01"))) as server:
        result = search(server, tmp_path / "run", op.Budget(steps=0))
    assert result.usage.calls == server.requests == 2 * EXAMPLES + 10


def test_where_no_call_gets_an_answer_the_failure_is_said_and_not_the_limit(tmp_path: Path) -> None:
    with (
        ChaosServer(Answers(), faults=in_turn([status(500)])) as server,
        pytest.raises(SearchFailed, match=r"nothing could be scored: 30 calls are made; the last failure: .* 500"),
    ):
        search(server, tmp_path / "run", op.Budget(steps=2, calls=30))

"""Scoring a prompt on a server in trouble gives the scores of a healthy one, and every request is counted."""

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from optiprompt import graders
from optiprompt.backends._recorded import Recorded
from optiprompt.backends._retry import RetryPolicy
from optiprompt.backends.base import BackendOptions
from optiprompt.backends.openai import connect
from optiprompt.candidate import Candidate, Evaluation
from optiprompt.data import Example, Splits
from optiprompt.errors import FatalBackendError
from optiprompt.journal import Journal, read
from optiprompt.tasks.prompt import PromptTask
from optiprompt.testing import server as faulty
from optiprompt.testing.server import ChaosServer, Fault, every, in_turn, status

QUICK = RetryPolicy(first_wait=0.05)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def answer(prompt: str) -> str:
    """Right, but for each third question."""
    number = int(prompt.split()[-1])
    return f"The answer is {number + (number % 3 == 0)}."


def score(
    server: ChaosServer, count: int, journal: Path, timeout: float, policy: RetryPolicy = QUICK, concurrency: int = 64
) -> Evaluation:
    examples = tuple(Example(f"e{number}", f"Repeat: {number}", str(number)) for number in range(count))
    task = PromptTask("repeat", Splits(examples, (), ()), graders.number())
    backend = connect(f"m@{server.url}", BackendOptions(timeout=timeout, concurrency=concurrency), policy)

    async def work() -> Evaluation:
        replies = Journal(journal)
        recorded = Recorded(backend, replies)
        try:
            return await task.evaluate_on(Candidate("Please.", "Please.", "Please."), examples, recorded)
        finally:
            await recorded.aclose()
            replies.close()

    return asyncio.run(work())


def troubles(number: int) -> Fault | None:
    """Two bursts of rate limits, and something else every few requests."""
    if 300 <= number < 330:
        return status(429)
    if 900 <= number < 920:
        return status(429, retry_after="0.5")
    faults = [status(500), status(503), faulty.html, faulty.empty_choices, faulty.cut_off, faulty.reset]
    return [*faults, faulty.drip, faulty.hang][number // 13 % 8] if number % 13 == 0 else None


@pytest.mark.slow
def test_2000_calls_to_a_server_in_trouble_give_the_scores_of_a_healthy_one(tmp_path: Path) -> None:
    with ChaosServer(answer) as server:
        healthy = score(server, 2000, tmp_path / "healthy.jsonl", timeout=30)
    with ChaosServer(answer, latency=0.005, faults=troubles) as server:
        troubled = score(server, 2000, tmp_path / "troubled.jsonl", timeout=4)
        requests = server.requests
    assert troubled.score == healthy.score == pytest.approx(2 / 3, abs=0.001)
    assert troubled.outcomes == healthy.outcomes
    assert troubled.usage.calls == requests > 2000 + 150
    for name in ("healthy.jsonl", "troubled.jsonl"):
        replies = [record["request"] for record in read(tmp_path / name) if "reply" in record]
        assert len(replies) == len(set(replies)) == 2000


def test_what_fails_for_good_is_no_score_of_0_and_its_requests_count(tmp_path: Path) -> None:
    gives_up = replace(QUICK, attempts=4, first_wait=0.01)
    with ChaosServer(answer, faults=in_turn([*[None] * 19, *[status(500)] * 4])) as server:
        evaluation = score(server, 20, tmp_path / "j.jsonl", timeout=5, policy=gives_up, concurrency=1)
    assert evaluation.metrics == {"failed": 1}
    assert evaluation.n == 19
    assert evaluation.outcomes[-1].score is None
    assert "500" in evaluation.outcomes[-1].error
    assert evaluation.usage.calls == server.requests == 23


@pytest.mark.parametrize("fault", [faulty.hang, faulty.drip])
def test_calls_that_hang_hold_up_the_others_for_a_few_timeouts_at_most(tmp_path: Path, fault: Fault) -> None:
    with ChaosServer(answer, faults=every(20, fault)) as server:
        started = time.monotonic()
        evaluation = score(server, 200, tmp_path / "j.jsonl", timeout=1, concurrency=16)
    assert time.monotonic() - started < 6
    assert evaluation.n == 200
    assert evaluation.usage.calls == server.requests


def test_a_refused_key_is_not_tried_again(tmp_path: Path) -> None:
    with (
        ChaosServer(answer, latency=0.05, key="right") as server,
        pytest.raises(FatalBackendError, match="OPENAI_API_KEY"),
    ):
        score(server, 100, tmp_path / "j.jsonl", timeout=5, concurrency=8)
    assert server.requests <= 16, "those under way, and those sent before the first answer came"
    assert len({json.dumps(body) for body in server.bodies}) == len(server.bodies)

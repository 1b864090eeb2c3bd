"""The benchmark of prompt search: budgets hold, what is found is never lost, and a second start goes on."""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import typer

from benchmarks.prompts import _peers
from benchmarks.prompts.__main__ import main
from benchmarks.prompts._methods import Job
from benchmarks.prompts._models import Endpoint, endpoint
from benchmarks.prompts._peers import PEERS, PeerFailed, run_peer
from benchmarks.prompts._proxy import SPENT, Account, Proxy
from benchmarks.prompts._rows import Rows
from benchmarks.prompts._tasks import material, prompt_task
from optiprompt.errors import UsageError
from optiprompt.testing.server import ChaosServer, first, status

COLOURS = ("red", "blue", "green", "grey", "pink")


def answer(prompt: str) -> str:
    """As scorer it shouts where it is asked to; as optimizer it proposes that."""
    if "<INS>" in prompt or "```" in prompt:
        return "<INS>Shout it.</INS>" if "<INS>" in prompt else "```\nShout it.\n```"
    *instruction, word = prompt.splitlines()
    return word.upper() if "Shout" in " ".join(instruction) else word


@pytest.fixture
def server() -> Iterator[ChaosServer]:
    with ChaosServer(answer) as running:
        yield running


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    for split, size in (("train", 50), ("test", 30)):
        words = [f"{COLOURS[number % 5]} {split} {number}" for number in range(size)]
        rows = [json.dumps({"input": word, "target": word.upper()}) for word in words]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(rows))
    path = tmp_path / "shout.yaml"
    path.write_text(
        "kind: prompt\ndata: {train: train.jsonl, test: test.jsonl}\ngrader: 'python:grade.py:grade'\nmax_tokens: 16\n"
        "sizes: {train: 30, dev: 20}\nstart: [Say it., Whisper it.]\n"
    )
    (tmp_path / "grade.py").write_text("def grade(reply, target):\n    return float(reply == target)\n")
    return path


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    with Proxy(tmp_path / "cache" / "scorer.sqlite") as running:
        yield running


def account(task_file: Path, url: str, scorer: int, optimizer: int) -> Account:
    task, model = prompt_task(str(task_file)), Endpoint("m", url)
    pool = material(task, 0, scorer).pool
    return Account(task, pool, {"scorer": model, "optimizer": model}, {"scorer": scorer, "optimizer": optimizer})


def ask(url: str, prompt: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    import urllib.error
    import urllib.request

    body = json.dumps({"model": "any", "messages": [{"role": "user", "content": prompt}], **fields}).encode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{url}/v1/chat/completions", body, {"Content-Type": "application/json"})
        ) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_not_one_call_is_over_the_budget(server: ChaosServer, proxy: Proxy, task_file: Path) -> None:
    counted = account(task_file, server.url, scorer=7, optimizer=1)
    url = proxy.open(counted)
    with ThreadPoolExecutor(20) as pool:
        said = list(pool.map(lambda number: ask(f"{url}/scorer", f"Shout.\n{number}"), range(20)))
    assert sorted(code for code, _ in said) == [200] * 7 + [403] * 13
    assert all(body["error"]["code"] == SPENT for code, body in said if code == 403)
    assert server.requests == counted.used["scorer"] == 7
    assert counted.used["optimizer"] == 0


def test_each_sample_of_a_request_counts(server: ChaosServer, proxy: Proxy, task_file: Path) -> None:
    counted = account(task_file, server.url, scorer=5, optimizer=5)
    url = proxy.open(counted)
    code, body = ask(f"{url}/optimizer", "<INS>", n=4)
    assert (code, len(body["choices"]), counted.used["optimizer"]) == (200, 4, 4)
    assert ask(f"{url}/optimizer", "<INS>", n=2)[0] == 403
    assert ask(f"{url}/optimizer", "<INS>")[0] == 200


def test_a_call_without_a_reply_is_not_counted(proxy: Proxy, task_file: Path) -> None:
    with ChaosServer(answer, faults=first(1, status(500))) as server:
        counted = account(task_file, server.url, scorer=5, optimizer=5)
        url = proxy.open(counted)
        assert [ask(f"{url}/scorer", "Shout.\nx")[0] for _ in range(2)] == [500, 200]
        assert counted.used["scorer"] == 1


def test_the_scorer_is_the_same_for_all_and_its_replies_are_kept(
    server: ChaosServer, proxy: Proxy, task_file: Path
) -> None:
    counted = account(task_file, server.url, scorer=5, optimizer=5)
    url = proxy.open(counted)
    for fields in ({"temperature": 1.3, "max_tokens": 999}, {"max_completion_tokens": 4, "seed": 3}):
        assert ask(f"{url}/scorer", "Shout.\nx", **fields)[0] == 200
    assert server.requests == 1
    assert counted.used["scorer"] == 2
    assert (server.bodies[0]["temperature"], server.bodies[0]["max_tokens"]) == (0.0, 16)


def test_all_methods_see_the_same_examples_and_none_of_the_test(task_file: Path) -> None:
    task = prompt_task(str(task_file))
    seen = material(task, 3, 300)
    assert seen == material(prompt_task(str(task_file)), 3, 300)
    assert (len(seen.pool), len(seen.scored), len(seen.shown)) == (50, 20, 30)
    assert {*seen.scored, *seen.shown} == {*seen.pool}
    assert not {each.input for each in seen.pool} & {each.input for each in task.test}


def test_a_second_start_goes_on(server: ChaosServer, task_file: Path, tmp_path: Path) -> None:
    model, rows = f"m@{server.url}", tmp_path / "rows.json"

    def start(seeds: int) -> list[dict[str, Any]]:
        main(
            model, model, str(task_file), "reference,start", "none", seeds, scorer_calls=60, optimizer_calls=8,
            json_file=rows, test=20,
        )  # fmt: skip
        return list(json.loads(rows.read_text()))

    found = {row["method"]: row for row in start(1)}
    assert found["reference"]["prompt"] == "Shout it."
    assert (found["reference"]["test"], found["reference"]["n"], found["start"]["test"]) == (1.0, 20, 0.0)
    assert found["reference"]["scorer_calls"] <= 60
    assert 0 < found["reference"]["optimizer_calls"] <= 8
    asked = server.requests
    assert len(start(1)) == 2
    assert server.requests == asked
    assert [row["seed"] for row in start(2)] == [0, 0, 1, 1]


def test_a_peer_that_cannot_work_says_so_in_a_line(
    server: ChaosServer, proxy: Proxy, task_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_peers, "installed", lambda peer: Path(sys.executable))
    job = _job(server, proxy, task_file, tmp_path)
    with pytest.raises(PeerFailed, match=r"^gepa==.*No module named 'gepa'") as problem:
        run_peer(PEERS["gepa"], job, minutes=1)
    assert "\n" not in str(problem.value)


def test_what_a_stopped_peer_had_graded_is_not_lost(server: ChaosServer, proxy: Proxy, task_file: Path) -> None:
    counted = account(task_file, server.url, scorer=50, optimizer=5)
    proxy.open(counted)
    counted.grades = {"lucky": {0: 1.0}, "good": dict.fromkeys(range(20), 0.9), "bad": dict.fromkeys(range(20), 0.1)}
    assert counted.best() == "good"


def test_a_model_whose_calls_cannot_be_counted_is_refused() -> None:
    assert endpoint("openai:a/b@http://127.0.0.1:1/v1/") == Endpoint("a/b", "http://127.0.0.1:1/v1")
    with pytest.raises(UsageError, match=r"smollm2.*NAME@http"):
        endpoint("smollm2")


@pytest.mark.slow
def test_a_real_peer_keeps_the_budget_and_its_winner_is_scored(
    server: ChaosServer, proxy: Proxy, task_file: Path, tmp_path: Path
) -> None:
    job = _job(server, proxy, task_file, tmp_path)
    found = run_peer(PEERS["gepa"], job, minutes=3)
    assert found.prompt == "Shout it."
    assert found.train == 1.0
    assert job.account.used["scorer"] <= 60
    assert 0 < job.account.used["optimizer"] <= 8


def _job(server: ChaosServer, proxy: Proxy, task_file: Path, folder: Path) -> Job:
    counted = account(task_file, server.url, scorer=60, optimizer=8)
    seen = material(counted.task, 0, 60)
    return Job(str(task_file), counted.task, seen, counted, proxy.open(counted), 0, 4, str(folder))


def test_rows_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('[{"task": ')
    with pytest.raises(UsageError, match=r"--json .*rows\.json is no JSON"):
        Rows(tmp_path / "rows.json")
    (tmp_path / "rows.json").write_text('{"task": 1}')
    with pytest.raises(UsageError, match="holds no rows"):
        Rows(tmp_path / "rows.json")


def test_a_start_that_brought_nothing_fails(task_file: Path) -> None:
    with ChaosServer(answer, faults=first(10**6, status(401))) as server, pytest.raises(typer.Exit) as ended:
        main(f"m@{server.url}", f"m@{server.url}", str(task_file), "start", "none", 1, test=5)
    assert ended.value.exit_code == 1

"""Runs share replies: what was asked once is not paid again, and nothing that happens to the cache breaks a run."""

import asyncio
import json
import os
import resource
import subprocess
import sys
from collections.abc import Collection, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt import cache, cli
from optiprompt.api import Result
from optiprompt.backends._cached import Cached, GroupedCache
from optiprompt.backends._retry import RetryPolicy
from optiprompt.backends.base import BackendOptions, Message, Reply, Request
from optiprompt.backends.hf import LocalBackend
from optiprompt.backends.openai import connect
from optiprompt.cache import ReplyCache, cache_file
from optiprompt.candidate import Usage
from optiprompt.testing.server import ChaosServer, content_filter, every, in_turn, raw, status

CHAT = Request((Message("user", "Say ok."),))
SAMPLED = Request((Message("user", "Say anything."),), temperature=1.0, seed=7)
CUT_OFF = raw('{"choices": [{"index": 0, "message": {"content": "It is"}, "finish_reason": "length"}]}')


def ask(server: ChaosServer, request: Request, samples: Sequence[int] = (0,), **extra: object) -> list[Reply]:
    """The replies to one request of a process that begins with what is on disk."""
    policy = RetryPolicy(attempts=1)

    async def work() -> list[Reply]:
        with closing(ReplyCache(cache_file())) as replies:
            model = connect(f"m@{server.url}", BackendOptions(extra=extra), policy)
            cached = Cached(model, model.identity, GroupedCache(replies))
            found = await cached.generate(request, samples)
            await cached.aclose()
            return found

    return asyncio.run(work())


def numbered() -> ChaosServer:
    """A server that never gives the same reply twice."""
    numbers = count()
    return ChaosServer(lambda prompt: f"reply {next(numbers)}")


def search(server: ChaosServer, folder: Path, **settings: Any) -> Result:
    examples = tuple(op.Example(str(n), f"{n} + 1", str(n + 1)) for n in range(10))
    task = op.PromptTask(name="sums", data=op.Splits(examples), grader=op.graders.by_name("number"), start=["Add."])
    model = op.backend(f"openai:m@{server.url}")
    algorithm = op.Opro(proposals=2)
    return op.optimize(task, optimizer=model, scorer=model, algorithm=algorithm, steps=2, run_dir=folder, **settings)


def reply_to(prompt: str) -> str:
    return f"<INS>Add {len(prompt)}.</INS>" if "INS" in prompt else "3"


def texts(folder: Path) -> list[str]:
    records = [json.loads(line) for line in (folder / "replies.jsonl").read_text().splitlines()]
    return sorted(record["reply"]["text"] for record in records if "reply" in record)


def test_a_second_run_pays_nothing_says_so_and_is_complete_by_itself(tmp_path: Path) -> None:
    with ChaosServer(reply_to) as server:
        first = search(server, tmp_path / "first")
        paid = server.requests
        second = search(server, tmp_path / "second")
        assert server.requests == paid > 10
        assert first.trajectory.usage.cached == 0
        assert (second.usage.calls, second.usage.tokens) == (0, 0)
        assert second.cached == len(texts(tmp_path / "second"))
        assert texts(tmp_path / "second") == texts(tmp_path / "first")
        assert [trial.text for trial in second.trajectory] == [trial.text for trial in first.trajectory]
        search(server, tmp_path / "third", scoring=op.Scoring(cache=False))
        assert server.requests == 2 * paid
        cache.clear()
        search(server, tmp_path / "second")
        assert server.requests == 2 * paid


def test_samples_are_kept_apart_and_only_new_ones_are_asked_for() -> None:
    with numbered() as server:
        eight = ask(server, SAMPLED, range(8))
        assert len({reply.text for reply in eight}) == 8
        twelve = ask(server, SAMPLED, range(4, 12))
        assert [reply.text for reply in twelve[:4]] == [reply.text for reply in eight[4:]]
        assert [reply.usage for reply in twelve[:4]] == [Usage(cached=1)] * 4
        assert len({reply.text for reply in eight + twelve}) == 12
        assert server.requests == 2


def test_whatever_changes_a_reply_is_another_entry() -> None:
    with numbered() as server, numbered() as other:
        [first] = ask(server, CHAT)
        for changed in (Request(CHAT.prompt, max_tokens=5), Request(CHAT.prompt, stop=("x",)), Request("Say ok.")):
            ask(server, changed)
        ask(server, CHAT, top_k=1)
        ask(server, CHAT, top_k=2)
        ask(server, Request(SAMPLED.prompt, temperature=1.0, seed=8))
        ask(server, SAMPLED)
        assert server.requests == 8
        ask(other, CHAT)
        assert other.requests == 1
        assert ask(server, CHAT) == [Reply(first.text, usage=Usage(cached=1))]
        assert server.requests == 8


def test_a_local_models_entries_depend_on_its_weights_and_precision(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")

    def identity(**options: str) -> str:
        return LocalBackend("hf:m", "m", lambda: tmp_path, BackendOptions(**options)).identity()  # type: ignore[arg-type]

    first = identity()
    assert identity() == first
    assert identity(dtype="float32") != first
    assert identity(device="cpu") != first
    (tmp_path / "model.safetensors").write_bytes(b"trained on")
    assert identity() != first


def test_a_sampled_reply_without_a_seed_is_not_shared() -> None:
    with numbered() as server:
        request = Request(SAMPLED.prompt, temperature=1.0)
        assert ask(server, request)[0].text != ask(server, request)[0].text


@pytest.mark.parametrize("fault", [CUT_OFF, content_filter], ids=["cut off", "refused"])
def test_a_reply_that_is_not_complete_is_not_kept(fault: Any) -> None:
    with ChaosServer(faults=every(1, fault)) as server:
        assert ask(server, CHAT)[0].finish == ask(server, CHAT)[0].finish != "stop"
        assert server.requests == 2
        assert cache.info().entries == 0


def test_only_the_sample_that_failed_is_asked_for_again() -> None:
    with ChaosServer(honours_n=False, faults=in_turn([None, None, status(500), None])) as server:
        # The first request asks for all three, and brings one.
        assert sorted(reply.finish for reply in ask(server, SAMPLED, range(3))) == ["error", "stop", "stop"]
        assert {reply.finish for reply in ask(server, SAMPLED, range(3))} == {"stop"}
        assert server.requests == 4


def test_a_backend_that_does_not_say_what_decides_its_replies_is_asked_each_time(tmp_path: Path) -> None:
    (tmp_path / "script.jsonl").write_text('"w=1, b=1"\n"w=2, b=2"\n')
    space = op.Numbers({"w": (0, 9), "b": (0, 9)}, integer=True)
    task = op.FunctionTask("sum", space, lambda point: point["w"] + point["b"])
    scripted = op.backend(f"scripted:{tmp_path / 'script.jsonl'}")
    found = [
        op.optimize(task, optimizer=scripted, algorithm=op.Opro(proposals=1), steps=1, run_dir=tmp_path / name)
        for name in ("a", "b")
    ]
    assert [result.trajectory.usage.cached for result in found] == [0, 0]
    assert cache.info().entries == 0


def test_requests_that_come_together_are_looked_up_together() -> None:
    class Counting(ReplyCache):
        visits = 0

        def get(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
            self.visits += 1
            return super().get(keys)

    async def work() -> int:
        with ChaosServer() as server, closing(Counting(cache_file())) as replies:
            model = connect(f"m@{server.url}", BackendOptions())
            cached = Cached(model, model.identity, GroupedCache(replies))
            await asyncio.gather(*(cached.generate(Request(f"{number} +"), [0]) for number in range(100)))
            await cached.aclose()
            return replies.visits

    assert asyncio.run(work()) <= 2
    assert cache.info().entries == 100


def test_processes_that_write_at_once_lose_nothing() -> None:
    script = (
        "import sys; from optiprompt.cache import ReplyCache, cache_file\n"
        "name = sys.argv[1]; sys.stdin.readline(); replies = ReplyCache(cache_file())\n"
        "for group in range(40):\n"
        "    replies.add([(f'{name} {group} {n}'.encode(), name, b'{}') for n in range(10)])\n"
        "replies.close()"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, name], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name in ("a", "b", "c")
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[1] for process in processes] == ["", "", ""]
    assert cache.info().backends == {"a": 400, "b": 400, "c": 400}


@pytest.mark.parametrize("where", ["start", "middle"])
def test_a_damaged_file_is_put_aside_with_one_line_and_the_next_run_begins_a_new_one(
    where: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    replies = ReplyCache(cache_file())
    replies.add([(os.urandom(32), "m", b"x" * 500) for _ in range(500)])
    replies.close()
    with cache_file().open("r+b") as file:
        file.seek(0 if where == "start" else 4096)
        file.write(b"rubbish." * (10 if where == "start" else 30_000))
    with ChaosServer(reply_to) as server:
        result = search(server, tmp_path / "first")
        assert result.stop_reason == "2 steps are done"
        lines = capfd.readouterr().err.splitlines()
        assert len(lines) == 1
        assert "replies.sqlite was damaged" in lines[0]
        assert cache_file().with_name("replies.sqlite.damaged").stat().st_size > 200_000
        search(server, tmp_path / "second")
        paid = server.requests
        search(server, tmp_path / "third")
        assert server.requests == paid
        assert capfd.readouterr().err == ""


def test_a_folder_that_cannot_be_written_is_one_line_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("OPTIPROMPT_CACHE", str(tmp_path / "file"))
    with ChaosServer(reply_to) as server:
        assert search(server, tmp_path / "run").stop_reason == "2 steps are done"
    [line] = capfd.readouterr().err.splitlines()
    assert "cannot be used" in line
    assert "going on without" in line


def test_a_full_disk_is_one_line_and_what_is_there_stays(capfd: pytest.CaptureFixture[str]) -> None:
    replies = ReplyCache(cache_file())
    replies.add([(b"first", "m", b"{}")])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        replies.add([(b"second", "m", b"x" * 1_000_000)])
        assert replies.get([b"first"]) == {}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(capfd.readouterr().err.splitlines()) == 1
    assert ReplyCache(cache_file()).get([b"first", b"second"]) == {b"first": b"{}"}


def test_an_entry_that_cannot_be_read_is_asked_for_again() -> None:
    with numbered() as server:
        [first] = ask(server, CHAT)
        with cache._opened(cache_file()) as database, database:
            database.execute("UPDATE replies SET reply = ?", (b'{"text": "torn',))
        assert ask(server, CHAT)[0].text != first.text


def test_the_oldest_are_dropped_where_it_grows_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LIMIT", 1_000_000)
    replies = ReplyCache(cache_file())
    keys = [str(number).encode() for number in range(3000)]
    for start in range(0, 3000, 100):
        replies.add([(key, "m", b"x" * 1000) for key in keys[start : start + 100]])
    kept = replies.get(keys)
    replies.close()
    assert cache.size() < 1_300_000
    assert 500 < len(kept) < 1000
    assert set(kept) == set(keys[-len(kept) :])


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["optiprompt", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


def test_the_commands_show_and_clear_what_is_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = call(capsys, monkeypatch, "cache", "info", "--json")
    assert (code, json.loads(out)) == (0, {"file": str(cache_file()), "bytes": 0, "entries": 0, "backends": {}})
    assert call(capsys, monkeypatch, "cache", "clear", "--yes")[1] == "0 replies deleted\n"
    replies = ReplyCache(cache_file())
    replies.add([(str(n).encode(), "old", b"x" * 10_000) for n in range(100)])
    with cache._opened(cache_file()) as database, database:
        database.execute("UPDATE replies SET made = made - 3 * 86400")
    replies.add([(b"new", "new", b"{}")])
    found = json.loads(call(capsys, monkeypatch, "cache", "info", "--json")[1])
    assert (found["entries"], found["backends"]) == (101, {"old": 100, "new": 1})
    assert found["bytes"] > 1_000_000
    assert "100  old" in call(capsys, monkeypatch, "cache", "info")[1]
    code, _, err = call(capsys, monkeypatch, "cache", "clear")
    assert code == 2
    assert "--yes" in err
    # Another run has the file open meanwhile.
    assert call(capsys, monkeypatch, "cache", "clear", "--older-than", "2", "--yes")[1] == "100 replies deleted\n"
    assert cache.info().backends == {"new": 1}
    assert cache.info().bytes < 100_000
    assert replies.get([b"new", b"1"]) == {b"new": b"{}"}
    assert call(capsys, monkeypatch, "cache", "clear", "-y")[1] == "1 replies deleted\n"
    assert replies.get([b"new"]) == {}
    replies.close()


def test_the_commands_name_a_damaged_file(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    cache_file().write_bytes(b"rubbish" * 1000)
    code, _, err = call(capsys, monkeypatch, "cache", "info")
    assert (code, err.count("\n")) == (1, 1)
    assert "replies.sqlite was damaged" in err
    assert call(capsys, monkeypatch, "cache", "clear", "--yes")[0] == 0
    assert not cache_file().with_name("replies.sqlite.damaged").exists()


def test_the_command_line_shows_hits_and_keeps_no_cache_for_resume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, runs: Path
) -> None:
    rows = [{"input": f"{number} + 1", "target": str(number + 1)} for number in range(12)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sums.yaml").write_text("name: sums\nkind: prompt\ndata: {file: sums.jsonl}\ngrader: number\n")
    with ChaosServer(reply_to) as server:
        model = f"openai:m@{server.url}"
        words = ("run", str(tmp_path / "sums.yaml"), "--optimizer", model, "--scorer", model, "--proposals", "1")

        def run(name: str, *more: str) -> tuple[int, str, str]:
            return call(capsys, monkeypatch, *words, "--run-dir", str(runs / name), *more)

        assert "from the cache" not in "".join(map(str, run("a", "--steps", "2")))
        paid = server.requests
        code, out, err = run("b", "--steps", "2")
        assert (code, server.requests) == (0, paid)
        hits = len(texts(runs / "b"))
        assert f"{hits} replies from the cache" in out
        assert "from the cache" in err
        run("c", "--steps", "1", "--no-cache")
        after_one = server.requests
        assert after_one > paid
        assert call(capsys, monkeypatch, "resume", "c", "--steps", "2")[0] == 0
        assert server.requests == 2 * paid

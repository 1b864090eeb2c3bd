"""What is on disk or under way is not asked again."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from optiprompt.backends._recorded import Recorded
from optiprompt.backends.base import Form, Reply, Request, ranks
from optiprompt.candidate import Usage
from optiprompt.journal import Journal


class Slow:
    """Answers with the sample's number, after a while; every third sample fails."""

    name, decodes, context = "slow", False, 1000
    proposes: Form = "chat"

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        self.asked += samples
        await asyncio.sleep(0.01)
        return [
            Reply("", "error", error="lost")
            if sample % 3 == 2
            else Reply(f"reply {sample} \ud800", usage=Usage(1, 2, 3))
            for sample in samples
        ]

    def count_tokens(self, text: str) -> int:
        return len(text)

    async def aclose(self) -> None: ...


def test_equal_requests_at_once_are_one_call_and_counted_once(tmp_path: Path) -> None:
    async def work() -> None:
        backend, journal = Slow(), Journal(tmp_path / "replies.jsonl")
        recorded = Recorded(backend, journal)
        request = Request("same", temperature=1.0)
        both = await asyncio.gather(recorded.generate(request, [0, 1]), recorded.generate(request, [1, 3]))
        assert backend.asked == [0, 1, 3]
        assert both[0][1].text == both[1][0].text
        assert sum((reply.usage for replies in both for reply in replies), Usage()) == Usage(3, 6, 9)
        journal.close()

    asyncio.run(work())


def test_what_is_on_disk_is_not_asked_again_and_what_failed_is(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"

    async def ask() -> tuple[list[int], list[Reply]]:
        backend, journal = Slow(), Journal(path)
        replies = await Recorded(backend, journal).generate(Request("same", temperature=1.0), [0, 1, 2])
        journal.close()
        return backend.asked, replies

    asked, replies = asyncio.run(ask())
    assert asked == [0, 1, 2]
    assert [reply.finish for reply in replies] == ["stop", "stop", "error"]
    again, from_disk = asyncio.run(ask())
    assert again == [2]
    assert from_disk == replies
    assert "reply 0 ?" in path.read_text(encoding="utf-8"), "a lone surrogate is replaced before anything uses it"


def test_whether_a_backend_ranks_options_is_seen_through_the_record(tmp_path: Path) -> None:
    class Ranking(Slow):
        ranks = True

    journal = Journal(tmp_path / "replies.jsonl")
    assert [ranks(Recorded(backend, journal)) for backend in (Slow(), Ranking())] == [False, True]
    journal.close()


def test_options_are_part_of_a_request_and_leave_others_as_they_were() -> None:
    assert "options" not in Request("same").to_json()
    keys = {Request("same", options=options).key("m") for options in ((), ("a", "b"), ("b", "a"))}
    assert len(keys) == 3

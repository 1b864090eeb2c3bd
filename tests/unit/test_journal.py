import asyncio
import json
import os
from pathlib import Path

import pytest

from optiprompt.errors import RunError
from optiprompt.journal import Journal, read


def test_a_torn_last_line_is_cut_off_and_every_complete_record_survives(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    for number in range(3):
        journal.append({"n": number})
    journal.close()
    whole = path.read_bytes()
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        complete = whole[:cut].count(b"\n")
        journal = Journal(path)
        assert journal.records == [{"n": number} for number in range(complete)]
        journal.append({"n": "next"})
        journal.close()
        assert read(path)[-1] == {"n": "next"}
        assert len(read(path)) == complete + 1


@pytest.mark.parametrize("tail", [b"\x00\x00\x00\n", b'{"n": 1\n', b"[1]\n"])
def test_a_damaged_last_line_with_its_newline_is_cut_off_too(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"n":0}\n' + tail)
    journal = Journal(path)
    journal.close()
    assert journal.records == [{"n": 0}]
    assert path.read_bytes() == b'{"n":0}\n'


def test_damage_before_the_last_line_is_an_error_that_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"n":0}\nrubbish\n{"n":2}\n')
    with pytest.raises(RunError, match=r"j\.jsonl:2: damaged"):
        Journal(path)


def test_reading_changes_nothing_while_another_process_is_writing(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"n":0}\n{"n":')
    assert read(path) == [{"n": 0}]
    assert path.read_bytes() == b'{"n":0}\n{"n":'


def test_committed_records_are_on_disk_when_commit_returns(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"

    async def work() -> None:
        journal = Journal(path)

        async def one(number: int) -> None:
            await journal.commit([{"n": number}, {"n": -number}])
            assert {"n": number} in read(path)

        await asyncio.gather(*(one(number) for number in range(1, 50)))
        journal.close()

    asyncio.run(work())
    assert sorted(record["n"] for record in read(path)) == sorted([*range(1, 50), *range(-49, 0)])


def test_records_of_a_cancelled_commit_are_written_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"

    async def work() -> None:
        journal = Journal(path)
        paid = asyncio.create_task(journal.commit([{"paid": True}]))
        await asyncio.sleep(0)
        paid.cancel()
        await asyncio.gather(paid, return_exceptions=True)
        journal.close()

    asyncio.run(work())
    assert read(path) == [{"paid": True}]


def test_a_disk_that_takes_no_more_ends_the_waiting_with_the_mend(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        both = (asyncio.create_task(journal.commit([{"n": number}])) for number in range(2))
        for failed in await asyncio.wait_for(asyncio.gather(*both, return_exceptions=True), 5):
            assert "make room and resume" in str(failed)

    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    read_only = os.open(path, os.O_RDONLY)
    os.dup2(read_only, journal._file.fileno())
    os.close(read_only)
    asyncio.run(work(journal))
    with pytest.raises(RunError, match="make room"):
        journal.close()


def test_any_text_comes_back_and_the_file_is_utf8(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    texts = ["Zürich 東京 🙂", 'quote " backslash \\ newline \n \u2028', "lone \ud800 surrogate", "\x00"]
    for text in texts:
        journal.append({"text": text})
    journal.close()
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    assert [json.loads(line)["text"] for line in lines] == texts

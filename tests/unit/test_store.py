import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from optiprompt.candidate import Evaluation, Outcome, Proposal, Usage
from optiprompt.errors import RunError
from optiprompt.events import Checked, Ended, Evaluated, Event, Proposed, Started, Stepped, Working
from optiprompt.store import Run, in_use, new_folder, opened, read_events

EVERYTHING: list[Event] = [
    Started({"task": {"name": "t"}, "seed": 0}, "0.1", {"task": "t"}),
    Proposed(0, (Checked(Proposal("a", "start", ("key", 3), usage=Usage(1, 2, 3)), "new", "a"),)),
    Proposed(1, (Checked(Proposal("?", "opro", problem="no tag"), "invalid", reason="no tag"),)),
    Evaluated(
        0, 0, "a", "A", Evaluation("ok", 0.5, 0.1, 4, {"size": 2.0}, (Outcome("1", None, error="lost"),), (0.1,))
    ),
    Evaluated(0, 1, "b", "B", Evaluation.failed("no GPU", usage=Usage(1, 2, 3))),
    Stepped(1, 2, 0.5, None, 1, 2, 3, Usage(4, 5, 6)),
    Ended("failed", "because"),
]


def test_every_event_comes_back_as_it_was_written(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        for event in EVERYTHING:
            run.append(event)
    assert [replace(event, time="") for event in read_events(tmp_path)] == EVERYTHING
    with opened(tmp_path) as again:
        assert [replace(event, time="") for event in again.events] == EVERYTHING


def test_a_run_is_for_one_process_at_a_time(tmp_path: Path) -> None:
    code = f"from optiprompt.store import Run\nfrom pathlib import Path\nRun(Path({str(tmp_path)!r}))"
    with opened(tmp_path):
        second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert "RunError" in second.stderr
        assert "in use by another process" in second.stderr
    assert not in_use(tmp_path)
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=60).returncode == 0


def test_a_folder_of_a_later_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    line = json.dumps({"type": "started", "format": 99, "settings": {}, "version": "9"}) + "\n"
    (tmp_path / "events.jsonl").write_text(line)
    with pytest.raises(RunError, match="format 99"):
        Run(tmp_path)
    assert (tmp_path / "events.jsonl").read_text() == line
    assert not in_use(tmp_path)


def test_a_record_that_is_no_event_is_named(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text('{"type":"started","settings":{},"version":"0"}\n{"type":"exploded"}\n')
    with pytest.raises(RunError, match="no event"):
        read_events(tmp_path)


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        read_events(tmp_path)


def test_the_watcher_sees_each_event_once_and_not_those_of_before(tmp_path: Path) -> None:
    seen: list[Event | Working] = []
    with opened(tmp_path, seen.append) as run:
        run.append(EVERYTHING[0])
    with opened(tmp_path, seen.append) as run:
        run.append(EVERYTHING[-1])
    assert [event.type for event in seen] == ["started", "ended"]


def test_runs_that_begin_in_the_same_second_have_folders_of_their_own(runs: Path) -> None:
    folders = [new_folder("t") for _ in range(3)]
    assert len(set(folders)) == 3
    assert sorted(runs.iterdir()) == sorted(folders)


def test_a_runs_folder_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "at" / "all")
    monkeypatch.setenv("OPTIPROMPT_RUNS", str(tmp_path / "dangling"))
    with pytest.raises(RunError, match="cannot be made"):
        new_folder("t")

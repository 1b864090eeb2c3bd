"""The folder of a run: its events on disk, one process at a time, recovered after a crash."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Annotated, Literal

from filelock import FileLock, Timeout
from pydantic import Field, TypeAdapter, ValidationError

from optiprompt.errors import RunError
from optiprompt.events import FORMAT, Ended, Event, Started, Stepped, Working
from optiprompt.journal import Journal, Record, read
from optiprompt.resources import runs_folder

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])

Watch = Callable[[Event | Working], None]


class Run:
    """The events of one run, in a folder or in memory only.

    Attributes:
        folder: where the run lives; None for a search that keeps nothing (simulations).
        events: all events so far, in order.
        replies: the journal of raw model replies.
    """

    def __init__(self, folder: Path | None, watch: Watch | None = None) -> None:
        self.folder = folder
        self._watch = watch
        self._lock: FileLock | None = None
        self._events: Journal | None = None
        self.replies: Journal | None = None
        self.events: list[Event] = []
        if folder is not None:
            self._open(folder)

    def _open(self, folder: Path) -> None:
        self._lock = lock(folder)
        try:
            self._events = Journal(folder / "events.jsonl")
            self.replies = Journal(folder / "replies.jsonl")
            self.events = _decode(folder, self._events.records)
        except RunError:
            self.close()
            raise

    @property
    def started(self) -> Started | None:
        """The first event, with the settings; None in a new run."""
        return next((event for event in self.events if isinstance(event, Started)), None)

    def append(self, event: Event, *, durable: bool = False) -> None:
        """Record an event and tell the watcher."""
        event = replace(event, time=datetime.now(UTC).isoformat(timespec="milliseconds"))
        self.events.append(event)
        if self._events is not None:
            self._events.append(_encode(event), durable=durable)
        if self.replies is not None and isinstance(event, Stepped):
            self.replies.append({"stepped": event.step})
        if self._watch is not None:
            self._watch(event)

    def working(self, notice: Working) -> None:
        """Tell the watcher, and nobody else."""
        if self._watch is not None:
            self._watch(notice)

    def end(self, status: Literal["finished", "failed", "interrupted"], reason: str) -> None:
        """Record that the run stopped, unless just that is its last event (a resumed run with nothing left to do)."""
        ended = Ended(status, reason)
        if replace(self.events[-1], time="") != ended:
            self.append(ended, durable=True)

    def close(self) -> None:
        """Close the files and let other processes in."""
        for journal in (self._events, self.replies):
            if journal is not None:
                journal.close()
        if self._lock is not None:
            self._lock.release()


def new_folder(name: str) -> Path:
    """Make a new run's folder under the runs folder, named by task and time: no other process has it then.

    Raises:
        RunError: it cannot be made.
    """
    stem = f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name).strip('-.') or 'run'}-{datetime.now():%Y%m%d-%H%M%S}"
    runs = runs_folder()
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            folder = runs / (stem if number == 1 else f"{stem}-{number}")
            with suppress(FileExistsError):
                folder.mkdir()
                break
    except OSError as error:
        raise RunError(f"a folder in {runs} cannot be made: {error.strerror or error}: name a --run-dir") from error
    return folder


def lock(folder: Path) -> FileLock:
    """Make a folder where there is none, and take it for this process until the lock is released.

    Raises:
        RunError: it is in use, or cannot be written.
    """
    held = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held.acquire(timeout=0)
    except Timeout as error:
        raise RunError(f"{folder} is in use by another process: wait for it or stop it") from error
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror or error}: choose another --run-dir") from error
    return held


@contextmanager
def opened(folder: Path | None, watch: Watch | None = None) -> Iterator[Run]:
    """A run that is closed at the end of the block.

    Raises:
        RunError: the folder is in use, cannot be written, or is damaged.
    """
    run = Run(folder, watch)
    try:
        yield run
    finally:
        run.close()


def read_events(folder: Path) -> list[Event]:
    """The events of a run, which another process may still be writing; changes nothing.

    Raises:
        RunError: there is no run in the folder, or it is damaged.
    """
    if not (folder / "events.jsonl").is_file():
        raise RunError(f"{folder} holds no run (no events.jsonl): `optiprompt runs` lists them")
    return _decode(folder, read(folder / "events.jsonl"))


OURS = ("events.jsonl", "replies.jsonl", ".lock", "baselines.png", "baselines.svg", "curves.png", "curves.svg")


def delete(folder: Path) -> None:
    """Delete a run: the files that optiprompt wrote, and the folder.

    Raises:
        RunError: the folder holds other files too; nothing is deleted then.
    """
    others = sorted(path.name for path in folder.iterdir() if path.name not in OURS)
    if others:
        raise RunError(f"{folder} holds files that are not the run's, such as {others[0]!r}: delete it by hand")
    try:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    except OSError as error:
        raise RunError(f"{folder} cannot be deleted: {error.strerror or error}") from error


def in_use(folder: Path) -> bool:
    """Whether another process has the run open."""
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return True
    lock.release()
    return False


def _encode(event: Event) -> Record:
    # exclude_defaults keeps the file small; `type` is a default too, so it is put back, first.
    head: Record = {"type": event.type}
    if isinstance(event, Started):
        head["format"] = event.format
    return {**head, **_EVENT.dump_python(event, mode="json", exclude_defaults=True)}


def _decode(folder: Path, records: list[Record]) -> list[Event]:
    if records and records[0].get("format", FORMAT) != FORMAT:
        raise RunError(f"{folder} was written in format {records[0]['format']}; this version reads format {FORMAT}")
    try:
        return [_EVENT.validate_python(record) for record in records]
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise RunError(f"{folder}/events.jsonl holds a record that is no event: {where}: {problem['msg']}") from error

"""An append-only file of JSON lines that survives a crash."""

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optiprompt.errors import RunError

Record = dict[str, Any]

GROUP_SECONDS = 0.003

# Made once: json.dumps with settings makes an encoder for each call.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Journal:
    """JSON lines that are only ever appended to.

    Opening cuts off a torn last line, so every complete record survives a kill. A damaged line before the last is an
    error, for it means that something else wrote to the file.

    Attributes:
        records: all records, those on disk when it was opened first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.records = _recover(path)
        self._file = path.open("ab")
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._flush: asyncio.Task[None] | None = None
        # One thread: a slow disk must not hold up the event loop. It is started by the first commit.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="optiprompt-journal")

    def append(self, record: Record, *, durable: bool = False) -> None:
        """Write one record. It survives the end of this process; with `durable`, of the machine too (fsync)."""
        self.records.append(record)
        self._write(_line(record), durable)

    async def commit(self, records: Sequence[Record]) -> None:
        """Write records durably, sharing one fsync with all others that come within some milliseconds."""
        self.records.extend(records)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((b"".join(map(_line, records)), done))
        if self._flush is None or self._flush.done():
            self._flush = asyncio.create_task(self._flush_soon())
        # A cancelled caller must not keep the others' records from the disk.
        await asyncio.shield(done)

    async def _flush_soon(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            await asyncio.sleep(GROUP_SECONDS)
            batch, self._waiting = self._waiting, []
            error = None
            try:
                data = b"".join(line for line, _ in batch)
                await loop.run_in_executor(self._writer, self._write, data, True)
            except RunError as raised:
                error = raised
            for _, done in batch:
                if done.done():
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)

    def _write(self, data: bytes, durable: bool) -> None:
        with self._told():
            self._file.write(data)
            self._file.flush()
            if durable:
                os.fsync(self._file.fileno())

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunError(
                f"{self._path} cannot be written: {error.strerror or error}: make room and resume"
            ) from error

    def close(self) -> None:
        """Write what still waits, and close the file."""
        self._writer.shutdown()
        try:
            if self._waiting:
                self._write(b"".join(line for line, _ in self._waiting), durable=True)
                self._waiting = []
        finally:
            with self._told():  # what could not be written before is tried again
                self._file.close()


def _line(record: Record) -> bytes:
    # backslashreplace turns a lone surrogate into the JSON escape of the same character.
    return _encode(record).encode("utf-8", "backslashreplace") + b"\n"


def read(path: Path) -> list[Record]:
    """The complete records of a journal that may still be written to; changes nothing.

    Raises:
        RunError: a line before the last is damaged, or the file cannot be read.
    """
    return _scan(path)[0]


def _recover(path: Path) -> list[Record]:
    records, good = _scan(path)
    if path.exists() and path.stat().st_size > good:
        with path.open("r+b") as file:
            file.truncate(good)
    return records


def _scan(path: Path) -> tuple[list[Record], int]:
    """All complete records, and how many bytes of the file they fill."""
    try:
        data = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}") from error
    records: list[Record] = []
    good = 0
    lines = [line + b"\n" for line in data.split(b"\n")[:-1]]
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError("not an object")
        except ValueError as error:
            if number == len(lines):
                break
            raise RunError(f"{path}:{number}: damaged record ({error}): restore the file or delete the run") from error
        records.append(record)
        good += len(line)
    return records, good

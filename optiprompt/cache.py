"""The replies that all runs share, in one SQLite file of the cache folder: a key and the reply as JSON.

Several processes may use the file at once (WAL, short transactions). It only ever saves calls: where it is damaged or
cannot be written, one line on stderr says so and the run goes on without it.
"""

import math
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock

from optiprompt.errors import DataError
from optiprompt.resources import cache_folder

if TYPE_CHECKING:
    from sqlite3 import Connection

T = TypeVar("T")

# Key, name of the backend, reply as JSON.
Entry = tuple[bytes, str, bytes]

# Over so many bytes of replies the oldest quarter is dropped.
LIMIT = 1_000_000_000
# How long to wait for another process that writes, in seconds.
PATIENCE = 10.0
# SQLite takes no more than 999 values in a statement everywhere.
_AT_ONCE = 900
_DAY = 86_400.0
_TABLE = (
    "CREATE TABLE IF NOT EXISTS replies "
    "(key BLOB NOT NULL UNIQUE, backend TEXT NOT NULL, made REAL NOT NULL, reply BLOB NOT NULL)"
)


def cache_file() -> Path:
    """The file of the replies."""
    return cache_folder() / "replies.sqlite"


class ReplyCache:
    """The replies on disk; any thread may use it. Opened at its first use; never raises for a file it cannot use."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._database: Connection | None = None
        self._off = False

    def get(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """The replies that are there, by key."""
        return self._use(lambda database: _select(database, list(keys)), {})

    def add(self, entries: Sequence[Entry]) -> None:
        """Keep replies; a key that is there already stays as it is."""
        self._use(lambda database: _insert(database, entries), None)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            self._close()

    def _use(self, work: "Callable[[Connection], T]", otherwise: T) -> T:
        import sqlite3

        with self._lock:
            if self._off:
                return otherwise
            try:
                self._database = self._database or _open(self._file)
                return work(self._database)
            except (sqlite3.Error, OSError) as error:
                self._off = True
                self._close()
                print(f"optiprompt: {_given_up(self._file, error)}: going on without", file=sys.stderr, flush=True)
                return otherwise

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


@dataclass(frozen=True)
class CacheInfo:
    """What the cache holds.

    Attributes:
        file: where it is.
        bytes: its size on disk.
        entries: replies in it.
        backends: how many of them each backend gave, by its name.
    """

    file: str
    bytes: int = 0
    entries: int = 0
    backends: dict[str, int] = field(default_factory=dict)


def info() -> CacheInfo:
    """What the cache holds.

    Raises:
        DataError: the file cannot be read.
    """
    file = cache_file()
    if not file.exists():
        return CacheInfo(str(file))
    with _opened(file) as database:
        counts = dict(database.execute("SELECT backend, count(*) FROM replies GROUP BY backend ORDER BY 2 DESC, 1"))
    return CacheInfo(str(file), size(), sum(counts.values()), counts)


def size() -> int:
    """Bytes of the file and of what SQLite keeps beside it."""
    return sum(each.stat().st_size for each in _parts(cache_file()) if each.exists())


def clear(older_than: float | None = None) -> int:
    """Drop the replies, or only those made so many days ago or earlier. Runs under way keep what they have.

    Returns:
        How many were dropped.

    Raises:
        DataError: the file cannot be read or written.
    """
    file = cache_file()
    if older_than is None:
        _aside(file).unlink(missing_ok=True)
    if not file.exists():
        return 0
    until = math.inf if older_than is None else time.time() - older_than * _DAY
    with _opened(file) as database:
        with database:
            dropped = database.execute("DELETE FROM replies WHERE made <= ?", (until,)).rowcount
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return dropped


@contextmanager
def _opened(file: Path) -> "Iterator[Connection]":
    """The file for a command: what is wrong with it is an error."""
    import sqlite3

    try:
        with closing(_open(file)) as database:
            yield database
    except (sqlite3.Error, OSError) as error:
        raise DataError(_given_up(file, error)) from error


def _open(file: Path) -> "Connection":
    import sqlite3

    file.parent.mkdir(parents=True, exist_ok=True)
    # SQLite does not wait where two processes make the same file at the same time.
    with _alone(file):
        database = sqlite3.connect(file, timeout=PATIENCE, isolation_level="IMMEDIATE", check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=NORMAL")
            database.execute(_TABLE)
        except sqlite3.Error:
            database.close()
            raise
    return database


def _select(database: "Connection", keys: list[bytes]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        found.update(database.execute(f"SELECT key, reply FROM replies WHERE key IN ({marks})", some))
    return found


def _insert(database: "Connection", entries: Sequence[Entry]) -> None:
    made = time.time()
    with database:
        database.executemany(
            "INSERT OR IGNORE INTO replies (key, backend, made, reply) VALUES (?, ?, ?, ?)",
            [(key, backend, made, reply) for key, backend, reply in entries],
        )
        pages, free, page = (
            database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * page > LIMIT:
            # Row numbers only grow, so the lowest are the oldest.
            database.execute(
                "DELETE FROM replies WHERE rowid < (SELECT (3 * min(rowid) + max(rowid)) / 4 FROM replies)"
            )


def _given_up(file: Path, error: Exception) -> str:
    """What is wrong with the file; a damaged one is put aside."""
    import sqlite3

    # The low byte is the kind of the error.
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        try:
            _put_aside(file)
        except OSError as problem:
            error = problem
        else:
            return f"the reply cache {file} was damaged ({error}) and is put aside as {_aside(file).name}"
    return f"the reply cache {file} cannot be used ({error})"


def _put_aside(file: Path) -> None:
    """Rename a damaged file, unless another process has done so meanwhile and the file is a new one."""
    import sqlite3

    with _alone(file):
        try:
            with closing(sqlite3.connect(file, timeout=PATIENCE)) as database:
                sound = database.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        except sqlite3.DatabaseError:
            sound = False
        if not sound:
            database_file, *beside = _parts(file)
            database_file.replace(_aside(file))
            for each in beside:
                each.unlink(missing_ok=True)


def _alone(file: Path) -> FileLock:
    """A lock on the file among processes, for the moments in which SQLite's own do not do."""
    return FileLock(f"{file}.lock", timeout=PATIENCE)


def _aside(file: Path) -> Path:
    return file.with_name(f"{file.name}.damaged")


def _parts(file: Path) -> list[Path]:
    return [file, *(file.with_name(f"{file.name}-{end}") for end in ("wal", "shm"))]

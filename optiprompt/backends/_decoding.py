"""Continuous batching: a row that ends makes room for one that waits (Yu et al. 2022, Orca, OSDI).

A row's reply does not depend on the rows it shares a batch with (but for floating-point noise): each has a generator of
its own that gives one number a token.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from optiprompt.backends._grammar import Grammars
from optiprompt.backends._memory import Memory, joined
from optiprompt.backends._model import Model
from optiprompt.backends._reading import Reader
from optiprompt.backends._writing import Row, Writer, draw
from optiprompt.errors import BackendError, FatalBackendError
from optiprompt.grammar import Grammar

# So many rows run together at most, and so many tokens (prompts and longest replies), unless one row alone has more.
MAX_ROWS = 128
MAX_TOKENS = 32_768
# Rows that ended leave, and others come, when they are so large a share: that copies the memory of all.
CHANGE = 0.25


class GivenUp(Exception):
    """Nobody waits for any of the rows any more."""


class Decoder:
    """Writes rows, many at a time. Not for two threads at once."""

    def __init__(self, model: Model, reader: Reader) -> None:
        self._model, self._reader = model, reader
        self._grammars = Grammars(model)
        self._waiting: list[Row] = []
        self._writers: list[Writer] = []
        # What is remembered of each row that is written, and the logits of what follows.
        self._memory: Memory | None = None
        self._logits = torch.empty(0)

    @property
    def busy(self) -> bool:
        """Whether there are rows to write."""
        return bool(self._waiting or self._writers)

    def check(self, grammar: Grammar) -> None:
        """Make sure that a grammar can be followed.

        Raises:
            FatalBackendError: it cannot be used.
        """
        self._grammars.follow(grammar)

    def add(self, rows: Sequence[Row]) -> None:
        """Have rows written: `step` does it until each has a `finish` or an `error`, or is given up."""
        self._waiting += rows

    @torch.inference_mode()
    def step(self) -> None:
        """Let rows come and leave, then write one more token of each."""
        new = self._next()
        try:
            self._change(new)
        except Exception as error:  # noqa: BLE001 - the rows get it; the others go on
            self._fail(new, error)
        if not self._writers:
            return
        try:
            self._write()
        except Exception as error:  # noqa: BLE001 - the rows get it; those that wait go on
            self._fail([writer.row for writer in self._writers], error)
            self._leave()

    def _next(self) -> list[Row]:
        """The rows whose turn it is to begin, taken from those that wait."""
        self._waiting = [row for row in self._waiting if not row.given_up()]
        # Prompts of like length run together, and among these such as begin alike.
        self._waiting.sort(key=lambda row: (len(row.prompt).bit_length(), row.prompt))
        running = [writer.row for writer in self._writers if writer.active]
        if running and self._memory is not None and not self._memory.plain:
            return []
        longest = max((_span(row) for row in running), default=0)
        new: list[Row] = []
        for row in self._waiting:
            longest = max(longest, _span(row))
            rows = len(running) + len(new) + 1
            if rows > 1 and (rows > MAX_ROWS or rows * longest > MAX_TOKENS):
                break
            new.append(row)
        if running and len(new) < min(len(self._waiting), CHANGE * (len(running) + len(new))):
            return []
        del self._waiting[: len(new)]
        return new

    def _change(self, new: list[Row]) -> None:
        """Let new rows in, and rows that ended out where that is worth its while."""
        active = [place for place, writer in enumerate(self._writers) if writer.active]
        if not new and len(active) > (1 - CHANGE) * len(self._writers):
            return
        parts = self._read(new)
        if self._memory is not None and active:
            writers = [self._writers[place] for place in active]
            parts.insert(0, _Part(self._memory, active, self._logits[active], writers))
        if not parts:
            self._leave()
            return
        # A model whose memories cannot be joined has one part.
        memory = joined([(part.memory, part.rows) for part in parts]) if len(parts) > 1 else None
        self._memory = memory or parts[0].memory.rows(parts[0].rows)
        self._logits = torch.cat([part.logits for part in parts])
        self._writers = [writer for part in parts for writer in part.writers]

    def _read(self, rows: Sequence[Row]) -> "list[_Part]":
        """Read the prompts of new rows; several samples of one prompt read it once."""
        writers = [writer for writer in map(self._writer, rows) if writer is not None and writer.active]
        if not writers:
            return []
        begun: dict[tuple[int, ...], list[Writer]] = {}
        for writer in writers:
            begun.setdefault((*writer.row.prompt, *writer.row.tokens), []).append(writer)
        groups = list(begun.values())
        parts = []
        for piece in self._reader.read([list(prompt) for prompt in begun], lambda: _check(writers)):
            pairs = [(row, writer) for row, prompt in enumerate(piece.prompts) for writer in groups[prompt]]
            places = [row for row, _ in pairs]
            parts.append(_Part(piece.memory, places, piece.logits[places], [writer for _, writer in pairs]))
        return parts

    def _writer(self, row: Row) -> Writer | None:
        try:
            return Writer(row, self._model, self._grammars.follow(row.grammar) if row.grammar else None)
        except FatalBackendError as error:
            row.error = error
            return None

    def _write(self) -> None:
        """One more token for each row."""
        assert self._memory is not None
        for writer, token in zip(self._writers, draw(self._logits, self._writers), strict=True):
            writer.take(token, jump=self._memory.plain)
        if any(writer.active for writer in self._writers):
            self._logits = self._memory.read([writer.fresh for writer in self._writers], lambda: None)
        else:
            self._leave()

    def _leave(self) -> None:
        self._writers, self._memory, self._logits = [], None, torch.empty(0)

    def _fail(self, rows: Sequence[Row], error: Exception) -> None:
        if isinstance(error, torch.OutOfMemoryError):
            self._reader.forget()
            error = BackendError("the device has too little memory for the prompts: shorten them or use a cpu")
        for row in rows:
            if row.finish is None and row.error is None:
                row.error = error


@dataclass(frozen=True, eq=False)
class _Part:
    """Rows of a memory, the logits of what follows each, and who writes it."""

    memory: Memory
    rows: list[int]
    logits: torch.Tensor
    writers: list[Writer]


def _span(row: Row) -> int:
    return len(row.prompt) + row.max_tokens


def _check(writers: Sequence[Writer]) -> None:
    if not any(writer.active for writer in writers):
        raise GivenUp

"""Progress on the terminal, from the events of a run."""

import sys
import time
from collections.abc import Sequence
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from optiprompt.budget import Budget
from optiprompt.candidate import Direction
from optiprompt.events import Evaluated, Event, HeldOut, Stepped, Working

Mode = Literal["rich", "plain", "none"]

SILENT = 30  # seconds without a line, after which one says that the run is at work


def choose(mode: Mode | None) -> Mode:
    """The mode asked for; else `rich` on a terminal and `plain` elsewhere."""
    return mode or ("rich" if sys.stderr.isatty() else "plain")


class Display:
    """Shows a run on stderr as it goes: a bar on a terminal, else a line a step, and in a long one what was spent.

    Use as a context manager, and give it to a run as its watcher.
    """

    def __init__(self, mode: Mode, budget: Budget, direction: Direction = "maximize") -> None:
        self._mode = mode
        self._budget = budget
        self._direction = direction
        self._begun = self._told = time.monotonic()
        self._best: float | None = None
        self._evaluations = 0
        self._step = 0
        self._share = 0.0  # of the nearest limit, what is spent
        self._first: float | None = 0.0  # how far the run was when this session began; None where it is not known yet
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("step {task.fields[step]}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("best {task.fields[best]}  mean {task.fields[mean]}"),
            TextColumn("dup {task.fields[duplicates]}  invalid {task.fields[invalid]}  {task.fields[spent]}"),
            TimeElapsedColumn(),
            TextColumn("left {task.fields[left]}"),
            console=self._console,
        )
        self._bar = self._progress.add_task(
            "", total=self._total, step=0, best="-", mean="-", duplicates=0, invalid=0, spent="0 calls", left="?"
        )
        self._duplicates = self._invalid = 0

    @property
    def _total(self) -> int | None:
        return self._budget.evaluations or self._budget.steps

    @property
    def _done(self) -> int:
        return self._evaluations if self._budget.evaluations else self._step

    def __enter__(self) -> "Display":
        if self._mode == "rich":
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._mode == "rich":
            self._progress.stop()

    def catch_up(self, events: Sequence[Event]) -> None:
        """Take in what a run that goes on did before, without showing it."""
        self._first = None
        for event in events:
            if isinstance(event, Evaluated):
                self._evaluations += 1
                score = event.evaluation.score if event.evaluation.status == "ok" else None
                self._best = score if score is not None and self._improves(score) else self._best
            elif isinstance(event, Stepped):
                self._duplicates += event.duplicates
                self._invalid += event.invalid
                self._step = event.step

    def __call__(self, event: Event | Working) -> None:
        """Show one event."""
        if self._mode == "none":
            return
        if isinstance(event, Working):
            self._working(event)
        elif isinstance(event, Evaluated):
            self._evaluated(event)
        elif isinstance(event, Stepped):
            self._stepped(event)
        elif isinstance(event, HeldOut):
            score = _figure(event.evaluation.score)
            on = f"{event.on}: " if event.on else ""
            self._told = time.monotonic()
            self._console.print(f"{on}{event.split} {score} ", _shorten(event.text), markup=False, highlight=False)

    def _working(self, event: Working) -> None:
        self._share = event.share
        now, spent, left = time.monotonic(), _spent(event), self._left()
        if self._mode == "rich":
            self._progress.update(self._bar, spent=spent, left=left)
        elif now - self._told >= SILENT:
            self._told = now
            text = f"at work  {spent}  {now - self._begun:.0f} s  left {left}"
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _evaluated(self, event: Evaluated) -> None:
        self._evaluations += 1
        score = event.evaluation.score
        if event.evaluation.status == "ok" and score is not None and self._improves(score):
            self._best = score
            if self._mode == "rich" and event.step > 0:
                # No markup: a candidate is the model's text, and may hold [/brackets].
                self._console.print(f"{score:.4g}", _shorten(event.text), markup=False, highlight=False)
        if self._mode == "rich" and self._budget.evaluations:
            self._progress.update(self._bar, completed=self._evaluations)

    def _improves(self, score: float) -> bool:
        if self._best is None:
            return True
        return score > self._best if self._direction == "maximize" else score < self._best

    def _stepped(self, event: Stepped) -> None:
        self._evaluations, self._step = event.evaluations, event.step
        self._duplicates += event.duplicates
        self._invalid += event.invalid
        dealt = " ".join(f"{name} {state['share']:.0%}" for name, state in event.operators.items() if state["share"])
        if self._mode == "rich":
            if dealt:
                self._console.print(f"next: {dealt}", style="dim", markup=False, highlight=False)
            self._progress.update(
                self._bar,
                completed=self._done,
                step=event.step,
                best=_figure(event.best),
                mean=_figure(event.mean),
                duplicates=self._duplicates,
                invalid=self._invalid,
                spent=_spent(event),
                left=self._left(),
            )
            return
        self._told = time.monotonic()
        parts = [
            f"step {event.step}",
            f"{self._done}/{self._total or '?'}",
            f"best {_figure(event.best)}",
            f"mean {_figure(event.mean)}",
            f"duplicates {event.duplicates}",
            f"invalid {event.invalid}",
            *([f"failed {event.failed}"] if event.failed else []),
            _spent(event),
            f"{self._told - self._begun:.0f} s",
            f"left {self._left()}",
            *([f"next: {dealt}"] if dealt else []),
        ]
        self._console.print("  ".join(parts), markup=False, highlight=False, soft_wrap=True)

    def _left(self) -> str:
        """The seconds until the nearest limit, where it goes on like this."""
        share = max(self._share, self._done / self._total if self._total else 0.0)
        # Only what this session did tells how long the rest takes; a resumed run begins in the middle.
        self._first = share if self._first is None else self._first
        here = share - self._first
        return f"{(time.monotonic() - self._begun) * (1 - share) / here:.0f} s" if here > 0 else "?"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _spent(event: Stepped | Working) -> str:
    money = "" if event.usd is None else f"  ${event.usd:.4f}"
    cached = f"  {event.usage.cached:,} from the cache" if event.usage.cached else ""
    return f"{event.usage.calls:,} calls{cached}  {event.usage.tokens:,} tokens{money}"


def _shorten(text: str, width: int = 100) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"

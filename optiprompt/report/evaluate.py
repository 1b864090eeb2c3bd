"""What a measurement says: JSON for programs, tables for people, progress while it goes."""

import sys
import time
from itertools import combinations
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from optiprompt.measurement import Measured, Measurement

_ANSWERS = 5
_TARGETS = 10
_WRONG = 5
_PLAIN_SECONDS = 10.0


def to_json(measurement: Measurement) -> list[dict[str, Any]]:
    """One object a candidate; scores, rates and differences are fractions, `null` where there is none."""
    return [_object(measurement, place) for place in range(len(measurement.candidates))]


def _object(measurement: Measurement, place: int) -> dict[str, Any]:
    measured = measurement.candidates[place]
    low, high = measured.interval or (None, None)
    others = [other for other in range(len(measurement.candidates)) if other != place]
    return {
        "candidate": measured.candidate,
        "score": measured.score,
        "low": low,
        "high": high,
        "n": len(measured.graded),
        "calls": measured.usage.calls,
        "cached": measured.cached,
        "failed": measured.failed,
        "left_out": measurement.left_out,
        "tokens": measured.usage.tokens,
        "wall_seconds": round(measured.wall_seconds, 4),
        "task": measurement.task,
        "scorer": measurement.scorer,
        "split": measurement.split,
        "status": measured.evaluation.status,
        "reason": measured.evaluation.reason,
        "parse_rate": measured.parse_rate,
        "majority": measurement.majority,
        "confusion": measurement.confusion(measured),
        "wrong": [outcome.example for outcome in measured.wrong],
        "pairs": [_pair(measurement, place, other) for other in others],
        "run": str(measurement.run_dir),
    }


def _pair(measurement: Measurement, one: int, other: int) -> dict[str, Any]:
    found = measurement.difference(one, other)
    text = measurement.candidates[other].candidate
    return {
        "candidate": text,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p": found.p_value,
        "n": found.n,
    }


def show(measurement: Measurement) -> None:
    """Print the measurement: scores, differences, answers and some wrong examples."""
    # No markup anywhere: candidates, questions and answers are others' text, and may hold [/brackets].
    console = Console(markup=False, highlight=False, soft_wrap=True)
    count, majority = len(measurement.examples), measurement.majority
    baseline = "" if majority is None else f"; always the most frequent answer: {majority:.3f}"
    if measurement.left_out:
        baseline += f"; {measurement.left_out} left out, which a candidate shows with their answers"
    console.print(
        f"{measurement.task}: {count} {measurement.split} examples, answered by {measurement.scorer}{baseline}"
    )
    for number, measured in enumerate(measurement.candidates, 1):
        console.print(f"{number}: {measured.candidate or '(empty)'}")
    console.print(_scores(measurement))
    _show_differences(console, measurement)
    for number, measured in enumerate(measurement.candidates, 1):
        _show_answers(console, measurement, measured, number)
        _show_wrong(console, measurement, measured, number)
    console.print(f"run: {measurement.run_dir}")


def _scores(measurement: Measurement) -> Table:
    table = Table(box=None)
    for name in ("", "score", "95%", "n", "failed", "parsed", "calls", "cached", "tokens", "s"):
        table.add_column(name, justify="right", no_wrap=True)
    for number, measured in enumerate(measurement.candidates, 1):
        low, high = measured.interval or (None, None)
        table.add_row(
            str(number),
            _figure(measured.score),
            "-" if low is None else f"{low:.2f} to {high:.2f}",
            str(len(measured.graded)),
            str(measured.failed),
            "-" if measured.parse_rate is None else f"{measured.parse_rate:.0%}",
            f"{measured.usage.calls:,}",
            f"{measured.cached:,}",
            f"{measured.usage.tokens:,}",
            f"{measured.wall_seconds:.1f}",
        )
    return table


def _show_differences(console: Console, measurement: Measurement) -> None:
    pairs = list(combinations(range(len(measurement.candidates)), 2))
    for one, other in pairs:
        found = measurement.difference(one, other)
        console.print(
            f"{one + 1} minus {other + 1}: {found.difference:+.3f} (95%: {found.low:+.3f} to {found.high:+.3f}), "
            f"p = {found.p_value:.2g}, n = {found.n}"
        )
    if len(pairs) > 1:
        console.print(f"(p is that of each pair by itself, not corrected for comparing {len(pairs)} pairs)")


def _show_answers(console: Console, measurement: Measurement, measured: Measured, number: int) -> None:
    confusion = measurement.confusion(measured)
    if not confusion:
        return
    title = f"answers of {number}"
    table = Table("target", "answers, most frequent first", title=title, title_justify="left", box=None)
    for target, answers in list(confusion.items())[:_TARGETS]:
        named = [f"{_short(answer, 24) or '(none)'} {count}" for answer, count in answers.items()]
        rest = sum(list(answers.values())[_ANSWERS:])
        table.add_row(Text(_short(target, 24)), Text(", ".join(named[:_ANSWERS] + [f"others {rest}"] * (rest > 0))))
    console.print(table)


def _show_wrong(console: Console, measurement: Measurement, measured: Measured, number: int) -> None:
    wrong = measured.wrong
    if not wrong:
        return
    examples = {example.id: example for example in measurement.examples}
    title = f"wrong with {number}: {len(wrong)} of {len(measured.graded)}"
    table = Table("example", "question", "target", "answer", title=title, title_justify="left", box=None)
    for outcome in wrong[:_WRONG]:
        example = examples[outcome.example]
        target = example.target if isinstance(example.target, str) else " / ".join(example.target)
        cells = (outcome.example, _ends(example.input), _short(target, 20), _short(outcome.answer, 20) or "(none)")
        table.add_row(*map(Text, cells))
    console.print(table)


class Progressing:
    """Progress on stderr, a bar on a terminal, else a line now and then; use it in a `with` statement."""

    def __init__(self, mode: Literal["rich", "plain", "none"]) -> None:
        self._mode = mode
        self._begun = self._told = time.monotonic()
        self._progress = Progress(
            TextColumn("replies"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._bar = self._progress.add_task("", total=None)

    def __enter__(self) -> "Progressing":
        if self._mode == "rich":
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._mode == "rich":
            self._progress.stop()

    def __call__(self, done: int, expected: int) -> None:
        """Show how far it is."""
        if self._mode == "rich":
            self._progress.update(self._bar, completed=done, total=expected)
        elif self._mode == "plain" and time.monotonic() - self._told >= _PLAIN_SECONDS:
            self._told = time.monotonic()
            print(f"replies {done}/{expected}  {self._told - self._begun:.0f} s", file=sys.stderr)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _ends(text: str) -> str:
    """Both ends of a question, in at most 44 characters: those of a task often begin alike."""
    line = " ".join(text.split())
    return line if len(line) <= 44 else f"{line[:11]}…{line[-32:]}"


def _short(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"

"""The rows of the benchmark: a file that is whole at any time, and the table at the end."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from optiprompt.errors import UsageError
from optiprompt.intervals import wilson

Row = dict[str, Any]
# What makes two rows the same run; a row with another value of one of these is another experiment.
SETTING = ("optimizer", "scorer", "budget", "test_limit")
KEY = ("task", "method", "seed", "version", *SETTING)


class Rows:
    """Finished rows, in a JSON file that is written anew, in one move, after each.

    Args:
        file: of an earlier start, which goes on; None keeps the rows in memory.

    Raises:
        UsageError: the file holds something else.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        text = file.read_text(encoding="utf-8") if file and file.is_file() else ""
        try:
            self.rows: list[Row] = json.loads(text) if text.strip() else []
        except ValueError as error:
            raise UsageError(f"--json {file} is no JSON ({error}): mend it, or name another file") from None
        if not isinstance(self.rows, list) or not all(isinstance(row, dict) for row in self.rows):
            raise UsageError(f"--json {file} holds no rows of this benchmark: name another file")

    def done(self, key: Mapping[str, Any]) -> bool:
        """Whether there is a row of this run."""
        return any(all(row.get(name) == key[name] for name in KEY) for row in self.rows)

    def like(self, key: Mapping[str, Any]) -> list[Row]:
        """The rows of the same models and budget; of each run the last one, should versions differ."""
        rows = [row for row in self.rows if all(row.get(name) == key[name] for name in SETTING)]
        return list({(row["task"], row["method"], row["seed"]): row for row in rows}.values())

    def add(self, row: Row) -> None:
        """Keep a row, on disk before this returns."""
        self.rows.append(row)
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new = self._file.with_name(f"{self._file.name}.new")
            new.write_text(json.dumps(self.rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            os.replace(new, self._file)


def show(rows: Sequence[Row]) -> None:
    """Test accuracy by task and method, over the seeds, and each method's mean over the tasks that all methods have."""
    if not rows:
        return
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    whole = [task for task in tasks if all(_of(rows, task, method) for method in methods)]
    seeds = len({row["seed"] for row in rows})
    over = f", {seeds} seeds" if seeds > 1 else ""
    table = Table(title=f"test accuracy with its 95% interval{over}; the mean is over {len(whole)} tasks")
    table.add_column("method", no_wrap=True)
    for name in (*(task.rpartition("/")[2] for task in tasks), "mean", "scorer", "optimizer"):
        table.add_column(name, justify="right")
    for method in methods:
        own = [row for row in rows if row["method"] == method]
        found = {task: _of(rows, task, method) for task in tasks}
        mean = f"{fmean(fmean(row['test'] for row in found[task]) for task in whole):.3f}" if whole else ""
        calls = [f"{fmean(row[f'{role}_calls'] for row in own):.0f}" for role in ("scorer", "optimizer")]
        table.add_row(method, *(_cell(found[task]) for task in tasks), mean, *calls)
    console = Console(width=max(100, 34 + 17 * (len(tasks) + 3)))
    console.print(table)
    print(
        "Intervals are Wilson's, for the choice of the test examples; with several seeds they are those of the mean,\n"
        "as wide as for one seed, whose examples are the same. Methods whose intervals overlap are not told apart here."
    )


def _of(rows: Sequence[Row], task: str, method: str) -> list[Row]:
    return [row for row in rows if row["task"] == task and row["method"] == method and row["test"] is not None]


def _cell(rows: Sequence[Row]) -> str:
    if not rows:
        return "-"
    share = fmean(row["test"] for row in rows)
    low, high = wilson(share, max(row["n"] for row in rows))
    return f"{share:.2f} [{low:.2f}, {high:.2f}]"

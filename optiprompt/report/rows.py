"""Rows of searches as a table on the terminal and as a picture."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from optiprompt.report.curves import Curves, draw_curves
from optiprompt.tasks.base import Row, Task

WIDE = 200  # characters: where the output is no terminal, no line of a table is broken


def show_rows(title: str, rows: Sequence[Row]) -> None:
    """Print the rows; the columns are those of all rows, and the first holds the names where there are any."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    columns = list(dict.fromkeys(name for row in rows for name in row.cells))
    named = any(row.name for row in rows)
    table = Table(title=Text(title), title_justify="left")
    if named:
        table.add_column("")
    for name in columns:
        table.add_column(Text(name))
    for row in rows:
        cells = [Text(row.cells.get(name, "")) for name in columns]
        table.add_row(*([Text(row.name)] if named else []), *cells)
    console.print(table)


def draw_rows(rows: Sequence[Row], task: Task, folder: Path) -> list[Path]:
    """Draw the rows that have curves into curves.png and curves.svg; gives the files written."""
    return draw_curves([Curves(row.name, row.curves) for row in rows if row.curves], task, folder / "curves")

"""Searches as curves: the best score so far after each unique evaluation, drawn beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, quantiles

from optiprompt.tasks.base import Task

FIRST = "#d1495b"
OTHERS = ("#8c8c8c", "#2a78b5", "#2e9e5b", "#b8860b", "#7d5ba6", "#4aa8a8")


@dataclass(frozen=True)
class Curves:
    """Searches of one kind, as one line of a picture.

    Attributes:
        name: what searched.
        curves: the best score so far after each unique evaluation, one row a search.
    """

    name: str
    curves: tuple[tuple[float, ...], ...]

    @property
    def searches(self) -> int:
        """How many of them scored anything."""
        return sum(map(bool, self.curves))

    def mean(self) -> list[float]:
        """Mean over the searches after each evaluation."""
        return [fmean(column) for column in self._columns()]

    def band(self) -> tuple[list[float], list[float]]:
        """Tenth and ninetieth percentile over the searches after each evaluation; there must be two at least."""
        # Inclusive: the percentiles of a few searches stay between the best and the worst of them.
        cuts = [quantiles(column, n=10, method="inclusive") for column in self._columns()]
        return [cut[0] for cut in cuts], [cut[-1] for cut in cuts]

    def _columns(self) -> list[tuple[float, ...]]:
        # A search that ended earlier keeps the best score that it ended with.
        rows = [row for row in self.curves if row]
        length = max(map(len, rows), default=0)
        return list(zip(*((*row, *[row[-1]] * (length - len(row))) for row in rows), strict=True))


def draw_curves(lines: Sequence[Curves], task: Task, stem: Path) -> list[Path]:
    """Draw means, and bands where there are several searches, into STEM.png and STEM.svg; the first line stands out.

    Returns:
        The files written; none where no line has a curve.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = [line for line in lines if line.searches]
    if not lines:
        return []
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    looks = [(FIRST, 2.2), *((OTHERS[place % len(OTHERS)], 1.5) for place in range(len(lines) - 1))]
    # The first is drawn last: on top of the others.
    for line, (color, width) in reversed(list(zip(lines, looks, strict=True))):
        mean, label = line.mean(), line.name
        numbers = range(1, len(mean) + 1)
        if line.searches > 1:
            axes.fill_between(numbers, *line.band(), color=color, alpha=0.12, linewidth=0)
            label = f"{line.name}: mean and 10-90% of {line.searches}"
        axes.plot(numbers, mean, color=color, linewidth=width, label=label)
    axes.set_xlabel("unique evaluations")
    axes.set_ylabel(f"best {task.measured} so far")
    axes.set_title(task.name)
    axes.set_ylim(*_limits(lines))
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right" if task.direction == "maximize" else "upper right", fontsize=8)
    files = [stem.with_suffix(suffix) for suffix in (".png", ".svg")]
    for file in files:
        figure.savefig(file, dpi=150)
    return files


def _limits(lines: Sequence[Curves]) -> tuple[float, float]:
    """What the picture shows: all means and the first band, without the first tenth, where scores are far off."""
    shown = [line.mean() for line in lines] + (list(lines[0].band()) if lines[0].searches > 1 else [])
    values = [value for each in shown for value in each[len(each) // 10 :]]
    margin = (max(values) - min(values)) * 0.15 or 1.0
    return min(values) - margin, max(values) + margin

"""One run beside many simulated searches of the classical algorithms, at the same number of unique evaluations."""

from collections.abc import Sequence
from pathlib import Path

from optiprompt.algorithms.base import Algorithm
from optiprompt.algorithms.evolution import Evolution
from optiprompt.algorithms.local_search import LocalSearch
from optiprompt.algorithms.random import Random
from optiprompt.api import run
from optiprompt.budget import Budget
from optiprompt.loop import Search
from optiprompt.report.curves import Curves, draw_curves
from optiprompt.tasks.base import Task

CLASSICAL: dict[str, Algorithm] = {
    "random search": Random(),
    "regularized evolution": Evolution(),
    "local search": LocalSearch(),
}


class Baseline(Curves):
    """Many searches by one algorithm, one curve a seed."""

    def beaten_by(self, score: float, task: Task) -> float:
        """The share of the searches whose final best is worse than the score; equal ones count half."""
        finals = [curve[-1] for curve in self.curves]
        maximize = task.direction == "maximize"
        worse = sum((final < score) if maximize else (final > score) for final in finals)
        return (worse + 0.5 * sum(final == score for final in finals)) / len(finals)


def simulate(task: Task, evaluations: int, seeds: Sequence[int]) -> list[Baseline]:
    """Search the task with each classical algorithm and seed. For tasks that are scored from a table: all in memory."""
    budget = Budget(evaluations=evaluations)
    return [
        Baseline(
            name,
            tuple(
                tuple(run(Search(task, algorithm, budget, seed=seed), None).trajectory.curve()[:evaluations])
                for seed in seeds
            ),
        )
        for name, algorithm in CLASSICAL.items()
    ]


def draw(curve: Sequence[float], label: str, baselines: Sequence[Baseline], task: Task, folder: Path) -> list[Path]:
    """Draw the curve beside the baselines' means and bands into baselines.png and baselines.svg.

    Returns:
        The files written.
    """
    return draw_curves([Curves(label, (tuple(curve),)), *baselines], task, folder / "baselines")

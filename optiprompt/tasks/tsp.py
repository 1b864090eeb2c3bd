"""The travelling salesman: the optimizer proposes tours (Yang et al. 2023, arXiv 2309.03409, section 3.2)."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from optiprompt.backends.base import Backend
from optiprompt.candidate import Candidate, Evaluation, Trial
from optiprompt.spaces.permutation import Order, Permutation
from optiprompt.tasks._mathematical import MathematicalTask, mean_and_error
from optiprompt.tasks._tours import Solution, farthest_insertion, length, nearest_neighbour, shortest
from optiprompt.tasks.base import Row
from optiprompt.threads import in_thread
from optiprompt.trajectory import Trajectory

FARTHEST = 100  # coordinates are from -100 to 100
LENGTH, GAP, STEPS, FOUND, EXPLORED = (
    "tour length",
    "optimality gap, %",
    "steps to optimum",
    "found",
    "tours explored",
)
TOLERANCE = 1e-9
SOLVERS = ("nearest neighbour", "farthest insertion", "text-bison", "gpt-3.5-turbo", "gpt-4")
# The paper's table 3: mean optimality gap in % of the solvers above over 5 problems with n points.
PAPER = {
    10: (13.0, 3.2, 0.0, 0.0, 0.0),
    15: (9.4, 1.2, 4.4, 1.2, 0.2),
    20: (16.0, 0.2, 30.4, 4.4, 1.4),
    50: (19.7, 9.8, 219.8, 133.0, 11.0),
}


class Tsp(MathematicalTask):
    """Find the shortest closed tour through random points.

    The search is over when it has found a tour as short as the shortest, where a solver has proven that one (60
    seconds; enough for 50 points, often for 100); else the best tour of a heuristic is what its tours are compared to.

    Attributes:
        points: integer coordinates of the n points.
    """

    score_name = "length"

    def __init__(self, name: str, n: int = 10, *, seed: int = 0, description: str = "", start: int = 5) -> None:
        """Draw the points.

        Args:
            name: of the task.
            n: how many points, at least 3.
            seed: of the points.
            description: what the optimizer is told before the points; a sentence of our own by default.
            start: how many random starting tours to draw.
        """
        self.name = name
        self.space = Permutation(n)
        rng = random.Random(seed)
        self.points = tuple((rng.randint(-FARTHEST, FARTHEST), rng.randint(-FARTHEST, FARTHEST)) for _ in range(n))
        task = description or "Find the shortest closed tour that visits each of these points once."
        self.description = f"{task}\n" + "\n".join(f"({number}): {point}" for number, point in enumerate(self.points))
        self._start = start

    @property
    def best_known(self) -> Solution:
        """The shortest tour; takes its time when it is first asked for."""
        return shortest(self.points)

    async def evaluate(self, candidate: Candidate[Order], scorer: Backend | None) -> Evaluation:
        """Measure the tour; needs no scorer."""
        await in_thread(lambda: self.best_known)  # solved beside the loop, so that Ctrl-C is heard
        return await super().evaluate(candidate, scorer)

    def score(self, value: Order) -> float:
        """Length of the closed tour."""
        return length(self.points, value)

    def optimal(self, trial: Trial) -> bool:
        """Whether the tour is as short as the best one known, but for rounding."""
        return trial.score <= self.best_known.length * (1 + TOLERANCE)

    def solved(self, trajectory: Trajectory) -> bool:
        """Whether the best tour is proven to be the shortest."""
        return trajectory.best is not None and self.best_known.proven and self.optimal(trajectory.best)

    def start(self, rng: random.Random) -> list[str]:
        """Random tours."""
        return [self.space.render(self.space.sample(rng)) for _ in range(self._start)]

    def table(self, name: str, runs: Sequence[Trajectory]) -> list[Row]:
        """The runs, random search, two heuristics and the optimum on these points, and the paper's means for this n.

        The columns: length of the best tour and how much it is above the shortest (both mean ± standard error); steps
        to the optimum of the runs that found it, how many did, and unique tours scored until then (or until the end).
        Random search is of the size of the runs (see `random_searches`). Without a proven optimum the best known tour
        stands in for it, and a gap may be negative.
        """
        best = self.best_known
        return [
            self._searched(name, runs),
            self._searched("random search", self.random_searches(runs)),
            self._tour("nearest neighbour", self.score(nearest_neighbour(self.points))),
            self._tour("farthest insertion", self.score(farthest_insertion(self.points))),
            self._tour("optimum (HiGHS)" if best.proven else "best known (2-opt), not proven", best.length),
            *(
                _row(f"paper: {solver} (mean of 5)", {GAP: f"{gap:.1f}"})
                for solver, gap in zip(SOLVERS, PAPER.get(len(self.points), ()), strict=False)
            ),
        ]

    def _searched(self, name: str, runs: Sequence[Trajectory]) -> Row:
        row = self.progress(name, runs, EXPLORED)
        lengths = [run.best.score for run in runs if run.best]
        found = {LENGTH: mean_and_error(lengths, 1), GAP: mean_and_error([self._gap(each) for each in lengths], 1)}
        return _row(name, {**row.cells, **found}, row.curves)

    def _tour(self, name: str, length: float) -> Row:
        return _row(name, {LENGTH: f"{length:.1f}", GAP: f"{self._gap(length):.1f}"})

    def _gap(self, length: float) -> float:
        """In percent of the best known length."""
        gap = 100 * (length / self.best_known.length - 1)
        return 0.0 if abs(gap) < TOLERANCE * 100 else gap

    def identity(self) -> dict[str, Any]:
        """The points and the number of starting tours."""
        return {"name": self.name, "kind": "tsp", "points": self.points, "start": self._start}


def _row(name: str, cells: dict[str, str], curves: tuple[tuple[float, ...], ...] = ()) -> Row:
    return Row(name, {column: cells.get(column, "") for column in (LENGTH, GAP, STEPS, FOUND, EXPLORED)}, curves)


class Spec(BaseModel):
    """The fields of a task's YAML; see `Tsp`."""

    model_config = ConfigDict(extra="forbid")

    name: str
    about: str = ""
    description: str = ""
    n: int = Field(default=10, ge=3, le=1000)
    seed: int = Field(default=0, ge=0)
    start: int = Field(default=5, ge=1, le=1000)

    def build(self, folder: Path) -> Tsp:
        """The task; the folder of the YAML does not matter."""
        return Tsp(self.name, self.n, seed=self.seed, description=self.description, start=self.start)

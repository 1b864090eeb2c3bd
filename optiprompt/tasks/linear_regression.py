"""Linear regression by proposing whole-numbered weights (Yang et al. 2023, arXiv 2309.03409, section 3.1)."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from optiprompt.candidate import Trial
from optiprompt.spaces.numbers import Numbers
from optiprompt.tasks._mathematical import MathematicalTask, mean_and_error
from optiprompt.tasks.base import Row
from optiprompt.trajectory import Trajectory

FIRST, LAST = 10, 20  # where the starting points lie
POINTS, NOISE = 50, 1.0  # of the paper
EXPLORED = "pairs explored"
GAP = "loss above the truth's"
OPTIMIZERS = ("text-bison", "gpt-3.5-turbo", "gpt-4")
# The paper's table 2: steps to the optimum of the optimizers above for some (w, b), mean of 5 runs.
PAPER = {
    (15, 14): (5.8, 7.6, 4.0),
    (17, 17): (4.0, 12.6, 6.0),
    (16, 10): (3.8, 10.4, 6.2),
    (3, 5): (9.8, 10.8, 12.2),
    (25, 23): (19.6, 26.4, 12.2),
    (2, 30): (31.4, 42.8, 38.0),
    (36, -1): (35.8, 45.4, 50.4),
}


class LinearRegression(MathematicalTask):
    """Find the weights of a line from the squared errors of others; the optimizer sees neither line nor data.

    Candidates are whole w and b from -100 to 100 (ten times as far, and so on, where the true ones need it). The data
    are x = 1, 2, ..., y = w x + b + noise, the score is the sum of the squared errors, and the search is over when it
    has tried the true w and b.
    """

    score_name = "value"

    def __init__(
        self,
        name: str,
        w: int = 15,
        b: int = 14,
        *,
        n: int = POINTS,
        noise: float = NOISE,
        seed: int = 0,
        description: str = "",
        start: int = 5,
    ) -> None:
        """Draw the data.

        Args:
            name: of the task.
            w: true slope.
            b: true intercept.
            n: how many points, x = 1 to n.
            noise: standard deviation of the normal noise on y.
            seed: of the noise.
            description: what the optimizer is told; must not give the truth away.
            start: how many starting points to draw, w and b uniform from 10 to 20 and rounded.
        """
        self.name = name
        self.truth = (w, b)
        self.description = description
        bound = 100
        while max(abs(w), abs(b)) > bound:
            bound *= 10
        self.space = Numbers({"w": (-bound, bound), "b": (-bound, bound)}, integer=True)
        rng = random.Random(seed)
        self._data = [(x, w * x + b + rng.gauss(0, noise)) for x in range(1, n + 1)]
        self._best = self.space.of({"w": w, "b": b})
        self._start = start
        self._as_in_paper = (n, noise) == (POINTS, NOISE)
        self._identity = {"w": w, "b": b, "n": n, "noise": noise, "seed": seed, "start": start}

    def score(self, value: dict[str, float]) -> float:
        """Sum of the squared errors."""
        w, b = value["w"], value["b"]
        return sum((y - w * x - b) ** 2 for x, y in self._data)

    def optimal(self, trial: Trial) -> bool:
        """Whether these are the true w and b: with much noise others may have a lower score, as in the paper."""
        return trial.key == self._best.key

    def start(self, rng: random.Random) -> list[str]:
        """Pairs near the middle of [10, 20]; some may be equal."""
        pairs = [{name: round(rng.uniform(FIRST, LAST)) for name in ("w", "b")} for _ in range(self._start)]
        return [self.space.render(pair) for pair in pairs]

    def table(self, name: str, runs: Sequence[Trajectory]) -> list[Row]:
        """The runs, random search over the whole space (see `random_searches`), and the paper where it has this line.

        The columns: mean steps to the true w and b of the runs that found them, how many did, unique pairs scored until
        then (or until the end), and how far the best loss is above that of the truth (mean ± standard error).
        """
        rows = [self._row(name, runs), self._row("random search", self.random_searches(runs))]
        known = PAPER.get(self.truth, ()) if self._as_in_paper else ()
        for optimizer, steps in zip(OPTIMIZERS, known, strict=False):
            cells = {"steps to optimum": f"{steps:.1f}", "found": "", EXPLORED: "", GAP: ""}
            rows.append(Row(f"paper: {optimizer} (mean of 5)", cells))
        return rows

    def _row(self, name: str, runs: Sequence[Trajectory]) -> Row:
        row = self.progress(name, runs, EXPLORED)
        truth = self.score(self._best.value)
        gaps = [run.best.score - truth for run in runs if run.best]
        return Row(name, {**row.cells, GAP: mean_and_error(gaps, 0)}, row.curves)

    def identity(self) -> dict[str, Any]:
        """The line, its data and the number of starting points."""
        return {"name": self.name, "kind": "linear-regression", **self._identity}


class Spec(BaseModel):
    """The fields of a task's YAML; see `LinearRegression`."""

    model_config = ConfigDict(extra="forbid")

    name: str
    about: str = ""
    description: str = ""
    w: int = Field(default=15, ge=-1_000_000, le=1_000_000)
    b: int = Field(default=14, ge=-1_000_000, le=1_000_000)
    n: int = Field(default=POINTS, ge=2, le=100_000)
    noise: float = Field(default=NOISE, ge=0, le=1_000_000)
    seed: int = Field(default=0, ge=0)
    start: int = Field(default=5, ge=1, le=1000)

    def build(self, folder: Path) -> LinearRegression:
        """The task; the folder of the YAML does not matter."""
        return LinearRegression(
            self.name,
            self.w,
            self.b,
            n=self.n,
            noise=self.noise,
            seed=self.seed,
            description=self.description,
            start=self.start,
        )

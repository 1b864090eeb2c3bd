"""What the mathematical tasks share: candidates scored by a formula, a known optimum, random search beside the runs."""

import math
import random
from abc import abstractmethod
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from optiprompt.backends.base import Backend
from optiprompt.budget import BARREN_STEPS
from optiprompt.candidate import Candidate, Evaluation, Proposal, Trial
from optiprompt.tasks.base import Row, Task
from optiprompt.trajectory import Trajectory

RANDOM_SEARCHES = 20
USUAL_SAMPLES = 8


class MathematicalTask(Task):
    """A task whose candidates are scored by a formula, lower being better, and whose optimum can be told."""

    direction = "minimize"
    split = "function"

    @abstractmethod
    def score(self, value: Any) -> float:
        """How good a candidate's value is."""

    @abstractmethod
    def optimal(self, trial: Trial) -> bool:
        """Whether nothing better than this scored candidate is known."""

    async def evaluate(self, candidate: Candidate[Any], scorer: Backend | None) -> Evaluation:
        """Compute the score; needs no scorer."""
        return Evaluation("ok", self.score(candidate.value))

    def show(self, score: float) -> str:
        """A whole number, as in the paper."""
        return str(round(score))

    def aim(self, scores: Sequence[float]) -> float:
        """Half the best: what is minimised here is never below 0."""
        return scores[-1] / 2 if scores else 1.0

    def found(self, trajectory: Trajectory) -> int | None:
        """The step that brought the optimum, 0 for the starting candidates; None where no step did."""
        return next((trial.step for trial in trajectory if self.optimal(trial)), None)

    def solved(self, trajectory: Trajectory) -> bool:
        """Whether the optimum is among the candidates."""
        return self.found(trajectory) is not None

    def progress(self, name: str, runs: Sequence[Trajectory], explored: str) -> Row:
        """A row of searches: steps to the optimum (mean of those that found it), how many did, candidates until then.

        Args:
            name: of the searcher.
            runs: its searches.
            explored: the name of the last column, mean over the searches.
        """
        steps = [self.found(run) for run in runs]
        there = [step for step in steps if step is not None]
        until = [
            sum(step is None or trial.step <= step for trial in run) for run, step in zip(runs, steps, strict=True)
        ]
        cells = {
            "steps to optimum": f"{fmean(there):.1f}" if there else "-",
            "found": f"{len(there)} of {len(runs)}",
            explored: f"{fmean(until):.1f}",
        }
        return Row(name, cells, tuple(tuple(run.curve()) for run in runs))

    def random_searches(self, runs: Sequence[Trajectory]) -> list[Trajectory]:
        """Random searches of the same size as the runs, beside which they are set.

        Each begins with the starting candidates of one of the runs, draws uniformly from the whole space as many
        samples a step as the runs did on the average, and ends at the optimum or at as many unique candidates as the
        longest run drew samples: a reply that is no candidate, or no new one, has cost a sample.
        """
        steps = sum(run.steps for run in runs)
        drawn = sum(trial.step > 0 for run in runs for trial in run.trials)
        samples = max(1, round(drawn / steps)) if steps > 0 else USUAL_SAMPLES
        size = max(sum(trial.step > 0 or not trial.duplicate for trial in run.trials) for run in runs)
        return [self._random_search(runs[seed % len(runs)], samples, size, seed) for seed in range(RANDOM_SEARCHES)]

    def _random_search(self, beside: Trajectory, samples: int, size: int, seed: int) -> Trajectory:
        rng = random.Random(f"{self.name}/random search/{seed}")
        search = Trajectory(self.direction)
        trials = [trial for trial in beside.trials if trial.step == 0]
        while True:
            search.add_step(trials)
            if len(search) >= size or search.barren == BARREN_STEPS or any(map(self.optimal, trials)):
                return search
            drawn = [self.space.of(self.space.sample(rng)) for _ in range(samples)]
            fresh = {each.key: each for each in drawn if search.known(each.key) is None}
            trials = [self._sampled(each, search.steps + 1) for each in list(fresh.values())[: size - len(search)]]

    def _sampled(self, candidate: Candidate[Any], step: int) -> Trial:
        evaluation = Evaluation("ok", self.score(candidate.value))
        return Trial(Proposal(candidate.text, "sample"), candidate, evaluation, step)


def mean_and_error(values: Sequence[float], decimals: int) -> str:
    """Mean ± standard error; of one value the value, of none a dash."""
    if not values:
        return "-"
    mean = f"{fmean(values):.{decimals}f}"
    return f"{mean} ± {stdev(values) / math.sqrt(len(values)):.{decimals}f}" if len(values) > 1 else mean

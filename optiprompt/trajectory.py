"""The history of a search: every trial in order, failures and duplicates too."""

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter

from optiprompt.candidate import Direction, Trial, Usage
from optiprompt.front import Front, Tradeoff, dominates, merits

BAD = ("invalid", "failed")


class Trajectory:
    """All trials of a search, in proposal order.

    Attributes:
        direction: whether a higher or a lower score is better.
        tradeoff: what the score is weighed against; None where it counts alone.
        trials: every trial, failures and duplicates included.
        steps: completed optimization steps; the starting candidates (step 0) are not counted, -1 before them.
        barren: consecutive completed steps, up to the last, that brought no new candidate.
        repeating: consecutive steps with replies of a model, up to the last, in which all that it proposed was known.
        failing: consecutive completed steps, up to the last, in which every call or every evaluation failed.
        failures: the failed trials of those steps.
        usage: model calls so far, of proposals and evaluations together.
        best: the best scored candidate; of equal ones the earliest, in a Pareto search the cheapest.

    Args:
        direction: whether a higher or a lower score is better.
        worth: what candidates are ranked by, of score and text; the score by default.
    """

    def __init__(
        self,
        direction: Direction,
        tradeoff: Tradeoff | None = None,
        worth: Callable[[float, str], float] | None = None,
    ) -> None:
        self.direction: Direction = direction
        self.tradeoff = tradeoff
        self._worth = worth
        self.trials: list[Trial] = []
        self.steps = -1
        self.barren = 0
        self.repeating = 0
        self.failing = 0
        self.failures: list[Trial] = []
        self.usage = Usage()
        self.best: Trial | None = None
        self._by_key: dict[str, Trial] = {}

    def add_step(self, trials: Sequence[Trial], complete: bool = True) -> None:
        """Append a step; `complete` is False for what there is of the one in which the run ended."""
        self.trials.extend(trials)
        fresh = [trial for trial in trials if trial.key is not None and not trial.duplicate]
        self._by_key.update({trial.key: trial for trial in fresh if trial.key is not None})
        for trial in fresh:
            if trial.ok and (self.best is None or self._beats(trial, self.best)):
                self.best = trial
        self.usage = sum((trial.proposal.usage for trial in trials), self.usage)
        self.usage = sum((trial.evaluation.usage for trial in fresh), self.usage)
        self.steps += complete
        self.barren = 0 if fresh else self.barren + 1
        if replied := [trial.duplicate for trial in trials if trial.proposal.reply and not trial.proposal.failed]:
            self.repeating = self.repeating + 1 if all(replied) else 0
        tried = [trial for trial in trials if not trial.duplicate]
        # What needs no model says nothing of a model that does not answer.
        asked = [trial for trial in tried if trial.proposal.failed or trial.proposal.reply]
        if tried and all(trial.evaluation.status == "failed" for trial in asked or tried):
            self.failing += 1
            self.failures += asked or tried
        elif asked or not any(trial.proposal.failed for trial in self.failures):
            self.failing, self.failures = 0, []

    def known(self, key: str) -> Trial | None:
        """The trial in which the candidate with this canonical key was evaluated."""
        return self._by_key.get(key)

    def __len__(self) -> int:
        """Unique evaluations."""
        return len(self._by_key)

    def __iter__(self) -> Iterator[Trial]:
        """The unique evaluated candidates, in order."""
        return iter(self._by_key.values())

    def better(self, a: float, b: float) -> bool:
        """Whether score a beats score b."""
        return a > b if self.direction == "maximize" else a < b

    def _beats(self, a: Trial, b: Trial) -> bool:
        """Whether a trial is better than another, or as good at a lower cost where that counts."""
        if self.better(self.worth(a), self.worth(b)):
            return True
        return self.tradeoff is not None and dominates(self.tradeoff.point(a), self.tradeoff.point(b))

    def worth(self, trial: Trial) -> float:
        """What a scored trial is ranked by."""
        return self._worth(trial.score, trial.text) if self._worth else trial.score

    def ranked(self) -> list[Trial]:
        """The scored candidates, best first; of equal ones the earlier first."""
        scored = self._scored()
        merit = self.merits(scored)
        return [scored[place] for place in sorted(range(len(scored)), key=merit.__getitem__, reverse=True)]

    def merits(self, scored: Sequence[Trial]) -> list[tuple[float, float]]:
        """A key for each of some scored trials, greater for better ones: its worth, or its place on their fronts."""
        if self.tradeoff:
            return merits([self.tradeoff.point(trial) for trial in scored])
        sign = 1 if self.direction == "maximize" else -1
        return [(sign * self.worth(trial), 0.0) for trial in scored]

    def front(self) -> Front[Trial] | None:
        """The candidates that no other one dominates; None where the score counts alone, or nothing has one."""
        return self.tradeoff.front(self._scored()) if self.tradeoff else None

    def _scored(self) -> list[Trial]:
        return [trial for trial in self if trial.ok]

    @property
    def rejected(self) -> list[Trial]:
        """The trials that could not be scored, duplicates aside, in order."""
        return [trial for trial in self.trials if not trial.duplicate and trial.evaluation.status in BAD]

    @property
    def pruned(self) -> list[Trial]:
        """The candidates that lost a race, best first, by their scores on the examples that each has seen."""
        lost = [trial for trial in self if trial.evaluation.status == "pruned"]
        return sorted(lost, key=attrgetter("score"), reverse=self.direction == "maximize")

    def stale_steps(self) -> int:
        """Completed steps since the best score, or the front, last improved."""
        front = self.front()
        best = front.members if front else [self.best] if self.best else []
        return self.steps - max((trial.step for trial in best), default=0)

    def curve(self) -> list[float]:
        """The best score after each unique evaluation; candidates without a score repeat the last value.

        Evaluations before the first score are left out.
        """
        values: list[float] = []
        for trial in self:
            if trial.ok and (not values or self.better(trial.score, values[-1])):
                values.append(trial.score)
            elif values:
                values.append(values[-1])
        return values

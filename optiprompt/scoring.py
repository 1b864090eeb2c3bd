"""How candidates are scored: all on every example, or in a race that the hopeless ones leave early."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from optiprompt.backends.base import Backend
from optiprompt.candidate import Candidate, Evaluation, Outcome, Usage
from optiprompt.racing import Racing, blocks, hopeless
from optiprompt.tasks.base import Task
from optiprompt.together import together
from optiprompt.trajectory import Trajectory


@dataclass(frozen=True)
class Scoring:
    """What is spent on the scores, and how sure they are.

    Attributes:
        racing: how the new candidates of a step race, where the task is made of examples; None scores each on all.
        final: choose the winner on the dev split, and compare it with the baseline on the test split, at the end.
        cache: take replies from the cache that all runs share, and keep them there.
    """

    racing: Racing | None = field(default_factory=Racing)
    final: bool = True
    cache: bool = True


@dataclass
class _Racer:
    """A candidate in the race, with its outcomes so far."""

    candidate: Candidate[Any]
    outcomes: list[Outcome] = field(default_factory=list)
    usage: Usage = Usage()
    out: bool = False

    @property
    def scores(self) -> list[float | None]:
        return [outcome.score for outcome in self.outcomes]

    def evaluation(self, total: int) -> Evaluation:
        """Its score: of all examples, or of those it has seen."""
        mean = Evaluation.mean_of(self.outcomes, self.usage)
        if not self.out or mean.status != "ok":
            return mean
        seen = len(self.outcomes)
        return replace(mean, status="pruned", reason=f"dropped after {seen} of {total} examples: it can hardly win")


async def race(
    task: Task, candidates: Sequence[Candidate[Any]], trajectory: Trajectory, scorer: Backend, racing: Racing
) -> list[Evaluation]:
    """Score a step's candidates on growing blocks of the same examples; those that can hardly win are dropped.

    They race with each other and with all candidates that have been scored on every example. What the rule is, and
    where it comes from, is in racing.py.
    """
    total = len(task.examples)
    incumbents = [_scores(trial.evaluation) for trial in trajectory.ranked() if len(trial.evaluation.outcomes) == total]
    racers = [_Racer(candidate) for candidate in candidates]
    seen = 0
    for size in blocks(total, racing):
        running = [racer for racer in racers if not racer.out]
        block = task.examples[seen:size]

        def take(place: int, result: tuple[list[Outcome], Usage], running: list[_Racer] = running) -> None:
            running[place].outcomes += result[0]
            running[place].usage += result[1]

        await together([task.outcomes(racer.candidate, block, scorer) for racer in running], take)
        seen = size
        lost = hopeless([racer.scores for racer in running], incumbents, total, racing)
        for racer, out in zip(running, lost, strict=True):
            racer.out = out
    return [racer.evaluation(total) for racer in racers]


def _scores(evaluation: Evaluation) -> list[float | None]:
    return [outcome.score for outcome in evaluation.outcomes]

"""Random search: the baseline that every other algorithm has to beat."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from optiprompt.algorithms.base import Algorithm, Searcher, Setting
from optiprompt.candidate import Proposal
from optiprompt.errors import UsageError
from optiprompt.tasks.base import Task
from optiprompt.trajectory import Trajectory

REJECTED = 20_000  # in a row: likewise there is nothing within the limits
DRAWS = 1000  # in a row without anything new: by then the space is exhausted, or as good as


@dataclass(frozen=True)
class Random(Algorithm):
    """Draw candidates from the space, each at most once.

    Attributes:
        proposals: new candidates a step.
    """

    proposals: int = 1

    name = "random"

    def __post_init__(self) -> None:
        if self.proposals < 1:
            raise UsageError(f"proposals must be at least 1, not {self.proposals}")

    def begin(self, setting: Setting) -> "RandomSearcher":
        """A searcher; the task's space must be able to draw random candidates."""
        setting.task.space.sample(random.Random(0))
        return RandomSearcher(self, setting.task)


class RandomSearcher(Searcher):
    """Draws new candidates. All it knows is in the trajectory."""

    def __init__(self, settings: Random, task: Task) -> None:
        self._settings = settings
        self._task = task

    async def ask(self, trajectory: Trajectory, count: int, rng: random.Random) -> list[Proposal]:
        """Random candidates that are new; fewer, in the end none, where the space is exhausted."""
        return list(islice(unseen_samples(self._task, trajectory, rng), min(count, self._settings.proposals)))


def unseen_samples(
    task: Task, trajectory: Trajectory, rng: random.Random, source: str = "sample"
) -> Iterator[Proposal]:
    """Random candidates within the limits that are not in the trajectory, each once.

    They end when a thousand draws in a row were known, or twenty thousand beyond the limits.
    """
    seen: set[str] = set()
    known = refused = 0
    while known < DRAWS and refused < REJECTED:
        candidate = task.space.of(task.space.sample(rng))
        if candidate.key in seen or trajectory.known(candidate.key):
            known += 1
        elif not task.admits(candidate):
            refused += 1
        else:
            known = refused = 0
            seen.add(candidate.key)
            yield Proposal(candidate.text, source)


ALGORITHM = Random

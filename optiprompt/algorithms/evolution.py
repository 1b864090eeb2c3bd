"""Regularized evolution (Real et al. 2019, arXiv 1802.01548): the oldest dies, not the worst."""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from optiprompt.algorithms.base import Algorithm, Searcher, Setting
from optiprompt.algorithms.random import unseen_samples
from optiprompt.candidate import Proposal, Trial
from optiprompt.errors import UsageError
from optiprompt.tasks.base import Task
from optiprompt.trajectory import Trajectory

BIRTHS = 100  # children a step, known ones included: far more than it takes unless the space is all but exhausted
REFUSED = 10_000  # children a step beyond the limits


@dataclass(frozen=True)
class Evolution(Algorithm):
    """Mutate the best of a few random members of the population; the child replaces the oldest member.

    The population begins with the starting candidates and is filled with random ones. A child that was evaluated before
    is free: it joins the population with its known score. One beyond the limits is not born. In a Pareto search
    nobody ages: the population are the best of all, front by front, of one front the least crowded first (NSGA-II, Deb
    et al. 2002).

    Attributes:
        population: how many of the latest scored candidates are alive.
        tournament: how many of them, drawn with replacement, compete to become a parent.
        proposals: new candidates a step.
    """

    population: int = 20
    tournament: int = 5
    proposals: int = 1

    name = "evolution"

    def __post_init__(self) -> None:
        for field in ("population", "tournament", "proposals"):
            if getattr(self, field) < 1:
                raise UsageError(f"{field} must be at least 1, not {getattr(self, field)}")

    def begin(self, setting: Setting) -> "EvolutionSearcher":
        """A searcher; the task's space must be able to draw random candidates and to mutate them."""
        space, rng = setting.task.space, random.Random(0)
        space.mutate(space.sample(rng), rng)
        return EvolutionSearcher(self, setting.task)


class EvolutionSearcher(Searcher):
    """Holds the population: the latest scored trials, oldest first."""

    def __init__(self, settings: Evolution, task: Task) -> None:
        self._settings = settings
        self._task = task
        self._alive: deque[Trial] = deque(maxlen=settings.population)

    def tell(self, trials: Sequence[Trial]) -> None:
        """Every scored trial is born into the population; failed ones are not."""
        self._alive.extend(trial for trial in trials if trial.ok)

    async def ask(self, trajectory: Trajectory, count: int, rng: random.Random) -> list[Proposal]:
        """Random candidates while the population is short of its size, then children.

        Children that are known come along as duplicates, up to the last one that is new.
        """
        wanted = min(count, self._settings.proposals)
        short = self._settings.population - len(self._alive)
        founders = list(islice(unseen_samples(self._task, trajectory, rng), max(0, min(wanted, short))))
        return founders or self._children(trajectory, wanted, rng)

    def _children(self, trajectory: Trajectory, wanted: int, rng: random.Random) -> list[Proposal]:
        # A copy, in which known children are born at once: as if they had been told one by one.
        alive, space = self._alive.copy(), self._task.space
        if trajectory.tradeoff:
            alive = deque(trajectory.ranked()[: self._settings.population])
        merits = trajectory.merits(alive)
        born: list[Proposal] = []
        new: set[str] = set()
        births = refused = 0
        while alive and len(new) < wanted and births < BIRTHS and refused < REFUSED:
            rivals = rng.choices(range(len(alive)), k=self._settings.tournament)
            parent = alive[max(rivals, key=merits.__getitem__)]
            child = space.of(space.mutate(space.parse(parent.text), rng))
            if not self._task.admits(child):
                refused += 1
                continue
            births += 1
            if child.key in new:
                continue
            born.append(Proposal(child.text, "mutation"))
            known = trajectory.known(child.key)
            if known is None:
                new.add(child.key)
            elif known.ok and not trajectory.tradeoff:
                alive.append(known)
                merits = trajectory.merits(alive)
        if not new:  # the population has no new children any more: as much as was asked for is searched all the same
            born += islice(unseen_samples(self._task, trajectory, rng), 1)
        return born


ALGORITHM = Evolution

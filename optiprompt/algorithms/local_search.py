"""Local search with first improvement and random restarts (on architectures: White et al. 2020, arXiv 2005.02960)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from operator import gt, lt
from typing import Any

from optiprompt.algorithms.base import Algorithm, Searcher, Setting
from optiprompt.algorithms.random import unseen_samples
from optiprompt.candidate import Candidate, Proposal, Trial
from optiprompt.errors import UsageError
from optiprompt.tasks.base import Task
from optiprompt.trajectory import Trajectory

RESTART = "restart"


@dataclass(frozen=True)
class LocalSearch(Algorithm):
    """Try the neighbours of the current candidate in random order and move to the first better one.

    The search begins at the best starting candidate. A neighbour that was evaluated before is free. Where no neighbour
    is better, the search goes on from a random new candidate. A Pareto search tries the neighbours of the least crowded
    member of the front that has new ones (Pareto local search, Paquete et al. 2004).

    Attributes:
        proposals: new neighbours a step.
    """

    proposals: int = 1

    name = "local-search"

    def __post_init__(self) -> None:
        if self.proposals < 1:
            raise UsageError(f"proposals must be at least 1, not {self.proposals}")

    def begin(self, setting: Setting) -> "LocalSearcher":
        """A searcher; the task's space must be able to draw random candidates and to list neighbours."""
        space = setting.task.space
        next(iter(space.neighbours(space.sample(random.Random(0)))), None)
        return LocalSearcher(self, setting.task)


class LocalSearcher(Searcher):
    """Holds the current candidate.

    The moves are made in `tell`, from the source of each trial: a `restart` is moved to, others only when better.
    """

    def __init__(self, settings: LocalSearch, task: Task) -> None:
        self._settings = settings
        self._task = task
        self._better = gt if task.direction == "maximize" else lt
        self._current: Trial | None = None

    def tell(self, trials: Sequence[Trial]) -> None:
        """Move to the trials that are better, and to restarts."""
        for trial in trials:
            if trial.ok and (self._improves(trial, self._current) or trial.proposal.source == RESTART):
                self._current = trial

    def _improves(self, trial: Trial, current: Trial | None) -> bool:
        return current is None or bool(self._better(trial.score, current.score))

    async def ask(self, trajectory: Trajectory, count: int, rng: random.Random) -> list[Proposal]:
        """New neighbours; moves to known better ones come before them as duplicates; a restart at a local optimum."""
        wanted = min(count, self._settings.proposals)
        if trajectory.tradeoff:
            moves = self._beside_front(trajectory, rng)[:wanted]
            return moves or list(islice(unseen_samples(self._task, trajectory, rng, RESTART), 1))
        moves = []
        here = self._current
        while here is not None:
            better, unseen = self._around(here, trajectory, rng)
            if better is None:
                if unseen:
                    return moves + unseen[:wanted]
                break
            moves.append(Proposal(better.text, "neighbour"))
            here = better
        return moves + list(islice(unseen_samples(self._task, trajectory, rng, RESTART), 1))

    def _around(self, here: Trial, trajectory: Trajectory, rng: random.Random) -> tuple[Trial | None, list[Proposal]]:
        """In random order: the first known neighbour that is better, or else all new ones within the limits."""
        unseen: list[Proposal] = []
        for candidate in self._neighbours(here, rng):
            known = trajectory.known(candidate.key)
            if known is None:
                if self._task.admits(candidate):
                    unseen.append(Proposal(candidate.text, "neighbour"))
            elif known.ok and self._improves(known, here):
                return known, []
        return None, unseen

    def _beside_front(self, trajectory: Trajectory, rng: random.Random) -> list[Proposal]:
        """In random order the new neighbours of the least crowded member of the front that has any."""
        front = trajectory.front()
        for member in trajectory.ranked()[: len(front.members) if front else 0]:
            around = self._neighbours(member, rng)
            unseen = [each for each in around if trajectory.known(each.key) is None and self._task.admits(each)]
            if unseen:
                return [Proposal(each.text, "neighbour") for each in unseen]
        return []

    def _neighbours(self, here: Trial, rng: random.Random) -> list[Candidate[Any]]:
        space = self._task.space
        neighbours = [space.of(value) for value in space.neighbours(space.parse(here.text))]
        rng.shuffle(neighbours)
        return neighbours


ALGORITHM = LocalSearch

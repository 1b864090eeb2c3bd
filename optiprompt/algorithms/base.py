"""The contract of a search algorithm: it turns a trajectory into proposals."""

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from optiprompt.backends.base import Backend
from optiprompt.candidate import Proposal, Trial
from optiprompt.spaces.base import Space
from optiprompt.tasks.base import Task
from optiprompt.trajectory import Trajectory


@dataclass(frozen=True)
class Setting:
    """What a search is about.

    Attributes:
        task: what is optimised.
        optimizer: the model that proposes; None for algorithms that need none.
        seed: the run's seed.
        steps: how many steps the run will have; None where something else ends it.
        scorer: the model that is instructed, for tasks that need one; None where nothing is to be asked.
    """

    task: Task
    optimizer: Backend | None
    seed: int
    steps: int | None = None
    scorer: Backend | None = None


class Searcher(ABC):
    """The working state of one search.

    All state comes through `tell`, so that a resumed run rebuilds it by telling it the recorded trials again; `ask`
    leaves the state as it is and takes all chance from the generator it is given.
    """

    @abstractmethod
    async def ask(self, trajectory: Trajectory, count: int, rng: random.Random) -> list[Proposal]:
        """The next proposals.

        Args:
            trajectory: all trials so far.
            count: how many new candidates the budget still has room for, at least 1.
            rng: seeded for this step.
        """

    def state(self, trajectory: Trajectory) -> Mapping[str, Mapping[str, float]]:
        """What the record of a step says of the ways to propose: figures by name; empty where there is but one."""
        return {}

    def tell(self, trials: Sequence[Trial]) -> None:  # noqa: B027 - most algorithms keep no state of their own
        """Learn what became of a step's proposals, duplicates and failures included, in proposal order."""


class Algorithm(ABC):
    """The settings of a search algorithm: a frozen dataclass whose fields are recorded with the run.

    Attributes:
        name: as the command line calls it.
        needs_optimizer: a language model proposes.
        presets: sets of values for the settings, by name: `reference` for those of the published system.
    """

    name: str
    needs_optimizer: bool = False
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def a_step(self, space: Space[Any]) -> int:
        """How many candidates it proposes a step in this space, at most."""
        return int(vars(self).get("proposals", 1))

    @abstractmethod
    def begin(self, setting: Setting) -> Searcher:
        """A fresh searcher for one run.

        Raises:
            UsageError: the algorithm cannot work on this task or without an optimizer.
        """

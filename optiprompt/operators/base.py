"""The contract of a proposal operator: from what has been tried to new proposals, in one way of many."""

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from optiprompt.backends.base import Backend, Reply, Request
from optiprompt.candidate import Proposal, Trial
from optiprompt.errors import BackendError, BudgetSpent, FatalBackendError
from optiprompt.operators._texts import bare, unled
from optiprompt.opro_settings import OproSettings, Style
from optiprompt.spaces.base import Space
from optiprompt.tasks.base import Task
from optiprompt.trajectory import Trajectory

CONTINUING = 1.5
ASKING = 1.0
HOTTEST = 2.0  # servers refuse more
TOLD = 2.0  # standard errors above nothing right: below that what was right may have been luck


class Heard(NamedTuple):
    """A reply with its record in replies.jsonl: request key and sample index."""

    reply: Reply
    record: tuple[str, int]


@dataclass(frozen=True)
class Scene:
    """What an operator works with in one step.

    Attributes:
        task: what is optimised.
        trajectory: all trials so far.
        settings: what is shown to the model, and how it is sampled.
        optimizer: the model that proposes.
        seed: the run's.
        steps: how many steps the run will have; None where something else ends it.
        scorer: the model that is instructed, for tasks that need one; None in a rehearsal.
        any_parent: also those that got nothing right, or little, are varied: there is nothing else to work on.
        goes_on: some of the step's operators need no model: its end does not end the run.
        refusals: why the run's budget refused a call, for each one that it did.
    """

    task: Task
    trajectory: Trajectory
    settings: OproSettings
    optimizer: Backend
    seed: int
    steps: int | None = None
    scorer: Backend | None = None
    any_parent: bool = False
    goes_on: bool = False
    refusals: list[BudgetSpent] = field(default_factory=list)

    @property
    def style(self) -> Style:
        """How this model is asked."""
        if self.settings.style != "auto":
            return self.settings.style
        return "pretrained" if self.optimizer.proposes == "continuation" else "chat"

    @property
    def continuing(self) -> bool:
        """The model is given plain text to continue."""
        return self.style == "pretrained"

    @property
    def room(self) -> int:
        """The most tokens that a prompt may have."""
        return self.optimizer.context - self.settings.reply_tokens

    @property
    def first_sample(self) -> int:
        """The step's first sample index: a prompt that comes again in a later step gets other samples."""
        most = self.settings.most(self.task.space.predictable)
        return (self.trajectory.steps + 1) * most * self.settings.oversampling

    @property
    def temperature(self) -> float:
        """The step's temperature: constant or rising over the steps, wider while the model only repeats itself."""
        settings = self.settings
        usual = (self.task.space.temperature or CONTINUING) if self.continuing else ASKING
        temperature = usual if settings.temperature is None else settings.temperature
        if settings.temperature_end is not None and self.steps:
            share = min(1.0, self.trajectory.steps / self.steps)
            temperature += (settings.temperature_end - temperature) * share
        return max(temperature, min(HOTTEST, temperature * (1 + settings.widening * self.trajectory.repeating)))

    async def ask(self, request: Request, samples: Sequence[int]) -> list[Heard]:
        """The model's replies; where no call came through each is an error, as the trajectory has to know.

        Where the run may send no more, and others go on without the model, those that came before. Empty where the
        run ends by that: they are on disk, where a run with a larger budget finds them, and ends as if it had never
        stopped.

        Raises:
            FatalBackendError: asking again cannot help.
        """
        key = request.key(self.optimizer.name)
        try:
            replies = await self.optimizer.generate(request, samples)
        except BudgetSpent as error:
            self.refusals.append(error)
            paid = sorted(error.replies.items()) if self.goes_on else []
            return [Heard(reply, (key, number)) for number, reply in paid if reply.finish != "error"]
        except FatalBackendError:
            raise
        except BackendError as error:
            replies = [Reply("", "error", error=str(error))] * len(samples)
        return [Heard(reply, (key, number)) for number, reply in zip(samples, replies, strict=True)]

    def parents(self, most: int) -> list[Trial]:
        """The best scored candidates, best first, but for the empty text and those that got nothing right but by luck.

        Examples that they show are left out, and the lead to the question: each text comes once, with the best that it
        reached.
        """
        bounds = None if self.any_parent else self.task.bounds
        worst = bounds[self.task.direction == "minimize"] if bounds else None
        found: dict[str | None, Trial] = {}
        for trial in self.trajectory.ranked():
            text = unled(self.task.space, bare(self.task.space, trial))
            if text.text and (worst is None or abs(text.score - worst) > TOLD * (text.evaluation.stderr or 0)):
                found.setdefault(text.key, text)
        return list(found.values())[:most]


class Operator(ABC):
    """One way to propose. Holds no state: all it needs is in the scene, and all chance in the generator it is given.

    Attributes:
        name: as the command line calls it; the `source` of its proposals.
        kind: of the spaces it can work in: `text` or `structured`; None for all.
        asks: it asks the optimizer, and so ends with the optimizer's calls.
    """

    name: ClassVar[str]
    kind: ClassVar[str | None] = None
    asks: ClassVar[bool] = True

    @classmethod
    def misfit(cls, space: Space[Any]) -> str:
        """Why it can never work in this space; empty where it can."""
        return "" if cls.kind in (None, space.kind) else f"only works on {cls.kind} candidates: take opro or mix"

    def ready(self, scene: Scene) -> bool:
        """Whether there is something to work on."""
        return True

    @abstractmethod
    async def propose(self, scene: Scene, count: int, rng: random.Random) -> list[Proposal]:
        """Proposals for `count` new candidates, in order; duplicates and failures come along, for they are counted.

        Where more cost little there may be more: then the searcher chooses.
        """

    def failed(self, heard: Heard) -> Proposal:
        """The proposal that stands for a call that failed."""
        return Proposal("", self.name, None, f"the call failed: {heard.reply.error}", failed=True)

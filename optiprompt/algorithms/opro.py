"""The language model is the optimizer (OPRO: Yang et al. 2023, arXiv 2309.03409), with more than one way to propose."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from optiprompt import meter
from optiprompt.algorithms.base import Algorithm, Searcher, Setting
from optiprompt.backends.base import Backend
from optiprompt.bandit import Bandit
from optiprompt.candidate import Proposal, Trial
from optiprompt.errors import UsageError
from optiprompt.operators.base import Operator, Scene
from optiprompt.opro_settings import OproSettings
from optiprompt.oversampling import chosen
from optiprompt.plugins import find, names
from optiprompt.spaces.base import Space
from optiprompt.trajectory import Trajectory

MIX = "mix"


@dataclass(frozen=True, kw_only=True)
class Opro(OproSettings, Algorithm):
    """Proposal operators share each step; a bandit gives more to those that help.

    The settings are those of `OproSettings`.
    """

    name = "opro"
    needs_optimizer = True
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "reference": {
            "operators": "opro",
            "proposals": 8,
            "rejected": 0,
            "aim": False,
            "cleaning": False,
            "constrained": False,
            "oversampling": 1,
            "predictor": False,
            "widening": 0.0,
        },
    }

    def a_step(self, space: Space[Any]) -> int:
        """As the settings say."""
        return self.most(space.predictable)

    def begin(self, setting: Setting) -> "OproSearcher":
        """A searcher that asks the setting's optimizer."""
        if setting.optimizer is None:
            raise UsageError("the algorithm opro needs an optimizer: give one, for example smollm2 or openai:MODEL")
        if self.temperature_end is not None and setting.steps is None:
            raise UsageError("temperature_end needs a number of steps: over these the temperature rises")
        return OproSearcher(self, setting, setting.optimizer)


class OproSearcher(Searcher):
    """Asks the optimizer through the operators."""

    def __init__(self, settings: Opro, setting: Setting, optimizer: Backend) -> None:
        self._settings = settings
        self._setting = setting
        self._optimizer = optimizer
        self._operators = {each.name: each for each in operators(settings.operators, setting.task.space)}
        task = setting.task
        self._bandit = Bandit(tuple(self._operators), task.direction, task.needs_scorer, task.tradeoff, task.worth)

    def tell(self, trials: Sequence[Trial]) -> None:
        """The bandit learns."""
        self._bandit.tell(trials)

    def state(self, trajectory: Trajectory) -> Mapping[str, Mapping[str, float]]:
        """What each operator has brought, and its share of the next proposals; empty where there is but one."""
        return self._bandit.state(self._scene(trajectory)[1]) if len(self._operators) > 1 else {}

    async def ask(self, trajectory: Trajectory, count: int, rng: random.Random) -> list[Proposal]:
        """The proposals of all operators that take part in this step, in the operators' order."""
        scene, ready = self._scene(trajectory)
        if not ready and trajectory.steps == 0:
            raise UsageError(f"nothing to work on for {', '.join(self._operators)}: add another of --operators, or mix")
        dealt = self._bandit.deal(ready, min(count, self._settings.a_step(scene.task.space)), rng)
        # Each has a generator of its own: what one draws does not depend on what another did.
        chances = {name: random.Random(rng.random()) for name in dealt} if len(self._operators) > 1 else {}
        scene = replace(scene, goes_on=any(not self._operators[name].asks for name in ready))
        works = [self._operators[name].propose(scene, share, chances.get(name, rng)) for name, share in dealt.items()]
        made = dict(zip(dealt, await asyncio.gather(*works), strict=True))
        if scene.refusals and not any(made.values()):
            raise scene.refusals[0]
        return chosen(scene, dealt, made)

    def _scene(self, trajectory: Trajectory) -> tuple[Scene, list[str]]:
        """What the next step works with, and the operators that take part in it."""
        setting = self._setting
        scene = Scene(
            setting.task, trajectory, self._settings, self._optimizer, setting.seed, setting.steps, setting.scorer
        )
        if ready := self._ready(scene):
            return scene, ready
        scene = replace(scene, any_parent=True)
        return scene, self._ready(scene)

    def _ready(self, scene: Scene) -> list[str]:
        """Those that have something to work on; once the optimizer's calls are spent the others go on without it."""
        ready = [name for name, operator in self._operators.items() if operator.ready(scene)]
        alone = [name for name in ready if not self._operators[name].asks]
        return alone if alone and meter.spent("optimizer") else ready


def operators(named: str, space: Space[Any]) -> list[Operator]:
    """The operators of that setting.

    Raises:
        UsageError: one does not exist, or cannot work in this space.
    """
    if named == MIX:
        known: list[type[Operator]] = [find("operators", name).OPERATOR for name in names("operators")]
        return [each() for each in known if not each.misfit(space)]
    found: list[Operator] = [find("operators", name.strip()).OPERATOR() for name in named.split(",")]
    for operator in found:
        if problem := operator.misfit(space):
            raise UsageError(f"the operator {operator.name} {problem}")
    return found


ALGORITHM = Opro

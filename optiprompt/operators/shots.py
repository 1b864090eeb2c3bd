"""Show other examples: few-shot prompts are searched jointly with their texts (DSPy, arXiv 2310.03714)."""

import random
from typing import Any

from optiprompt.candidate import Proposal, Trial, Usage
from optiprompt.data.examples import Example
from optiprompt.errors import BudgetSpent, Unheard
from optiprompt.operators._texts import bare
from optiprompt.operators.base import Operator, Scene
from optiprompt.shots import bootstrap, shots, showable
from optiprompt.spaces.base import Space
from optiprompt.spaces.prompt import Prompts
from optiprompt.tasks.prompt import PromptTask

BOOTSTRAPPED = 4  # times as many examples as can be shown are asked of the scorer


class Shots(Operator):
    """Varies the examples that one of the best candidates shows. No model proposes.

    The examples are labelled ones of the task's pool, or such with the scorer's own right reply, for which it is asked
    once for each text that becomes the best.
    """

    name = "shots"
    kind = "text"
    asks = False

    @classmethod
    def misfit(cls, space: Space[Any]) -> str:
        """Candidates cannot show examples."""
        allowed = isinstance(space, Prompts) and space.shots > 0
        return "" if allowed else "needs prompts that may show examples: --shots 4"

    def ready(self, scene: Scene) -> bool:
        """There are examples to show, and a prompt to show them in."""
        task = scene.task
        return isinstance(task, PromptTask) and bool(showable(task)) and scene.trajectory.best is not None

    async def propose(self, scene: Scene, count: int, rng: random.Random) -> list[Proposal]:
        """Unseen candidates."""
        task, space, best = scene.task, scene.task.space, scene.trajectory.best
        assert isinstance(task, PromptTask)
        assert isinstance(space, Prompts)
        assert best is not None
        pool, usage, proposals, taken = showable(task), Usage(), list[Proposal](), set[str]()
        try:
            own, usage = await self._own(scene, task, best, pool[: BOOTSTRAPPED * space.shots])
        except BudgetSpent as error:
            scene.refusals.append(error)
            return []
        except Unheard as error:
            own, usage = {}, error.usage or usage
        for _ in range(count):
            found = shots(scene.trajectory, space, pool, rng, own, taken, task.objection)
            if found is None:
                break
            taken.add(found.key)
            proposals.append(Proposal(found.text, self.name, usage=Usage() if proposals else usage))
        return proposals

    async def _own(
        self, scene: Scene, task: PromptTask, best: Trial, pool: list[Example]
    ) -> tuple[dict[str, str], Usage]:
        """What the scorer replied rightly to the pool under the best candidate's texts, and what it took."""
        texts = bare(task.space, best).candidate
        if scene.scorer is None or texts is None or best.score == 0:
            return {}, Usage()
        return await bootstrap(task, texts, scene.scorer, pool)


OPERATOR = Shots

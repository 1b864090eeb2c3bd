"""A local move: one small change to one of the best candidates, by chance. No model takes part."""

import random

from optiprompt.candidate import Proposal
from optiprompt.errors import UsageError
from optiprompt.operators.base import Operator, Scene

PARENTS = 3


class Neighbour(Operator):
    """Changes one of the best three at random."""

    name = "neighbour"
    kind = "structured"

    def ready(self, scene: Scene) -> bool:
        """There is a parent, and the space knows small changes."""
        ranked = scene.trajectory.ranked()
        if not ranked:
            return False
        try:
            scene.task.space.mutate(scene.task.space.parse(ranked[0].text), random.Random(0))
        except UsageError:
            return False
        return True

    async def propose(self, scene: Scene, count: int, rng: random.Random) -> list[Proposal]:
        """Several times as many as are wanted, for the searcher to choose from: they cost nothing."""
        space = scene.task.space
        parents = scene.trajectory.ranked()[:PARENTS]
        found: dict[str, Proposal] = {}
        for _ in range(10 * count * scene.settings.oversampling):
            child = space.mutate(space.parse(rng.choice(parents).text), rng)
            if scene.trajectory.known(space.key(child)) is None:
                found.setdefault(space.key(child), Proposal(space.render(child), self.name))
            if len(found) == count * scene.settings.oversampling:
                break
        return list(found.values())


OPERATOR = Neighbour

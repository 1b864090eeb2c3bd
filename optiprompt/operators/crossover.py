"""Join two instructions (EvoPrompt, arXiv 2309.08532; as plain text to continue: Meyerson et al., arXiv 2302.12170)."""

import random
from collections.abc import Mapping

from optiprompt.operators._prompted import Prompted
from optiprompt.operators.base import Scene

PARENTS = 6


class Crossover(Prompted):
    """Shows two of the best candidates (more where they are continued) and asks for one that joins their strengths."""

    name = "crossover"

    def ready(self, scene: Scene) -> bool:
        """There are two parents."""
        return len(scene.parents(2)) == 2

    def values(self, scene: Scene, rng: random.Random) -> Mapping[str, object]:
        """`texts`: the parents in random order."""
        parents = scene.parents(PARENTS)
        count = min(len(parents), 4 if scene.continuing else 2)
        return {"texts": [trial.text for trial in rng.sample(parents, count)]}


OPERATOR = Crossover

"""Say the same in other words (the mutation of APE, arXiv 2211.01910, and EvoPrompt, arXiv 2309.08532)."""

import random
from collections.abc import Mapping

from optiprompt.operators._prompted import Prompted
from optiprompt.operators.base import Scene

PARENTS = 3


class Paraphrase(Prompted):
    """Asks for a variation of one of the best candidates."""

    name = "paraphrase"

    def ready(self, scene: Scene) -> bool:
        """There is a text to say otherwise."""
        return bool(scene.parents(PARENTS))

    def values(self, scene: Scene, rng: random.Random) -> Mapping[str, object]:
        """`text`: the parent."""
        return {"text": rng.choice(scene.parents(PARENTS)).text}


OPERATOR = Paraphrase

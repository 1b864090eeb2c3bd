"""Say it in fewer words: long instructions cost tokens, and small models follow short ones better."""

import random
from collections.abc import Mapping

from optiprompt.candidate import Trial
from optiprompt.operators._prompted import Prompted
from optiprompt.operators.base import Scene

PARENTS = 3
LONG = 12  # words


class Shorten(Prompted):
    """Asks for a shorter form of one of the best candidates that is long."""

    name = "shorten"

    def ready(self, scene: Scene) -> bool:
        """One of the best is long."""
        return bool(_long(scene))

    def values(self, scene: Scene, rng: random.Random) -> Mapping[str, object]:
        """`text`: the parent."""
        return {"text": rng.choice(_long(scene)).text}


def _long(scene: Scene) -> list[Trial]:
    return [trial for trial in scene.parents(PARENTS) if len(trial.text.split()) >= LONG]


OPERATOR = Shorten

"""Mend an instruction by what it got wrong (ProTeGi: Pryzant et al. 2023, arXiv 2305.03495; GEPA, arXiv 2507.19457)."""

import random
from collections.abc import Mapping
from dataclasses import replace

from optiprompt.candidate import Trial
from optiprompt.operators._prompted import Prompted, failures, pair, shown
from optiprompt.operators.base import Scene

PARENTS = 3
FAILURES = 4


class Reflect(Prompted):
    """Shows failures of one of the best candidates with its outputs; asks for the cause, then for a mended text."""

    name = "reflect"

    def ready(self, scene: Scene) -> bool:
        """One of the best got something wrong."""
        return bool(_wrong(scene))

    def values(self, scene: Scene, rng: random.Random) -> Mapping[str, object]:
        """`text`: the parent; `failures`: some of what it got wrong, with `answer` and `feedback`."""
        parent = rng.choice(_wrong(scene))
        wrong = failures(parent, scene.task.examples)
        chosen = rng.sample(wrong, min(FAILURES, len(wrong)))
        told = [
            {**pair(example), "answer": shown(outcome.said or outcome.answer), "feedback": shown(outcome.feedback)}
            for example, outcome in chosen
        ]
        return {"text": parent.text, "failures": told}


def _wrong(scene: Scene) -> list[Trial]:
    """The best candidates that got something wrong; those that got nothing right too, while there are no others."""
    best = scene.parents(PARENTS) or replace(scene, any_parent=True).parents(PARENTS)
    return [trial for trial in best if failures(trial, scene.task.examples)]


OPERATOR = Reflect

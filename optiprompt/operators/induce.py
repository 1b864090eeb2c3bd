"""Infer the instruction from inputs and outputs (Honovich et al. 2022, arXiv 2205.10782; APE, arXiv 2211.01910)."""

import random
from collections.abc import Mapping, Sequence

from optiprompt.data.examples import Example
from optiprompt.operators._form import finished, with_system
from optiprompt.operators._lead import text_led
from optiprompt.operators._prompted import Prompted, failures, pair
from optiprompt.operators.base import Scene
from optiprompt.spaces.text import OPENING

PAIRS = 8


class Induce(Prompted):
    """Shows inputs with their outputs and asks which instruction leads from one to the other.

    Half of the prompts draw their examples from those that the best candidate gets wrong. What is inferred says what
    the outputs are, seldom that nothing else is written: a sentence on the form is added where one helps, and to most
    or half of the instructions where that is not known yet; a lead to the question (`Input:`) to all; a system message,
    where there may be one, to half.
    """

    name = "induce"

    def ready(self, scene: Scene) -> bool:
        """There are examples to show."""
        return bool(scene.task.examples)

    def values(self, scene: Scene, rng: random.Random) -> Mapping[str, object]:
        """`pairs`: some examples."""
        best = scene.trajectory.best
        failing = [each for each, _ in failures(best, scene.task.examples)] if best and rng.random() < 0.5 else []
        wrong, examples = _once(failing), _once(scene.task.examples)
        chosen = rng.sample(wrong, min(PAIRS, len(wrong)))
        shown = {each.content for each in chosen}
        rest = [example for example in examples if example.content not in shown]
        chosen += rng.sample(rest, min(PAIRS - len(chosen), len(rest)))
        rng.shuffle(chosen)
        return {"pairs": [pair(example) for example in chosen]}

    def finished(self, scene: Scene, texts: Sequence[str], rng: random.Random) -> Sequence[str]:
        """With a sentence on the form, a lead to the question and a system message, where wanted and not there."""
        if scene.task.space.tag == OPENING:
            return texts
        formed = [text_led(scene, finished(scene, text, rng.random())) for text in texts]
        return [with_system(scene, text, rng.random()) for text in formed]


def _once(examples: Sequence[Example]) -> list[Example]:
    """Each once: with several scorers there is one for each of them."""
    return list({each.content: each for each in examples}.values())


OPERATOR = Induce

"""Small edits of an instruction without a model: a sentence less, or one more (GrIPS: Prasad et al., arXiv 2203.07281).

What an instruction lacks is often only a word on the form of the answer, which no model needs to be asked for.
"""

import random
import re
from collections.abc import Iterator
from typing import Any

from optiprompt.candidate import Proposal, Trial
from optiprompt.errors import ParseError
from optiprompt.operators.base import Operator, Scene
from optiprompt.spaces.base import Space
from optiprompt.spaces.prompt import Prompts

PARENTS = 3
SENTENCES = (
    "Answer with the output only.",
    "Write only the answer, without any explanation.",
    "Answer in one word.",
    "Answer in lower case.",
    "Do not repeat the input.",
    "Think step by step, then give the answer.",
    "Be exact.",
)


class Edit(Operator):
    """Takes a sentence out of one of the best candidates, or adds one on the form of the answer or on care.

    While nothing is right, what the model wrote may lack no more than the form, and is edited too.
    """

    name = "edit"
    kind = "text"
    asks = False

    @classmethod
    def misfit(cls, space: Space[Any]) -> str:
        """It needs whole instructions: no starting sentences, and no prompts of several parts or with examples."""
        whole = space.tag != "Start" and not isinstance(space, Prompts)
        return super().misfit(space) or ("" if whole else "only works on whole instructions: take opro or mix")

    def ready(self, scene: Scene) -> bool:
        """There is something to edit."""
        return next(_edits(scene, random.Random(0)), None) is not None

    async def propose(self, scene: Scene, count: int, rng: random.Random) -> list[Proposal]:
        """Unseen candidates."""
        edits = list(_edits(scene, rng))
        rng.shuffle(edits)
        return [Proposal(text, self.name) for text in edits[:count]]


def _parents(scene: Scene) -> list[Trial]:
    best = scene.parents(PARENTS)
    if best:
        return best
    written = [*scene.trajectory.ranked(), *scene.trajectory.pruned]
    return [trial for trial in written if trial.text and trial.proposal.source != "start"]


def _edits(scene: Scene, rng: random.Random) -> Iterator[str]:
    seen = set[str]()
    for parent in _parents(scene):
        sentences = re.split(r"(?<=[.!?])\s+", parent.text.strip())
        said = parent.text.casefold()
        texts = [f"{parent.text.strip().rstrip('.:')}. {each}" for each in SENTENCES if each.casefold() not in said]
        # The first sentence mostly says what to do.
        texts += [" ".join(sentences[:place] + sentences[place + 1 :]) for place in range(1, len(sentences))]
        rng.shuffle(texts)
        for text in texts:
            try:
                key = scene.task.space.candidate(text).key
            except ParseError:
                continue
            if key not in seen and scene.trajectory.known(key) is None:
                seen.add(key)
                yield text


OPERATOR = Edit

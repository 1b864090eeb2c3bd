"""Small edits of an instruction without a model: a sentence less or more (GrIPS: Prasad et al., arXiv 2203.07281)."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from optiprompt.candidate import Proposal
from optiprompt.errors import ParseError
from optiprompt.operators._form import FORMS, SYSTEMS, forms, says_form, wanted, with_sentence, without
from optiprompt.operators._lead import led
from optiprompt.operators._texts import bare, unled, with_examples
from optiprompt.operators.base import Operator, Scene
from optiprompt.spaces.base import Space
from optiprompt.spaces.prompt import Prompt, Prompts, as_prompt
from optiprompt.spaces.text import OPENING

PARENTS = 3
_END = re.compile(r"(?<=[.!?])(?<!\b\d\.)(?<!\b\d\d\.)(\s+)")  # the number of an item ends no sentence
SENTENCES = (
    *FORMS,
    "Answer in one word.",
    "Answer in lower case.",
    "Do not repeat the input.",
    "Think step by step, then give the answer.",
    "Be exact.",
)


class Edit(Operator):
    """Takes a sentence out of one of the best candidates, or adds one on the form of the answer or on care.

    The best one is tried with and without a lead to the question (`Input:`).
    A common sentence on the form gives way to what is read off the right answers of this task.
    Where candidates may have a system message, one that has none is given one.

    While nothing is right, what was induced from the examples may lack no more than the form, and is given it.
    """

    name = "edit"
    kind = "text"
    asks = False

    @classmethod
    def misfit(cls, space: Space[Any]) -> str:
        """It needs whole instructions, and no starting sentences."""
        whole = space.tag != OPENING
        return super().misfit(space) or ("" if whole else "only works on whole instructions: take opro or mix")

    def ready(self, scene: Scene) -> bool:
        """There is something to edit."""
        return next(_edits(scene, random.Random(0)), None) is not None

    async def propose(self, scene: Scene, count: int, rng: random.Random) -> list[Proposal]:
        """Unseen candidates; where nothing is said on the form of the answer that comes first."""
        return [Proposal(text, self.name) for text in islice(_edits(scene, rng), count)]


def _edits(scene: Scene, rng: random.Random) -> Iterator[str]:
    """Unseen texts; without a parent that has something right, no more than the form for what was induced."""
    tried = [*scene.trajectory.ranked(), *scene.trajectory.pruned]
    space = scene.task.space
    induced = [unled(space, bare(space, trial)) for trial in tried if trial.text and trial.proposal.source == "induce"]
    good = scene.parents(PARENTS)
    parents = [as_prompt(each.candidate.value) for each in good or induced if each.candidate]
    best = parents[:1] if good else parents
    formed = [replace(prompt, instruction=text) for prompt in best for text in _reformed(scene, prompt.instruction)]
    formed += [replace(prompt, instruction=text) for prompt in parents for text in _formed(scene, prompt)]
    varied = parents if good else []
    others = [replace(prompt, instruction=text) for prompt in varied for text in _varied(prompt.instruction)]
    rng.shuffle(others)
    seen = set[str]()
    leads = [led(scene, prompt) for prompt in [*formed, *varied[:1], *_with_system(space, varied), *others]]
    for prompt in [*leads, *varied[:1]]:
        try:
            text = _shown(scene, prompt)
            candidate = space.candidate(text)
        except ParseError:
            continue
        if candidate.key in seen or scene.trajectory.known(candidate.key) or scene.task.objection(candidate):
            continue
        seen.add(candidate.key)
        yield text


def _reformed(scene: Scene, text: str) -> list[str]:
    """The instruction with the form of this task's answers in the place of a common sentence on it."""
    task, own = without(text, FORMS), forms(scene)[0]
    return [with_sentence(task, own)] if task and task != text and own not in FORMS else []


def _formed(scene: Scene, prompt: Prompt) -> list[str]:
    """The instruction with a sentence on the form, where it has none."""
    text = prompt.instruction
    known = not text or says_form(f"{text} {prompt.format}")
    return [] if known else [with_sentence(text, each) for each in wanted(scene).sentences]


def _with_system(space: Space[Any], prompts: Sequence[Prompt]) -> list[Prompt]:
    """The best of the prompts with a system message, where there may be one and it has none."""
    if not isinstance(space, Prompts) or "system" not in space.parts:
        return []
    return [replace(best, system=each) for best in prompts[:1] for each in SYSTEMS if not best.system]


def _shown(scene: Scene, prompt: Prompt) -> str:
    """The text of the prompt, with the examples that the best candidate shows."""
    space = scene.task.space
    if not isinstance(space, Prompts):
        return prompt.instruction
    return with_examples(scene.task, scene.trajectory, Proposal(space.render(prompt), "edit")).text


def _varied(text: str) -> list[str]:
    """With a sentence more, or one less but for the first, which mostly says what to do. Lines stay lines."""
    first, *pieces = _END.split(text.strip())
    more = [with_sentence(text, each) for each in SENTENCES if each.casefold() not in text.casefold()]
    others = [f"{space}{sentence}" for space, sentence in zip(pieces[::2], pieces[1::2], strict=True)]
    return more + [first + "".join(others[:place] + others[place + 1 :]) for place in range(len(others))]


OPERATOR = Edit

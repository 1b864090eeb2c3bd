"""What the operators for instructions share: a template is filled, the model replies, the reply is cleaned."""

import asyncio
import random
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace

from optiprompt import cleaning, parse
from optiprompt.backends.base import Message, Request
from optiprompt.candidate import Outcome, Proposal, Trial, Usage
from optiprompt.data.examples import Example
from optiprompt.metaprompt import template
from optiprompt.operators._lead import text_led
from optiprompt.operators._texts import with_examples
from optiprompt.operators.base import Heard, Operator, Scene
from optiprompt.spaces.text import OPENING

WARMTH = 0.7  # of the usual temperature in a chat: each prompt is another one, and small models go astray at 1
LINE = 300  # characters of an input, a target or an answer that are shown


class Prompted(Operator):
    """Asks with the template prompts/NAME_chat.jinja, or has prompts/NAME_plain.jinja continued.

    Each proposal has a prompt of its own, so that each shows other examples or parents. A reply may hold several
    proposals.
    """

    kind = "text"

    @abstractmethod
    def values(self, scene: Scene, rng: random.Random) -> Mapping[str, object]:
        """What the template is filled with for one proposal."""

    def finished(self, scene: Scene, texts: Sequence[str], rng: random.Random) -> Sequence[str]:
        """What is proposed for the instructions in a reply: those with the lead to the question that the best has."""
        return [text_led(scene, text, carried=True) for text in texts]

    async def propose(self, scene: Scene, count: int, rng: random.Random) -> list[Proposal]:
        """The proposals of `count` replies."""
        requests = [self._request(scene, rng) for _ in range(count)]
        asked = [scene.ask(request, [scene.first_sample + place]) for place, request in enumerate(requests)]
        return [
            each for heard in await asyncio.gather(*asked) for reply in heard for each in self._proposals(scene, reply)
        ]

    def _request(self, scene: Scene, rng: random.Random) -> Request:
        space = scene.task.space
        form = "plain" if scene.continuing else "chat"
        what = "starting sentence" if space.tag == OPENING else "instruction"
        shared = {"description": scene.task.description.strip(), "place": scene.task.place, "tag": space.tag}
        values = {**shared, "what": what, **self.values(scene, rng)}
        text = template(f"{self.name}_{form}").render(values)
        return Request(
            prompt=text if scene.continuing else (Message("user", text),),
            max_tokens=scene.settings.reply_tokens,
            temperature=scene.temperature * (1 if scene.continuing else WARMTH),
            stop=("\n\n",) if scene.continuing else (),
            seed=scene.seed,
        )

    def _proposals(self, scene: Scene, heard: Heard) -> list[Proposal]:
        reply = heard.reply
        if reply.finish == "error":
            return [self.failed(heard)]
        found = _read(scene, reply.text)
        if not found:
            problem = f"the reply holds no {'starting sentence' if scene.task.space.tag == 'Start' else 'instruction'}"
            return [Proposal(reply.text, self.name, heard.record, problem, usage=reply.usage)]
        if scene.settings.cleaning:
            found = list(self.finished(scene, found, random.Random(f"{heard.record}")))
        proposals = [
            with_examples(scene.task, scene.trajectory, Proposal(text, self.name, heard.record, usage=Usage()))
            for text in found
        ]
        return [replace(proposals[0], usage=reply.usage), *proposals[1:]]


def _read(scene: Scene, reply: str) -> list[str]:
    """The instructions in a reply: as a person reads them, or what stands in the form asked for."""
    tag = scene.task.space.tag
    if scene.continuing:
        return cleaning.continuation(reply, tag)
    if scene.settings.cleaning:
        return cleaning.instructions(reply, tag)
    text = parse.tagged(reply, tag)
    return [parse.polished(text)] if text else []


def shown(text: str) -> str:
    """The text in one piece, cut where it is long."""
    return text if len(text) <= LINE else f"{text[: LINE - 1]}…"


def pair(example: Example) -> dict[str, str]:
    """An example as the templates show it: its input and the first right target."""
    target = example.target if isinstance(example.target, str) else example.target[0]
    return {"input": shown(example.input), "target": shown(target)}


def failures(trial: Trial, examples: Sequence[Example]) -> list[tuple[Example, Outcome]]:
    """The examples that a candidate got wrong, each with its outcome; a call that failed is no wrong answer."""
    known = {example.id: example for example in examples}
    wrong = [each for each in trial.evaluation.outcomes if each.score is not None and each.score < 1]
    return [(known[each.example], each) for each in wrong if each.example in known]

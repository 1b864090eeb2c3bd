"""OPRO's own operator: show the best candidates with their scores (Yang et al. 2023, arXiv 2309.03409)."""

import random
from dataclasses import replace
from typing import Any

from optiprompt import cleaning, parse
from optiprompt.backends.base import Request
from optiprompt.candidate import Proposal, Usage
from optiprompt.errors import ParseError
from optiprompt.grammar import JsonSchema
from optiprompt.metaprompt import MetaPrompt
from optiprompt.operators._lead import text_led
from optiprompt.operators._texts import listed, with_examples
from optiprompt.operators.base import Heard, Operator, Scene
from optiprompt.spaces.base import Space
from optiprompt.spaces.text import OPENING


class Opro(Operator):
    """Lists the best candidates with their scores and asks for a better one.

    Small and base models are given the list as plain text to continue ("language-model crossover", Meyerson et al.
    2023, arXiv 2302.12170), with the reply sampled inside the space's grammar where the backend can do that; the others
    are asked in a chat, for structured candidates as JSON inside the space's schema where the server can do that: a
    small model loses count of the places of a plain list, and does not of named ones.
    """

    name = "opro"

    async def propose(self, scene: Scene, count: int, rng: random.Random) -> list[Proposal]:
        """One proposal for each sample of the meta-prompt.

        Where replies are decoded inside the grammar a further sample of the same meta-prompt costs little: more are
        drawn for the searcher to choose from.
        """
        request = self._request(scene, rng)
        draws = scene.settings.oversampling if scene.continuing and request.grammar else 1
        heard = await scene.ask(request, range(scene.first_sample, scene.first_sample + count * draws))
        made = [proposal for each in heard for proposal in self._proposals(scene, each)]
        return [with_examples(scene.task, scene.trajectory, each) for each in made]

    def _request(self, scene: Scene, rng: random.Random) -> Request:
        settings, task = scene.settings, scene.task
        schema = _schema(scene)
        meta = MetaPrompt(settings, scene.style, schema)
        open_line = settings.aim or task.space.kind != "text"
        decoded = scene.continuing and settings.constrained and scene.optimizer.decodes
        return Request(
            prompt=meta.build(task, listed(task, scene.trajectory), scene.optimizer, scene.room, rng, scene.seed),
            max_tokens=settings.reply_tokens,
            temperature=scene.temperature,
            stop=(("\n", "</TEXT>") if open_line else ("</TEXT>",)) if scene.continuing else (),
            grammar=task.space.grammar if decoded else schema,
            seed=scene.seed,
        )

    def _proposals(self, scene: Scene, heard: Heard) -> list[Proposal]:
        reply, space = heard.reply, scene.task.space
        if reply.finish == "error":
            return [self.failed(heard)]
        match scene.style:
            case "pretrained":
                text, form = parse.continued(reply.text, "TEXT"), "<TEXT>...</TEXT>"
            case "bracketed":
                text, form = parse.bracketed(reply.text), "text in [square brackets]"
            case "chat":
                text, form = parse.tagged(reply.text, space.tag), f"<{space.tag}>...</{space.tag}>"
                form = "JSON object that is a candidate" if _schema(scene) else form
        if space.kind != "text":
            if text is None:
                text = next((each for each in parse.pieces(reply.text) if _is_candidate(space, each)), None)
            if text is None and _schema(scene) and reply.text.strip().startswith("{"):
                text = reply.text.strip()  # the space says what is wrong with it
            texts = [text] if text is not None else []
        elif scene.settings.cleaning and not (text and space.tag == OPENING):
            texts = cleaning.instructions(reply.text if text is None or scene.style == "chat" else text, space.tag)
            texts = [text_led(scene, each, carried=True) for each in texts]
        else:
            texts = [parse.polished(text)] if text is not None else []
        if not texts:
            return [Proposal(reply.text, self.name, heard.record, f"the reply holds no {form}", usage=reply.usage)]
        first, *others = [Proposal(text, self.name, heard.record, usage=Usage()) for text in texts]
        return [replace(first, usage=reply.usage), *others]


def _schema(scene: Scene) -> JsonSchema | None:
    """Of the JSON that is asked for; None where it is the text of a candidate."""
    return scene.task.space.schema if scene.style == "chat" and scene.settings.constrained else None


def _is_candidate(space: Space[Any], text: str) -> bool:
    try:
        space.parse(text)
    except ParseError:
        return False
    return True


OPERATOR = Opro

"""The model rewrites one or two places of a good candidate (language-model crossover, arXiv 2302.12170, of a part).

What local search does by chance is left to the model, which has read the list of the best.
"""

import asyncio
import random
from dataclasses import replace

from optiprompt.backends.base import Request
from optiprompt.candidate import Proposal
from optiprompt.errors import ParseError
from optiprompt.grammar import Words
from optiprompt.metaprompt import MetaPrompt
from optiprompt.operators.base import Operator, Scene

PARENTS = 2.0  # mean rank of the parent, drawn from an exponential distribution
PLACES = (1, 1, 2)  # how many places are open
TRIES = 20  # for a place where something is new


class Infill(Operator):
    """Shows the list of the best to continue; the next line is a good candidate with one or two words left open."""

    name = "infill"
    kind = "structured"

    def ready(self, scene: Scene) -> bool:
        """The model decodes inside a grammar of words, and there is a parent."""
        decoded = scene.continuing and scene.settings.constrained and scene.optimizer.decodes
        grammar = scene.task.space.grammar
        return decoded and isinstance(grammar, Words) and any(_words(scene, grammar))

    async def propose(self, scene: Scene, count: int, rng: random.Random) -> list[Proposal]:
        """Several times as many as are wanted: they cost little."""
        grammar = scene.task.space.grammar
        assert isinstance(grammar, Words)
        meta = MetaPrompt(scene.settings, scene.style)
        listed = Request(
            prompt=meta.build(scene.task, scene.trajectory, scene.optimizer, scene.room, rng, scene.seed),
            max_tokens=scene.settings.reply_tokens,
            temperature=scene.temperature,
            stop=("\n",),
            seed=scene.seed,
        )
        parents = _words(scene, grammar)
        draws = range(scene.first_sample, scene.first_sample + count * scene.settings.oversampling)
        asked = [scene.ask(replace(listed, grammar=_open(scene, grammar, parents, rng)), [number]) for number in draws]
        proposals = []
        for heard in (each for replies in await asyncio.gather(*asked) for each in replies):
            if heard.reply.finish == "error":
                proposals.append(self.failed(heard))
            else:
                text = heard.reply.text.strip()
                proposals.append(Proposal(text, self.name, heard.record, usage=heard.reply.usage))
        return proposals


def _words(scene: Scene, grammar: Words) -> list[list[str]]:
    """The scored candidates, best first, word by word as the grammar writes them."""

    def fits(words: list[str]) -> bool:
        return len(words) == len(grammar.slots) and all(map(tuple.__contains__, grammar.slots, words))

    return [words for trial in scene.trajectory.ranked() if fits(words := trial.text.split(" "))]


def _open(scene: Scene, grammar: Words, parents: list[list[str]], rng: random.Random) -> Words:
    """The grammar of all candidates that differ from a good one in a place or two; of one place, of the new ones."""
    places = [place for place, slot in enumerate(grammar.slots) if len(slot) > 1]
    slots = list(grammar.slots)
    for _ in range(TRIES):
        parent = parents[min(int(rng.expovariate(1 / PARENTS)), len(parents) - 1)]
        free = rng.sample(places, min(rng.choice(PLACES), len(places)))
        slots = [slot if place in free else (parent[place],) for place, slot in enumerate(grammar.slots)]
        if len(free) > 1:
            break
        if new := tuple(
            word for word in slots[free[0]] if _new(scene, [*parent[: free[0]], word, *parent[free[0] + 1 :]])
        ):
            slots[free[0]] = new
            break
    return Words(tuple(slots))


def _new(scene: Scene, words: list[str]) -> bool:
    try:
        candidate = scene.task.space.candidate(" ".join(words))
    except ParseError:
        return False
    return scene.trajectory.known(candidate.key) is None and scene.task.admits(candidate)


OPERATOR = Infill

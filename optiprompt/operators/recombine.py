"""Join good candidates, or change one in a place or two, as the model sees fit (arXiv 2302.12170, here asked for)."""

import asyncio
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from optiprompt import parse
from optiprompt.backends.base import Message, Request
from optiprompt.candidate import Proposal, Trial, Usage
from optiprompt.errors import ParseError
from optiprompt.metaprompt import MetaPrompt, template
from optiprompt.operators.base import Heard, Operator, Scene
from optiprompt.operators.infill import Infill

PARENTS = 6  # of the best; two to four of them are shown
ASKED = 4  # candidates a reply in a chat
NEEDED = 2  # of them are counted on: the others are invalid, seen before, or left to choose from

_MARK = re.compile(r"^(?:\d+[.):]|[-*•]|candidate(?: \d+)?:|\s)+", re.IGNORECASE)


class Recombine(Operator):
    """Shows two to four of the best candidates and asks for changes of the first, perhaps to what the others have.

    A small model that is asked just to join them loses count of the places; so it is given the one to change. A model
    that continues text writes one more line of their list, inside the space's grammar where it can.
    """

    name = "recombine"
    kind = "structured"

    def ready(self, scene: Scene) -> bool:
        """There are two parents. In the mix `infill` does the same for less, where that can be had."""
        if scene.settings.operators == "mix" and Infill().ready(scene):
            return False
        return len(scene.trajectory.ranked()) >= 2

    async def propose(self, scene: Scene, count: int, rng: random.Random) -> list[Proposal]:
        """The candidates of all replies: more than are wanted, for the searcher to choose from."""
        decoded = scene.continuing and scene.settings.constrained and scene.optimizer.decodes
        replies = count if scene.continuing else -(-count // NEEDED)
        draws = scene.settings.oversampling if decoded and scene.task.space.grammar else 1
        asked, shown = [], []
        for place in range(replies):
            parents = self._parents(scene, rng)
            first = scene.first_sample + place * draws
            asked.append(scene.ask(self._request(scene, parents, rng, decoded), range(first, first + draws)))
            shown.append({trial.key for trial in parents})
        heard = zip(shown, await asyncio.gather(*asked), strict=True)
        return [made for keys, each in heard for reply in each for made in self._proposals(scene, reply, keys)]

    def _parents(self, scene: Scene, rng: random.Random) -> list[Trial]:
        best = scene.trajectory.ranked()[:PARENTS]
        drawn = sorted(rng.sample(range(len(best)), min(rng.choice((2, 3, 4)), len(best))))
        return [best[place] for place in drawn]

    def _request(self, scene: Scene, parents: Sequence[Trial], rng: random.Random, decoded: bool) -> Request:
        meta = MetaPrompt(scene.settings, scene.style)
        values = meta.values(scene.task, scene.trajectory, parents, (), rng.random())
        page = template(f"{self.name}_{'plain' if scene.continuing else 'chat'}")
        text = page.render(asked=ASKED, parent=parents[0].text, **values)
        return Request(
            prompt=text if scene.continuing else (Message("user", text),),
            max_tokens=scene.settings.reply_tokens,
            temperature=scene.temperature,
            stop=("\n",) if scene.continuing else (),
            grammar=scene.task.space.grammar if decoded else None,
            seed=scene.seed,
        )

    def _proposals(self, scene: Scene, heard: Heard, shown: set[str | None]) -> list[Proposal]:
        """The candidates in a reply, in order, each once; those that it was shown are no proposals."""
        reply, tag = heard.reply, scene.task.space.tag
        if reply.finish == "error":
            return [self.failed(heard)]
        found, wrong = dict[str, str](), list[str]()
        for text in _pieces(reply.text, tag):
            try:
                found.setdefault(scene.task.space.candidate(text).key, text)
            except ParseError as error:
                wrong.append(str(error))
        texts = [text for key, text in found.items() if key not in shown]
        if not texts:
            lacking = wrong[0] if wrong and parse.tagged(reply.text, tag) else f"the reply holds no <{tag}>...</{tag}>"
            problem = "the reply only repeats candidates" if found else lacking
            return [Proposal(reply.text, self.name, heard.record, problem, usage=reply.usage)]
        made = [Proposal(text, self.name, heard.record, usage=Usage()) for text in texts]
        return [replace(made[0], usage=reply.usage), *made[1:]]


def _pieces(reply: str, tag: str) -> Iterator[str]:
    """Where candidates may stand: in their tags; where there are none, on lines, which may be numbered."""
    closing = f"</{tag}>"
    pieces = list(parse.pieces(reply.replace(closing, f"{closing}\n")))[::-1]
    tagged = [text for piece in pieces if (text := parse.tagged(piece, tag)) is not None]
    for piece in tagged or pieces:
        yield piece
        yield _MARK.sub("", piece)


OPERATOR = Recombine

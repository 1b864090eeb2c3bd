"""OPRO: the language model is the optimizer (Yang et al. 2023, arXiv 2309.03409)."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from optiprompt import parse
from optiprompt.algorithms.base import Algorithm, Searcher, Setting
from optiprompt.backends.base import Backend, Reply, Request
from optiprompt.candidate import Proposal, Usage
from optiprompt.errors import BackendError, FatalBackendError, ParseError, UsageError
from optiprompt.metaprompt import MetaPrompt
from optiprompt.opro_settings import OproSettings, Style
from optiprompt.spaces.base import Space
from optiprompt.trajectory import Trajectory

CONTINUING = 1.5
ASKING = 1.0
HOTTEST = 2.0  # servers refuse more


@dataclass(frozen=True, kw_only=True)
class Opro(OproSettings, Algorithm):
    """Show the best candidates with their scores, sample new ones.

    Small and base models are given the list as plain text to continue ("language-model crossover", Meyerson et al.
    2023, arXiv 2302.12170), with the reply sampled inside the space's grammar where the backend can do that; the others
    are asked in a chat. The settings are those of `OproSettings`.
    """

    name = "opro"
    needs_optimizer = True
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "reference": {"rejected": 0, "aim": False, "constrained": False, "oversampling": 1, "widening": 0.0},
    }

    def begin(self, setting: Setting) -> "OproSearcher":
        """A searcher that asks the setting's optimizer."""
        if setting.optimizer is None:
            raise UsageError("the algorithm opro needs an optimizer: give one, for example smollm2 or openai:MODEL")
        if self.temperature_end is not None and setting.steps is None:
            raise UsageError("temperature_end needs a number of steps: over these the temperature rises")
        return OproSearcher(self, setting, setting.optimizer)


class OproSearcher(Searcher):
    """Asks the optimizer. All it knows is in the trajectory."""

    def __init__(self, settings: Opro, setting: Setting, optimizer: Backend) -> None:
        self._settings = settings
        self._setting = setting
        self._optimizer = optimizer

    async def ask(self, trajectory: Trajectory, count: int, rng: random.Random) -> list[Proposal]:
        """One proposal for each sample of the meta-prompt; fewer where the budget has no room for more.

        Where replies are decoded inside the grammar a further sample of the same meta-prompt costs little, so more are
        drawn, and the first unseen ones are proposed with the duplicates that came before them.
        """
        wanted = min(count, self._settings.proposals)
        request = self._request(trajectory, rng)
        draws = self._settings.oversampling if request.grammar else 1
        # Numbered through the run: the same meta-prompt in a later step gets other samples, not the same ones again.
        first = (trajectory.steps + 1) * self._settings.proposals * draws
        numbers = range(first, first + wanted * draws)
        try:
            replies = await self._optimizer.generate(request, numbers)
        except FatalBackendError:
            raise
        except BackendError as error:
            replies = [Reply("", "error", error=str(error))] * len(numbers)
        key = request.key(self._optimizer.name)
        proposals = [self._proposal(reply, (key, number)) for number, reply in zip(numbers, replies, strict=True)]
        return self._up_to(wanted, proposals, trajectory) if draws > 1 else proposals

    def _up_to(self, wanted: int, proposals: Sequence[Proposal], trajectory: Trajectory) -> list[Proposal]:
        """The proposals up to the last of so many unseen ones."""
        taken: list[Proposal] = []
        unseen: set[str] = set()
        for proposal in proposals:
            if len(unseen) == wanted:
                break
            taken.append(proposal)
            try:
                key = self._setting.task.candidate(proposal.text).key
            except ParseError:
                continue
            if trajectory.known(key) is None:
                unseen.add(key)
        # What the samples left out took is counted too, with the first proposal.
        rest = sum((proposal.usage for proposal in proposals[len(taken) :]), Usage())
        return [replace(taken[0], usage=taken[0].usage + rest), *taken[1:]]

    @property
    def _style(self) -> Style:
        if self._settings.style != "auto":
            return self._settings.style
        return "pretrained" if self._optimizer.proposes == "continuation" else "chat"

    def _request(self, trajectory: Trajectory, rng: random.Random) -> Request:
        settings, task = self._settings, self._setting.task
        room = self._optimizer.context - settings.reply_tokens
        meta = MetaPrompt(settings, self._style)
        continuing = self._style == "pretrained"
        open_line = settings.aim or task.space.kind != "text"
        decoded = continuing and settings.constrained and self._optimizer.decodes
        grammar = task.space.grammar if decoded else None
        return Request(
            prompt=meta.build(task, trajectory, self._optimizer, room, rng, self._setting.seed),
            max_tokens=settings.reply_tokens,
            temperature=self._temperature(trajectory),
            stop=(("\n", "</TEXT>") if open_line else ("</TEXT>",)) if continuing else (),
            grammar=grammar,
            seed=self._setting.seed,
        )

    def _temperature(self, trajectory: Trajectory) -> float:
        """The step's temperature: constant or rising over the steps, wider while there are only duplicates."""
        settings = self._settings
        continuing = self._setting.task.space.temperature or CONTINUING
        usual = continuing if self._style == "pretrained" else ASKING
        temperature = usual if settings.temperature is None else settings.temperature
        if settings.temperature_end is not None and self._setting.steps:
            share = min(1.0, trajectory.steps / self._setting.steps)
            temperature += (settings.temperature_end - temperature) * share
        return max(temperature, min(HOTTEST, temperature * (1 + settings.widening * trajectory.barren)))

    def _proposal(self, reply: Reply, record: tuple[str, int]) -> Proposal:
        if reply.finish == "error":
            return Proposal("", "opro", None, f"the call failed: {reply.error}", failed=True)
        space = self._setting.task.space
        match self._style:
            case "pretrained":
                text, form = parse.continued(reply.text, "TEXT"), "<TEXT>...</TEXT>"
            case "bracketed":
                text, form = parse.bracketed(reply.text), "text in [square brackets]"
            case "chat":
                text, form = parse.tagged(reply.text, space.tag), f"<{space.tag}>...</{space.tag}>"
        if text is None and space.kind != "text":
            text = next((each for each in parse.pieces(reply.text) if _is_candidate(space, each)), None)
        if text is None:
            return Proposal(reply.text, "opro", record, f"the reply holds no {form}", usage=reply.usage)
        return Proposal(parse.polished(text) if space.kind == "text" else text, "opro", record, usage=reply.usage)


def _is_candidate(space: Space[Any], text: str) -> bool:
    try:
        space.parse(text)
    except ParseError:
        return False
    return True


ALGORITHM = Opro

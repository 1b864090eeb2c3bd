"""A stand-in for a model that asks nobody and only counts: what a forecast is made with."""

import math
from collections.abc import Sequence

from optiprompt.backends._openai_body import prompt_text
from optiprompt.backends.base import Backend, Form, Reply, Request
from optiprompt.backends.hf import LocalBackend
from optiprompt.candidate import Usage
from optiprompt.habits import habit
from optiprompt.resources import runs_folder
from optiprompt.roles import Role
from optiprompt.tasks.base import Task

CHARACTERS_PER_TOKEN = 3.5
LOCAL_CONTEXT = 8192
SHARE_OF_MAX_TOKENS = 0.25
PROPOSAL_CHARACTERS = 100


class Counting:
    """Stands in for a model: counts what it is asked, each question once, and answers with made-up text."""

    def __init__(self, model: Backend, task: Task, role: Role) -> None:
        self.name, self.decodes = model.name, model.decodes
        self._role = role
        local = isinstance(model, LocalBackend)  # must not be loaded or fetched
        self.proposes: Form = _usual_form(model.name) if local else model.proposes
        self.context = LOCAL_CONTEXT if local else model.context
        self.habit = habit(runs_folder(), task.name, role, model.name)
        self.taken = Usage()
        self.length = round(self.habit.text) if self.habit and self.habit.text else PROPOSAL_CHARACTERS
        self._per_token = self.habit.characters if self.habit else CHARACTERS_PER_TOKEN
        self._tag = task.space.tag if role == "optimizer" else ""
        self._asked: set[tuple[str, int]] = set()

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        """One call, the prompt once, and replies as long as expected."""
        key = request.key(self.name)
        new = {(key, sample) for sample in samples} - self._asked
        self._asked |= new
        tokens = self._reply_tokens(request)
        if new:
            prompt = self.count_tokens(prompt_text(request.prompt))
            self.taken += Usage(1, prompt, round(len(new) * tokens))
        text = filler(round(tokens * self._per_token), len(self._asked))
        if self._tag and not isinstance(request.prompt, str):
            text = f"<{self._tag}>{text}</{self._tag}>"
        return [Reply(text, usage=Usage()) for _ in samples]

    def _reply_tokens(self, request: Request) -> float:
        if self.habit:
            return min(request.max_tokens, self.habit.completion_tokens)
        if self._tag:
            around = 0 if isinstance(request.prompt, str) else 2 * len(self._tag) + 5
            return min(request.max_tokens, (self.length + around) / self._per_token)
        return request.max_tokens * SHARE_OF_MAX_TOKENS

    def count_tokens(self, text: str) -> int:
        """An estimate from the number of characters."""
        return math.ceil(len(text) / self._per_token)

    def lengths(self) -> str:
        """How long prompts and replies are taken to be, in words."""
        known = self.habit
        if known is not None:
            return (
                f"the {self._role} {self.name}: {known.characters:.2f} characters a token and "
                f"{known.completion_tokens:.0f} tokens a reply, as in the run {known.run} ({known.replies} replies)"
            )
        reply = f"a reply takes {SHARE_OF_MAX_TOKENS:.0%} of max_tokens"
        proposal = f"a proposal has {PROPOSAL_CHARACTERS} characters"
        guess = f"{CHARACTERS_PER_TOKEN} characters a token; {proposal if self._tag else reply}"
        return f"the {self._role} {self.name}: {guess} (there is no earlier run of this task with it to learn from)"

    async def aclose(self) -> None:
        """Nothing is held."""


def filler(length: int, number: int) -> str:
    """A made-up text of about so many characters, another one for each number."""
    return f"{number} {'words ' * (length // 6)}"[: max(length, 8)].strip()


def _usual_form(name: str) -> Form:
    """How a local model proposes best, by its name alone: those under a billion parameters continue text."""
    small = name == "smollm2" or any(part[:-1].isdigit() and part[-1] in "mM" for part in name.split("-") if part)
    return "continuation" if small else "chat"

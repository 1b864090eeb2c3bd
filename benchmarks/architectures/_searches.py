"""One search of the benchmark, and the file that keeps those that are finished."""

import json
import random
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import optiprompt as op
from benchmarks._code import code_version
from optiprompt.api import run
from optiprompt.backends.base import Backend, Form, Reply, Request
from optiprompt.backends.uniform import UniformBackend
from optiprompt.config import Plan
from optiprompt.errors import UsageError
from optiprompt.scoring import Scoring
from optiprompt.spaces.base import Space

CONTROL, CHAT_CONTROL = "uniform", "uniform, asked in a chat"
# In prompts/recombine_chat.jinja: how many are asked for, and the candidate that each of them varies.
_SEVERAL = re.compile(r"Write (\d+) new candidates.* Each is <(\w+)>(.*?)</\2> with one or two places changed")
_CHANGES = (1, 1, 2)  # as the operator infill opens places


@dataclass(frozen=True)
class Job:
    """A search.

    Attributes:
        task: its name; `NAME:N` allows at most N parameters.
        algorithm: its name.
        optimizer: spec of the model that proposes, or one of the controls; None for classical algorithms.
        blind: what the task is about is hidden, with words that the seed shuffles.
        evaluations: unique ones.
        seed: fixes every random choice.
    """

    task: str
    algorithm: str
    optimizer: str | None
    blind: bool
    evaluations: int
    seed: int

    def plan(self) -> Plan:
        """The search as the command line would plan it."""
        name, _, most = self.task.partition(":")
        if most and not most.isdigit():
            raise UsageError(f"{self.task}: what follows the colon is the highest number of parameters")
        return Plan(
            task=name,
            optimizer=None if self.optimizer == CHAT_CONTROL else self.optimizer,
            algorithm=self.algorithm,
            overrides={"blind": True, "blind_seed": self.seed} if self.blind else {},
            seed=self.seed,
            budget=op.Budget(evaluations=self.evaluations),
            scoring=Scoring(cache=False),
            limits={"parameters": float(most)} if most else {},
        )


class Found(NamedTuple):
    """What a search brought.

    Attributes:
        curve: the best score after each unique evaluation.
        seconds: that it took.
    """

    curve: Sequence[float]
    seconds: float


def search(job: Job) -> Found:
    """Search, in memory.

    Raises:
        OptipromptError: the search failed.
    """
    planned = job.plan().search()
    if job.optimizer == CHAT_CONTROL:
        planned = replace(planned, optimizer=ChatControl(planned.task.space))
    elif job.optimizer:
        _held(job.optimizer)
    begun = time.monotonic()
    curve = run(planned, None).trajectory.curve()[: job.evaluations]
    return Found(curve, round(time.monotonic() - begun, 3))


@cache
def _held(optimizer: str) -> tuple[Backend, int]:
    """The model, loaded. A search lets go of its own at the end; while this one is held it need not be loaded again."""
    model = op.backend(optimizer)
    return model, model.context


@cache
def control(optimizer: str) -> str:
    """What takes the model's place in an ablation: it is asked in the same form."""
    return CONTROL if op.backend(optimizer).proposes == "continuation" else CHAT_CONTROL


class ChatControl(UniformBackend):
    """Answers as a chat model would, without a grammar in the request, but with random valid candidates.

    Where the prompt asks for several that differ from one in a place or two, it gives as many, and such: so that what
    the prompt says is not taken for the model's doing.
    """

    proposes: Form = "chat"
    decodes = False

    def __init__(self, space: Space[Any]) -> None:
        self._space = space

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        """One reply for each sample.

        Raises:
            FatalBackendError: the space has no grammar of words.
        """
        tag = self._space.tag
        asked = _SEVERAL.search(request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content)
        drawn = await super().generate(replace(request, grammar=self._space.grammar), samples)
        if asked is None:
            return [replace(each, text=f"<{tag}>{each.text}</{tag}>") for each in drawn]
        parent, key = self._space.parse(asked[3]), request.key(self.name)
        texts = [self._changed(parent, int(asked[1]), random.Random(f"{key} {each}")) for each in samples]
        return [replace(each, text=text) for each, text in zip(drawn, texts, strict=True)]

    def _changed(self, parent: Any, count: int, rng: random.Random) -> str:
        lines = []
        for _ in range(count):
            value = parent
            for _ in range(rng.choice(_CHANGES)):
                value = self._space.mutate(value, rng)
            lines.append(f"<{self._space.tag}>{self._space.render(value)}</{self._space.tag}>")
        return "\n".join(lines)


class Finished:
    """The finished searches: a line of JSON each, written before anything else happens.

    Those of other code stay in the file and do not count.

    Args:
        file: of an earlier start, which goes on; made with the first search.

    Raises:
        UsageError: it holds something else.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._version = file, code_version()
        self._found: dict[Job, Found] = {}
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # killed while it wrote
            file.write_text(whole, encoding="utf-8")
        for line in whole.splitlines():
            try:
                fields = json.loads(line)
                found, made_by = Found(fields.pop("curve"), fields.pop("seconds")), fields.pop("version")
                job = Job(**fields)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise UsageError(f"{file} holds a line that is no finished search: choose another --json") from None
            if made_by == self._version:
                self._found[job] = found

    def get(self, job: Job) -> Found | None:
        """What the search brought; None where it is not finished."""
        return self._found.get(job)

    def add(self, job: Job, found: Found) -> None:
        """Keep a search, in the file before this returns."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**asdict(job), "version": self._version, **found._asdict()}) + "\n")
        self._found[job] = found

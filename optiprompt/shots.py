"""Few-shot examples chosen jointly with the instruction: a good prompt's texts stay, the examples it shows are varied.

Examples come from the task's pool, which no candidate is scored on, either as they are labelled, or as the scorer
answered them itself, rightly (bootstrapped: DSPy, Khattab et al. 2023, arXiv 2310.03714).
"""

import random
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from typing import Any

from optiprompt.backends._around import Around
from optiprompt.backends.base import Backend, Message, Reply, Request
from optiprompt.candidate import Candidate, Usage
from optiprompt.data.examples import Example
from optiprompt.spaces.prompt import Prompt, Prompts, Shot, as_prompt
from optiprompt.tasks.prompt import PromptTask
from optiprompt.trajectory import Trajectory

TRIES = 50
PARENTS = 3  # the best, the very best most often
FIRST = 4  # examples that tell whether the scorer's replies are right, and say more than the labels
OWN = 0.5  # chance that an example is shown as the scorer answered it, where that answer was right

NOTHING: Mapping[str, str] = {}


def shots(
    trajectory: Trajectory,
    space: Prompts,
    pool: Sequence[Example],
    rng: random.Random,
    own: Mapping[str, str] = NOTHING,
    taken: Container[str] = (),
    refused: Callable[[Candidate[Any]], str] = lambda _: "",
) -> Candidate[Any] | None:
    """One of the best candidates with other examples: drawn anew, or one of its own swapped, added or dropped.

    Args:
        trajectory: all trials so far.
        space: of the task; says how many examples there may be.
        pool: examples to choose from, `PromptTask.pool`.
        rng: takes all chance.
        own: right replies of the scorer, by the id of the example: see `bootstrap`.
        taken: keys of candidates that are not wanted either.
        refused: what speaks against a candidate, `Task.objection`; empty for nothing.

    Returns:
        A candidate that was not tried before; None where nothing is scored or no other is found.
    """
    ranked = trajectory.ranked()[:PARENTS]
    if not ranked or not pool or not space.shots:
        return None
    for _ in range(TRIES):
        parent = ranked[min(int(rng.expovariate(1)), len(ranked) - 1)]
        prompt = as_prompt(parent.candidate.value if parent.candidate else parent.text)
        candidate = space.of(_varied(prompt, space.shots, pool, rng, own))
        if trajectory.known(candidate.key) is None and candidate.key not in taken and not refused(candidate):
            return candidate
    return None


def showable(task: PromptTask) -> list[Example]:
    """The examples to show: the task's pool, but for those whose question is asked too."""
    asked = {example.input.strip() for split in (task.examples, task.dev, task.test) for example in split}
    return [example for example in task.pool if example.input.strip() not in asked]


def drawn(
    pool: Sequence[Example], count: int, rng: random.Random, own: Mapping[str, str] = NOTHING
) -> tuple[Shot, ...]:
    """So many examples of the pool, or all that there are."""
    return tuple(_shot(example, rng, own) for example in rng.sample(list(pool), min(count, len(pool))))


def _varied(best: Prompt, most: int, pool: Sequence[Example], rng: random.Random, own: Mapping[str, str]) -> Prompt:
    kept = list(best.shots)
    shown = {shot.input for shot in kept}
    others = [example for example in pool if example.input.strip() not in shown]
    if not kept:  # small models gain with each of the first ones
        return replace(best, shots=drawn(pool, most, rng, own))
    move = rng.choice(["draw", "drop"] + ["swap"] * bool(others) + ["add"] * (bool(others) and len(kept) < most))
    if move == "draw":
        return replace(best, shots=drawn(pool, rng.randint(1, most), rng, own))
    new = [] if move == "drop" else [_shot(rng.choice(others), rng, own)]
    place = rng.randrange(len(kept) + (move == "add"))
    kept[place : place + (move != "add")] = new
    return replace(best, shots=tuple(kept))


def _shot(example: Example, rng: random.Random, own: Mapping[str, str]) -> Shot:
    reply = own.get(example.id, "")
    return Shot(example.input.strip(), reply if reply and rng.random() < OWN else _label(example))


def _label(example: Example) -> str:
    return (example.target if isinstance(example.target, str) else example.target[0]).strip()


class _Heard(Around):
    """Keeps what a model replies, by what it was asked."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self.replies: dict[str | tuple[Message, ...], str] = {}

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        """As the backend, with the first reply kept."""
        replies = await self._backend.generate(request, samples)
        self.replies[request.prompt] = replies[0].text
        return replies


async def bootstrap(
    task: PromptTask, candidate: Candidate[Any], scorer: Backend, pool: Sequence[Example]
) -> tuple[dict[str, str], Usage]:
    """The scorer's right replies to examples under a candidate that say more than the label, by the example's id.

    It takes a call for each example, but only the first few where none of these brings anything. In a run the replies
    are on disk, and the same again cost nothing.

    Args:
        task: asks and grades.
        candidate: shows none of the examples.
        scorer: the model.
        pool: the examples.

    Raises:
        Unheard: not one call came through.
        BudgetSpent: the run may send no more.
    """
    heard, own, usage = _Heard(scorer), dict[str, str](), Usage()
    prompt = as_prompt(candidate.value)
    for part in filter(None, (pool[:FIRST], pool[FIRST:])):
        outcomes, spent = await task.outcomes(candidate, part, heard)
        usage += spent
        right = [example for example, outcome in zip(part, outcomes, strict=True) if outcome.score == 1]
        replies = {each.id: heard.replies[task.request(prompt, each).prompt].strip() for each in right}
        own |= {each.id: replies[each.id] for each in right if _folded(replies[each.id]) != _folded(_label(each))}
        if not own:
            break
    return own, usage


def _folded(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())

"""Few-shot examples chosen jointly with the instruction: the best prompt is kept, the examples it shows are varied.

Examples come from the task's pool, which no candidate is scored on, either as they are labelled, or as the scorer
answered them itself, rightly (bootstrapped: DSPy, Khattab et al. 2023, arXiv 2310.03714).
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from optiprompt.backends._around import Around
from optiprompt.backends.base import Backend, Message, Reply, Request
from optiprompt.candidate import Candidate
from optiprompt.data.examples import Example
from optiprompt.spaces.prompt import Prompt, Prompts, Shot, as_prompt
from optiprompt.tasks.prompt import PromptTask
from optiprompt.trajectory import Trajectory

TRIES = 50
OWN = 0.5  # chance that an example is shown as the scorer answered it, where that answer was right

NOTHING: Mapping[str, str] = {}


def shots(
    trajectory: Trajectory,
    space: Prompts,
    pool: Sequence[Example],
    rng: random.Random,
    own: Mapping[str, str] = NOTHING,
) -> str | None:
    """The best candidate so far with other examples: drawn anew, or one of its own swapped, added or dropped.

    Args:
        trajectory: all trials so far.
        space: of the task; says how many examples there may be.
        pool: examples to choose from, `PromptTask.pool`.
        rng: takes all chance.
        own: right replies of the scorer, by the id of the example: see `bootstrap`.

    Returns:
        A candidate that was not tried before, as text; None where nothing is scored or no other is found.
    """
    ranked = trajectory.ranked()
    if not ranked or not pool or not space.shots:
        return None
    best = as_prompt(ranked[0].candidate.value if ranked[0].candidate else ranked[0].text)
    for _ in range(TRIES):
        candidate = space.of(_varied(best, space.shots, pool, rng, own))
        if trajectory.known(candidate.key) is None:
            return candidate.text
    return None


def _varied(best: Prompt, most: int, pool: Sequence[Example], rng: random.Random, own: Mapping[str, str]) -> Prompt:
    kept = list(best.shots)
    shown = {shot.input for shot in kept}
    others = [example for example in pool if example.input.strip() not in shown]
    moves = ["draw"]
    if kept:
        moves += ["drop"] + ["swap"] * bool(others) + ["add"] * (bool(others) and len(kept) < most)
    move = rng.choice(moves)
    if move == "draw":
        drawn = rng.sample(list(pool), rng.randint(1, min(most, len(pool))))
        return replace(best, shots=tuple(_shot(example, rng, own) for example in drawn))
    new = [] if move == "drop" else [_shot(rng.choice(others), rng, own)]
    place = rng.randrange(len(kept) + (move == "add"))
    kept[place : place + (move != "add")] = new
    return replace(best, shots=tuple(kept))


def _shot(example: Example, rng: random.Random, own: Mapping[str, str]) -> Shot:
    target = example.target if isinstance(example.target, str) else example.target[0]
    reply = own.get(example.id, "").strip()
    return Shot(example.input.strip(), reply if reply and rng.random() < OWN else target.strip())


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


async def bootstrap(task: PromptTask, candidate: Candidate[Any], scorer: Backend) -> dict[str, str]:
    """The scorer's right replies to the pool's examples under a candidate, by the id of the example.

    It takes a call for each example of the pool that the candidate does not show; in a run these are on disk, and the
    same again cost nothing.

    Raises:
        Unheard: not one call came through.
        BudgetSpent: the run may send no more.
    """
    heard = _Heard(scorer)
    outcomes, _ = await task.outcomes(candidate, task.pool, heard)
    prompt = as_prompt(candidate.value)
    asked = {example.id: task.request(prompt, example) for example in task.pool}
    right = [outcome.example for outcome in outcomes if outcome.score == 1]
    return {example: text for example in right if (text := heard.replies[asked[example].prompt].strip())}

"""A search over structured prompts with a real model: texts, examples of its own, and a result that stands alone."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

import optiprompt as op
from optiprompt.algorithms.base import Algorithm, Searcher, Setting
from optiprompt.candidate import Proposal
from optiprompt.shots import shots
from optiprompt.spaces.prompt import Prompt, Prompts
from optiprompt.tasks.prompt import PromptTask
from optiprompt.trajectory import Trajectory

ANIMALS = ["cat", "dog", "cow", "horse", "lion", "tiger", "wolf", "bear", "mouse", "goat", "sheep", "rabbit"]
THINGS = [
    "table",
    "chair",
    "spoon",
    "hammer",
    "window",
    "bottle",
    "pencil",
    "carpet",
    "cup",
    "mirror",
    "candle",
    "fork",
]
EXAMPLES = [
    op.Example(word, word, "animal" if word in ANIMALS else "thing")
    for pair in zip(ANIMALS, THINGS, strict=True)
    for word in pair
]
START = (
    "<system>You sort words.</system><instruction>Is it an animal or a thing?</instruction><format>One word.</format>"
)


class VariesShots(Algorithm):
    """Varies the examples of the best prompt."""

    name = "varies-shots"

    def begin(self, setting: Setting) -> Searcher:
        return Varying(setting)


class Varying(Searcher):
    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    async def ask(self, trajectory: Trajectory, count: int, rng: random.Random) -> list[Proposal]:
        task = self._setting.task
        assert isinstance(task, PromptTask)
        assert isinstance(task.space, Prompts)
        texts: Sequence[str | None] = [shots(trajectory, task.space, task.pool, rng) for _ in range(2)]
        return [Proposal(text, "shots") for text in texts if text]


@pytest.mark.slow
def test_examples_help_a_small_model_and_the_winner_can_be_copied_out(tmp_path: Path) -> None:
    task = PromptTask(
        "kinds",
        op.Splits(tuple(EXAMPLES)),
        op.graders.exact(),
        start=["Is it an animal or a thing?", START],
        max_tokens=8,
    )
    task.structure(["system", "instruction", "format"], shots=4)
    model = op.backend("smollm2")
    found = op.optimize(task, scorer=model, algorithm=VariesShots(), steps=2, run_dir=tmp_path / "run")
    assert found.best is not None
    by_start = [trial.score for trial in found.trajectory.ranked() if trial.step == 0]
    assert max(by_start) < found.best.score
    winner = task.space.parse(found.best.text)
    assert isinstance(winner, Prompt)
    assert winner.shots
    assert {shot.input for shot in winner.shots} <= {example.id for example in task.pool}

    # On disk is the chat that was asked: each shown example a turn, none of them ever the question.
    lines = [json.loads(line) for line in (tmp_path / "run" / "replies.jsonl").read_text().splitlines()]
    prompts = [line["prompt"] for line in lines if "prompt" in line]
    turns = [[message["role"] for message in prompt] for prompt in prompts]
    assert ["user"] in turns
    assert ["system", "user"] in turns
    assert any("assistant" in each for each in turns)
    asked = {prompt[-1]["content"].splitlines()[-1] for prompt in prompts}
    assert asked == {example.input for example in task.examples}

    # The text alone is the candidate: a plain task with the same model gives it the same score.
    plain = PromptTask("kinds", op.Splits(tuple(task.examples)), op.graders.exact(), max_tokens=8)
    [again] = op.evaluate(plain, found.best.text, scorer=model, split="train", run_dir=tmp_path / "again").candidates
    assert again.evaluation.score == found.best.score

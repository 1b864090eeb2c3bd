"""A search over structured prompts with a real model: texts, examples of its own, and a result that stands alone."""

import json
from pathlib import Path

import pytest

import optiprompt as op
from optiprompt.spaces.prompt import Prompt
from optiprompt.tasks.prompt import PromptTask

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
    algorithm = op.Opro(operators="shots", proposals=2)
    found = op.optimize(task, optimizer=model, scorer=model, algorithm=algorithm, steps=2, run_dir=tmp_path / "run")
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
    assert {example.input for example in task.examples} <= asked
    for prompt in prompts:
        shown = [message["content"].splitlines()[-1] for message in prompt[:-1] if message["role"] == "user"]
        assert prompt[-1]["content"].splitlines()[-1] not in shown

    # The text alone is the candidate: a plain task with the same model gives it the same score.
    plain = PromptTask("kinds", op.Splits(tuple(task.examples)), op.graders.exact(), max_tokens=8)
    [again] = op.evaluate(plain, found.best.text, scorer=model, split="train", run_dir=tmp_path / "again").candidates
    assert again.evaluation.score == found.best.score

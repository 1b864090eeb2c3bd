"""The examples that a prompt shows are varied, its texts kept; bootstrapped ones are the scorer's own right replies."""

import asyncio
import random
from collections.abc import Mapping, Sequence

from optiprompt import graders
from optiprompt.backends.base import Message, Reply, Request
from optiprompt.candidate import Evaluation, Proposal, Trial, Usage
from optiprompt.data import Example, Splits
from optiprompt.operators._texts import with_examples
from optiprompt.shots import NOTHING, bootstrap, shots
from optiprompt.spaces.prompt import Prompt, Prompts
from optiprompt.spaces.text import Text
from optiprompt.tasks.prompt import PromptTask
from optiprompt.trajectory import Trajectory

SPACE = Prompts(Text(), ["instruction", "format"], shots=3)
POOL = [Example(f"e{n}", f" question {n}", ("label", "other")) for n in range(5)]


def tried(*scores: tuple[str, float]) -> Trajectory:
    trajectory = Trajectory("maximize")
    trajectory.add_step(
        [Trial(Proposal(text, "start"), SPACE.candidate(text), Evaluation("ok", score), 0) for text, score in scores]
    )
    return trajectory


def varied(trajectory: Trajectory, seed: int, own: Mapping[str, str] = NOTHING) -> Prompt:
    candidate = shots(trajectory, SPACE, POOL, random.Random(seed), own)
    assert candidate is not None
    assert isinstance(candidate.value, Prompt)
    return candidate.value


def test_the_best_texts_are_kept_and_the_examples_come_from_the_pool() -> None:
    trajectory = tried(("Worse.", 0.2), ("Best.<format>Short.</format>", 0.7), ("Fourth.", 0.0), ("Third.", 0.1))
    texts = []
    for seed in range(60):
        prompt = varied(trajectory, seed)
        texts.append((prompt.instruction, prompt.format))
        inputs = [shot.input for shot in prompt.shots]
        assert len(inputs) == len(set(inputs)) == 3, "as many as there may be: they show none yet"
        assert {(shot.input, shot.output) for shot in prompt.shots} <= {(f"question {n}", "label") for n in range(5)}
    assert set(texts) == {("Best.", "Short."), ("Worse.", ""), ("Third.", "")}
    assert texts.count(("Best.", "Short.")) > 30


def test_a_prompt_with_examples_has_them_swapped_dropped_and_added_and_chance_comes_from_the_generator() -> None:
    two = "".join(f"<example><input>question {n}</input><output>label</output></example>" for n in (0, 1))
    trajectory = tried((f"Best.{two}", 0.9))
    changes = set()
    for seed in range(80):
        prompt = varied(trajectory, seed)
        assert prompt == varied(trajectory, seed)
        inputs = [shot.input for shot in prompt.shots]
        kept = sum(each in ("question 0", "question 1") for each in inputs)
        changes.add((len(inputs), kept))
    assert {(1, 1), (2, 1), (3, 2), (3, 1)} <= changes  # dropped, swapped, added, drawn anew


def test_nothing_is_proposed_where_nothing_is_new_or_known() -> None:
    rng = random.Random(0)
    assert shots(Trajectory("maximize"), SPACE, POOL, rng) is None
    assert shots(tried(("Best.", 1.0)), SPACE, [], rng) is None
    one = Prompts(Text(), shots=1)
    only = "Best.<example><input>question 0</input><output>label</output></example>"
    assert shots(tried(("Best.", 1.0), (only, 0.5)), one, POOL[:1], rng) is None


class Capitals:
    """A scorer that answers in its own words, and knows only some."""

    name = "capitals"
    proposes = "chat"
    decodes = False
    context = 10_000

    def __init__(self, says: str = " Twice {} makes {}. ") -> None:
        self.says = says

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        message = request.prompt[-1]
        assert isinstance(message, Message)
        number = int(message.content.split()[-1])
        says = self.says.format(number, 2 * number if number % 2 else 0)
        return [Reply(says, usage=Usage(calls=1))]

    def count_tokens(self, text: str) -> int:
        return len(text)

    async def aclose(self) -> None:
        pass


def test_bootstrapped_examples_are_the_scorers_own_right_replies() -> None:
    examples = tuple(Example(f"n{n}", f"Double {n}", str(2 * n)) for n in range(1, 17))
    task = PromptTask("doubles", Splits(examples), graders.number(), start=["Think."])
    task.structure(shots=2)
    think = task.space.candidate("Think.")
    own, usage = asyncio.run(bootstrap(task, think, Capitals(), task.pool))  # type: ignore[arg-type]
    assert own == {"n1": "Twice 1 makes 2.", "n3": "Twice 3 makes 6."}
    assert usage.calls == 4
    outputs = set()
    for seed in range(40):
        candidate = shots(tried(("Think.", 0.5)), SPACE, task.pool, random.Random(seed), own)
        outputs |= {(shot.input, shot.output) for shot in candidate.value.shots} if candidate else set()
    assert {("Double 1", "2"), ("Double 1", "Twice 1 makes 2."), ("Double 2", "4")} <= outputs
    assert ("Double 2", "Twice 2 makes 0.") not in outputs


def test_replies_that_are_the_labels_teach_nothing_and_are_asked_for_a_few_times_only() -> None:
    examples = tuple(Example(f"n{n}", f"Double {n}", str(2 * n)) for n in range(1, 32, 2))
    task = PromptTask("doubles", Splits(examples), graders.number(), start=["Think."])
    task.structure(shots=4)
    scorer = Capitals("{1}.")
    own, usage = asyncio.run(bootstrap(task, task.space.candidate("Think."), scorer, task.pool))  # type: ignore[arg-type]
    assert (own, usage.calls, len(task.pool)) == ({}, 4, 8)


def test_while_the_best_shows_no_examples_some_of_what_is_written_is_given_some() -> None:
    task = PromptTask("kinds", Splits(tuple(POOL[:2]), spare=tuple(POOL[2:])), graders.exact())
    task.structure(shots=1)
    none_shown = tried(("Name the label.", 0.5))
    texts = [f"Write label {n} down." for n in range(40)]
    made = [with_examples(task, none_shown, Proposal(text, "induce", ("key", 0))).text for text in texts]
    given = [text for text in made if "<example>" in text]
    assert 10 < len(given) < 30
    assert made == [with_examples(task, none_shown, Proposal(text, "induce", ("key", 0))).text for text in texts]
    assert all(any(f"<input>{each.input.strip()}</input>" in text for each in POOL[2:]) for text in given)

    best = "Name it.<example><input>a</input><output>b</output></example>"
    kept = with_examples(task, tried((best, 0.9)), Proposal("Write the label down.", "induce"))
    assert "<input>a</input>" in kept.text

"""Candidates that answer like one scored before are not paid further; agreement on easy examples is no reason."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from optiprompt import graders
from optiprompt.backends.base import Form, Message, Reply, Request
from optiprompt.candidate import Evaluation, Outcome, Proposal, Trial
from optiprompt.data import Example, Splits
from optiprompt.likeness import twin
from optiprompt.racing import Racing
from optiprompt.scoring import race
from optiprompt.tasks.prompt import PromptTask
from optiprompt.trajectory import Trajectory


def outcomes(answers: str, right: str) -> list[Outcome]:
    pairs = zip(answers.split(), right.split(), strict=True)
    return [
        Outcome(str(place), float(answer == known), "" if answer == "-" else answer)
        for place, (answer, known) in enumerate(pairs)
    ]


def scored(given: list[Outcome]) -> Trial:
    return Trial(Proposal("Old.", "start"), None, Evaluation("ok", 0.5, outcomes=tuple(given)), 0)


RIGHT = "a b c d e f g h i j k l"
HALF_WRONG = "a b c d e f x y z x y z"


@pytest.mark.parametrize(
    ("new", "old", "alike"),
    [
        (HALF_WRONG, HALF_WRONG, True),
        (HALF_WRONG.upper(), HALF_WRONG, False),  # here capitals are wrong
        (HALF_WRONG, HALF_WRONG[:-1] + "y", False),
        (RIGHT, RIGHT, False),
        ("a b c d e f g h x y z w", "a b c d e f g h x y z w", False),  # four errors are too few
        ("x x x x x x g h i j k l", "x x x x x x g h i j k l", False),  # one label, six times wrong
        ("x x x x x x x x x x k l", "x x x x x x x x x x k l", True),
        ("- - - - - - - - - - - -", "- - - - - - - - - - - -", False),  # no answers found: the replies may differ
        (HALF_WRONG[:-2], HALF_WRONG, False),
    ],
)
def test_alike_takes_the_same_errors(new: str, old: str, alike: bool) -> None:
    right = RIGHT[: len(new)]
    trial = scored(outcomes(old, RIGHT))
    assert (twin(outcomes(new, right), [trial]) is trial) == alike


def test_an_example_without_a_score_is_not_alike() -> None:
    same = outcomes(HALF_WRONG, RIGHT)
    assert twin([*same[:-1], Outcome("11", None, error="down")], [scored(same)]) is None


WORDS = "one two three four five six seven eight nine ten eleven twelve"
EXAMPLES = [Example(f"{n}/{word}", f"{word} {n}", f"{word}!") for n in range(5) for word in WORDS.split()]


class Model:
    """A scorer whose answer is a function of instruction and question."""

    name = "model"
    proposes: Form = "chat"
    decodes = False
    context = 10_000

    def __init__(self, answer: Callable[[str, str], str]) -> None:
        self.answer, self.asked = answer, 0

    async def generate(self, request: Request, samples: Any) -> list[Reply]:
        self.asked += 1
        message = request.prompt[-1]
        assert isinstance(message, Message)
        return [Reply(self.answer(*message.content.split("\n")))]

    def count_tokens(self, text: str) -> int:
        return len(text)

    async def aclose(self) -> None:
        pass


def hard_words_wrong(instruction: str, question: str) -> str:
    word = question.split()[0]
    return f"{word}!" if instruction == "Better" or len(word) <= 4 else f"no {word}"


def test_a_twin_leaves_the_race_after_the_first_block_with_the_reason() -> None:
    task = PromptTask("words", Splits(tuple(EXAMPLES)), graders.exact(), start=["Old"])
    trajectory = Trajectory("maximize")
    scorer = Model(hard_words_wrong)
    first = task.space.candidate("Old")
    evaluation = asyncio.run(task.evaluate(first, scorer))
    trajectory.add_step([Trial(Proposal("Old", "start"), first, evaluation, 0)])
    for text, expected, calls in (
        ("Same", ("pruned", 'answers like "Old" on 12 examples'), 12),
        ("Better", ("ok", ""), len(EXAMPLES)),
    ):
        found: dict[int, Evaluation] = {}
        racers, before = [task.space.candidate(text)], scorer.asked
        asyncio.run(race(task, racers, trajectory, scorer, Racing(), found.__setitem__))
        assert (found[0].status, found[0].reason) == expected
        assert scorer.asked - before == calls


def test_a_shorter_twin_stays_in_the_race_where_length_counts() -> None:
    task = PromptTask("words", Splits(tuple(EXAMPLES)), graders.exact(), start=["Old"])
    task.length_penalty = 5.0
    scorer = Model(hard_words_wrong)
    long = task.space.candidate("Say the word with an exclamation mark, please, and take your time over it.")
    evaluation = asyncio.run(task.evaluate(long, scorer))
    trajectory = Trajectory("maximize", worth=task.worth)
    trajectory.add_step([Trial(Proposal(long.text, "start"), long, evaluation, 0)])
    for text, status in (("Same", "ok"), (long.text.replace("please", "if you would be so kind"), "pruned")):
        found: dict[int, Evaluation] = {}
        racers = [task.space.candidate(text)]
        asyncio.run(race(task, racers, trajectory, scorer, Racing(), found.__setitem__))
        assert found[0].status == status, text


def test_a_twin_in_the_same_step_leaves_the_race_too() -> None:
    task = PromptTask("words", Splits(tuple(EXAMPLES)), graders.exact(), start=["Old"])
    found: dict[int, Evaluation] = {}
    racers = [task.space.candidate(text) for text in ("Same", "Alike")]
    asyncio.run(race(task, racers, Trajectory("maximize"), Model(hard_words_wrong), Racing(), found.__setitem__))
    assert [found[place].status for place in range(2)] == ["ok", "pruned"]
    assert found[1].reason == 'answers like "Same" on 12 examples'

"""The end of a run: what dev, test and transfers get of a budget, and whose lead the verdict tells."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

import optiprompt as op
from optiprompt.api import run
from optiprompt.backends.base import Reply, Request
from optiprompt.backends.scripted import ScriptedBackend
from optiprompt.loop import Search
from optiprompt.transfer import Transfer

LONG = "Double the number with great care. " + "Say no more than is asked for, and do not forget anything at all. " * 4


class Teacher(ScriptedBackend):
    """Proposes these instructions, in turn."""

    def __init__(self, *texts: str) -> None:
        super().__init__("teacher", [])
        self._proposed = texts

    def identity(self) -> str:
        """So that its replies may be taken from the cache."""
        return f"teacher {self._proposed}"

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        texts = [self._proposed[sample % len(self._proposed)] for sample in samples]
        return [Reply(f"<INS>{text}</INS>", usage=op.Usage(1, 20, 5)) for text in texts]


class Student(ScriptedBackend):
    """Doubles two thirds of the numbers where it is told to, and nearly all where it is told to take great care.

    As a judge it is satisfied with all that it is shown.
    """

    def __init__(self, name: str = "student") -> None:
        super().__init__(name, [])
        self.calls = 0

    def identity(self) -> str:
        """So that its replies may be taken from the cache."""
        return self.name

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        self.calls += 1
        text = "\n".join(message.content for message in request.prompt if not isinstance(message, str))
        if "Rubric" in text:
            return [Reply("SCORE: 1", usage=op.Usage(1, 10, 5))]
        number = int(re.findall(r"number (\d+)", text)[0])
        able = number % 9 if "great care" in text else number % 3 if "Double" in text else number % 20 == 0
        return [Reply(f"the answer is {2 * number if able else 0}", usage=op.Usage(1, 10, 5))]


def examples(first: int, last: int) -> tuple[op.Example, ...]:
    return tuple(op.Example(f"n{n}", f"number {n}", str(2 * n)) for n in range(first, last))


def doubling(name: str = "doubles", test: tuple[int, int] = (61, 161)) -> op.PromptTask:
    splits = op.Splits(train=examples(1, 41), dev=examples(41, 61), test=examples(*test))
    return op.PromptTask(name, splits, op.graders.number(), start=["Look at it."])


TWO = op.Opro(operators="opro", proposals=2)
TEACHER = Teacher("Double it.", "Double the number.", "Please double it, Double.", "Double this now.")


@pytest.mark.parametrize("more", ["final answer", "judge"])
def test_calls_that_an_example_takes_beyond_one_do_not_cost_the_test(more: str, tmp_path: Path) -> None:
    task = doubling()
    task.extract = more == "final answer"
    if more == "judge":
        task.grader = op.graders.judge("the number is doubled")
    assert task.calls_each == 2
    student = Student()
    result = op.optimize(
        task,
        optimizer=TEACHER,
        scorer=student,
        algorithm=TWO,
        budget=op.Budget(steps=6, scorer_calls=600),
        run_dir=tmp_path,
        scoring=op.Scoring(cache=False),
    )
    assert student.calls <= 600
    assert result.test is not None
    assert result.test.n >= 50
    assert "The budget ended" not in result.verdict


def test_a_search_out_of_the_cache_has_its_test_under_a_limit_of_time_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTIPROMPT_CACHE", str(tmp_path / "cache"))
    verdicts = []
    for minutes in (None, 30):
        student, budget = Student(), op.Budget(steps=2, minutes=minutes)
        result = op.optimize(
            doubling(), optimizer=TEACHER, scorer=student, algorithm=TWO, budget=budget, run_dir=tmp_path / str(minutes)
        )
        assert result.test is not None
        verdicts.append(result.verdict)
        assert bool(student.calls) == (minutes is None)
    assert verdicts[0] == verdicts[1]


def test_without_a_test_the_verdict_is_on_the_winner_and_not_on_a_longer_one_that_lost(tmp_path: Path) -> None:
    task = op.PromptTask("doubles", op.Splits(train=examples(1, 41)), op.graders.number(), start=["Look at it."])
    task.length_penalty = 20
    result = op.optimize(
        task,
        optimizer=Teacher("Double it.", LONG),
        scorer=Student(),
        algorithm=TWO,
        steps=1,
        run_dir=tmp_path,
        scoring=op.Scoring(cache=False, racing=None),
    )
    assert result.best is not None
    assert result.best.text == "Double it."
    scores = {trial.text: trial.score for trial in result.trajectory}
    assert scores[LONG.strip()] > scores["Double it."] + 0.1
    [lead] = re.findall(r"the baseline: ([+-][\d.]+) points", result.verdict)
    assert 0 < float(lead) <= 100 * (scores["Double it."] - scores["Look at it."]) + 0.1


def test_the_own_test_leaves_a_transfer_its_part_of_few_calls(tmp_path: Path) -> None:
    transfer = Transfer(doubling("other", (261, 281)), Student("another"))
    few = op.Budget(steps=1, scorer_calls=300)
    search = Search(doubling(), TWO, few, TEACHER, Student(), 0, op.Scoring(cache=False), (transfer,))
    result = run(search, tmp_path)
    assert result.test is not None
    assert result.final is not None
    [made] = result.final.transfers
    assert made.winner is not None, made.reason
    assert 10 <= made.winner.n <= 20
    assert result.test.n >= 50


def test_many_transfers_do_not_take_the_own_test(tmp_path: Path) -> None:
    others = [Transfer(doubling(f"other{n}", (261 + 100 * n, 361 + 100 * n)), Student(f"s{n}")) for n in range(5)]
    few = op.Budget(steps=1, scorer_calls=250)
    search = Search(doubling(), TWO, few, TEACHER, Student(), 0, op.Scoring(cache=False), others)
    result = run(search, tmp_path)
    assert result.test is not None
    assert result.test.n >= 20


def test_a_test_that_the_budget_had_no_room_for_is_not_said_to_be_missing(tmp_path: Path) -> None:
    splits = op.Splits(train=examples(1, 41), dev=examples(41, 61), test=examples(61, 161))
    task = op.PromptTask("doubles", splits, op.graders.number(), start=["Look at it.", "Double it."])
    few = op.Budget(scorer_calls=85)
    result = op.optimize(task, optimizer=TEACHER, scorer=Student(), algorithm=TWO, budget=few, run_dir=tmp_path)
    assert result.test is None
    assert "no room for the test" in result.verdict

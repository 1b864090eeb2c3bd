"""A search with --shots: the operator `shots` varies the examples, and what the others write keeps the best ones."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt.backends.base import Message, Reply, Request
from optiprompt.backends.scripted import Line, ScriptedBackend
from optiprompt.errors import UsageError
from optiprompt.events import Stepped
from optiprompt.spaces.prompt import as_prompt
from optiprompt.store import read_events

EXAMPLES = tuple(op.Example(f"n{n}", f"number {n}", str(2 * n)) for n in range(1, 41))


class Student(ScriptedBackend):
    """Doubles numbers: those that end in 1 always, half of the others when told just that, all if shown too."""

    def __init__(self) -> None:
        super().__init__("student", [])
        self.asked: list[tuple[Message, ...]] = []

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        assert not isinstance(request.prompt, str)
        self.asked.append(request.prompt)
        question = request.prompt[-1].content
        number = int(question.split()[-1])
        told = question.startswith(("Double it.\n", "Double this.\n"))
        knows = number % 10 == 1 or (told and (number % 2 == 0 or len(request.prompt) >= 5))
        return [Reply(f"{number} and {number} make {2 * number if knows else 0}")]


class Teacher(ScriptedBackend):
    """Always writes the same instruction."""

    def __init__(self, text: str = "Double it.", continues: bool = False) -> None:
        super().__init__(
            "teacher", [Line(match=re.compile("."), text=f"{text}\n" if continues else f"<INS>{text}</INS>")]
        )
        self.proposes = "continuation" if continues else "chat"
        self.prompts: list[str] = []

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        self.prompts.append(request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content)
        return await super().generate(request, samples)


def doubles(shots: int, start: Sequence[str] = ("Look at it.",)) -> op.PromptTask:
    task = op.PromptTask("doubles", op.Splits(EXAMPLES), op.graders.number(), start=start)
    if shots:
        task.structure(shots=shots)
    return task


def search(
    folder: Path, task: op.PromptTask, scorer: Student, optimizer: Teacher, operators: str = "mix", steps: int = 4
) -> op.Result:
    algorithm = op.Opro(operators=operators, proposals=4)
    scoring = op.Scoring(racing=None, cache=False)
    return op.optimize(
        task, optimizer=optimizer, scorer=scorer, algorithm=algorithm, steps=steps, run_dir=folder, scoring=scoring
    )


@pytest.mark.parametrize("continues", [False, True])
def test_instruction_and_examples_are_found_together_and_the_scorer_gets_them(tmp_path: Path, continues: bool) -> None:
    task, scorer = doubles(4), Student()
    result = search(tmp_path, task, scorer, Teacher(continues=continues), steps=8)
    assert result.best is not None
    assert result.best.score == 1.0
    best = as_prompt(task.space.parse(result.best.text))
    assert best.instruction == "Double it."
    assert 2 <= len(best.shots) <= 4
    turns = [
        turn
        for shot in best.shots
        for turn in (Message("user", f"Double it.\n{shot.input}"), Message("assistant", shot.output))
    ]
    for example in task.examples:
        assert (*turns, Message("user", f"Double it.\n{example.input}")) in scorer.asked


def test_examples_are_labelled_ones_and_the_scorers_own_right_replies_which_are_paid_for_once(tmp_path: Path) -> None:
    task, scorer, optimizer = doubles(2, ["Double it."]), Student(), Teacher()
    result = search(tmp_path, task, scorer, optimizer, "shots", steps=6)
    made = [trial for trial in result.trajectory.trials if trial.step > 0]
    outputs = {(shot.input, shot.output) for trial in made for shot in task.space.parse(trial.text).shots}  # type: ignore[union-attr]
    assert {trial.proposal.source for trial in made} == {"shots"}
    assert optimizer.prompts == []
    assert ("number 2", "4") in outputs
    assert ("number 2", "2 and 2 make 4") in outputs
    assert not [output for _, output in outputs if output.endswith("make 0")]
    assert result.calls_by_role == {"scorer": len(scorer.asked)}
    assert result.trajectory.usage.calls == len(scorer.asked)
    bare = [chat for chat in scorer.asked if len(chat) == 1]
    assert len(bare) == len(set(bare)), "each question is asked once without examples"


def test_written_texts_come_with_the_best_examples_and_are_listed_without_any(tmp_path: Path) -> None:
    shown = "<example><input>number 1</input><output>2</output></example>"
    more = f"{shown}<example><input>number 3</input><output>6</output></example>"
    for operator in ("opro", "paraphrase", "crossover", "induce"):
        task, optimizer = doubles(4, ["Say it twice.", f"Double this.{shown}", f"Double this.{more}"]), Teacher()
        result = search(tmp_path / operator, task, Student(), optimizer, operator, steps=1)
        made = [trial.text for trial in result.trajectory if trial.step == 1]
        # What is induced is also tried with a sentence on the form of the answer, and with a lead to the question.
        forms = ["", " Answer with a number only."] if operator == "induce" else [""]
        assert {text.partition("<example>")[0].replace(" Input:</", "</") for text in made} == {
            f"<instruction>Double it.{form}</instruction>" for form in forms
        }
        for text in made:
            assert [shot.input for shot in as_prompt(task.space.parse(text)).shots] == ["number 1", "number 3"]
        for prompt in optimizer.prompts:
            assert "<example><input>number" not in prompt
            assert prompt.count("Double this.") == (
                operator != "induce" and (operator != "paraphrase" or "Double" in prompt)
            )


def test_without_shots_there_is_no_such_operator(tmp_path: Path) -> None:
    result = search(tmp_path / "none", doubles(0), Student(), Teacher())
    assert "shots" not in {trial.proposal.source for trial in result.trajectory.trials}
    steps = [event for event in read_events(tmp_path / "none") if isinstance(event, Stepped)]
    assert steps[-1].operators
    assert "shots" not in steps[-1].operators
    with pytest.raises(UsageError, match=r"the operator shots needs prompts that may show examples: --shots 4"):
        search(tmp_path / "alone", doubles(0), Student(), Teacher(), "shots")


def test_a_run_that_goes_on_pays_for_no_bootstrapped_reply_again(tmp_path: Path) -> None:
    whole = search(tmp_path / "whole", doubles(2, ["Double it."]), Student(), Teacher(), "shots", steps=3)
    first, scorer = Student(), Student()
    search(tmp_path / "cut", doubles(2, ["Double it."]), first, Teacher(), "shots", steps=2)
    resumed: Any = search(tmp_path / "cut", doubles(2, ["Double it."]), scorer, Teacher(), "shots", steps=3)
    assert [trial.text for trial in resumed.trajectory] == [trial.text for trial in whole.trajectory]
    assert not set(first.asked) & set(scorer.asked)


def test_a_search_that_was_resumed_after_every_step_is_the_same_and_counts_the_same(tmp_path: Path) -> None:
    """Also what the scorer was asked for examples to show, once for each best text."""

    class Varied(Teacher):
        async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
            replies = await super().generate(request, samples)
            return [Reply(f"<INS>Double it.{' ' + 'Please. ' * sample}</INS>") for sample, _ in enumerate(replies)]

    whole = search(tmp_path / "whole", doubles(4, ["Double it."]), Student(), Varied(), steps=5)
    for steps in range(1, 6):
        parts = search(tmp_path / "parts", doubles(4, ["Double it."]), Student(), Varied(), steps=steps)
    assert [trial.text for trial in parts.trajectory.trials] == [trial.text for trial in whole.trajectory.trials]
    assert parts.trajectory.usage == whole.trajectory.usage
    assert parts.trajectory.usage.calls == sum(parts.calls_by_role.values())

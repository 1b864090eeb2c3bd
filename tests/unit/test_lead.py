"""The lead to a question: new instructions get it unless the best candidate is better without."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

import optiprompt as op
from optiprompt.backends.base import Message, Reply, Request
from optiprompt.backends.scripted import Line, ScriptedBackend
from optiprompt.operators._lead import text_led
from optiprompt.operators._texts import LEAD, body
from optiprompt.operators.base import Scene
from optiprompt.opro_settings import OproSettings
from optiprompt.spaces.text import Text
from optiprompt.trajectory import Trajectory

EXAMPLES = tuple(op.Example(f"n{n}", f"number {n}", str(2 * n)) for n in range(1, 31))
GOOD = "Double the given number, and write nothing else."


class Student(ScriptedBackend):
    """Doubles even numbers when told so; with the lead (or without, where `likes` is false) also the others."""

    def __init__(self, likes: bool) -> None:
        super().__init__("student", [])
        self.likes = likes

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        assert isinstance(request.prompt[-1], Message)
        instruction, question = request.prompt[-1].content.rsplit("\n", 1)
        number = int(question.split()[-1])
        knows = "ouble" in instruction and (number % 2 == 0 or instruction.endswith(LEAD) == self.likes)
        return [Reply(str(2 * number) if knows else "none")]


class Teacher(ScriptedBackend):
    """Writes a numbered list of instructions, and keeps what it was asked."""

    def __init__(self) -> None:
        words = ["twice", "two times", "doubly", "again", "once more", "both"]
        listed = [f"{at}. Double the number {word}, and write nothing else." for at, word in enumerate(words, 1)]
        super().__init__("teacher", [Line(match=re.compile("."), text="\n".join(listed))])
        self.prompts: list[str] = []

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        assert isinstance(request.prompt[-1], Message)
        self.prompts.append(request.prompt[-1].content)
        return await super().generate(request, samples)


def search(
    tmp_path: Path,
    likes: bool,
    operators: str,
    start: Sequence[str] = (GOOD,),
    teacher: Teacher | None = None,
    **settings: Any,
) -> op.Result:
    task = op.PromptTask("doubles", op.Splits(EXAMPLES), op.graders.number(), start=["Answer.", *start])
    return op.optimize(
        task,
        optimizer=teacher or Teacher(),
        scorer=Student(likes),
        algorithm=op.Opro(operators=operators, **{"proposals": 6, **settings}),
        scoring=op.Scoring(racing=None, cache=False),
        steps=3,
        run_dir=tmp_path,
    )


def scene(start: str = "", position: Literal["Q_begin", "Q_end"] = "Q_begin") -> Scene:
    task = op.PromptTask("doubles", op.Splits(EXAMPLES), op.graders.number(), start=[start], position=position)
    return Scene(task, Trajectory("maximize"), OproSettings(), ScriptedBackend("optimizer", []), seed=0)


def test_it_is_tried_on_the_best_and_kept_where_it_helps(tmp_path: Path) -> None:
    result = search(tmp_path, likes=True, operators="edit")
    assert result.best is not None
    assert result.best.text.endswith(LEAD)
    assert result.best.score == 1


@pytest.mark.parametrize("operator", ["induce", "paraphrase", "opro"])
def test_what_is_written_ends_as_the_best_does(operator: str, tmp_path: Path) -> None:
    result = search(tmp_path, likes=True, operators=operator, start=[GOOD, f"{GOOD} {LEAD}"])
    made = [trial.text for trial in result.trajectory if trial.step]
    assert made
    assert all(text.endswith(f" {LEAD}") for text in made)


def test_where_the_best_is_better_without_it_no_more_get_it(tmp_path: Path) -> None:
    result = search(tmp_path, likes=False, operators="induce,edit", start=[GOOD, f"{GOOD} {LEAD}"])
    made = [trial.text for trial in result.trajectory if trial.step]
    assert made
    assert not any(LEAD in text for text in made)


def test_models_are_shown_instructions_without_it_by_all_but_the_list_as_published(tmp_path: Path) -> None:
    start = [f"{GOOD} {LEAD}", f"Double it. {LEAD}"]
    for operator, led in (("paraphrase", False), ("crossover", False), ("reflect", False), ("opro", True)):
        teacher = Teacher()
        search(tmp_path / operator, likes=False, operators=operator, start=start, teacher=teacher)
        assert any(GOOD in prompt for prompt in teacher.prompts)
        assert any(f"else. {LEAD}" in prompt for prompt in teacher.prompts) == led, operator


def test_without_cleaning_as_under_the_reference_preset_nothing_is_added(tmp_path: Path) -> None:
    start = [GOOD, f"{GOOD} {LEAD}"]
    result = search(tmp_path, likes=True, operators="opro", start=start, cleaning=False, proposals=2)
    assert not any(LEAD in trial.text for trial in result.trajectory if trial.step)


def test_while_nothing_is_known_what_is_induced_gets_it_before_a_question() -> None:
    text = "Double it"
    assert text_led(scene(), text) == f"{text}. {LEAD}"
    assert text_led(scene(), f"{text}. {LEAD}") == f"{text}. {LEAD}"
    assert text_led(scene(), text, carried=True) == text
    assert text_led(scene(position="Q_end"), text) == text
    narrow = scene()
    narrow.task.space = Text(max_chars=len(text) + 3)
    assert text_led(narrow, text) == text


def test_in_a_structured_prompt_it_ends_the_instruction_unless_a_format_follows() -> None:
    text = "<system>Be exact.</system><instruction>Double it.</instruction>"
    for parts, ending in ((["system", "instruction"], f"Double it. {LEAD}</instruction>"), (None, "Double it.<")):
        of = scene()
        assert isinstance(of.task, op.PromptTask)
        of.task.structure(parts or ["system", "instruction", "format"])
        assert ending in text_led(of, text)


def test_only_a_word_of_its_own_is_the_lead() -> None:
    assert body(f"Double it. {LEAD}") == "Double it."
    assert body(f"Double it:\n\n{LEAD}") == "Double it:"
    assert body("Double the Input:") == "Double the Input:"
    assert body(LEAD) == LEAD

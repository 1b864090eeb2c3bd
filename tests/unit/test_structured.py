"""Structured prompts: how they are asked, and that no example is both shown and scored on."""

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt import graders
from optiprompt.backends.base import Message, Reply, Request
from optiprompt.data import Example, Splits
from optiprompt.errors import UsageError
from optiprompt.metaprompt import MetaPrompt
from optiprompt.opro_settings import OproSettings
from optiprompt.spaces.prompt import Prompt, Shot
from optiprompt.tasks._asking import Asking
from optiprompt.tasks._structured import arranged
from optiprompt.tasks.loader import load_task
from optiprompt.tasks.prompt import PromptTask
from optiprompt.trajectory import Trajectory

FULL = Prompt("Add.", "You are brief.", "Only the number.", (Shot("1+1", "2"), Shot("2+3", "5")))
SUMS = [Example(f"sum/{n}", f"{n}+{n}?", str(2 * n)) for n in range(20)]


def written(messages: str | tuple[Message, ...]) -> list[tuple[str, str]]:
    assert not isinstance(messages, str)
    return [(message.role, message.content) for message in messages]


def test_in_a_chat_examples_are_turns_that_are_asked_as_the_question_is() -> None:
    assert written(arranged(Asking("Q_begin"), FULL, "7+8")) == [
        ("system", "You are brief."),
        ("user", "Add.\nOnly the number.\n1+1"),
        ("assistant", "2"),
        ("user", "Add.\nOnly the number.\n2+3"),
        ("assistant", "5"),
        ("user", "Add.\nOnly the number.\n7+8"),
    ]


def test_where_the_instruction_is_the_system_message_all_texts_stand_there() -> None:
    assert written(arranged(Asking(system=True), FULL, "7+8")) == [
        ("system", "You are brief.\n\nAdd.\nOnly the number."),
        ("user", "1+1"),
        ("assistant", "2"),
        ("user", "2+3"),
        ("assistant", "5"),
        ("user", "7+8"),
    ]


def test_in_plain_text_the_examples_stand_before_the_question() -> None:
    text = arranged(Asking("Q_end", form="continuation"), FULL, "7+8")
    assert text == (
        "You are brief.\n\nQ: 1+1\nAdd.\nOnly the number.\n\nA: 2\n\nQ: 2+3\nAdd.\nOnly the number.\n\nA: 5\n\n"
        "Q: 7+8\nAdd.\nOnly the number.\n\nA:"
    )


def test_where_the_instruction_begins_the_answer_the_format_stands_below_the_question() -> None:
    prompt = Prompt("Let's see:", format="Only the number.", shots=(Shot("1+1", "2"),))
    text = arranged(Asking("A_begin", form="continuation"), prompt, "7+8")
    assert text == "Q: 1+1\nOnly the number.\n\nA: Let's see: 2\n\nQ: 7+8\nOnly the number.\n\nA: Let's see:"


@pytest.mark.parametrize("asking", [Asking(), Asking("A_begin"), Asking(system=True), Asking(form="continuation")])
def test_a_plain_instruction_is_asked_as_ever(asking: Asking) -> None:
    assert arranged(asking, Prompt("Add."), "7+8") == asking.prompt("Add.", "7+8")


class Adder:
    """A real scorer: adds, once it has been shown an example."""

    name = "adder"
    proposes = "chat"
    decodes = False
    context = 10_000

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        self.requests.append(request)
        assert isinstance(request.prompt, tuple)
        *before, last = request.prompt
        left, right = last.content.splitlines()[-1].rstrip("?").split("+")
        return [Reply(f"That makes {int(left) + int(right)}." if before else "Hm.")]

    def count_tokens(self, text: str) -> int:
        return len(text)

    async def aclose(self) -> None:
        pass


def sums(parts: Sequence[str] = ("instruction",), shots: int = 0, **settings: Any) -> PromptTask:
    task = PromptTask("sums", Splits(tuple(SUMS[:16]), dev=tuple(SUMS[16:])), graders.number(), **settings)
    task.structure(parts, shots)
    return task


def evaluated(task: PromptTask, text: str, scorer: Adder) -> op.Evaluation:
    return asyncio.run(task.evaluate(task.space.candidate(text), scorer))  # type: ignore[arg-type]


def test_a_shown_example_counts_and_none_is_scored_on_itself() -> None:
    task, scorer = sums(shots=4), Adder()
    assert len(task.pool) == 8
    assert {each.id for each in task.pool} | {each.id for each in task.examples} == {each.id for each in SUMS[:16]}
    assert not {each.id for each in task.pool} & {each.id for each in task.examples}
    shown = task.pool[0]
    text = f"Add.<example><input>{shown.input}</input><output>{shown.target}</output></example>"
    assert evaluated(task, "Add.", scorer).score == 0
    good = evaluated(task, text, scorer)
    assert (good.score, good.n) == (1.0, 8)
    assert shown.input not in {request.prompt[-1].content.splitlines()[-1] for request in scorer.requests}  # type: ignore[union-attr]


def test_spare_examples_are_shown_before_any_is_taken_from_train() -> None:
    splits = op.Splits(tuple(SUMS[:6]), spare=tuple(SUMS[6:14]))
    task = PromptTask("sums", splits, graders.number())
    plain = task.identity()
    task.structure(shots=4)
    assert (task.pool, task.examples) == (splits.spare, splits.train)
    task.structure(shots=5)
    assert (len(task.pool), len(task.examples)) == (3, 3), "eight do not do for prompts of five"
    assert task.identity() != plain


def test_a_prompt_that_shows_what_is_scored_is_refused_and_would_get_no_score_for_it() -> None:
    task, scorer = sums(shots=4), Adder()
    for example in (task.examples[0], task.dev[0]):
        candidate = task.space.candidate(f"<example><input> {example.input}</input><output>x</output></example>")
        assert task.objection(candidate) == "shows an example that candidates are scored on: show others"
    stays = evaluated(task, f"<example><input>{task.examples[3].input}</input><output>x</output></example>", scorer)
    assert (stays.outcomes[3].score, stays.n, stays.metrics) == (None, 7, {"failed": 1})
    assert len(scorer.requests) == 7


def test_the_guard_reads_the_texts_and_not_the_examples_of_the_pool() -> None:
    task = sums(["instruction", "format"], shots=1)
    shown = task.pool[0]
    example = f"<example><input>{shown.input}</input><output>{shown.target}</output></example>"
    assert task.objection(task.space.candidate(f"Add.{example}")) == ""
    copy = task.space.candidate(f"<instruction>Add.</instruction><format>As {shown.input}</format>{example}")
    assert "copies a training example" in task.objection(copy)


def test_the_optimizer_is_told_the_sections_and_of_plain_tasks_nothing_is() -> None:
    def asked(task: PromptTask) -> str:
        meta = MetaPrompt(OproSettings(exemplars=0), "chat")
        built = meta.build(task, Trajectory("maximize"), Adder(), 9_999, random.Random(0), 0)  # type: ignore[arg-type]
        return written(built)[0][1]

    told = asked(sums(["system", "instruction"]))
    assert "<system>who answers, and how</system><instruction>what to do</instruction>" in told
    assert "section" not in asked(PromptTask("sums", Splits(tuple(SUMS)), graders.number()))


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(UsageError, match="parts must be some of system, instruction, format"):
        sums(["instruction", "tail"])


def test_the_fields_of_a_task_file_and_a_candidate_that_stands_alone(tmp_path: Path) -> None:
    rows = [{"input": each.input, "target": each.target} for each in SUMS]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sums.yaml").write_text(
        "kind: prompt\ndata: {file: sums.jsonl}\ngrader: number\nsizes: {train: 12, test: 8}\ndigits: false\n"
        "parts: [instruction, format]\nshots: 2\n"
        "start: ['Add.<format>Be brief.</format><example><input>1</input><output>2</output></example>']\n"
    )
    task = load_task(str(tmp_path / "sums.yaml"))
    assert task.space.candidate(next(iter(task.start(random.Random(0))))).value == Prompt(
        "Add.", format="Be brief.", shots=(Shot("1", "2"),)
    )
    assert (len(task.examples), len(task.test)) == (8, 8)
    assert (task.identity()["parts"], task.identity()["shots"]) == (("instruction", "format"), 2)
    with pytest.raises(UsageError, match="parts"):
        load_task(str(tmp_path / "sums.yaml"), {"parts": ["instruction", "tail"]})
    # Another task, without these fields, takes the text that a search found.
    plain = PromptTask("sums", Splits(tuple(SUMS)), graders.number())
    text = "<format>Be brief.</format><example><input>50+1?</input><output>51</output></example>"
    measured = op.evaluate(plain, [text, "Add."], scorer=Adder(), split="train", run_dir=tmp_path / "run", cache=False)  # type: ignore[arg-type]
    assert [each.evaluation.score for each in measured.candidates] == [1.0, 0.0]


def test_the_command_lines_words_reach_the_task() -> None:
    from optiprompt.cli._plan import make_plan

    plan = make_plan("antonyms.yaml", shots=4, guard=False, settings={})
    assert plan.overrides == {"shots": 4, "guard": False}
    assert make_plan("antonyms.yaml", guard=True, settings={}).overrides == {"guard": True}
    assert make_plan("antonyms.yaml", settings={}).overrides == {}

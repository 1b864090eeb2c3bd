"""The tasks of instruction induction: their grader, their data, and the instructions that people wrote."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from optiprompt import cli, graders
from optiprompt.data.examples import Example
from optiprompt.errors import DataError
from optiprompt.tasks._human import OUTPUT_ONLY, human_instructions, human_variants
from optiprompt.tasks.loader import load_task, shipped_names
from optiprompt.tasks.prompt import PromptTask

CASES = [json.loads(line) for line in Path(__file__).with_name("induction_cases.jsonl").read_text("utf-8").splitlines()]
TASKS = [name for name, _ in shipped_names() if name.startswith("induction/")]


def score(output: str, target: str | list[str]) -> float:
    return asyncio.run(graders.induction().grade(output, target)).score


@pytest.mark.parametrize("case", CASES, ids=[f"{case['output']!r} for {case['target']!r}" for case in CASES])
def test_a_reply_is_right_when_its_first_line_is_a_target(case: dict[str, Any]) -> None:
    assert score(case["output"], case["target"]) == case["right"]


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a task of 60 and 30 examples."""
    folder = tmp_path / "induction"
    folder.mkdir()
    for split, first, count in (("train", 0, 60), ("test", 100, 30)):
        rows = [{"input": f"{n} apples", "target": [("even", "odd")[n % 2], "?"]} for n in range(first, first + count)]
        (folder / f"sum.{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "sum.human.json").write_text(json.dumps({"human_instructions": ["Count.", "How many?", "Count."]}))
    monkeypatch.setenv("OPTIPROMPT_DATA", str(tmp_path))
    return folder


def load(name: str, **overrides: Any) -> PromptTask:
    task = load_task(name, overrides)
    assert isinstance(task, PromptTask)
    return task


def test_a_task_reads_the_data_folder_and_does_not_tell_the_optimizer_its_name(made_up: Path) -> None:
    task = load("induction/sum")
    assert [len(each) for each in (task.examples, task.dev, task.test)] == [24, 20, 30]
    assert task.grader == graders.induction()
    assert list(task._start) == ["Let's solve the problem.", "Answer the question."]
    assert "sum" not in task.description
    assert len(load("induction/sum", **{"sizes.train": 10}).examples) == 10


def test_what_is_missing_is_said_in_one_line(made_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"no such file: .*diff\.train\.jsonl: put it there"):
        load("induction/diff")
    with pytest.raises(DataError, match=r"diff\.human\.json cannot be read"):
        human_instructions("diff")
    (made_up / "sum.human.json").write_text("[]")
    with pytest.raises(DataError, match=r"sum\.human\.json is no JSON with a list human_instructions"):
        human_instructions("sum")
    monkeypatch.delenv("OPTIPROMPT_DATA")
    for read in (load, human_instructions):
        with pytest.raises(DataError, match=r"set OPTIPROMPT_DATA=FOLDER") as error:
            read("induction/sum")
        assert "\n" not in str(error.value)


def test_the_instructions_of_people_also_ask_for_the_output_alone(made_up: Path) -> None:
    assert human_instructions("induction/sum") == human_instructions("sum") == ["Count.", "How many?", "Count."]
    assert human_variants("sum") == ["Count.", "Count." + OUTPUT_ONLY, "How many?", "How many?" + OUTPUT_ONLY]


def test_the_best_instruction_of_people_is_chosen_on_train_and_measured_on_test(
    made_up: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, runs: Path
) -> None:
    replies = {r"many\?\n\d*[13579] ": "odd", r"many\?\n\d\d? ": "Even.", r"Count\.\n1\d\d ": "?", ".": "It is even"}
    script = tmp_path / "script.jsonl"
    script.write_text("".join(json.dumps({"match": match, "text": text}) + "\n" for match, text in replies.items()))
    words = ["optiprompt", "evaluate", "induction/sum", "--human", "--scorer", f"scripted:{script}", "--json"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert not stopped.value.code
    [found] = json.loads(capsys.readouterr().out)
    assert (found["candidate"], found["score"], found["n"]) == ("How many?", 0.5, 30), "Count. is better on test"


def test_there_are_the_24_published_tasks() -> None:
    assert len(TASKS) == 24


@pytest.mark.parametrize("name", TASKS)
def test_on_real_data_the_target_is_right_and_the_input_wrong(name: str, data_folder: Path) -> None:
    if not (data_folder / f"{name}.train.jsonl").is_file():
        pytest.skip(f"{name} is not in the data folder")
    task = load(name)
    examples = [*task.examples, *task.dev, *task.test]
    assert all(score(target, _targets(each)) == 1 for each in examples for target in _targets(each))
    if name in ("induction/antonyms", "induction/larger_animal", "induction/singular_to_plural"):
        assert not any(score(each.input, _targets(each)) for each in examples)
        assert all(text.strip() for text in human_instructions(name))


def _targets(example: Example) -> list[str]:
    return [example.target] if isinstance(example.target, str) else list(example.target)

"""A warm start takes the best of an earlier run, also where starts are random, and the front of a Pareto run."""

from pathlib import Path
from typing import Any

import optiprompt as op
from optiprompt.backends.scripted import Line, ScriptedBackend
from optiprompt.report.summary import best_of
from optiprompt.tasks._multi_task import with_scorers
from optiprompt.warm import best_texts, with_texts

OTHERWISE = {"match": ".", "text": "0"}


def score(value: dict[str, Any]) -> float:
    return float(value["a"] + (value["b"] == "y") / 2)


def parameters(value: dict[str, Any]) -> dict[str, float]:
    return {"parameters": 10.0 * value["a"]}


def small(costs: bool = False) -> op.FunctionTask:
    fields = {"a": (1, 6), "b": ["x", "y"]}
    return op.FunctionTask(
        "small",
        op.Choices(fields),
        score=score,
        costs=parameters if costs else None,
    )


def test_a_best_candidate_that_might_be_a_random_start_is_started_from_all_the_same(tmp_path: Path) -> None:
    op.optimize(small(), algorithm=op.Random(), budget=op.Budget(evaluations=12), run_dir=tmp_path)
    best = [f"a={a} b={b}" for a, b in ((6, "y"), (6, "x"), (5, "y"), (5, "x"), (4, "y"))]
    assert list(op.warm_start(small(), tmp_path).warm) == best


def test_of_a_pareto_run_the_front_is_started_from(tmp_path: Path) -> None:
    task = small(costs=True).against("parameters")
    result = op.optimize(task, algorithm=op.Random(), budget=op.Budget(evaluations=12), run_dir=tmp_path)
    front = result.trajectory.front()
    assert front is not None
    members = [member.text for member in front.members]
    assert members == [f"a={a} b=y" for a in range(1, 7)]
    taken = best_texts(tmp_path, 5)
    assert set(taken) < set(members)
    assert {members[0], members[-1]} < set(taken), "the ends of the front"


def doubles(shots: int = 0, parts: tuple[str, ...] = ("instruction",), scored: int = 10) -> op.PromptTask:
    examples = tuple(op.Example(f"n{n}", f"number {n}", str(2 * n)) for n in range(scored))
    task = op.PromptTask("doubles", op.Splits(examples), op.graders.number(), start=["Answer."])
    task.structure(parts, shots)
    return task


def test_of_a_prompt_in_sections_is_taken_what_the_task_has_a_place_for() -> None:
    shot = "<example><input>number {}</input><output>{}</output></example>"
    outside = shot.format(77, 154) + shot.format(88, 176)
    prompt = f"<system>You can count.</system><instruction>Double it.</instruction>{outside}"
    assert with_texts(doubles(), [prompt]).warm == ("Double it.",)
    assert with_texts(doubles(parts=("instruction", "system")), [prompt]).warm == (
        "<system>You can count.</system><instruction>Double it.</instruction>",
    )
    [one] = with_texts(doubles(shots=1), [prompt]).warm
    assert one == f"<instruction>Double it.</instruction>{shot.format(77, 154)}"
    task = doubles(shots=4)
    asked = "".join(shot.format(each.input.split()[1], each.target) for each in task.examples[:3])
    taken = with_texts(task, [f"<instruction>Double it.</instruction>{asked}"])
    assert taken.warm == ("Double it.",), "candidates are scored on these examples"
    assert "what this task has a place for" in taken.notes[0]


def test_with_a_length_penalty_the_short_ones_come_first(tmp_path: Path) -> None:
    folders = []
    for penalty in (0.0, 20.0):
        task = doubles()
        task.length_penalty = penalty
        short, long = "Double it.", "Double it, please, with all the care that you have and that you can take."
        right = {"match": f"(?s)(?:{short}|{long}).*number 1$", "text": "2"}
        lines = [Line.model_validate(each) for each in (right, {"match": "(?s)care.*number 2", "text": "4"}, OTHERWISE)]
        folders.append(tmp_path / str(penalty))
        task = with_texts(task, [short, long])
        several = [ScriptedBackend(name, lines) for name in ("one", "two")]
        both, scorers = with_scorers(task, several)
        op.optimize(
            both,
            optimizer=ScriptedBackend("optimizer", [Line.model_validate({"match": ".", "text": "<INS>Answer.</INS>"})]),
            scorer=scorers,
            algorithm=op.Opro(operators="opro", proposals=1),
            steps=1,
            run_dir=folders[-1],
            scoring=op.Scoring(racing=None, final=False, cache=False),
        )
    assert [best_texts(folder)[0] for folder in folders] == [long, short]
    assert [best_of(folder).text for folder in folders] == [long, short]

"""What the optimizer is shown. The whole texts are in tests/golden: UPDATE_GOLDEN=1 writes them anew, for review."""

import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt.backends.base import Form, Message, Request
from optiprompt.candidate import Evaluation, Outcome, Proposal, Trial
from optiprompt.metaprompt import MetaPrompt
from optiprompt.opro_settings import Style
from optiprompt.tasks.base import Task
from optiprompt.trajectory import Trajectory

GOLDEN = Path(__file__).parent.parent / "golden"
STYLES: tuple[Style, ...] = ("chat", "bracketed", "pretrained")
SCORED = (("Think.", 0.42), ("Count twice.", 0.8), ("", 0.1), ("Add them up.", 0.655))


class Wordy:
    """A backend that only counts words."""

    name, decodes, context = "wordy", False, 10_000
    proposes: Form = "chat"

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    async def generate(self, request: Request, samples: Sequence[int]) -> Any:
        raise AssertionError("not asked here")

    async def aclose(self) -> None: ...


def sums(position: Any = "Q_begin", **settings: Any) -> op.PromptTask:
    examples = tuple(op.Example(f"e{n}", f"What is {n} and {n + 1}?", str(2 * n + 1)) for n in range(8))
    description = "A language model answers sums."
    return op.PromptTask(
        "sums", op.Splits(examples), op.graders.number(), position, description=description, **settings
    )


def regression(**settings: Any) -> Task:
    space = op.Numbers({"w": (-9, 9), "b": (-9, 9)}, integer=True)
    describe = "Find w and b with the lowest loss."
    return op.FunctionTask(
        "line", space, lambda point: 0.0, describe=describe, direction="minimize", score_name="loss", **settings
    )


def history(*scored: tuple[str, float], task: Task | None = None, wrong: Sequence[Sequence[str]] = ()) -> Trajectory:
    """Scored candidates; `wrong` names the examples that each got wrong."""
    task = task or sums()
    trajectory = Trajectory(task.direction, task.tradeoff)
    trials = []
    for place, (text, score) in enumerate(scored):
        ids = wrong[place] if place < len(wrong) else ()
        outcomes = tuple(Outcome(each.id, float(each.id not in ids)) for each in task.examples)
        candidate = task.space.candidate(text)
        evaluation = Evaluation("ok", score, outcomes=outcomes, metrics=task.costs(candidate))
        trials.append(Trial(Proposal(text, "start"), candidate, evaluation, 0))
    trajectory.add_step(trials)
    return trajectory


def built(
    style: Style, trajectory: Trajectory, task: Task | None = None, room: int = 10_000, step: int = 0, **settings: Any
) -> str:
    meta = MetaPrompt(op.Opro(**settings), style)
    prompt = meta.build(task or sums(), trajectory, Wordy(), room, random.Random(step), 0)
    if isinstance(prompt, str):
        assert style == "pretrained"
        return prompt
    assert prompt == (Message("user", prompt[0].content),)
    return prompt[0].content


def positions(text: str, *parts: str) -> list[int]:
    found = [text.find(part) for part in parts]
    assert -1 not in found, f"missing: {parts[found.index(-1)]}"
    return found


def in_order(text: str, *parts: str) -> None:
    order = positions(text, *parts)
    assert order == sorted(order)


def compare(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text + "\n", encoding="utf-8")
    assert text + "\n" == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("position", ["before_Q", "Q_begin", "Q_end", "A_begin"])
@pytest.mark.parametrize("style", STYLES)
def test_the_text_for_prompts_is_the_one_reviewed(style: Style, position: str) -> None:
    task = sums(position, markers=True)
    compare(f"{style}-{position}", built(style, history(*SCORED), task, exemplars=2, selection="constant"))


@pytest.mark.parametrize("style", STYLES)
def test_the_text_for_structured_candidates_is_the_one_reviewed(style: Style) -> None:
    task = regression()
    trajectory = history(("w=1, b=2", 12.5), ("w=3, b=-4", 90.0), ("w=0, b=2", 3.25), task=task)
    rejected = Trial(Proposal("w=1000, b=2", "opro"), None, Evaluation.invalid("w=1000 is out of range: -9 to 9"), 1)
    trajectory.add_step([rejected])
    compare(f"{style}-structured", built(style, trajectory, task))


def test_each_rejected_text_is_listed_once() -> None:
    task = regression()
    trajectory = history(("w=1, b=2", 12.5), task=task)
    refused = Evaluation.invalid("is out of range")
    texts = ["w=700, b=2", "w=800, b=2", "w=1000, b=2", "w=1000, b=2", "w=1000, b=2"]
    trajectory.add_step([Trial(Proposal(text, "opro"), None, refused, 1) for text in texts])
    text = built("chat", trajectory, task, rejected=2)
    assert [text.count(each) for each in dict.fromkeys(texts)] == [0, 1, 1]


@pytest.mark.parametrize("style", STYLES)
def test_the_text_of_a_pareto_search_shows_costs_and_marks_the_front(style: Style) -> None:
    task = regression(costs=lambda point: {"parameters": abs(point["w"]) / 10}).against("parameters")
    trajectory = history(("w=1, b=2", 12.5), ("w=3, b=-4", 90.0), ("w=0, b=2", 43.25), ("w=9, b=1", 4.0), task=task)
    compare(f"{style}-pareto", built(style, trajectory, task))


def test_chat_lists_the_best_ascending_then_exemplars_then_asks_between_tags() -> None:
    text = built("chat", history(*SCORED), exemplars=2, selection="constant")
    listed = [f"text:\n{text}\nscore:\n{score}\n" for text, score in (("", 10), ("Think.", 42), ("Count twice.", 80))]
    in_order(text, "<INS>", *listed, "problem:\n<INS>\nWhat is", "ground truth answer:\n", "Begin it with <INS>")
    assert "concise, effective" in text


def test_an_instruction_that_opens_the_answer_is_a_starting_sentence() -> None:
    text = built("chat", history(*SCORED), sums("A_begin"))
    in_order(text, "starting sentence <Start>", "A: <Start>", "Begin it with <Start> and end it with </Start>")
    assert "<INS>" not in text


def test_bracketed_shows_input_and_output_and_asks_for_square_brackets() -> None:
    text = built("bracketed", history(*SCORED), exemplars=1)
    in_order(text, "texts with their scores", "score:\n10\n", "score:\n80\n", "input:\n<INS>\n", "output:\n")
    assert text.endswith("square brackets.")


def test_pretrained_is_one_sentence_and_a_list_with_an_open_end_that_aims_higher_than_the_best() -> None:
    text = built("pretrained", history(*SCORED))
    in_order(text, "at the beginning of the question", "Precision: 0.10 <TEXT></TEXT>", "Precision: 0.80 <TEXT>Count")
    *_, last = text.splitlines()
    assert last.endswith("<TEXT>")
    assert float(last.split()[1]) > 0.8
    assert "What is" not in text
    assert "sums" in text.splitlines()[0]


def test_the_reference_form_of_pretrained_has_nothing_after_the_list() -> None:
    text = built("pretrained", history(*SCORED), aim=False)
    assert text.rstrip().endswith("Precision: 0.80 <TEXT>Count twice.</TEXT>")


def test_only_the_best_are_shown() -> None:
    text = built("chat", history(*((f"Candidate {n}.", n / 100) for n in range(30))), shown=20)
    assert "Candidate 10." in text
    assert "Candidate 9." not in text
    assert "text:\n" not in built("chat", history(*SCORED), shown=0)


def test_the_order_can_be_reversed_or_drawn_anew_each_step() -> None:
    trajectory = history(*SCORED)
    in_order(built("chat", trajectory, order="descending"), "Count twice.", "Add them up.", "Think.")
    drawn = {built("chat", trajectory, order="random", exemplars=0, step=step) for step in range(10)}
    assert len(drawn) > 1
    assert all("no particular order" in text for text in drawn)


def test_scores_can_be_decimals_buckets_or_hidden() -> None:
    trajectory = history(*SCORED)
    assert "score:\n0.66\n" in built("chat", trajectory, scores="decimals")
    assert "score:\n13\n" in built("chat", trajectory, scores="buckets")  # 0.655 of 20
    assert "score:\n66\n" in built("chat", trajectory, scores="buckets", buckets=100)
    for style in STYLES:
        hidden = built(style, trajectory, scores="hidden", exemplars=0)
        assert "Count twice." in hidden
        assert not any(each in hidden for each in ("80", "0.8", "42", "score:", "Precision"))


def test_buckets_of_scores_without_bounds_lie_between_the_worst_and_the_best_shown() -> None:
    task = regression()
    trajectory = history(("w=1, b=2", 100.0), ("w=3, b=-4", 300.0), ("w=0, b=2", 200.0), task=task)
    in_order(built("chat", trajectory, task, scores="buckets", buckets=4), "loss: 4", "loss: 2", "loss: 0")


def test_below_the_threshold_nothing_is_shown_unless_there_is_nothing_else() -> None:
    text = built("chat", history(*SCORED), threshold=0.5)
    assert ("Add them up." in text, "Think." in text) == (True, False)
    text = built("chat", history(*SCORED), threshold=0.9)
    assert ("Count twice." in text, "Think." in text, "score:\n10\n" in text) == (True, True, False)


def test_a_threshold_on_a_loss_leaves_out_what_is_above() -> None:
    task = regression()
    trajectory = history(("w=1, b=2", 100.0), ("w=3, b=-4", 300.0), task=task)
    text = built("chat", trajectory, task, threshold=200)
    assert ("w=1, b=2" in text, "w=3, b=-4" in text) == (True, False)


def test_exemplars_may_come_first() -> None:
    for style in ("chat", "bracketed"):
        text = built(style, history(*SCORED), first="exemplars")
        in_order(text, "What is", "Count twice.", "new text" if style == "bracketed" else "Write an instruction")


def asked(text: str) -> set[int]:
    return {n for n in range(8) if f"What is {n} and" in text}


def test_random_exemplars_change_with_the_step_and_constant_ones_do_not() -> None:
    trajectory = history(*SCORED)
    assert len({frozenset(asked(built("chat", trajectory, step=step))) for step in range(6)}) > 1
    assert len({frozenset(asked(built("chat", trajectory, step=step, selection="constant"))) for step in range(6)}) == 1


def test_the_examples_most_often_wrong_are_shown() -> None:
    wrong = [["e1", "e2"], ["e5"], ["e1", "e2", "e3"], ["e1"]]  # of Think, Count, the empty one, Add
    trajectory = history(*SCORED, wrong=wrong)
    assert asked(built("chat", trajectory, exemplars=2, selection="most-wrong")) == {1, 2}
    # The two best are Count and Add.
    assert asked(built("chat", trajectory, exemplars=2, shown=2, selection="most-wrong-by-shown")) == {1, 5}


def test_a_candidate_is_a_value_and_never_a_template() -> None:
    assert "{{ 7*7 }} {% for x in y %}" in built("chat", history(("{{ 7*7 }} {% for x in y %}", 0.5)))


def test_the_meta_prompt_stays_within_the_room_and_keeps_the_best() -> None:
    trajectory = history(*((f"candidate number {n} " + "very long " * 20, n / 100) for n in range(20)))
    text = built("chat", trajectory, room=350)
    assert len(text.split()) <= 350
    assert "candidate number 19" in text
    assert "candidate number 0 " not in text


@pytest.mark.parametrize("style", STYLES)
def test_without_any_scored_candidate_there_is_still_a_meta_prompt(style: Style) -> None:
    assert built(style, Trajectory("maximize")).strip()

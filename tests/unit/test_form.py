"""Which sentences on the form of the answers there are: for several tasks too, and only such as may be said."""

from collections.abc import Sequence
from typing import Any

import optiprompt as op
from optiprompt.backends.scripted import ScriptedBackend
from optiprompt.operators._form import FORMS, forms
from optiprompt.operators.base import Scene
from optiprompt.opro_settings import OproSettings
from optiprompt.spaces.text import Text
from optiprompt.tasks._multi_task import MultiTask, with_scorers
from optiprompt.trajectory import Trajectory

CAPITALS = {"France": "Paris", "Italy": "Rome", "Peru": "Lima", "Norway": "Oslo", "Egypt": "Cairo", "Cuba": "Havana"}
SUMS = {"1 + 2": "3", "4 + 4": "8", "9 + 2": "11", "6 + 6": "12", "7 + 7": "14", "8 + 9": "17"}
LABELS = {f"It was a {word} film.": "good" if place % 2 else "bad" for place, word in enumerate("abcdefgh")}


def task(rows: dict[str, str], name: str = "a task") -> op.PromptTask:
    examples = tuple(op.Example(question, question, answer) for question, answer in rows.items())
    return op.PromptTask(name, op.Splits(examples), op.graders.exact(), start=["Answer."])


def own(of: Any) -> Sequence[str]:
    scene = Scene(of, Trajectory("maximize"), OproSettings(), ScriptedBackend("optimizer", []), seed=0)
    assert forms(scene)[-len(FORMS) :] == FORMS
    return forms(scene)[: -len(FORMS)]


def test_one_task_has_a_sentence_of_its_own() -> None:
    assert own(task(CAPITALS)) == ("Answer with one word only.",)
    assert own(task(LABELS)) == ("Answer with the output only: bad or good.",)


def test_of_several_tasks_only_what_holds_for_each_is_said() -> None:
    assert own(MultiTask([task(CAPITALS, "one"), task(SUMS, "two")])) == ()
    assert own(MultiTask([task(CAPITALS, "one"), task(dict(list(CAPITALS.items())[::-1]), "two")])) == own(
        task(CAPITALS)
    )


def test_several_scorers_do_not_make_labels_of_answers_that_are_seen_once() -> None:
    several, _ = with_scorers(task(CAPITALS), [ScriptedBackend(name, []) for name in ("one", "two", "three")])
    assert own(several) == own(task(CAPITALS))


def test_a_sentence_that_the_guard_or_the_space_refuses_is_not_given() -> None:
    inputs = {
        f"{word} learning": "machine learning" if place % 2 else "no topic" for place, word in enumerate("abcdefgh")
    }
    assert own(task(inputs)) == ("Answer with the output only: machine learning or no topic.",)
    assert own(task({**inputs, "machine learning": "no topic"})) == ()
    levels = {f"Question {each}?": f"level {place % 2 + 1}" for place, each in enumerate("abcdefgh")}
    assert own(task(levels)) == ("Answer with the output only: level 1 or level 2.",)
    wordy = task(levels)
    wordy.space = Text(digits=False)
    assert own(wordy) == ()

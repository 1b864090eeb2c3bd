"""Warm start: the best candidates of earlier runs, also of other tasks, join the starting candidates."""

import copy
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from optiprompt.errors import ParseError, RunError, UsageError
from optiprompt.events import Evaluated, Selected, Started, Stepped, penalty_of
from optiprompt.front import Tradeoff, merits
from optiprompt.resources import runs_folder
from optiprompt.spaces.base import Space
from optiprompt.spaces.prompt import MOST_SHOTS, PARTS, Prompt, Prompts, tagged
from optiprompt.spaces.text import Text
from optiprompt.store import read_events
from optiprompt.tasks.base import Task

BEST = 5

T = TypeVar("T", bound=Task)


def warm_start(task: T, *runs: str | Path, best: int = BEST) -> T:
    """The task, with the best candidates of earlier runs to start from besides its own, which stay the first.

    They are scored anew. Those that are no candidates of this task are left out; the task's `notes` say so.

    Args:
        task: any task; it is not changed.
        runs: folders of earlier runs, or their names under the runs folder.
        best: how many candidates of each run.

    Raises:
        RunError: there is no such run, or nothing in it has a score.
    """
    return with_texts(task, [text for run in runs for text in best_texts(run, best)])


def with_texts(task: T, texts: Sequence[str]) -> T:
    """The task with these texts to start from, each once, after its own starting candidates.

    Of prompts in sections what the task has no place for is left out, and examples that it objects to. Left out is also
    what the task objects to as a whole, as it would where a model proposed it.
    """
    if not texts:
        return task
    # Random starts are others in the run; a text that is among these too is scored once.
    given, again = (list(task.start(random.Random(seed))) for seed in (0, 1))
    known = {task.space.candidate(text).key for text in given} if given == again else set()
    warm: list[str] = []
    notes: list[str] = []
    for text in texts:
        try:
            own = _fitted(task, text)
        except ParseError as error:
            notes.append(f"not started from {' '.join(text.split())[:60]!r} of an earlier run: {error}")
            continue
        if own != text and isinstance(task.space, Prompts):
            notes.append(
                f"of {' '.join(text.split())[:60]!r} of an earlier run is taken what this task has a place for"
            )
        key = task.space.candidate(own).key
        if key not in known:
            known.add(key)
            warm.append(own)
    warmed = copy.copy(task)
    warmed.warm, warmed.notes = (*task.warm, *warm), (*task.notes, *notes)
    return warmed


def _fitted(task: Task, text: str) -> str:
    """The text, or as much of a prompt in sections as the task takes.

    Raises:
        ParseError: it takes nothing of it; why.
    """
    problem = "it is a prompt in sections without an instruction"
    for own in _lessened(task.space, text):
        try:
            problem = task.objection(task.space.candidate(own))
        except ParseError as error:
            problem = str(error)
        if not problem:
            return own
    raise ParseError(problem)


def _lessened(space: Space[Any], text: str) -> Iterator[str]:
    """The text; of a prompt in sections also what the space has a place for, and that without examples.

    Raises:
        ParseError: it is no prompt in sections, but looks like one.
    """
    if not isinstance(space, Text | Prompts) or not tagged(text):
        yield text
    elif isinstance(space, Prompts):
        yield text
        prompt = Prompts(space.texts, PARTS, MOST_SHOTS).parse(text)
        system, form = (getattr(prompt, part) if part in space.parts else "" for part in ("system", "format"))
        for shots in (prompt.shots[: space.shots], ()):
            yield space.render(Prompt(prompt.instruction, system, form, shots))
    elif instruction := Prompts(space, PARTS, MOST_SHOTS).parse(text).instruction:
        yield instruction


def best_texts(run: str | Path, best: int = BEST) -> list[str]:
    """The best candidates of a run, its winner first; of a Pareto search the front, the least crowded ones first.

    Raises:
        UsageError: less than one is asked for.
        RunError: there is no such run, or nothing in it has a score.
    """
    if best < 1:
        raise UsageError(f"best must be at least 1, not {best}")
    folders = (Path(run).expanduser(), runs_folder() / run)
    folder = next((each for each in folders if (each / "events.jsonl").is_file()), folders[0])
    events = read_events(folder)
    started = next((event for event in events if isinstance(event, Started)), None)
    task = started.settings["task"] if started else {}
    scored = [event for event in events if isinstance(event, Evaluated) and event.evaluation.status == "ok"]
    if not scored:
        raise RunError(f"nothing in {folder} has a score yet: start from another run")
    sign, penalty = -1 if task.get("direction") == "minimize" else 1, penalty_of(task)
    scored.sort(key=lambda event: sign * (event.evaluation.score or 0.0) - penalty * len(event.text), reverse=True)
    if task.get("pareto"):
        tradeoff = Tradeoff(task["direction"], task["pareto"])
        keys = merits([tradeoff.point(event) for event in scored])
        scored = [scored[place] for place in sorted(range(len(scored)), key=keys.__getitem__, reverse=True)]
    last = next((event for event in reversed(events) if isinstance(event, Selected | Stepped)), None)
    texts = {last.key: last.text} if isinstance(last, Selected) else {}
    for event in scored:
        texts.setdefault(event.key, event.text)
    return list(texts.values())[:best]

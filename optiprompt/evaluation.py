"""`evaluate`: how good given candidates are. Nothing is searched; all are asked the same examples, at once."""

import asyncio
import copy
import json
import random
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from optiprompt.api import in_own_loop
from optiprompt.backends._cached import GroupedCache
from optiprompt.backends._counted import TALLY, Counted, Tally
from optiprompt.backends._inner import inner
from optiprompt.backends.base import Backend
from optiprompt.cache import ReplyCache, cache_file
from optiprompt.candidate import Candidate
from optiprompt.data.examples import Example
from optiprompt.errors import OptipromptError, ParseError, RunError, UsageError
from optiprompt.events import Evaluated, Started
from optiprompt.measurement import Measured, Measurement, labels_of
from optiprompt.spaces.prompt import MOST_SHOTS, PARTS, Prompts, as_prompt, tagged
from optiprompt.spaces.text import Text
from optiprompt.store import Run, new_folder, opened
from optiprompt.tasks._multi_task import MultiTask
from optiprompt.tasks._structured import shows
from optiprompt.tasks.base import Task
from optiprompt.tasks.prompt import PromptTask
from optiprompt.threads import in_thread

SPLITS = ("train", "dev", "test")

Progress = Callable[[int, int], None]
"""Told after each reply how many there are, and how many are expected (a judge's come on top)."""


def evaluate(
    task: Task,
    candidates: str | Sequence[str] | None = None,
    *,
    scorer: Backend | None = None,
    split: str = "test",
    limit: int | None = None,
    run_dir: str | Path | None = None,
    cache: bool = True,
    progress: Progress | None = None,
) -> Measurement:
    """Measure instructions on a split of a prompt task. Blocks until all are measured.

    The score is the one that a search gives the same candidate on the same examples. Every reply is on disk before it
    is used: the same measurement in the same folder asks only for what is not there, and for what failed.

    Args:
        task: a prompt task.
        candidates: the instructions, of any length; the task's first starting candidate by default.
        scorer: the model that is instructed and graded.
        split: `train`, `dev` or `test`.
        limit: only the first so many examples of the split, those left out that a candidate shows with their answers.
        run_dir: the folder; a new one under `OPTIPROMPT_RUNS` (or ./runs) by default.
        cache: take replies from the cache that all runs share, and keep them there.
        progress: told after each reply.

    Raises:
        UsageError: no prompt task, no scorer, no examples in the split, or a candidate that is no text.
        RunError: the folder is in use or holds something else.
        BackendError: the model cannot be asked.
    """
    asked = prepare(task, candidates, scorer=scorer, split=split, limit=limit)
    folder = Path(run_dir) if run_dir is not None else new_folder(f"evaluate-{task.name}")
    with opened(folder) as store, closing(ReplyCache(cache_file())) as replies:
        _start(store, asked, split)
        work = _Work(asked, store, replies if cache else None, progress)
        measured = in_own_loop(lambda: _measure(work, asked.candidates))
    labels = labels_of([example for name in SPLITS for example in getattr(asked.task.splits, name)])
    name, scored_by = asked.task.name, asked.scorer.name
    return Measurement(name, scored_by, split, asked.examples, labels, measured, folder, asked.left_out)


@dataclass(frozen=True)
class Prepared:
    """What a measurement asks.

    Attributes:
        task: the prompt task.
        scorer: the model that is instructed.
        candidates: one at least.
        examples: of the split, one at least.
        left_out: how many more the split has that a candidate shows.
    """

    task: PromptTask
    scorer: Backend
    candidates: Sequence[Candidate[Any]]
    examples: tuple[Example, ...]
    left_out: int


def prepare(
    task: Task,
    candidates: str | Sequence[str] | None = None,
    *,
    scorer: Backend | None = None,
    split: str = "test",
    limit: int | None = None,
) -> Prepared:
    """What `evaluate` would ask, with the same arguments; nothing is asked or written.

    Raises:
        UsageError: no prompt task, no scorer, no examples in the split, or a candidate that is no text.
    """
    if isinstance(task, MultiTask):
        raise UsageError(
            f"evaluate measures one task at a time: name one of {', '.join(each.name for each in task.tasks)}"
        )
    if not isinstance(task, PromptTask):
        raise UsageError(f"evaluate measures instructions, and {task.name} is no prompt task: use `optiprompt run`")
    if scorer is None:
        raise UsageError(f"the task {task.name} needs a scorer: the model whose answers are graded")
    if limit is not None and limit < 1:
        raise UsageError(f"limit must be at least 1, not {limit}")
    whole = _examples(task, split)
    if candidates is None:
        candidates = list(task.start(random.Random(0)))[:1]
    texts = [candidates] if isinstance(candidates, str) else list(candidates)
    given = [_candidate(text, task) for text in texts]
    if not given:
        raise UsageError("there is no candidate to evaluate: give at least one")
    free = tuple(each for each in whole if not any(shows(as_prompt(one.value), [each]) for one in given))
    if not free:
        raise UsageError(
            f"the candidates show all {len(whole)} {split} examples with their answers: take another split"
        )
    return Prepared(task, scorer, given, free[:limit], len(whole) - len(free))


def _examples(task: PromptTask, split: str) -> tuple[Example, ...]:
    if split not in SPLITS:
        raise UsageError(f"unknown split {split!r}: there are {', '.join(SPLITS)}")
    examples: tuple[Example, ...] = getattr(task.splits, split)
    if not examples:
        others = [name for name in SPLITS if getattr(task.splits, name)]
        hint = f"choose another split ({', '.join(others)})" if others else "give it data"
        raise UsageError(f"the {split} split of {task.name} has no examples: {hint}, or its size: --{split} N")
    return examples


def _candidate(text: str, task: PromptTask) -> Candidate[Any]:
    """The candidate as a search would put it into the prompt; a user's may be longer, and hold any words.

    It is a structured prompt where it begins with the tag of a section, or the task's candidates are such prompts.
    """
    try:
        texts = Text(max_chars=len(text), forbidden=())
        structured = tagged(text) or isinstance(task.space, Prompts)
        return Prompts(texts, PARTS, MOST_SHOTS).candidate(text) if structured else texts.candidate(text)
    except ParseError as error:
        raise UsageError(f"the candidate {text[:40]!r} {error}") from None


def _start(store: Run, asked: Prepared, split: str) -> None:
    """Write the first event, or make sure that the folder holds the same measurement."""
    settings = {
        "task": {"direction": asked.task.direction, **asked.task.identity(), "split": split},
        "scorer": asked.scorer.name,
        "examples": [example.id for example in asked.examples],
        "candidates": [candidate.text for candidate in asked.candidates],
    }
    if not store.events:
        store.append(Started(settings, version("optiprompt")), durable=True)
        return
    there = store.started.settings if store.started else {}
    for name, value in json.loads(json.dumps(settings)).items():
        if there.get(name) != value:
            raise RunError(f"{store.folder} holds something else (its {name} differ): choose another --run-dir")


@dataclass(frozen=True)
class _Work:
    """What is asked of whom."""

    asked: Prepared
    store: Run
    replies: ReplyCache | None
    progress: Progress | None

    def recorded(self, candidates: int) -> tuple[Counted, PromptTask]:
        """The scorer with its replies on disk and reported, and the task with its judge alike."""
        expected = candidates * len(self.asked.examples) * (2 if self.asked.task.extract else 1)
        done = 0

        def heard() -> None:
            nonlocal done
            done += 1
            if self.progress is not None:
                self.progress(done, max(done, expected))

        assert self.store.replies is not None  # a measurement always has a folder
        cache = GroupedCache(self.replies) if self.replies is not None else None
        task, judge = self.asked.task, self.asked.task.judge
        if judge is not None:
            task = copy.copy(task)
            task.judge = Counted(inner(judge, cache), self.store.replies, heard)
        return Counted(inner(self.asked.scorer, cache), self.store.replies, heard), task


async def _measure(work: _Work, candidates: Sequence[Candidate[Any]]) -> tuple[Measured, ...]:
    store = work.store
    try:
        measured = await _all(work, candidates)
    except asyncio.CancelledError:
        store.end("interrupted", "interrupted by the user")
        raise
    except OptipromptError as error:
        store.end("failed", str(error))
        raise
    lost = [each.evaluation.reason for each in measured if each.score is None]
    if lost:
        store.end("failed", lost[0])
    else:
        store.end("finished", f"all candidates are measured: {len(measured)}")
    return measured


async def _all(work: _Work, candidates: Sequence[Candidate[Any]]) -> tuple[Measured, ...]:
    """Measure all at once, and record each in its place."""
    scorer, task = work.recorded(len(candidates))
    work = replace(work, asked=replace(work.asked, task=task))
    known = {event.index: event.evaluation for event in work.store.events if isinstance(event, Evaluated)}
    # What fetches or loads a model happens beside the loop, so that Ctrl-C is heard.
    await in_thread(lambda: (scorer.proposes, scorer.context))
    running = [asyncio.ensure_future(_one(work, candidate, scorer)) for candidate in candidates]
    measured: list[Measured] = []
    try:
        for index, (candidate, each) in enumerate(zip(candidates, running, strict=True)):
            measured.append(await each)
            evaluation = measured[-1].evaluation
            if known.get(index) != evaluation:
                work.store.append(Evaluated(0, index, candidate.key, candidate.text, evaluation), durable=True)
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await scorer.aclose()
        if task.judge is not None:
            await task.judge.aclose()
    return tuple(measured)


async def _one(work: _Work, candidate: Candidate[Any], scorer: Backend) -> Measured:
    tally = Tally()
    TALLY.set(tally)
    evaluation = await work.asked.task.evaluate_on(candidate, work.asked.examples, scorer)
    return Measured(candidate.text, evaluation, tally.usage, tally.cached, tally.seconds)

"""How candidates are scored: all on every example, or in a race that the hopeless ones leave early."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any, TypeVar

from optiprompt import meter
from optiprompt.backends.base import Backend
from optiprompt.candidate import Candidate, Evaluation, Outcome, Proposal, Trial, Usage
from optiprompt.data.examples import Example
from optiprompt.errors import BudgetSpent, Unheard
from optiprompt.likeness import reason, twin
from optiprompt.racing import Racing, blocks, hopeless
from optiprompt.tasks.base import Task
from optiprompt.together import together
from optiprompt.trajectory import Trajectory

T = TypeVar("T")


@dataclass(frozen=True)
class Scoring:
    """What is spent on the scores, and how sure they are.

    Attributes:
        racing: how the new candidates of a step race, where the task is made of examples; None scores each on all.
        final: choose the winner on the dev split, and compare it with the baseline on the test split, at the end.
        cache: take replies from the cache that all runs share, and keep them there.
    """

    racing: Racing | None = field(default_factory=Racing)
    final: bool = True
    cache: bool = True


Record = Callable[[int, Evaluation], None]


async def score_all(works: Sequence[Coroutine[Any, Any, Evaluation]], record: Record) -> None:
    """Score candidates at once, and give each evaluation with its place to `record`, in order.

    A candidate of which not one call came through has failed, if another one was heard.

    Raises:
        Unheard: no candidate was heard; nothing is recorded, and a resumed run asks again.
        BudgetSpent: some could not be scored any more; the others are recorded.
    """
    waiting: list[tuple[int, Unheard]] = []
    heard = False

    def done(place: int, result: Evaluation | Unheard) -> None:
        nonlocal heard
        if isinstance(result, Unheard) and not heard:
            waiting.append((place, result))
            return
        heard = True
        for before, error in waiting:
            record(before, _failed(error))
        waiting.clear()
        record(place, _failed(result) if isinstance(result, Unheard) else result)

    await together([_or_unheard(work) for work in works], done)
    if waiting:
        raise waiting[0][1]


async def _or_unheard(work: Coroutine[Any, Any, T]) -> T | Unheard:
    try:
        return await work
    except Unheard as error:
        return error


def _failed(error: Unheard) -> Evaluation:
    return Evaluation.mean_of(error.outcomes, error.usage)


@dataclass
class _Racer:
    """A candidate in the race, with its outcomes so far."""

    candidate: Candidate[Any]
    outcomes: list[Outcome] = field(default_factory=list)
    usage: Usage = Usage()
    out: str = ""  # why it is out of the race

    @property
    def text(self) -> str:
        """The candidate as it is written."""
        return self.candidate.text

    def take(self, outcomes: Sequence[Outcome], usage: Usage) -> None:
        """What it did on the next block."""
        self.outcomes += outcomes
        self.usage += usage

    def trial(self, task: Task) -> Trial:
        """What it is for the others of its step."""
        return Trial(Proposal(self.candidate.text, "race"), self.candidate, self.evaluation(task), 0)

    def evaluation(self, task: Task) -> Evaluation:
        """Its score: of all examples, or of those it has seen."""
        mean = task.evaluation_of(self.outcomes, self.usage)
        if not self.out or mean.status != "ok":
            return mean
        return replace(mean, status="pruned", reason=self.out)


def _worths(task: Task, outcomes: Sequence[Outcome], text: str) -> list[float | None]:
    """What each example adds to the place of a candidate with this text: a length penalty counts in the race too."""
    extra = task.worth(0.0, text)
    return [None if each is None else each + extra for each in goodness(task, outcomes)]


def _no_worse(task: Task, scored: Sequence[Trial], text: str) -> list[Trial]:
    """Those that are worth as much as a candidate with this text where they answer alike."""
    return [trial for trial in scored if task.worth(0.0, trial.text) >= task.worth(0.0, text)]


async def race(
    task: Task,
    candidates: Sequence[Candidate[Any]],
    trajectory: Trajectory,
    scorer: Backend,
    racing: Racing,
    record: Record,
) -> None:
    """Score a step's candidates on growing blocks of the same examples; those that can hardly win are dropped.

    They race with each other and with all candidates that have been scored on every example. What the rule is, and
    where it comes from, is in racing.py. Those that answer like a candidate scored before,
    or like another one of the step, leave too: see likeness.py.

    Raises:
        Unheard: not one call of a block came through.
        BudgetSpent: the race cannot go on; those that have seen all examples are recorded.
    """
    total = len(task.examples)
    scored = [trial for trial in trajectory.ranked() if len(trial.evaluation.outcomes) == total]
    incumbents = [_worths(task, trial.evaluation.outcomes, trial.text) for trial in scored]
    racers = [_Racer(candidate) for candidate in candidates]
    # All scorers of a question are one measurement of it, and each stretch holds every task.
    questions, unit = total // task.repeats, len(task.strata) // task.repeats or 1
    sizes = [size * task.repeats for size in blocks(questions, racing, unit)]
    try:
        for begin, end in zip([0, *sizes], sizes, strict=False):
            running = [racer for racer in racers if not racer.out]
            # What it takes to see one through: where the budget ends the race, its leader is not lost.
            with _aside((total - begin) * task.calls_each if len(running) > 1 else 0):
                await _run(task, running, task.examples[begin:end], scorer)
            racing_for = [_worths(task, racer.outcomes, racer.text) for racer in running]
            lost = hopeless(racing_for, incumbents, questions, racing)
            known = list(scored)  # and those of this step that stay in the race
            for racer, out in zip(running, lost, strict=True):
                if out:
                    racer.out = f"dropped after {end} of {total} examples: it can hardly win"
                elif end < total and (like := twin(racer.outcomes, _no_worse(task, known, racer.text))):
                    racer.out = reason(like, end)
                else:
                    known.append(racer.trial(task))
    except BudgetSpent:
        await _see_through(task, [racer for racer in racers if not racer.out], scorer)
        _record(task, racers, record)
        raise
    _record(task, racers, record)


@contextmanager
def _aside(calls: int) -> Iterator[None]:
    """Leave so many calls of the current run for later within the block."""
    current = meter.current()
    if current is not None:
        current.aside = calls
    try:
        yield
    finally:
        if current is not None:
            current.aside = 0


async def _see_through(task: Task, running: Sequence[_Racer], scorer: Backend) -> None:
    """Score those on all examples, the best first, for which there are calls left."""
    started = [racer for racer in running if racer.outcomes and racer.evaluation(task).status == "ok"]
    sign = -1 if task.direction == "maximize" else 1
    for racer in sorted(started, key=lambda each: sign * task.worth(each.evaluation(task).score or 0.0, each.text)):
        try:
            if rest := task.examples[len(racer.outcomes) :]:
                racer.take(*await task.outcomes(racer.candidate, rest, scorer))
        except (BudgetSpent, Unheard):
            return


def _record(task: Task, racers: Sequence[_Racer], record: Record) -> None:
    for place, racer in enumerate(racers):
        if racer.out or len(racer.outcomes) == len(task.examples):
            record(place, racer.evaluation(task))


async def _run(task: Task, running: Sequence[_Racer], block: Sequence[Example], scorer: Backend) -> None:
    """All that still run see the next block."""
    unheard: list[Unheard] = []

    def take(place: int, result: tuple[list[Outcome], Usage] | Unheard) -> None:
        if isinstance(result, Unheard):
            unheard.append(result)
            result = (result.outcomes, result.usage)
        running[place].take(*result)

    await together([_or_unheard(task.outcomes(racer.candidate, block, scorer)) for racer in running], take)
    if unheard and len(unheard) == len(running):
        for racer in running:
            del racer.outcomes[-len(block) :]
        raise unheard[0]


def goodness(task: Task, outcomes: Sequence[Outcome]) -> list[float | None]:
    """The score of each question, 0 to 1, the higher the better: the mean of what its scorers got."""
    scores = [outcome.score for outcome in outcomes]
    if task.repeats > 1:
        asked = [scores[place : place + task.repeats] for place in range(0, len(scores), task.repeats)]
        known = [[score for score in each if score is not None] for each in asked]
        scores = [fmean(each) if each else None for each in known]
    if task.direction == "maximize":
        return scores
    return [None if score is None else 1 - score for score in scores]

"""Honest selection: the winner is chosen on dev, and compared with the baseline once, on test.

A score that a candidate was chosen by is too high on average: the best of many was lucky too. So the search sees train,
the few best are scored again on dev, and what is reported comes from test, which decided nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from optiprompt import meter, selection
from optiprompt.backends.base import Backend
from optiprompt.candidate import Evaluation, Trial
from optiprompt.data.examples import Example
from optiprompt.errors import BudgetSpent
from optiprompt.events import HeldOut, Selected
from optiprompt.store import Run
from optiprompt.tasks.base import Task
from optiprompt.together import together
from optiprompt.trajectory import Trajectory

FINALISTS = 5
FEWEST = 10  # examples in a split that is worth its calls


@dataclass(frozen=True)
class Final:
    """The outcome of a search.

    Attributes:
        winner: the candidate that was chosen.
        by: the split whose scores decided.
        dev: the winner's evaluation on dev; None where there was none.
        test: the winner's on test.
        baseline: the first starting candidate's on test.
        comparison: of the two; None without a test.
        verdict: in words.
    """

    winner: Trial
    by: str
    verdict: str
    dev: Evaluation | None = None
    test: Evaluation | None = None
    baseline: Evaluation | None = None
    comparison: selection.Comparison | None = None


@dataclass
class _Finals:
    """The way to a final: what has been scored so far, by split and key."""

    task: Task
    trajectory: Trajectory
    scorer: Backend
    run: Run
    share: float
    scored: dict[tuple[str, str], Evaluation] = field(default_factory=dict)

    async def score(self, split: str, trials: Sequence[Trial]) -> list[Evaluation]:
        """Score candidates on a split, each once, and record it."""
        examples = self.examples(split)
        candidates = list({trial.key: trial.candidate for trial in trials if trial.candidate}.values())
        missing = [each for each in candidates if (split, each.key) not in self.scored]

        def record(place: int, evaluation: Evaluation) -> None:
            candidate = missing[place]
            self.scored[split, candidate.key] = evaluation
            self.run.append(HeldOut("dev" if split == "dev" else "test", candidate.key, candidate.text, evaluation))

        await together([self.task.evaluate_on(each, examples, self.scorer) for each in missing], record)
        return [self.scored[split, trial.key or ""] for trial in trials]

    def examples(self, split: str) -> Sequence[Example]:
        """Those of the split, or as many of them as the budget allows."""
        whole = self.task.dev if split == "dev" else self.task.test
        part = whole[: int(self.share * len(whole))]
        return part if len(part) >= min(FEWEST, len(whole)) else ()


def reserved(task: Task, calls: int | None) -> int:
    """How many calls of a budget the search leaves for the end: what it takes, but at most half of them."""
    return 0 if calls is None else min(_wanted(task), calls // 2)


def _wanted(task: Task) -> int:
    return FINALISTS * len(task.dev) + 2 * len(task.test)


async def decide(task: Task, trajectory: Trajectory, scorer: Backend | None, run: Run) -> Final | None:
    """Choose the winner of a search, test it, and record that; what is recorded already is not scored again.

    Returns:
        None where nothing has a score, or the task is not made of examples.
    """
    ranked = [trial for trial in trajectory.ranked() if trial.evaluation.outcomes]
    if scorer is None or not ranked or not task.examples:
        return None
    left = meter.remaining_calls()
    share = 1.0 if left is None else min(1.0, left / max(1, _wanted(task)))
    finals = _Finals(task, trajectory, scorer, run, share)
    last = max((place for place, event in enumerate(run.events) if event.type == "stepped"), default=0)
    for event in run.events[last:]:
        if isinstance(event, HeldOut):
            finals.scored[event.split, event.key] = event.evaluation
    return await _decide(finals, ranked)


async def _decide(finals: _Finals, ranked: Sequence[Trial]) -> Final:
    task, trajectory = finals.task, finals.trajectory
    baseline = next((trial for trial in trajectory if trial.step == 0), ranked[-1])
    winner, by = ranked[0], "train"
    dev = test = test_of_baseline = comparison = None
    notes: list[str] = []
    try:
        if finals.examples("dev"):
            winner, dev, by = *await _chosen(finals, ranked[:FINALISTS]), "dev"
        if finals.examples("test"):
            test, test_of_baseline = await finals.score("test", [winner, baseline])
    except BudgetSpent as error:
        notes.append(f"The budget ended before the test was done: {error}.")
    if test is not None and test_of_baseline is not None and "failed" not in (test.status, test_of_baseline.status):
        comparison = selection.compare(_scores(task, test), _scores(task, test_of_baseline))
    final = Final(winner, by, "", dev, test, test_of_baseline, comparison)
    verdict = "\n".join([*_words(task, trajectory, final, baseline), *notes])
    selected = Selected(winner.key or "", winner.text, "dev" if by == "dev" else "train", verdict)
    before = next((event for event in reversed(finals.run.events) if isinstance(event, Selected)), None)
    if before is None or replace(before, time="") != selected:
        finals.run.append(selected, durable=True)
    return Final(winner, by, verdict, dev, test, test_of_baseline, comparison)


async def _chosen(finals: _Finals, finalists: Sequence[Trial]) -> tuple[Trial, Evaluation | None]:
    """The best on train and dev together: see `selection.choose`. One finalist alone needs no dev score."""
    if len(finalists) == 1:
        return finalists[0], None
    evaluations = await finals.score("dev", finalists)
    pairs = [(trial, each) for trial, each in zip(finalists, evaluations, strict=True) if each.score is not None]
    if not pairs:
        return finalists[0], None
    train = [_scores(finals.task, trial.evaluation) for trial, _ in pairs]
    return pairs[selection.choose(train, [_scores(finals.task, each) for _, each in pairs])]


def _scores(task: Task, evaluation: Evaluation) -> list[float | None]:
    """The score of each example, the higher the better."""
    sign = 1 if task.direction == "maximize" else -1
    return [None if outcome.score is None else sign * outcome.score for outcome in evaluation.outcomes]


def _words(task: Task, trajectory: Trajectory, final: Final, baseline: Trial) -> list[str]:
    """The verdict, a sentence a line."""
    if final.winner.key == baseline.key:
        return [f"The search found nothing better than the baseline {_quoted(baseline)}."]
    if final.test is None or final.comparison is None:
        return _untested(task, trajectory, final, baseline)
    said = selection.verdict(final.comparison, "test", final.winner.evaluation.score, final.test.score)
    return [f"Baseline: {_quoted(baseline)}.", said]


def _untested(task: Task, trajectory: Trajectory, final: Final, baseline: Trial) -> list[str]:
    """What can be said from the examples that decided: the choice of the best of many is allowed for."""
    total = len(task.examples)
    rivals = [trial for trial in trajectory if trial.ok and len(trial.evaluation.outcomes) == total]
    place = next((place for place, trial in enumerate(rivals) if trial.key == baseline.key), None)
    lines = ["There is no test: the score is that on examples which decided, and too high on average."]
    if place is not None and len(rivals) > 1:
        told = selection.corrected([_scores(task, trial.evaluation) for trial in rivals], place)
        lines += [f"Corrected for the choice of the best of {len(rivals)}:", selection.verdict(told, "train")]
    return [f"Baseline: {_quoted(baseline)}.", *lines]


def _quoted(trial: Trial) -> str:
    line = " ".join(trial.text.split())
    return f'"{line if len(line) <= 60 else line[:59] + "…"}"'

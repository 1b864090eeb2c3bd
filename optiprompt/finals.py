"""Honest selection: the winner is chosen on dev, and compared with the baseline once, on test.

A score that a candidate was chosen by is too high on average: the best of many was lucky too. So the search sees train,
the few best are scored again on dev, and what is reported comes from test, which decided nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from optiprompt import meter, selection, worst_case
from optiprompt.backends.base import Backend
from optiprompt.budget import Budget
from optiprompt.candidate import Evaluation, Trial
from optiprompt.errors import BudgetSpent
from optiprompt.events import HeldOut, Selected, Stepped
from optiprompt.scoring import goodness, score_all
from optiprompt.store import Run
from optiprompt.tasks.base import Task
from optiprompt.trajectory import Trajectory

Split = Literal["dev", "test"]

FINALISTS = 5
KEPT = 0.3  # share of tokens, money and time that is left for dev and test
FEWEST = 10  # examples in a split that is worth its calls


@dataclass(frozen=True)
class Transferred:
    """Winner and baseline on the test split of another task, or with another scorer.

    Attributes:
        task: its name.
        scorer: likewise.
        winner: the winner's evaluation; None where it could not be made.
        baseline: the first starting candidate's.
        comparison: of the two.
        reason: why it could not be made.
    """

    task: str
    scorer: str
    winner: Evaluation | None = None
    baseline: Evaluation | None = None
    comparison: selection.Comparison | None = None
    reason: str = ""


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
        transfers: of winner and baseline to other tasks and scorers.
    """

    winner: Trial
    by: Literal["train", "dev"]
    verdict: str
    dev: Evaluation | None = None
    test: Evaluation | None = None
    baseline: Evaluation | None = None
    comparison: selection.Comparison | None = None
    transfers: tuple[Transferred, ...] = ()


@dataclass
class Finals:
    """The way to a final: what has been scored so far, by split and key; `on` names another task that it is on."""

    task: Task
    scorer: Backend
    run: Run
    on: str = ""
    scored: dict[tuple[str, str], Evaluation] = field(default_factory=dict)
    recorded: dict[str, int] = field(default_factory=dict)
    selected: Selected | None = None
    looks: int = 0

    def __post_init__(self) -> None:
        """Take up what was recorded after the last step."""
        last = max((place for place, event in enumerate(self.run.events) if isinstance(event, Stepped)), default=0)
        self.looks = sum(isinstance(event, Selected) for event in self.run.events[:last])
        for event in self.run.events[last:]:
            if isinstance(event, Selected):
                self.selected = event
            elif isinstance(event, HeldOut) and event.on == self.on:
                self.scored[event.split, event.key] = event.evaluation
                self.recorded[event.split] = len(event.evaluation.outcomes)

    async def score(self, split: Split, trials: Sequence[Trial], room: float) -> list[Evaluation] | None:
        """Score candidates on a split, each once, and record it; None where the split is empty.

        Args:
            split: which.
            trials: the candidates.
            room: how many calls this may take; no example is left out that was recorded before.
        """
        whole = self.task.dev if split == "dev" else self.task.test
        room /= self.task.calls_each
        candidates = {trial.key: trial.candidate for trial in trials if trial.candidate}
        size = len(whole) if room >= len(candidates) * len(whole) else int(room / len(candidates))
        size -= size % max(1, len(self.task.strata))  # each task and scorer has the same number
        size = max(size, self.recorded.get(split, 0))
        if size < min(FEWEST, len(whole)) or not whole:
            return None
        for name in [name for name, each in self.scored.items() if name[0] == split and len(each.outcomes) != size]:
            del self.scored[name]  # it was scored on fewer; the replies are on disk
        missing = [each for key, each in candidates.items() if (split, key) not in self.scored]

        def record(place: int, evaluation: Evaluation) -> None:
            candidate = missing[place]
            self.scored[split, candidate.key] = evaluation
            self.run.append(HeldOut(split, candidate.key, candidate.text, evaluation, self.on))

        await score_all([self.task.evaluate_on(each, whole[:size], self.scorer) for each in missing], record)
        return [self.scored[split, trial.key or ""] for trial in trials]

    def spent(self) -> int:
        """How many calls what was recorded took, as if each had gone well."""
        return self.task.calls_each * sum(len(each.outcomes) for each in self.scored.values())


def reserved(task: Task, started: int, budget: Budget, elsewhere: Sequence[Task] = ()) -> tuple[int, float]:
    """What the search leaves for the end: calls, and a share of tokens, money and time.

    That is what the end takes, but of what the start has left at most a quarter for dev, and half in all;
    nothing where that would not do for a test.

    Args:
        task: what is searched.
        started: how many calls the starting candidates took.
        budget: of the run.
        elsewhere: the tasks of transfers.
    """
    dev = task.calls_each * FINALISTS * len(task.dev)
    test = 2 * sum(each.calls_each * len(each.test) for each in (task, *elsewhere))
    if not dev + test:
        return 0, 0.0
    limits = [limit for limit in (budget.calls, budget.scorer_calls) if limit is not None]
    if not limits:
        return 0, KEPT
    left = max(0, min(limits) - started)
    kept = min(min(dev, left // 4) + test, left // 2)
    return (kept if kept >= 2 * FEWEST * task.calls_each else 0), KEPT


async def decide(task: Task, trajectory: Trajectory, scorer: Backend | None, run: Run) -> Final | None:
    """Choose the winner of a search, test it, and record that; what is recorded already is not scored again.

    Returns:
        None where nothing has a score, or the task is not made of examples.
    """
    ranked = [trial for trial in trajectory.ranked() if trial.evaluation.outcomes]
    if scorer is None or not ranked or not task.examples:
        return None
    finals = Finals(task, scorer, run)
    baseline = baseline_of(trajectory) or ranked[-1]
    final, notes = Final(ranked[0], "train", ""), []
    try:
        final = await _chosen(finals, ranked[:FINALISTS])
        final = await _tested(finals, final, baseline)
    except BudgetSpent as error:
        notes.append(f"The budget ended before dev and test were done: {error}.")
    if finals.looks and final.test:
        notes.append(f"The test split was looked at before in this run, {finals.looks} times: trust it a little less.")
    final = replace(final, verdict="\n".join([*_words(task, trajectory, final, baseline), *notes]))
    selected = Selected(final.winner.key or "", final.winner.text, final.by, final.verdict)
    if finals.selected is None or replace(finals.selected, time="") != selected:
        run.append(selected, durable=True)
    return final


def baseline_of(trajectory: Trajectory) -> Trial | None:
    """The first starting candidate."""
    return next((trial for trial in trajectory if trial.step == 0), None)


async def _chosen(finals: Finals, finalists: Sequence[Trial]) -> Final:
    """The best on dev, of equal ones the better on train. One finalist alone needs no dev score.

    Where the calls do not do for all finalists fewer of them see dev, at least two, rather than all a part of it.
    """
    task = finals.task
    first = Final(finalists[0], "train", "")
    if len(finalists) == 1 or not task.dev:
        return first
    left = meter.affordable() + finals.spent()
    known = sum(split == "dev" for split, _ in finals.scored)
    calls = task.calls_each * len(task.dev)
    room = left * _share(task, len(finalists))
    if room < len(finalists) * calls:
        finalists = finalists[: max(2, known, int(room / calls))]
        room = left * _share(task, len(finalists))
    evaluations = await finals.score("dev", finalists, room)
    pairs = [each for each in zip(finalists, evaluations or (), strict=False) if each[1].status == "ok"]
    if not pairs:
        return first
    sign = 1 if task.direction == "maximize" else -1
    dev = [[None if each.score is None else sign * task.worth(each.score, trial.text)] for trial, each in pairs]
    winner, evaluation = pairs[selection.choose(dev)]
    return Final(winner, "dev", "", evaluation)


def _share(task: Task, finalists: int) -> float:
    """Of what is left for the end, the part of dev where so many see it."""
    dev = finalists * len(task.dev)
    return dev / (dev + 2 * len(task.test))


async def _tested(finals: Finals, final: Final, baseline: Trial) -> Final:
    """The winner beside the baseline on test."""
    on_test = sum(len(each.outcomes) for (split, _), each in finals.scored.items() if split == "test")
    room = meter.affordable() + finals.task.calls_each * on_test
    both = await finals.score("test", [final.winner, baseline], room)
    if both is None:
        return final
    test, of_baseline = both
    final = replace(final, test=test, baseline=of_baseline)
    if test.status != "ok" or of_baseline.status != "ok":
        return final
    return replace(final, comparison=compared(finals.task, test, of_baseline))


def compared(task: Task, one: Evaluation, other: Evaluation) -> selection.Comparison:
    """How much better the one is than the other, on the same examples of a task."""
    if task.by == "worst":
        return worst_case.compare(one.outcomes, other.outcomes, len(task.strata), task.repeats)
    return selection.compare(*(goodness(task, each.outcomes) for each in (one, other)))


def _words(task: Task, trajectory: Trajectory, final: Final, baseline: Trial) -> list[str]:
    """The verdict, a sentence a line."""
    if final.winner.key == baseline.key:
        return [f"The search found nothing better than the baseline {_quoted(baseline)}."]
    lines = [f"Baseline: {_quoted(baseline)}."]
    if final.test is None or final.baseline is None:
        return [*lines, *_untested(task, trajectory, final, baseline)]
    if final.comparison is None:
        bad = final.baseline if final.test.status == "ok" else final.test
        return [*lines, f"Nothing can be said: the test could not be scored: {bad.reason}."]
    if task.direction == "minimize":
        return [*lines, selection.verdict(final.comparison)]
    return [*lines, selection.verdict(final.comparison, "test", final.winner.evaluation.score, final.test.score)]


def _untested(task: Task, trajectory: Trajectory, final: Final, baseline: Trial) -> list[str]:
    """What can be said from the examples that decided: the choice of the best of many is allowed for."""
    total = len(task.examples)
    rivals = [trial for trial in trajectory if trial.ok and len(trial.evaluation.outcomes) == total]
    place = next((place for place, trial in enumerate(rivals) if trial.key == baseline.key), None)
    missing = "The budget had no room for the test" if task.test else "There is no test"
    lines = [f"{missing}: the {final.by} score is that on examples which decided, and too high on average."]
    if final.by == "train" and place is not None and task.by == "mean":
        rated = [goodness(task, trial.evaluation.outcomes) for trial in rivals]
        told = selection.corrected(rated, place, [task.worth(0.0, trial.text) for trial in rivals])
        lines += [f"Corrected for the choice of the best of {len(rivals)}:", selection.verdict(told, "train")]
    return lines


def _quoted(trial: Trial) -> str:
    line = " ".join(trial.text.split())
    return f'"{line if len(line) <= 60 else line[:59] + "…"}"'

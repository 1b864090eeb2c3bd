"""The events of a run become its trajectory again, and the step under way is found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from optiprompt import meter
from optiprompt.algorithms.base import Searcher
from optiprompt.candidate import Evaluation, Trial
from optiprompt.events import Checked, Evaluated, Event, Proposed, Stepped
from optiprompt.tasks.base import Task
from optiprompt.trajectory import Trajectory


@dataclass
class Unfinished:
    """A step under way: its proposals, and the evaluations made so far by the index of the proposal."""

    checked: Sequence[Checked]
    evaluations: dict[int, Evaluation] = field(default_factory=dict)


def complete(task: Task, trajectory: Trajectory, step: int, finished: Unfinished) -> list[Trial]:
    """Turn a step's proposals and evaluations into trials, and add them to the trajectory."""
    trials: list[Trial] = []
    here: dict[str, Evaluation] = {}
    for index, item in enumerate(finished.checked):
        if item.key is None:
            rejected = Evaluation.failed(item.reason) if item.fate == "failed" else Evaluation.invalid(item.reason)
            trials.append(Trial(item.proposal, None, rejected, step))
            continue
        candidate = task.space.candidate(item.proposal.text)
        # Not the recorded key: an earlier version may have made it in another way.
        known = trajectory.known(candidate.key)
        evaluation = known.evaluation if known else here.get(candidate.key) or finished.evaluations[index]
        here[candidate.key] = evaluation
        trials.append(Trial(item.proposal, candidate, evaluation, step, duplicate=item.fate == "duplicate"))
    trajectory.add_step(trials)
    return trials


def add_part(task: Task, trajectory: Trajectory, unfinished: Unfinished) -> None:
    """Add what was evaluated of the step in which the budget ended, so that the best of it counts."""
    trials = [
        Trial(
            item.proposal, task.space.candidate(item.proposal.text), unfinished.evaluations[index], trajectory.steps + 1
        )
        for index, item in enumerate(unfinished.checked)
        if index in unfinished.evaluations
    ]
    trajectory.add_step(trials, complete=False)


def replay(task: Task, searcher: Searcher, events: Sequence[Event]) -> tuple[Trajectory, Unfinished | None]:
    """Rebuild from the recorded events where a search stands, telling the searcher every step.

    Returns:
        The completed steps, and the step under way if there is one.
    """
    trajectory = Trajectory(task.direction, task.tradeoff, task.worth)
    unfinished: Unfinished | None = None
    for event in events:
        if isinstance(event, Proposed):
            unfinished = Unfinished(event.proposals)
        elif isinstance(event, Evaluated) and unfinished is not None:
            unfinished.evaluations[event.index] = event.evaluation
        elif isinstance(event, Stepped) and unfinished is not None:
            searcher.tell(complete(task, trajectory, event.step, unfinished))
            unfinished = None
    return trajectory, unfinished


def stepped(trajectory: Trajectory, trials: Sequence[Trial], operators: Mapping[str, Mapping[str, float]]) -> Stepped:
    """The event that ends a step.

    Args:
        trajectory: with the step.
        trials: of the step.
        operators: the searcher's state.
    """
    fresh = [trial for trial in trials if not trial.duplicate]
    scores = [trial.score for trial in fresh if trial.ok]
    best = trajectory.best
    return Stepped(
        step=trajectory.steps,
        evaluations=len(trajectory),
        best=best.score if best else None,
        mean=fmean(scores) if scores else None,
        duplicates=len(trials) - len(fresh),
        invalid=sum(trial.evaluation.status == "invalid" for trial in fresh),
        failed=sum(trial.evaluation.status == "failed" for trial in fresh),
        usage=trajectory.usage,
        usd=meter.money(),
        operators=operators,
    )


def barren(trajectory: Trajectory, reason: str, *, cut: bool) -> str:
    """Why a search that ended has failed, with the root cause; empty where it has not.

    Args:
        trajectory: all of it.
        reason: why it ended.
        cut: it ended within a step.
    """
    run = meter.current()
    if cut:  # by a limit; but where no model answers, that is the cause
        cause = run.attempts.unheard("optimizer", "scorer") if run and trajectory.best is None else ""
        return cause and f"nothing could be scored: {reason}; the last failure: {cause}"
    if run and trajectory.steps == 0 and (cause := run.attempts.unheard("optimizer")):
        return f"nothing could be proposed: {reason}; the last failure: {cause}"
    if trajectory.best is None and trajectory.rejected:
        return f"nothing could be scored: {trajectory.rejected[-1].evaluation.reason}"
    # Only failed calls: a candidate that could not be scored is data, and says nothing of the set-up.
    unheard = trajectory.failures and all(trial.proposal.failed for trial in trajectory.failures)
    if unheard and not any(trial.proposal.reply for trial in trajectory.trials):
        return f"every step failed; the last: {trajectory.failures[-1].evaluation.reason}"
    return ""

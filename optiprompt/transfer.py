"""Transfer: the winner and the baseline on the test splits of other tasks, and with other scorers.

It is measured after the run's own test, within the run's budget, and decides nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from optiprompt import meter
from optiprompt.backends.base import Backend
from optiprompt.candidate import Evaluation
from optiprompt.errors import OptipromptError
from optiprompt.finals import FEWEST, FINALISTS, Final, Finals, Transferred, baseline_of, compared, decide
from optiprompt.store import Run
from optiprompt.tasks.base import Task
from optiprompt.trajectory import Trajectory


@dataclass(frozen=True)
class Transfer:
    """Where winner and baseline are measured.

    Attributes:
        task: a prompt task with a test split.
        scorer: the model that is instructed.
    """

    task: Task
    scorer: Backend

    @property
    def name(self) -> str:
        return f"{self.task.name} with {self.scorer.name}"


async def conclude(
    task: Task, trajectory: Trajectory, scorer: Backend | None, run: Run, transfers: Sequence[Transfer]
) -> Final | None:
    """What the end says of a search, as `decide`, and of the transfers; what is recorded is not scored again.

    One that cannot be measured (its model is not there, the budget is spent) does not stop the others.
    """
    meter.hold_back(_later(task, transfers), 0)
    try:
        final = await decide(task, trajectory, scorer, run)
    finally:
        meter.hold_back(0, 0)
    if final is None:
        return None
    baseline = baseline_of(trajectory) or final.winner
    made: list[Transferred] = []
    for each in transfers:
        finals = Finals(each.task, each.scorer, run, each.name)
        room = meter.affordable() + finals.spent()
        try:
            both = await finals.score("test", [final.winner, baseline], room)
        except OptipromptError as error:
            made.append(Transferred(each.task.name, each.scorer.name, reason=str(error)))
        else:
            made.append(_compared(each, both))
    return replace(final, transfers=tuple(made))


def _later(task: Task, transfers: Sequence[Transfer]) -> int:
    """Calls that the run's own dev and test leave to the transfers.

    Where there are too few for all that is their part, but half at most; what the own test needs at least goes first.
    """
    left = meter.affordable()
    own = task.calls_each * (FINALISTS * len(task.dev) + 2 * len(task.test))
    later = 2 * sum(each.task.calls_each * len(each.task.test) for each in transfers)
    if left >= own + later:
        return later
    least = min(own, 4 * FEWEST * task.calls_each)  # two finalists and two tests, of the smallest splits
    return int(min(left * min(0.5, later / max(1, own + later)), max(0.0, left - least)))


def _compared(transfer: Transfer, both: list[Evaluation] | None) -> Transferred:
    task, scorer = transfer.task.name, transfer.scorer.name
    if both is None:
        reason = meter.spent() or ("the budget has no room for it" if transfer.task.test else "it has no test split")
        return Transferred(task, scorer, reason=reason)
    winner, baseline = both
    bad = next((each for each in both if each.status != "ok"), None)
    if bad is not None:
        return Transferred(task, scorer, winner, baseline, reason=bad.reason)
    return Transferred(task, scorer, winner, baseline, compared(transfer.task, winner, baseline))

"""THE loop: propose, check, leave out duplicates, evaluate, record, repeat.

Everything that happens is an event of the run, so a run that was killed goes on where it stood: history.py rebuilds the
trajectory from the events, and a step that was under way is finished without proposing or evaluating anything again.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from optiprompt import meter
from optiprompt.algorithms.base import Algorithm, Searcher, Setting
from optiprompt.backends.base import Backend
from optiprompt.budget import Budget, hopeless
from optiprompt.candidate import Candidate, Evaluation, Proposal
from optiprompt.errors import BudgetSpent, OptipromptError, ParseError, SearchFailed
from optiprompt.events import Checked, Evaluated, Proposed
from optiprompt.finals import Final, reserved
from optiprompt.history import Unfinished, add_part, barren, complete, replay, stepped
from optiprompt.racing import Racing
from optiprompt.scoring import Scoring, race, score_all
from optiprompt.sparing import examples_each, fitted
from optiprompt.store import Run
from optiprompt.tasks.base import Task
from optiprompt.trajectory import Trajectory
from optiprompt.transfer import Transfer, conclude

USUAL_STEPS = 20  # where the budget names none


@dataclass(frozen=True)
class Search:
    """What is searched, and how.

    Attributes:
        task: what is optimised.
        algorithm: what proposes.
        budget: what it may spend.
        optimizer: the model that proposes, for algorithms that need one.
        scorer: the model that is instructed, for tasks that need one.
        seed: fixes every random choice.
        scoring: what is spent on the scores.
        transfers: where winner and baseline are measured too, at the end.
    """

    task: Task
    algorithm: Algorithm
    budget: Budget
    optimizer: Backend | None = None
    scorer: Backend | None = None
    seed: int = 0
    scoring: Scoring = Scoring()
    transfers: Sequence[Transfer] = ()

    @property
    def racing(self) -> Racing | None:
        """The race, which is a sparing one where the scorer's calls are few for the candidates to come."""
        racing = self.scoring.racing
        if racing is None or not self.task.examples:
            return racing
        started = len(self.task.starting(random.Random(f"{self.seed}/0")))
        proposals = (self.budget.steps or USUAL_STEPS) * self.algorithm.a_step(self.task.space)
        elsewhere = [each.task for each in self.transfers] if self.scoring.final else None
        each = examples_each(self.task, self.budget, started, proposals, elsewhere)
        return fitted(racing, each, len(self.task.examples) // self.task.repeats)


async def run_search(search: Search, run: Run) -> tuple[Trajectory, str, Final | None]:
    """Search until the budget ends it; a run that has events goes on from there.

    Returns:
        The trajectory, why the search stopped, and what the end says of the winner.

    Raises:
        SearchFailed: several steps in a row failed as a whole.
        OptipromptError: the search cannot go on; everything up to here is kept.
    """
    try:
        trajectory, reason = await _loop(search, run)
        meter.hold_back(0, 0)
        final = search.scoring.final
        outcome = await conclude(search.task, trajectory, search.scorer, run, search.transfers) if final else None
    except asyncio.CancelledError:
        run.end("interrupted", "interrupted by the user")
        raise
    except Exception as error:
        run.end("failed", str(error) if isinstance(error, OptipromptError) else f"{type(error).__name__}: {error}")
        raise
    run.end("finished", reason)
    return trajectory, reason, outcome


async def _loop(search: Search, run: Run) -> tuple[Trajectory, str]:
    setting = Setting(search.task, search.optimizer, search.seed, search.budget.steps, search.scorer)
    searcher = search.algorithm.begin(setting)
    trajectory, unfinished = replay(search.task, searcher, run.events)
    while (reason := over(search, trajectory)) is None:
        meter.at_work()
        step = trajectory.steps + 1
        try:
            if unfinished is None:
                unfinished = Unfinished(await propose(search, searcher, trajectory, run))
            await evaluate(search, trajectory, unfinished, run)
        except BudgetSpent as error:
            reason = meter.spent() or str(error)
            break
        trials = complete(search.task, trajectory, step, unfinished)
        searcher.tell(trials)
        run.append(stepped(trajectory, trials, searcher.state(trajectory)), durable=True)
        unfinished = None
        if cause := hopeless(trajectory):
            raise SearchFailed(cause)
    if unfinished is not None:
        add_part(search.task, trajectory, unfinished)
    if cause := barren(trajectory, reason, cut=unfinished is not None):
        raise SearchFailed(cause)
    return trajectory, reason


def over(search: Search, trajectory: Trajectory) -> str | None:
    """Why the search ends now; None while it goes on. From the first step on the budget keeps what the end takes."""
    if search.scoring.final and trajectory.steps >= 0:
        started = sum(trial.evaluation.usage.calls for trial in trajectory if trial.step == 0)
        meter.hold_back(*reserved(search.task, started, search.budget, [each.task for each in search.transfers]))
    if search.task.solved(trajectory):
        return "the optimum is found"
    return search.budget.spent(trajectory) or meter.spent()


async def propose(search: Search, searcher: Searcher, trajectory: Trajectory, run: Run) -> tuple[Checked, ...]:
    """The proposals of the next step, checked and recorded. Step 0 proposes the task's starting candidates."""
    step = trajectory.steps + 1
    rng = random.Random(f"{search.seed}/{step}")
    room = search.budget.room(trajectory, 1_000_000)
    if step == 0:
        proposals = [Proposal(text, source) for text, source in search.task.starting(rng)]
    else:
        proposals = await searcher.ask(trajectory, room, rng)
    checked = check(search.task, trajectory, proposals, room)
    run.append(Proposed(step, checked))
    return checked


def check(task: Task, trajectory: Trajectory, proposals: Sequence[Proposal], room: int) -> tuple[Checked, ...]:
    """Parse the proposals, find duplicates and what task and limits object to; what has no room is left out."""
    checked, fresh = list[Checked](), set[str]()
    for proposal in proposals:
        candidate = _parsed(task, proposal)
        if isinstance(candidate, str):
            checked.append(Checked(proposal, "failed" if proposal.failed else "invalid", reason=candidate))
        elif candidate.key in fresh or trajectory.known(candidate.key):
            checked.append(Checked(proposal, "duplicate", candidate.key))
        elif trajectory.steps >= 0 and (objection := task.objection(candidate)):
            checked.append(Checked(proposal, "invalid", reason=objection))
        elif len(fresh) < room:
            fresh.add(candidate.key)
            costs = task.costs(candidate) if task.limits or task.pareto else None
            checked.append(Checked(proposal, "new", candidate.key, costs=costs))
    return tuple(checked)


def _parsed(task: Task, proposal: Proposal) -> Candidate[object] | str:
    """The proposal's candidate, or the reason why it is none."""
    if proposal.problem:
        return proposal.problem
    try:
        return task.candidate(proposal.text)
    except ParseError as error:
        return str(error)


async def evaluate(search: Search, trajectory: Trajectory, unfinished: Unfinished, run: Run) -> None:
    """Evaluate a step's new candidates together, and record them in the order in which they were proposed."""
    task, scorer, racing, step = search.task, search.scorer, search.racing, trajectory.steps + 1
    new = [index for index, item in enumerate(unfinished.checked) if item.fate == "new"]
    candidates = {index: task.space.candidate(unfinished.checked[index].proposal.text) for index in new}

    def record(index: int, evaluation: Evaluation) -> None:
        if index not in unfinished.evaluations:
            candidate = candidates[index]
            if costs := unfinished.checked[index].costs:
                evaluation = replace(evaluation, metrics={**evaluation.metrics, **costs})
            unfinished.evaluations[index] = evaluation
            run.append(Evaluated(step, index, candidate.key, candidate.text, evaluation))

    missing = [index for index in new if index not in unfinished.evaluations]
    if step > 0 and racing and task.examples and task.by == "mean" and scorer and missing:
        # All of them race, also those that a killed run has recorded: their replies are on disk.
        await race(task, list(candidates.values()), trajectory, scorer, racing, lambda n, each: record(new[n], each))
        return
    await score_all(
        [task.evaluate(candidates[index], scorer) for index in missing],
        lambda place, evaluation: record(missing[place], evaluation),
    )

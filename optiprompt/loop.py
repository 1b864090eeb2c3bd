"""THE loop: propose, check, leave out duplicates, evaluate, record, repeat.

Everything that happens is an event of the run, so a run that was killed goes on where it stood: history.py rebuilds the
trajectory from the events, and a step that was under way is finished without proposing or evaluating anything again.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from optiprompt import meter
from optiprompt.algorithms.base import Algorithm, Searcher, Setting
from optiprompt.backends.base import Backend
from optiprompt.budget import Budget, hopeless
from optiprompt.candidate import Candidate, Proposal, Trial
from optiprompt.errors import BudgetSpent, OptipromptError, ParseError, SearchFailed
from optiprompt.events import Checked, Evaluated, Proposed, Stepped
from optiprompt.history import Unfinished, add_part, complete, replay
from optiprompt.spaces.base import Space
from optiprompt.store import Run
from optiprompt.tasks.base import Task
from optiprompt.trajectory import Trajectory


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
        cache: whether replies are shared with other runs.
    """

    task: Task
    algorithm: Algorithm
    budget: Budget
    optimizer: Backend | None = None
    scorer: Backend | None = None
    seed: int = 0
    cache: bool = True


async def run_search(search: Search, run: Run) -> tuple[Trajectory, str]:
    """Search until the budget ends it; a run that has events goes on from there.

    Returns:
        The trajectory, and why the search stopped.

    Raises:
        SearchFailed: several steps in a row failed as a whole.
        OptipromptError: the search cannot go on; everything up to here is kept.
    """
    try:
        trajectory, reason = await _loop(search, run)
    except asyncio.CancelledError:
        run.end("interrupted", "interrupted by the user")
        raise
    except Exception as error:
        run.end("failed", str(error) if isinstance(error, OptipromptError) else f"{type(error).__name__}: {error}")
        raise
    run.end("finished", reason)
    return trajectory, reason


async def _loop(search: Search, run: Run) -> tuple[Trajectory, str]:
    searcher = search.algorithm.begin(Setting(search.task, search.optimizer, search.seed, search.budget.steps))
    trajectory, unfinished = replay(search.task, searcher, run.events)
    while (reason := over(search, trajectory)) is None:
        meter.at_work()
        step = trajectory.steps + 1
        try:
            if unfinished is None:
                unfinished = Unfinished(await propose(search, searcher, trajectory, run))
            await evaluate(search, step, unfinished, run)
        except BudgetSpent as error:
            reason = meter.spent() or str(error)
            break
        trials = complete(search.task, trajectory, step, unfinished)
        searcher.tell(trials)
        run.append(summary(trajectory, trials), durable=True)
        unfinished = None
        if cause := hopeless(trajectory):
            raise SearchFailed(cause)
    if unfinished is not None:
        add_part(search.task, trajectory, unfinished)
        return trajectory, reason
    if trajectory.best is None and trajectory.rejected:
        raise SearchFailed(f"nothing could be scored: {trajectory.rejected[-1].evaluation.reason}")
    # Only failed calls: a candidate that could not be scored is data, and says nothing of the set-up.
    unheard = trajectory.failures and all(trial.proposal.failed for trial in trajectory.failures)
    if unheard and trajectory.failing >= trajectory.steps:
        raise SearchFailed(f"every step failed; the last: {trajectory.failures[-1].evaluation.reason}")
    return trajectory, reason


def over(search: Search, trajectory: Trajectory) -> str | None:
    """Why the search ends now; None while it goes on."""
    if search.task.solved(trajectory):
        return "the optimum is found"
    return search.budget.spent(trajectory) or meter.spent()


async def propose(search: Search, searcher: Searcher, trajectory: Trajectory, run: Run) -> tuple[Checked, ...]:
    """The proposals of the next step, checked and recorded. Step 0 proposes the task's starting candidates."""
    step = trajectory.steps + 1
    rng = random.Random(f"{search.seed}/{step}")
    room = search.budget.room(trajectory, 1_000_000)
    if step == 0:
        proposals = [Proposal(text, "start") for text in search.task.start(rng)]
    else:
        proposals = await searcher.ask(trajectory, room, rng)
    checked = check(search.task.space, trajectory, proposals, room)
    run.append(Proposed(step, checked))
    return checked


def check(
    space: Space[object], trajectory: Trajectory, proposals: Sequence[Proposal], room: int
) -> tuple[Checked, ...]:
    """Parse the proposals and find the duplicates; new candidates beyond the room are left out."""
    checked: list[Checked] = []
    fresh: set[str] = set()
    for proposal in proposals:
        candidate = _parsed(space, proposal)
        if isinstance(candidate, str):
            checked.append(Checked(proposal, "failed" if proposal.failed else "invalid", reason=candidate))
        elif candidate.key in fresh or trajectory.known(candidate.key):
            checked.append(Checked(proposal, "duplicate", candidate.key))
        elif len(fresh) < room:
            fresh.add(candidate.key)
            checked.append(Checked(proposal, "new", candidate.key))
    return tuple(checked)


def _parsed(space: Space[object], proposal: Proposal) -> Candidate[object] | str:
    """The proposal's candidate, or the reason why it is none."""
    if proposal.problem:
        return proposal.problem
    try:
        return space.candidate(proposal.text)
    except ParseError as error:
        return str(error)


async def evaluate(search: Search, step: int, unfinished: Unfinished, run: Run) -> None:
    """Evaluate a step's new candidates concurrently, and record them in the order in which they were proposed."""
    candidates = {
        index: search.task.space.candidate(item.proposal.text)
        for index, item in enumerate(unfinished.checked)
        if item.fate == "new" and index not in unfinished.evaluations
    }
    spent: BudgetSpent | None = None
    running = [asyncio.ensure_future(search.task.evaluate(each, search.scorer)) for each in candidates.values()]
    try:
        for (index, candidate), evaluation in zip(candidates.items(), running, strict=True):
            try:
                unfinished.evaluations[index] = await evaluation
            except BudgetSpent as error:
                spent = error  # the others' calls are paid: those that get all their replies count
                continue
            run.append(Evaluated(step, index, candidate.key, candidate.text, evaluation.result()))
    finally:
        for evaluation in running:
            evaluation.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    if spent is not None:
        raise spent


def summary(trajectory: Trajectory, trials: Sequence[Trial]) -> Stepped:
    """The event that ends a step."""
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
    )

"""`optimize`: a search from Python, synchronous, usable in a notebook too."""

import asyncio
import copy
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from optiprompt.algorithms.base import Algorithm
from optiprompt.algorithms.opro import Opro
from optiprompt.backends._cached import GroupedCache
from optiprompt.backends._group import members_of
from optiprompt.backends._models import Models
from optiprompt.backends._proposing import Proposing
from optiprompt.backends.base import Backend, BackendOptions
from optiprompt.budget import Budget
from optiprompt.cache import ReplyCache, cache_file
from optiprompt.candidate import Evaluation, Trial, Usage
from optiprompt.differences import difference
from optiprompt.errors import RunError, UsageError
from optiprompt.events import Extended, Started
from optiprompt.finals import Final
from optiprompt.loop import Search, run_search
from optiprompt.meter import Meter, metering
from optiprompt.plugins import find
from optiprompt.prices import Price, known_prices
from optiprompt.pulse import pulse
from optiprompt.scoring import Scoring
from optiprompt.store import Run, Watch, new_folder, opened
from optiprompt.tasks._multi_task import with_scorers
from optiprompt.tasks.base import Task
from optiprompt.threads import in_thread
from optiprompt.trajectory import Trajectory

T = TypeVar("T")

DEFAULT_STEPS = 20


@dataclass(frozen=True)
class Result:
    """What a search found.

    Attributes:
        best: the winner with its evaluation by the search (on train); None where nothing could be scored.
        trajectory: every trial.
        stop_reason: why the search ended, in words.
        run_dir: the run's folder; None for a search in memory only.
        usage: calls and tokens of the whole run, those of calls that failed included.
        usd: US dollars of the whole run; None where a price is not known.
        cached: replies that this call took out of the cache, for nothing.
        calls_by_role: the calls of the whole run to the `optimizer`, and to the `scorer` with the judge.
        final: how the winner was chosen, and how it does on the test split; None for tasks without examples.
    """

    best: Trial | None
    trajectory: Trajectory
    stop_reason: str
    run_dir: Path | None
    usage: Usage
    usd: float | None
    final: Final | None = None
    cached: int = 0
    calls_by_role: Mapping[str, int] = field(default_factory=dict)

    @property
    def test(self) -> Evaluation | None:
        """The winner's evaluation on the test split, which decided nothing; None where there is none."""
        return self.final.test if self.final else None

    @property
    def verdict(self) -> str:
        """In words, whether the winner is better than the first starting candidate; empty where nothing is known."""
        return self.final.verdict if self.final else ""


def backend(spec: str, options: BackendOptions | None = None) -> Backend:
    """Connect to a language model.

    Args:
        spec: `openai:NAME`, `openai:NAME@BASE_URL`, `hf:ID_OR_FOLDER_OR_GGUF_FILE`, `smollm2`, `scripted:FILE`, or that
            of a plug-in.
        options: how to reach or run it.

    Raises:
        UsageError: no such backend, or what it needs is not installed or not set.
    """
    name, _, rest = spec.partition(":")
    connected: Backend = find("backends", name).connect(rest, options or BackendOptions())
    return connected


def optimize(
    task: Task,
    *,
    optimizer: Backend | None = None,
    scorer: Backend | Sequence[Backend] | None = None,
    algorithm: Algorithm | None = None,
    steps: int | None = None,
    seed: int = 0,
    budget: Budget | None = None,
    run_dir: str | Path | None = None,
    watch: Watch | None = None,
    scoring: Scoring | None = None,
) -> Result:
    """Search for the best candidate of a task. Blocks until the search ends.

    A folder that holds a run of the same search goes on from where it stands; nothing on disk is evaluated or asked
    again.

    Args:
        task: what is optimised.
        optimizer: the model that proposes.
        scorer: the model that is instructed and graded, for prompt tasks; several are each asked every question, and
            the score is the mean over them (or the worst, with `MultiTask([task], by="worst")`).
        algorithm: what proposes; `Opro()` by default.
        steps: optimization steps in all; 20 by default, no limit where a budget is given.
        seed: fixes every random choice.
        budget: what the run may spend.
        run_dir: the run's folder; a new one under `OPTIPROMPT_RUNS` (or ./runs) by default.
        watch: called with each event as it is recorded, and with `Working` now and then.
        scoring: what is spent on the scores: racing, the final test, the cache of replies.

    Raises:
        UsageError: the parts do not fit together.
        RunError: the folder is in use or holds another search.
        BackendError: a model cannot be asked.
        SearchFailed: several steps in a row failed as a whole.
    """
    if isinstance(scorer, Sequence):
        task, scorer = with_scorers(task, scorer)
    search = Search(
        task=task,
        algorithm=algorithm or Opro(),
        budget=_budget(steps, budget),
        optimizer=optimizer,
        scorer=scorer,
        seed=seed,
        scoring=scoring or Scoring(),
    )
    folder = Path(run_dir) if run_dir is not None else None
    check(search, folder)
    return run(search, folder or new_folder(task.name), watch=watch)


def _budget(steps: int | None, budget: Budget | None) -> Budget:
    if budget is None:
        return Budget(steps=DEFAULT_STEPS if steps is None else steps)
    return budget if steps is None else replace(budget, steps=steps)


def run(
    search: Search, folder: Path | None, *, spec: Mapping[str, Any] | None = None, watch: Watch | None = None
) -> Result:
    """Run a search in a folder, or in memory only where the folder is None.

    Args:
        search: what to search.
        folder: new, or holding a run of the same search.
        spec: what the command line needs to set the search up again.
        watch: called with each event as it is recorded, and with `Working` now and then.
    """
    check(search, folder)
    prices = prices_of(search)
    with opened(folder, watch) as store, closing(ReplyCache(cache_file())) as replies:
        _start(search, store, spec or {})
        meter = Meter(search.budget, prices, store.replies, store.events)
        return in_own_loop(lambda: _run(search, store, replies, meter))


def check(search: Search, folder: Path | None = None) -> None:
    """Refuse a search that lacks a model, whose budget cannot be kept or whose target is out of reach.

    Args:
        search: what to search.
        folder: its run's; the target of a run that has begun is taken as it is.

    Raises:
        UsageError: says what is wrong; nothing has been spent or written.
    """
    if search.algorithm.needs_optimizer and search.optimizer is None:
        raise UsageError(f"the algorithm {search.algorithm.name} needs an optimizer: the model that proposes")
    if search.task.needs_scorer and search.scorer is None:
        raise UsageError(f"the task {search.task.name} needs a scorer: the model whose answers are graded")
    prices_of(search)
    if folder is not None and (folder / "events.jsonl").is_file():
        return
    task, target = search.task, search.budget.target
    if target is not None and task.bounds and not task.bounds[0] <= target <= task.bounds[1]:
        low, high = task.bounds
        raise UsageError(
            f"target {target:g}: the {task.score_name} of {task.name} is a number from {low:g} to {high:g}"
        )


def prices_of(search: Search) -> dict[str, Price | None]:
    """The prices of the search's models by name; None where one is not known.

    Raises:
        UsageError: the budget of money cannot be kept, or the user's file of prices cannot be read.
    """
    scorers = [search.scorer, *(each.scorer for each in search.transfers)]
    models = [search.optimizer, getattr(search.task, "judge", None)]
    models += [member for scorer in scorers if scorer is not None for member in members_of(scorer)]
    return known_prices(search.budget, sorted({each.name for each in models if each is not None}))


async def _run(search: Search, store: Run, replies: ReplyCache, meter: Meter) -> Result:
    cache = GroupedCache(replies) if search.scoring.cache else None
    models = Models(store.replies, cache)
    optimizer, scorer = models.recorded(search.optimizer), models.recorded(search.scorer)
    optimizer = Proposing(optimizer) if optimizer is not None else None
    transfers = [replace(each, scorer=models.recorded(each.scorer)) for each in search.transfers]
    task, judge = search.task, models.recorded(getattr(search.task, "judge", None))
    if judge is not None:
        task = copy.copy(task)
        task.judge = judge  # type: ignore[attr-defined]
    if optimizer is not None:
        # What fetches or loads a model happens beside the loop, so that Ctrl-C is heard.
        await in_thread(lambda: (optimizer.proposes, optimizer.context))
    ours = replace(search, task=task, optimizer=optimizer, scorer=scorer, transfers=transfers)
    try:
        with metering(meter):
            async with pulse(store, meter, search.budget):
                trajectory, reason, final = await run_search(ours, store)
    finally:
        await models.aclose()
    best = final.winner if final else trajectory.best
    hits = cache.hits if cache else 0
    spent = meter.total(), meter.usd
    return Result(best, trajectory, reason, store.folder, *spent, final, hits, meter.calls_by_role())


def _start(search: Search, store: Run, spec: Mapping[str, Any]) -> None:
    """Write the run's first event, or make sure that the folder holds the same search."""
    task = search.task
    settings = {
        "task": {"direction": task.direction, "split": task.split, **task.identity(), **_bounded(task)},
        "algorithm": {"name": search.algorithm.name, **vars(search.algorithm)},
        "optimizer": search.optimizer.name if search.optimizer else None,
        "scorer": search.scorer.name if search.scorer else None,
        "seed": search.seed,
        "warm": list(task.warm) or None,
    }
    settings = json.loads(json.dumps(settings))
    if not store.events:
        store.append(Started(settings, version("optiprompt"), spec, task.details()), durable=True)
        return
    if store.started is None:
        raise RunError(f"{store.folder} holds events but no beginning: choose another --run-dir")
    for name, value in settings.items():
        there = store.started.settings.get(name)
        if there != value:
            what = difference(name, there, value)
            raise RunError(f"{store.folder} holds another search, with {what}: choose another --run-dir")
    specs = [event.spec for event in store.events if isinstance(event, Started | Extended)]
    if spec and specs[-1] != spec:
        store.append(Extended(spec), durable=True)


def _bounded(task: Task) -> dict[str, Any]:
    """Limits and Pareto search, where there are any: they too fix what is searched."""
    return ({"limits": dict(task.limits)} if task.limits else {}) | ({"pareto": task.pareto} if task.pareto else {})


def in_own_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end in an event loop of its own, also where the caller's thread runs one (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = []

    async def main() -> T:
        started.append((asyncio.get_running_loop(), asyncio.current_task()))
        return await work()

    with ThreadPoolExecutor(1, thread_name_prefix="optiprompt") as pool:
        future = pool.submit(lambda: asyncio.run(main()))
        try:
            return future.result()
        except KeyboardInterrupt:
            for loop, task in started:
                if task is not None:
                    loop.call_soon_threadsafe(task.cancel)
            raise

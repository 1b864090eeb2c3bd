"""Many runs in one folder: each combination of what is varied is a cell, and is repeated with several seeds."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from optiprompt.algorithms.base import Setting
from optiprompt.api import Result, backend, check, in_own_loop, run
from optiprompt.backends.base import Backend, BackendOptions
from optiprompt.config import Plan
from optiprompt.differences import difference
from optiprompt.errors import OptipromptError, RunError, UsageError
from optiprompt.loop import Search
from optiprompt.resources import SWEEP
from optiprompt.store import Watch, lock
from optiprompt.tasks.base import Task
from optiprompt.threads import in_thread

FORMAT = 1
LONGEST_NAME = 80


@dataclass(frozen=True)
class Cell:
    """One combination of what is varied.

    Attributes:
        name: `shown=5,order=ascending`, safe as a folder's name; empty where nothing is varied.
        values: what is varied, by name.
        plan: with the first seed.
    """

    name: str
    values: Mapping[str, Any]
    plan: Plan


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        cell: what it belongs to.
        plan: with the run's own seed.
        path: of its folder inside that of the sweep.
        place: of its cell among the cells.
    """

    cell: Cell
    plan: Plan
    path: str
    place: int


@dataclass(frozen=True)
class Ran:
    """What became of a job.

    Attributes:
        job: what was to do.
        folder: of the run.
        result: what it found; None where it failed.
        reason: why it failed.
    """

    job: Job
    folder: Path
    result: Result | None
    reason: str = ""


@dataclass(frozen=True)
class Sweep:
    """A search in many variants. The seeds are the same in each cell, so that cells can be compared seed by seed.

    Attributes:
        plan: what all cells have in common; its seed is the first.
        varied: the values by name, see `Plan.varied`.
        repeats: seeds in each cell.
    """

    plan: Plan
    varied: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    repeats: int = 1

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise UsageError(f"repeats must be at least 1, not {self.repeats}")
        for name, values in self.varied.items():
            if not values:
                raise UsageError(f"nothing to vary {name} over: give values, {name}=A,B")
            for place, value in enumerate(values):
                if value in values[:place]:
                    raise UsageError(f"{name} has the value {value!r} twice: leave one out")

    def cells(self) -> list[Cell]:
        """All combinations; the last name changes fastest.

        Raises:
            UsageError: what is varied does not exist.
        """
        cells: list[Cell] = []
        taken: set[str] = set()
        for values in product(*self.varied.values()):
            named = dict(zip(self.varied, values, strict=True))
            plan = self.plan
            # The algorithm first: it decides which settings there are.
            for name in sorted(named, key=lambda name: name != "algorithm"):
                plan = plan.varied(name, named[name])
            text = ",".join(f"{name}={_text(value)}" for name, value in named.items())
            cells.append(Cell(_safe(text, taken), named, plan))
        return cells

    def jobs(self) -> list[Job]:
        """All runs, those with the same models one after the other, so that each model is loaded once."""
        jobs: list[Job] = []
        for place, cell in enumerate(self.cells()):
            for seed in range(self.plan.seed, self.plan.seed + self.repeats):
                path = f"{cell.name}/seed-{seed}" if cell.name else f"seed-{seed}"
                jobs.append(Job(cell, replace(cell.plan, seed=seed), path, place))
        order = list(dict.fromkeys(job.plan.models for job in jobs))
        return sorted(jobs, key=lambda job: order.index(job.plan.models))

    def checked(self) -> Task:
        """Set up every cell, and let go of it again: what is wrong with the last shows before the first runs.

        Returns:
            The task of the first cell.

        Raises:
            OptipromptError: a cell cannot be run; names it. Nothing has been spent.
        """
        tasks: list[Task] = []
        for cell in self.cells():
            try:
                search = cell.plan.search()
                check(search)
                search.algorithm.begin(Setting(search.task, search.optimizer, search.seed))
            except OptipromptError as error:
                error.args = (f"{cell.name}: {error}" if cell.name else str(error),)
                raise
            tasks = tasks or [search.task]
        return tasks[0]


Watching = Callable[[Job, Search, Path], AbstractContextManager[Watch]]


def run_sweep(sweep: Sweep, folder: Path, watching: Watching) -> list[Ran]:
    """Run all that is not yet run. A run that fails does not stop the others.

    Args:
        sweep: what to run; `checked` before.
        folder: new, or holding this sweep: then it goes on, and may have more repeats, values, steps or evaluations.
        watching: called with each job, its search and its folder; gives what is told each event.

    Returns:
        What became of each job, in the order of the cells.

    Raises:
        RunError: the folder is in use, cannot be written, or holds something else.
    """
    jobs = sweep.jobs()
    held = lock(folder)
    models = _Held(sweep.plan.options)
    ran: dict[str, Ran] = {}
    try:
        _keep(sweep, folder)
        for number, job in enumerate(jobs):
            later = frozenset[str]().union(*(each.plan.models for each in jobs[number:]))
            ran[job.path] = _run(job, folder / job.path, models, later, watching)
    finally:
        in_own_loop(lambda: models.keep(frozenset()))
        held.release()
    return [ran[job.path] for job in sorted(jobs, key=lambda job: job.place)]


def _run(job: Job, folder: Path, models: "_Held", later: Set[str], watching: Watching) -> Ran:
    try:
        in_own_loop(lambda: models.keep(later, job.plan.models))
        search = job.plan.search()
        with watching(job, search, folder) as watch:
            result = run(search, folder, spec=job.plan.to_json(), watch=watch)
    except OptipromptError as error:
        return Ran(job, folder, None, str(error))
    if result.best is None:
        return Ran(job, folder, None, f"nothing was scored: {result.stop_reason}")
    return Ran(job, folder, result)


class _Held:
    """Keeps models loaded from one run to the next.

    A run closes its backends at its end, and a local model is freed with the last backend of its name that was looked
    at and is open: so one is held here.
    """

    def __init__(self, options: BackendOptions) -> None:
        self._options = options
        self._open: dict[str, Backend] = {}

    async def keep(self, wanted: Set[str], now: Set[str] = frozenset()) -> None:
        """Close the models that are not wanted any more, and open those that are needed now."""
        for spec in self._open.keys() - wanted:
            await self._open.pop(spec).aclose()
        for spec in now - self._open.keys():
            self._open[spec] = model = backend(spec, self._options)
            await in_thread(partial(getattr, model, "context"))


def read_sweep(folder: Path) -> Sweep:
    """The sweep that a folder holds.

    Raises:
        RunError: its file cannot be read.
    """
    path = folder / SWEEP
    try:
        record = json.loads(path.read_text("utf-8"))
        if record.pop("format") != FORMAT:
            raise RunError(f"{path} was written in another format; this version reads format {FORMAT}")
        sweep: Sweep = TypeAdapter(Sweep).validate_python(record)
    except (OSError, ValueError, ValidationError, KeyError, AttributeError) as error:
        raise RunError(f"{path} cannot be read: {error}: run the same `optiprompt sweep` in a new folder") from error
    return sweep


def _keep(sweep: Sweep, folder: Path) -> None:
    """Write the sweep's file, or make sure that the folder holds the same."""
    path = folder / SWEEP
    if (folder / "events.jsonl").exists():
        raise RunError(f"{folder} holds a single run: choose another --run-dir")
    if path.exists():
        old, new = _fixed(read_sweep(folder)), _fixed(sweep)
        for name, value in new.items():
            if old[name] != value:
                what = difference(name, old[name], value)
                raise RunError(f"{folder} holds another sweep, with {what}: choose another --run-dir")
    record = {"format": FORMAT, **TypeAdapter(Sweep).dump_python(sweep, mode="json")}
    written = path.with_suffix(".new")
    try:
        written.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
        os.replace(written, path)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror or error}: make room") from error


def _fixed(sweep: Sweep) -> dict[str, Any]:
    """What may not change while a sweep goes on. Its runs look at the rest themselves."""
    plan = sweep.plan.to_json()
    return {"varied": sorted(sweep.varied), **{name: plan[name] for name in plan if name not in ("budget", "options")}}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _safe(text: str, taken: set[str]) -> str:
    """The text as a folder's name on any file system; `taken` are those given out, and gets this one."""
    name = re.sub(r"[^A-Za-z0-9_.,=+-]+", "-", text).rstrip("-.")
    if len(name) > LONGEST_NAME or name.lower() in taken:
        name = f"{name[:LONGEST_NAME]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    taken.add(name.lower())
    return name

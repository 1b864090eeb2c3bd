"""Commands that search many times: sweep, and what `run --repeats` and `resume` do with many runs in one folder."""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optiprompt.cli._app import AsJson, Display, RunDir, app
from optiprompt.cli._optimize import Interrupted
from optiprompt.cli._plan import absolute, pairs, with_plan
from optiprompt.errors import OptipromptError, UsageError

if TYPE_CHECKING:
    from optiprompt.api import Result
    from optiprompt.config import Plan
    from optiprompt.loop import Search
    from optiprompt.store import Watch
    from optiprompt.sweep import Job, Ran, Sweep
    from optiprompt.tasks.base import Row, Task


@app.command()
@with_plan
def sweep(
    context: typer.Context,
    *,
    plan: "Plan",
    vary: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=A,B,...",
            help="Vary a setting of the algorithm, a field of the task's YAML, or one of algorithm, optimizer, scorer, "
            "steps, max-evaluations, train, dev, test. Several: all combinations.",
        ),
    ],
    repeats: Annotated[int, typer.Option(min=1, help="Seeds for each combination: SEED, SEED+1, ...")] = 1,
    run_dir: RunDir = None,
    display: Display = None,
    as_json: AsJson = False,
) -> None:
    """Search with every combination of some settings, several seeds each, and print a table with intervals.

    Example: optiprompt sweep nasbench201 --optimizer smollm2 --vary shown=5,20 --vary proposals=4,8 --repeats 3
    """
    from optiprompt.sweep import Sweep

    varied = _varied(vary)
    if "max-evaluations" in varied and context.params["steps"] is None:
        # The usual number of steps is no limit where another one is varied; what stands here is set in every cell.
        plan = replace(plan, budget=replace(plan.budget, steps=None, evaluations=1))
    _search(Sweep(plan, varied, repeats), run_dir, display, as_json)


def repeat(plan: "Plan", repeats: int, run_dir: Path | None, display: Any, as_json: bool) -> None:
    """Run a plan with several seeds in one folder, and print the table of them."""
    from optiprompt.sweep import Sweep

    _search(Sweep(plan, repeats=repeats), run_dir, display, as_json)


def resume_sweep(folder: Path, totals: dict[str, Any], display: Any, as_json: bool) -> None:
    """Go on with a sweep, or with the repeats of a run; `totals` are new limits of each run by their name in Budget."""
    from optiprompt.config import LIMITS
    from optiprompt.sweep import read_sweep

    found = read_sweep(folder)
    for name in found.varied:
        if LIMITS.get(name) in totals:
            raise UsageError(f"{folder} varies {name}: run the same `optiprompt sweep` with other values to go on")
    plan = replace(found.plan, budget=replace(found.plan.budget, **totals))
    _search(replace(found, plan=plan), folder, display, as_json)


def show_own_table(plan: "Plan", task: "Task", result: "Result", quiet: bool) -> dict[str, Any]:
    """Print the task's own table of a run and draw its curve, for tasks that have one; when quiet, only draw.

    Returns:
        The table as JSON values; empty where there is none.
    """
    rows = task.table(plan.searcher, [result.trajectory])
    if not rows or not result.run_dir:
        return {}
    pictures = _show(rows, task, result.run_dir, quiet)
    return _table(rows, pictures)


def _table(rows: "Sequence[Row]", pictures: Sequence[Path]) -> dict[str, Any]:
    table = [{"name": row.name, "cells": dict(row.cells)} for row in rows]
    return {"table": table, "pictures": [str(path) for path in pictures]}


def _search(sweep: "Sweep", run_dir: Path | None, display: Any, as_json: bool) -> None:
    from optiprompt.store import new_folder
    from optiprompt.sweep import run_sweep

    task = sweep.checked()
    folder = run_dir or new_folder(f"{task.name}-sweep" if sweep.varied else task.name)
    try:
        ran = run_sweep(sweep, folder, _watching(display, len(sweep.cells()) * sweep.repeats))
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; all is kept: optiprompt resume {shlex.quote(str(folder))}") from None
    _report(sweep, task, ran, folder, as_json)
    if any(each.result is None for each in ran):
        raise typer.Exit(1)


def _watching(display: Any, total: int) -> Any:
    from optiprompt.report.display import Display, choose
    from optiprompt.store import read_events

    mode = choose(display)
    numbers = iter(range(1, total + 1))

    @contextmanager
    def watching(job: "Job", search: "Search", folder: Path) -> "Iterator[Watch]":
        if mode != "none":
            print(f"[{next(numbers)}/{total}] {job.path}", file=sys.stderr)
        try:
            with Display(mode, search.budget, search.task.direction) as watch:
                if (folder / "events.jsonl").is_file():
                    watch.catch_up(read_events(folder))
                yield watch
        except OptipromptError as error:
            if mode != "none":
                print(f"failed: {' '.join(str(error).split())}", file=sys.stderr)
            raise

    return watching


def _report(sweep: "Sweep", task: "Task", ran: "Sequence[Ran]", folder: Path, as_json: bool) -> None:
    from optiprompt.report.sweep import lines, sweep_rows, to_json
    from optiprompt.tasks.base import Row

    found = lines(ran)
    record = to_json(found, task, folder)
    if sweep.varied:
        _show(sweep_rows(found, task), task, folder, as_json)
    else:
        name = sweep.plan.searcher
        runs = [each.result.trajectory for each in ran if each.result]
        own = task.table(name, runs) if runs else ()
        rows = own or [Row(name, found[0].columns(task), tuple(tuple(each.curve()) for each in runs))]
        pictures = _show(rows, task, folder, as_json)
        record |= _table(rows, pictures)
    if as_json:
        print(json.dumps(record, ensure_ascii=False))
        return
    for line in found:
        for failure in line.failures():
            print(f"failed: {' '.join(failure.split())}", file=sys.stderr)
    print(f"run: {folder}")


def _show(rows: "Sequence[Row]", task: "Task", folder: Path, quiet: bool) -> list[Path]:
    from optiprompt.report.rows import draw_rows, show_rows

    if not quiet:
        show_rows(f"{task.name}: {task.direction} {task.measured}", rows)
    pictures = draw_rows(rows, task, folder)
    if not quiet:
        for path in pictures:
            print(f"picture: {path}")
    return pictures


def _varied(given: list[str]) -> dict[str, tuple[Any, ...]]:
    """The values of NAME=A,B,... by name; each is read as YAML, and one that holds a comma stands in quotes."""
    varied: dict[str, tuple[Any, ...]] = {}
    for pair in given:
        name, equals, values = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--vary takes NAME=A,B,..., not {pair!r}")
        if name.strip() == "seed":
            raise UsageError("--vary seed: the seeds are SEED, SEED+1, ...: say how many with --repeats")
        [(name, listed)] = pairs("--vary", [f"{name}=[{values}]"]).items()
        if name in varied:
            raise UsageError(f"--vary {name} is given twice: write all its values in one, {name}=A,B")
        models = name in ("optimizer", "scorer")
        varied[name] = tuple(absolute(each) if models and isinstance(each, str) else each for each in listed)
    return varied

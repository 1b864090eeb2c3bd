"""Commands that search: demo, run, resume."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optiprompt.cli._app import (
    AsJson,
    Calls,
    Display,
    Evaluations,
    Minutes,
    OptimizerCalls,
    RunDir,
    RunName,
    ScorerCalls,
    Steps,
    Tokens,
    Usd,
    app,
    run_folder,
)
from optiprompt.cli._plan import given, with_plan
from optiprompt.errors import OptipromptError, RunError
from optiprompt.resources import SWEEP

if TYPE_CHECKING:
    from optiprompt.api import Result
    from optiprompt.config import Plan
    from optiprompt.loop import Search


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="Fixes every random choice.")] = 0,
    evaluations: Annotated[int, typer.Option(min=10, help="Unique architectures scored.")] = 50,
    run_dir: RunDir = None,
    display: Display = None,
    as_json: AsJson = False,
) -> None:
    """Search architectures with the embedded model on a real benchmark; no account, no download from a hub.

    SmolLM2-135M proposes convolutional cells; NAS-Bench-201 says how accurate each is on CIFAR-10. The curve is then
    shown beside random search, regularized evolution and local search at the same number of evaluations.
    """
    from optiprompt.budget import Budget
    from optiprompt.config import Plan
    from optiprompt.report.compare import compare_with_baselines

    plan = Plan(
        task="nasbench201/cifar10",
        optimizer="smollm2",
        seed=seed,
        budget=Budget(evaluations=evaluations),
    )
    search = plan.search()
    result = _run(search, plan, run_dir, display)
    comparison = compare_with_baselines(search.task, result, seeds=200)
    if as_json:
        print(json.dumps(comparison.to_json()))
    else:
        comparison.show()


@app.command()
@with_plan
def run(
    *,
    plan: "Plan",
    repeats: Annotated[int, typer.Option(min=1, help="Runs with SEED, SEED+1, ... in one folder, and a table.")] = 1,
    run_dir: RunDir = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what the run would cost in calls, tokens and money; ask no model.")
    ] = False,
    display: Display = None,
    as_json: AsJson = False,
) -> None:
    """Search for the best candidate of a task.

    Example: optiprompt run nasbench201 --optimizer smollm2 --steps 25
    """
    if dry_run:
        _forecast(plan.search(), as_json)
        if repeats > 1:
            print(f"this is one of {repeats} runs", file=sys.stderr)
    elif repeats > 1:
        from optiprompt.cli._sweep import repeat

        repeat(plan, repeats, run_dir, display, as_json)
    else:
        _single(plan, run_dir, display, as_json)


def _forecast(search: "Search", as_json: bool) -> None:
    from optiprompt.forecast import forecast

    expected = forecast(search)
    print(json.dumps(expected.to_json(), ensure_ascii=False) if as_json else expected.text())


@app.command()
def resume(
    run: RunName,
    steps: Steps = None,
    max_evaluations: Evaluations = None,
    max_calls: Calls = None,
    max_optimizer_calls: OptimizerCalls = None,
    max_scorer_calls: ScorerCalls = None,
    max_tokens: Tokens = None,
    max_usd: Usd = None,
    max_minutes: Minutes = None,
    display: Display = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a run or a sweep; what is on disk is neither evaluated nor asked again."""
    from optiprompt.config import planned

    folder = run_folder(run, "events.jsonl", SWEEP)
    totals = given({"steps": steps, "evaluations": max_evaluations, "calls": max_calls, "tokens": max_tokens})
    totals |= given({"usd": max_usd, "minutes": max_minutes})
    totals |= given({"optimizer_calls": max_optimizer_calls, "scorer_calls": max_scorer_calls})
    if (folder / SWEEP).is_file():
        from optiprompt.cli._sweep import resume_sweep

        resume_sweep(folder, totals, display, as_json)
    else:
        _single(planned(folder, totals), folder, display, as_json)


def _single(plan: "Plan", run_dir: Path | None, display: Any, as_json: bool) -> None:
    """One run, and what the command says at its end."""
    from optiprompt.cli._sweep import show_own_table
    from optiprompt.report.summary import show

    search = plan.search()
    result = _run(search, plan, run_dir, display)
    if not as_json:
        show(result)
    table = show_own_table(plan, search.task, result, quiet=as_json)
    if as_json:
        print(json.dumps(_record(result) | table, ensure_ascii=False))


def _run(search: "Search", plan: "Plan", run_dir: Path | None, display: Any) -> "Result":
    from optiprompt.api import new_folder, run
    from optiprompt.report.display import Display, choose
    from optiprompt.store import read_events

    folder = run_dir or new_folder(search.task.name)
    if (folder / SWEEP).is_file():
        raise RunError(f"{folder} holds several runs: choose another --run-dir, or `optiprompt resume` it")
    with Display(choose(display), search.budget, search.task.direction) as watch:
        if (folder / "events.jsonl").is_file():
            watch.catch_up(read_events(folder))
        try:
            return run(search, folder, spec=plan.to_json(), watch=watch)
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted; all is kept: optiprompt resume {shlex.quote(str(folder))}") from None


class Interrupted(OptipromptError):
    """Ctrl-C during a search."""

    exit_code = 130


def _record(result: "Result") -> dict[str, Any]:
    from optiprompt.report.summary import Best, best_of

    if result.best is None:  # the budget was spent before anything had a score
        names = [name for name in Best.__dataclass_fields__ if name != "test"]
        return {**dict.fromkeys(names), "status": "finished", "run": str(result.run_dir)}
    return best_of(result.run_dir or Path()).to_json()

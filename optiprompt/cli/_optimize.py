"""Commands that search: demo, run, resume."""

import json
import os
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
        _forecast(plan, as_json)
        if repeats > 1:
            print(f"this is one of {repeats} runs", file=sys.stderr)
    elif repeats > 1:
        from optiprompt.cli._sweep import repeat

        repeat(plan, repeats, run_dir, display, as_json)
    else:
        _single(plan, run_dir, display, as_json)


def _forecast(plan: "Plan", as_json: bool) -> None:
    from optiprompt.api import check
    from optiprompt.forecast import forecast

    if not os.environ.get("OPENAI_API_KEY"):
        os.environ["OPENAI_API_KEY"] = "dry-run"  # nobody is asked, so any key does
    search = plan.search()
    check(search)
    _tell(search)
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
    from optiprompt.report.parts import parts_json, show_parts
    from optiprompt.report.summary import show

    search = plan.search()
    _tell(search)
    result = _run(search, plan, run_dir, display)
    if not as_json:
        show(result)
        show_parts(search.task, result.final)
    table = show_own_table(plan, search.task, result, quiet=as_json)
    if as_json:
        print(json.dumps(_record(result) | table | parts_json(search.task, result.final), ensure_ascii=False))


def _tell(search: "Search") -> None:
    """What the user should know of how the search was set up.

    Raises:
        UsageError: a budget of money with a model whose price is not known.
    """
    from optiprompt.api import prices_of

    notes = list(search.task.notes)
    prices = prices_of(search)
    if search.budget.usd is not None and prices and all(price and price.free for price in prices.values()):
        notes.append("these models run here or on localhost and cost nothing: the limit of money will not end the run")
    for note in notes:
        print(f"note: {' '.join(note.split())}", file=sys.stderr)


def _run(search: "Search", plan: "Plan", run_dir: Path | None, display: Any) -> "Result":
    from optiprompt.api import check, run
    from optiprompt.report.display import Display, choose
    from optiprompt.store import new_folder, read_events

    check(search, run_dir)
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
        except OptipromptError as error:
            if not isinstance(error, RunError) and _scored(folder):
                print(f"what was paid is kept: optiprompt resume {shlex.quote(str(folder))}", file=sys.stderr)
            raise


def _scored(folder: Path) -> bool:
    """Whether the folder holds a run in which something was evaluated."""
    from optiprompt.events import Evaluated
    from optiprompt.store import read_events

    known = (folder / "events.jsonl").is_file()
    return known and any(isinstance(event, Evaluated) for event in read_events(folder))


class Interrupted(OptipromptError):
    """Ctrl-C during a search."""

    exit_code = 130


def _record(result: "Result") -> dict[str, Any]:
    from optiprompt.report.summary import FIELDS, best_of

    usage = result.usage
    spent = {"calls": usage.calls, "calls_by_role": dict(result.calls_by_role), "tokens": usage.tokens}
    told = {"verdict": result.verdict, "stop_reason": result.stop_reason, **spent, "usd": result.usd}
    if result.best is None:  # the budget was spent before anything had a score
        return {**dict.fromkeys(FIELDS), "status": "finished", "run": str(result.run_dir), **told}
    return {**best_of(result.run_dir or Path()).to_json(), **told}

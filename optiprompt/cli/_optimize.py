"""Commands that search: demo, run, resume."""

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from optiprompt.cli._app import (
    AsJson,
    Calls,
    Device,
    Display,
    DType,
    Evaluations,
    Minutes,
    RunDir,
    RunName,
    Steps,
    Tokens,
    Usd,
    app,
    run_folder,
)
from optiprompt.cli._settings import with_settings
from optiprompt.errors import OptipromptError, RunError, UsageError
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
@with_settings
def run(
    task: Annotated[str, typer.Argument(help="A shipped task (`optiprompt tasks` lists them) or a YAML file.")],
    optimizer: Annotated[
        str | None, typer.Option(help="The model that proposes: openai:NAME[@URL], hf:ID_FOLDER_OR_GGUF or smollm2.")
    ] = None,
    scorer: Annotated[
        str | None, typer.Option(help="The model that is instructed and graded, for prompt tasks.")
    ] = None,
    algorithm: Annotated[str, typer.Option(help="opro, random, evolution or local-search.")] = "opro",
    steps: Steps = None,
    max_evaluations: Evaluations = None,
    max_calls: Calls = None,
    max_tokens: Tokens = None,
    max_usd: Usd = None,
    max_minutes: Minutes = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many steps without a better score.")
    ] = None,
    target: Annotated[float | None, typer.Option(help="Stop when the best score is this good.")] = None,
    seed: Annotated[int, typer.Option(help="Fixes every random choice.")] = 0,
    preset: Annotated[
        Literal["reference"] | None, typer.Option(help="Start from the settings of the published OPRO system.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs with SEED, SEED+1, ... in one folder, and a table.")] = 1,
    train: Annotated[int | None, typer.Option(min=1, help="Prompt tasks: examples the search scores on.")] = None,
    dev: Annotated[int | None, typer.Option(min=0, help="Prompt tasks: examples kept to choose by.")] = None,
    test: Annotated[int | None, typer.Option(min=0, help="Prompt tasks: examples kept for the end.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a field of the task's YAML otherwise.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls to a server under way at once.")] = 16,
    timeout: Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds that one call may take.")] = 120.0,
    extra: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A further field of the requests to a server.")
    ] = None,
    device: Device = "auto",
    dtype: DType = "auto",
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Share replies with other runs: the same question is paid once.")
    ] = True,
    run_dir: RunDir = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what the run would cost in calls, tokens and money; ask no model.")
    ] = False,
    display: Display = None,
    as_json: AsJson = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Search for the best candidate of a task.

    Example: optiprompt run nasbench201 --optimizer smollm2 --steps 25
    """
    from optiprompt.backends.base import BackendOptions
    from optiprompt.budget import Budget
    from optiprompt.config import Plan

    plan = Plan(
        task=str(Path(task).resolve()) if task.endswith((".yaml", ".yml")) else task,
        optimizer=_absolute(optimizer),
        scorer=_absolute(scorer),
        algorithm=algorithm,
        overrides={
            **_given({"sizes.train": train, "sizes.dev": dev, "sizes.test": test}),
            **_pairs("--set", overrides),
        },
        settings=settings,
        preset=preset,
        seed=seed,
        budget=Budget(
            steps=20 if steps is None and max_evaluations is None else steps,
            evaluations=max_evaluations,
            patience=patience,
            target=target,
            calls=max_calls,
            tokens=max_tokens,
            usd=max_usd,
            minutes=max_minutes,
        ),
        options=BackendOptions(device, dtype, concurrency, timeout, _pairs("--extra", extra)),
        cache=cache,
    )
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
    max_tokens: Tokens = None,
    max_usd: Usd = None,
    max_minutes: Minutes = None,
    display: Display = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a run or a sweep; what is on disk is neither evaluated nor asked again."""
    from optiprompt.config import planned

    folder = run_folder(run, "events.jsonl", SWEEP)
    totals = _given({"steps": steps, "evaluations": max_evaluations, "calls": max_calls, "tokens": max_tokens})
    totals |= _given({"usd": max_usd, "minutes": max_minutes})
    if (folder / SWEEP).is_file():
        from optiprompt.cli._sweep import resume_sweep

        resume_sweep(folder, totals, display, as_json)
    else:
        _single(planned(folder, totals), folder, display, as_json)


def _single(plan: "Plan", run_dir: Path | None, display: Any, as_json: bool) -> None:
    """One run, and what the command says at its end."""
    from optiprompt.cli._sweep import show_own_table

    search = plan.search()
    result = _run(search, plan, run_dir, display)
    _report(result, as_json)
    show_own_table(plan, search.task, result, quiet=as_json)


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


def _report(result: "Result", as_json: bool) -> None:
    from optiprompt.report.summary import Best, best_of, show

    if as_json and result.best is None:  # the budget was spent before anything had a score
        print(
            json.dumps({**dict.fromkeys(Best.__dataclass_fields__), "status": "finished", "run": str(result.run_dir)})
        )
    elif as_json:
        print(json.dumps(asdict(best_of(result.run_dir or Path())), ensure_ascii=False))
    else:
        show(result)


def _absolute(model: str | None) -> str | None:
    """A model with the path in its name made absolute, so that the run can be resumed from another folder."""
    backend, colon, rest = (model or "").partition(":")
    path = Path(rest).expanduser()
    return f"{backend}:{path.resolve()}" if colon and backend in ("hf", "scripted") and path.exists() else model


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _pairs(option: str, pairs: list[str] | None) -> dict[str, Any]:
    """The values of KEY=VALUE pairs, read as YAML: numbers, true, lists."""
    import yaml

    values: dict[str, Any] = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{option} takes KEY=VALUE, not {pair!r}")
        try:
            values[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UsageError(f"{option} {key}: {value!r} is no YAML value: put it in quotes") from None
    return values

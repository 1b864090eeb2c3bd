"""Commands about runs: best, runs, rm."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from optiprompt.cli._app import AsJson, RunName, app, run_folder
from optiprompt.errors import RunError, UsageError


@app.command()
def best(run: RunName, as_json: AsJson = False) -> None:
    """Print the best candidate of a run."""
    from optiprompt.report.summary import best_of

    found = best_of(run_folder(run))
    print(json.dumps(found.to_json(), ensure_ascii=False) if as_json else found.text)


@app.command()
def runs(as_json: AsJson = False) -> None:
    """List the runs, newest first: name, status, evaluations, best score and candidate."""
    from optiprompt.report.summary import listed
    from optiprompt.resources import runs_folder

    found = listed(runs_folder())
    if as_json:
        print(json.dumps([asdict(each) for each in found], ensure_ascii=False))
        return
    if not found:
        print(f"no runs under {runs_folder()}: start with `optiprompt demo`", file=sys.stderr)
    for each in found:
        best = "-" if each.best is None else f"{each.best:.4g}"
        text = " ".join(each.text.split())[:80]
        print(f"{each.name:<44} {each.status:<12} {each.evaluations:>5} evaluations  best {best:>7}  {text}")


@app.command()
def rm(
    run: RunName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a run for good: its folder with all events and replies."""
    from optiprompt.store import delete, in_use

    folder = run_folder(run).resolve()
    if in_use(folder):
        raise RunError(f"{folder} is in use by another process: stop it first")
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"rm deletes {folder} for good: confirm with --yes")
        typer.confirm(f"delete {folder} for good?", abort=True)
    delete(folder)

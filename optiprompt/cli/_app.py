"""The application that the commands register with, and what several of them share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from optiprompt.errors import UsageError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="A language model as the optimizer: it proposes prompts, architectures or numbers, a task scores them for "
    "real, the scores go back.\n\nStart with: optiprompt demo",
)

Display = Annotated[
    Literal["rich", "plain", "none"] | None,
    typer.Option(help="Progress: a bar, a line a step, or nothing. Default: rich on a terminal, else plain."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
RunDir = Annotated[Path | None, typer.Option(help="Folder of the run; one that holds the same search goes on.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="Folder of a run, or its name under the runs folder.")]
Steps = Annotated[int | None, typer.Option(min=0, help="Optimization steps in all.")]
Evaluations = Annotated[
    int | None, typer.Option(min=1, help="Unique candidates scored in all, starting ones included.")
]
Calls = Annotated[int | None, typer.Option(min=1, help="Requests to the models in all, failed ones included.")]
OptimizerCalls = Annotated[int | None, typer.Option(min=1, help="Requests to the optimizer in all.")]
ScorerCalls = Annotated[int | None, typer.Option(min=1, help="Requests to the scorer (and a judge) in all.")]
Tokens = Annotated[int | None, typer.Option(min=1, help="Tokens of prompts and replies in all.")]
Usd = Annotated[float | None, typer.Option(help="US dollars in all; the models' prices must be known.")]
Minutes = Annotated[float | None, typer.Option(help="Minutes of work in all.")]
Device = Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where local models run.")]
Scorer = Annotated[
    str | None,
    typer.Option(help="The model that is instructed and graded, for prompt tasks: named as the optimizer is."),
]
Train = Annotated[int | None, typer.Option(min=1, help="Prompt tasks: examples in train, which the search scores on.")]
Dev = Annotated[int | None, typer.Option(min=0, help="Prompt tasks: examples in dev, kept to choose by.")]
Test = Annotated[int | None, typer.Option(min=0, help="Prompt tasks: examples in test, kept for the end.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a field of the task's YAML otherwise.")
]
Concurrency = Annotated[int, typer.Option(min=1, help="Calls to a server under way at once.")]
Timeout = Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds that one call may take.")]
Extra = Annotated[
    list[str] | None, typer.Option(metavar="KEY=VALUE", help="A further field of the requests to a server.")
]
Cache = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Share replies with other runs: the same question is paid once.")
]
Preset = Annotated[
    Literal["reference"] | None, typer.Option(help="Start from the settings of the published OPRO system.")
]
DType = Annotated[Literal["auto", "float32", "bfloat16", "float16"], typer.Option(help="Precision of local models.")]


def run_folder(run: str, *marks: str) -> Path:
    """The folder of a run, given as a path or as a name under the runs folder.

    Args:
        run: path or name.
        marks: files one of which the folder must hold; by default a run's events.

    Raises:
        UsageError: there is none.
    """
    from optiprompt.resources import SWEEP, runs_folder

    for folder in (Path(run).expanduser(), runs_folder() / run):
        if any((folder / mark).is_file() for mark in marks or ("events.jsonl",)):
            return folder
        if (folder / SWEEP).is_file():
            raise UsageError(f"{run} is a sweep: name one of its runs, as `optiprompt runs` lists them")
    raise UsageError(f"no run {run!r} here or under {runs_folder()}: `optiprompt runs` lists them")

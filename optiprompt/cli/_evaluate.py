"""The command that measures given candidates: evaluate."""

import json
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from optiprompt.cli._app import (
    AsJson,
    Cache,
    Concurrency,
    Dev,
    Device,
    Display,
    DType,
    Extra,
    Overrides,
    Preset,
    RunDir,
    Scorer,
    Test,
    Timeout,
    app,
    run_folder,
)
from optiprompt.cli._optimize import Interrupted
from optiprompt.cli._plan import given, pairs
from optiprompt.errors import OptipromptError, RunError, UsageError
from optiprompt.resources import SWEEP

if TYPE_CHECKING:
    from optiprompt.measurement import Measurement

Candidates = Annotated[
    list[str] | None,
    typer.Option(
        "--candidate",
        metavar="TEXT|@FILE|RUN",
        help="An instruction, a text file that holds it, or a run, whose best candidate is taken; may be given several "
        "times. Default: the task's first starting candidate.",
    ),
]


@app.command()
def evaluate(
    task: Annotated[str, typer.Argument(help="A shipped prompt task (`optiprompt tasks` lists them) or a YAML file.")],
    candidates: Candidates = None,
    human: Annotated[
        bool,
        typer.Option(
            "--human",
            help="Tasks induction/NAME: the best of the instructions that people wrote, each also with "
            '" Answer with the output only.", chosen on train.',
        ),
    ] = False,
    scorer: Scorer = None,
    split: Annotated[Literal["train", "dev", "test"], typer.Option(help="The examples that are asked.")] = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many examples of the split.")] = None,
    position: Annotated[
        Literal["before_Q", "Q_begin", "Q_end", "A_begin"] | None, typer.Option(help="Where the instruction stands.")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Exit with 1 if a candidate scores below this.")
    ] = None,
    train: Annotated[int | None, typer.Option(min=0, help="Examples in train.")] = None,
    dev: Dev = None,
    test: Test = None,
    overrides: Overrides = None,
    concurrency: Concurrency = 16,
    timeout: Timeout = 120.0,
    extra: Extra = None,
    device: Device = "auto",
    dtype: DType = "auto",
    cache: Cache = True,
    preset: Preset = None,
    run_dir: RunDir = None,
    display: Display = None,
    as_json: AsJson = False,
) -> None:
    """Measure instructions on a split of a prompt task; several are compared on the same examples.

    Example: optiprompt evaluate multiarith --candidate RUN --scorer openai:gpt-4.1-nano --min-score 0.8
    """
    from optiprompt import evaluation
    from optiprompt.api import backend
    from optiprompt.backends.base import BackendOptions
    from optiprompt.report.display import choose
    from optiprompt.report.evaluate import Progressing, show, to_json
    from optiprompt.store import new_folder
    from optiprompt.tasks._human import human_variants
    from optiprompt.tasks.loader import load_task

    if human and candidates:
        raise UsageError("--human and --candidate: give one of them")
    if human and (not task.startswith("induction/") or "," in task):
        raise UsageError(f"--human is for a task induction/NAME, not {task}: people wrote none for others")
    texts = [_text(each) for each in candidates] if candidates else None
    fields = {"position": position, "sizes.train": train, "sizes.dev": dev, "sizes.test": test}
    loaded = load_task(task, {**given(fields), **pairs("--set", overrides)}, preset)
    options = BackendOptions(device, dtype, concurrency, timeout, pairs("--extra", extra))
    model = backend(scorer, options) if scorer else None
    variants = human_variants(task) if human else []
    evaluation.prepare(loaded, texts, scorer=model, split=split, limit=limit)
    if human:
        evaluation.prepare(loaded, variants, scorer=model, split="train")
    folder = run_dir or new_folder(f"evaluate-{loaded.name}")
    with Progressing(choose(display)) as progress:
        measure = partial(evaluation.evaluate, loaded, scorer=model, cache=cache, progress=progress)
        try:
            if human:
                texts = [_best(measure(variants, split="train", run_dir=folder / "chosen-on-train"))]
            done = measure(texts, split=split, limit=limit, run_dir=folder)
        except KeyboardInterrupt:
            again = f"the same command with --run-dir {shlex.quote(str(folder))} goes on"
            raise Interrupted(f"interrupted; the replies are kept: {again}") from None
    if as_json:
        print(json.dumps(to_json(done), ensure_ascii=False))
    else:
        show(done)
    _judge(done, min_score)


class Unsatisfactory(OptipromptError):
    """A candidate has no score, or too low a one."""


def _best(done: "Measurement") -> str:
    """The candidate with the best score, of equal ones the first.

    Raises:
        Unsatisfactory: none has a score.
    """
    _judge(done, None)
    return max(done.candidates, key=lambda each: each.score or 0).candidate


def _judge(done: "Measurement", least: float | None) -> None:
    """Say in one line what is not as it should be.

    Raises:
        Unsatisfactory: a candidate has no score, or one below `least`.
    """
    for each in done.candidates:
        name = repr(each.candidate[:60])
        if each.score is None:
            raise Unsatisfactory(f"the candidate {name} has no score: {each.evaluation.reason}")
        if least is not None and each.score < least:
            raise Unsatisfactory(f"the candidate {name} scores {each.score:.4g}, below --min-score {least:g}")


def _text(given: str) -> str:
    """The instruction that is meant: a file's text, a run's best candidate, or the text itself."""
    from optiprompt.report.summary import best_of

    if given.startswith("@"):
        try:
            return Path(given[1:]).expanduser().read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError, RuntimeError) as error:
            raise UsageError(f"--candidate {given}: {error}: name a text file in UTF-8 behind the @") from None
    folder = _run_named(given)
    if folder is not None:
        found = best_of(folder)
        if found.split not in ("train", "dev", "test"):
            raise UsageError(f"the run {given} searched no instructions: name a run of a prompt task, or use @FILE")
        return found.text
    if "/" in given and not any(char.isspace() for char in given):
        raise UsageError(f"no run {given!r}: `optiprompt runs` lists them; an instruction like this goes into @FILE")
    return given


def _run_named(given: str) -> Path | None:
    """The run's folder; None where the text names none, as most texts do."""
    if not given.strip():
        return None
    try:
        if (sweep := run_folder(given, "events.jsonl", SWEEP)).joinpath(SWEEP).is_file():
            raise RunError(f"{given} is a sweep: name one of its runs, as in {sweep}/seed-0")
        return sweep
    except (UsageError, OSError, ValueError, RuntimeError):  # also a text that cannot be a path
        return None

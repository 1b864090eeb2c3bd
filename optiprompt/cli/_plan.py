"""What a command needs to plan a search, as options that several commands share.

The options of the algorithm are made from the dataclass of its settings, so that each is described once.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_type_hints

import typer

from optiprompt.cli._app import (
    Cache,
    Calls,
    Concurrency,
    Dev,
    Device,
    DType,
    Evaluations,
    Extra,
    Minutes,
    OptimizerCalls,
    Overrides,
    Preset,
    ScorerCalls,
    Steps,
    Test,
    Timeout,
    Tokens,
    Train,
    Usd,
    run_folder,
)
from optiprompt.errors import UsageError
from optiprompt.opro_settings import OproSettings

if TYPE_CHECKING:
    from optiprompt.config import Plan

Optimizer = Annotated[
    str | None, typer.Option(help="The model that proposes: openai:NAME[@URL], hf:ID_FOLDER_OR_GGUF or smollm2.")
]
Patience = Annotated[int | None, typer.Option(min=1, help="Stop after this many steps without a better score.")]
GuardOn = Annotated[
    bool | None,
    typer.Option(help="Refuse proposed instructions that copy training examples; not under --preset reference."),
]
Shots = Annotated[
    int | None,
    typer.Option(min=0, max=8, help="How many examples a prompt may show, none that it is scored on. Default: 0."),
]
RacingOn = Annotated[
    bool | None,
    typer.Option(
        "--racing/--no-racing",
        help="Drop candidates that can hardly win before they have seen all examples. Default: yes; no under --preset "
        "reference.",
    ),
]
FinalOn = Annotated[
    bool, typer.Option("--final/--no-final", help="At the end choose on dev, and compare with the start on test.")
]
MaxParameters = Annotated[
    float | None,
    typer.Option(help="Reject candidates with more parameters before they are scored, in the task's unit."),
]
MaxLatency = Annotated[
    float | None, typer.Option(help="Reject candidates that take more milliseconds before they are scored.")
]
Pareto = Annotated[
    str | None, typer.Option(help="Search the front of score against this cost: parameters or latency_ms.")
]
Scorers = Annotated[
    list[str] | None,
    typer.Option(
        "--scorer",
        help="The model that is instructed and graded, for prompt tasks: named as the optimizer is. Given several "
        "times: each question is asked of each.",
    ),
]
Blind = Annotated[
    bool,
    typer.Option(
        "--blind",
        help="Hide what the task is about, with words that mean nothing: a control for models that know a benchmark by "
        "heart. --set blind_seed=N shuffles them otherwise.",
    ),
]
By = Annotated[
    Literal["mean", "worst"],
    typer.Option("--by", help="The score of several tasks or scorers: the mean of their accuracies, or the worst."),
]
Warm = Annotated[
    list[str] | None,
    typer.Option(metavar="RUN", help="Start from the five best candidates of an earlier run too; several times."),
]
Transfers = Annotated[
    list[str] | None,
    typer.Option(metavar="TASK[,TASK...]", help="At the end measure winner and start on the test of these tasks too."),
]
TransferScorers = Annotated[
    list[str] | None,
    typer.Option("--transfer-scorer", metavar="MODEL", help="Measure that with this model instead; several times."),
]
NAMES = tuple(field.name for field in fields(OproSettings))


def make_plan(
    task: Annotated[
        str,
        typer.Argument(
            help="A shipped task (`optiprompt tasks` lists them) or a YAML file. One instruction for several: bbh, or "
            "bbh/navigate,gsm8k."
        ),
    ],
    optimizer: Optimizer = None,
    scorer: Scorers = None,
    algorithm: Annotated[str, typer.Option(help="opro, random, evolution or local-search.")] = "opro",
    steps: Steps = None,
    max_evaluations: Evaluations = None,
    max_calls: Calls = None,
    max_optimizer_calls: OptimizerCalls = None,
    max_scorer_calls: ScorerCalls = None,
    max_tokens: Tokens = None,
    max_usd: Usd = None,
    max_minutes: Minutes = None,
    patience: Patience = None,
    target: Annotated[float | None, typer.Option(help="Stop when the best score is this good.")] = None,
    seed: Annotated[int, typer.Option(help="Fixes every random choice.")] = 0,
    preset: Preset = None,
    train: Train = None,
    dev: Dev = None,
    test: Test = None,
    overrides: Overrides = None,
    concurrency: Concurrency = 16,
    timeout: Timeout = 120.0,
    extra: Extra = None,
    device: Device = "auto",
    dtype: DType = "auto",
    racing: RacingOn = None,
    final: FinalOn = True,
    cache: Cache = True,
    max_parameters: MaxParameters = None,
    max_latency_ms: MaxLatency = None,
    pareto: Pareto = None,
    blind: Blind = False,
    guard: GuardOn = None,
    shots: Shots = None,
    by: By = "mean",
    warm: Warm = None,
    transfer: Transfers = None,
    transfer_scorer: TransferScorers = None,
    *,
    settings: dict[str, Any],
) -> "Plan":
    """The search that the options describe; `settings` are the algorithm's."""
    from optiprompt.backends.base import BackendOptions
    from optiprompt.budget import Budget
    from optiprompt.config import Plan
    from optiprompt.racing import Racing
    from optiprompt.scoring import Scoring
    from optiprompt.tasks.loader import field_names
    from optiprompt.warm import best_texts

    if blind and "blind" not in field_names(task):
        raise UsageError(
            f"{task} cannot be blind: leave --blind out, or take a task that looks its scores up in a table"
        )
    usual = 200 if preset else 20
    scorers = _models(scorer)
    return Plan(
        task=_resolved(task),
        optimizer=absolute(optimizer),
        scorer=scorers[0] if len(scorers) == 1 else scorers or None,
        algorithm=algorithm,
        overrides={
            **given({"sizes.train": train, "sizes.dev": dev, "sizes.test": test}),
            **given({"guard": guard, "shots": shots, "blind": blind or None}),
            **pairs("--set", overrides),
        },
        settings=settings,
        preset=preset,
        seed=seed,
        budget=Budget(
            steps=usual if steps is None and max_evaluations is None else steps,
            evaluations=max_evaluations,
            patience=patience,
            target=target,
            calls=max_calls,
            optimizer_calls=max_optimizer_calls,
            scorer_calls=max_scorer_calls,
            tokens=max_tokens,
            usd=max_usd,
            minutes=max_minutes,
        ),
        options=BackendOptions(device, dtype, concurrency, timeout, pairs("--extra", extra)),
        scoring=Scoring(Racing() if (preset is None if racing is None else racing) else None, final, cache),
        limits=given({"parameters": max_parameters, "latency_ms": max_latency_ms}),
        pareto=pareto,
        by=by,
        warm=tuple(text for run in warm or [] for text in best_texts(run_folder(run))),
        transfer=tuple(_resolved(each.strip()) for tasks in transfer or [] for each in tasks.split(",")),
        transfer_scorers=_models(transfer_scorer),
    )


def _resolved(tasks: str) -> str:
    """The paths in a task's name made absolute, so that the run can be resumed from another folder."""
    names = [tasks] if Path(tasks).is_file() else tasks.split(",")
    return ",".join(
        str(Path(each.strip()).resolve()) if each.strip().endswith((".yaml", ".yml")) else each for each in names
    )


def _models(given: list[str] | None) -> tuple[str, ...]:
    return tuple(str(absolute(each)) for each in given or [])


def with_plan(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `make_plan` and of the algorithm; what they say arrives as its argument `plan`."""
    shared = _parameters(make_plan, "settings")
    own = _parameters(command, "plan")

    @wraps(command)
    def run(**values: Any) -> None:
        settings = given({name: values.pop(name) for name in NAMES})
        planned = {each.name: values.pop(each.name) for each in shared}
        command(plan=make_plan(**planned, settings=settings), **values)

    signature = inspect.Signature([*shared, *own, *_settings()])
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
    del run.__wrapped__  # or typer would look through to the command
    return run


def _parameters(function: Callable[..., Any], but: str) -> list[inspect.Parameter]:
    """A function's parameters but one, with their types as objects."""
    hints = get_type_hints(function, include_extras=True, localns={"Plan": object})
    found = inspect.signature(function).parameters.values()
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [each.replace(annotation=hints[each.name], kind=keyword) for each in found if each.name != but]


def _settings() -> list[inspect.Parameter]:
    """An option for each setting of `Opro`; those that are not given are None."""
    hints, about = get_type_hints(OproSettings), documented(OproSettings.__doc__ or "")
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[_optional(hints[name]), typer.Option(help=f"opro: {about[name]}")],
        )
        for name in NAMES
    ]


def documented(docstring: str) -> Mapping[str, str]:
    """What the `Attributes:` of a docstring say, by name."""
    _, _, section = inspect.cleandoc(docstring).partition("Attributes:\n")
    items = re.findall(r"^    (\w+): (.*(?:\n     +.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()).replace("`", "") for name, text in items}


def _optional(hint: Any) -> Any:
    """The type, or None where the option is not given."""
    return hint if type(None) in get_args(hint) else hint | None


def absolute(model: str | None) -> str | None:
    """A model with the path in its name made absolute, so that the run can be resumed from another folder."""
    backend, colon, rest = (model or "").partition(":")
    path = Path(rest).expanduser()
    return f"{backend}:{path.resolve()}" if colon and backend in ("hf", "scripted") and path.exists() else model


def given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def pairs(option: str, pairs: list[str] | None) -> dict[str, Any]:
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

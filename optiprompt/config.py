"""What the command line asks for, kept in the run so that `resume` can set the search up again."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from optiprompt.algorithms.base import Algorithm
from optiprompt.api import Result, backend, run
from optiprompt.backends.base import Backend, BackendOptions
from optiprompt.budget import Budget
from optiprompt.errors import RunError, UsageError
from optiprompt.events import Extended, Started
from optiprompt.loop import Search
from optiprompt.plugins import find
from optiprompt.scoring import Scoring
from optiprompt.store import Watch, read_events
from optiprompt.tasks._multi_task import MultiTask, with_scorers
from optiprompt.tasks.base import By, Task
from optiprompt.tasks.loader import field_names, load_task
from optiprompt.transfer import Transfer
from optiprompt.warm import with_texts

# What can be varied beside the algorithm's settings and the task's fields, and where it stands in a plan.
PARTS = ("algorithm", "optimizer", "scorer", "by")
LIMITS = {"steps": "steps", "max-evaluations": "evaluations"}
SIZES = {name: f"sizes.{name}" for name in ("train", "dev", "test")}
# Fields of a task that say how an instruction is used: they hold for the tasks of `transfer` too.
ASKING = ("position", "system", "form", "markers", "extract", SIZES["test"])


@dataclass(frozen=True)
class Plan:
    """A search as the command line names it.

    Attributes:
        task: name or YAML file; several with commas between.
        overrides: fields of the task's YAML set otherwise.
        optimizer: spec of the model that proposes.
        scorer: spec of the model that is instructed, or of several.
        algorithm: name.
        settings: the algorithm's settings that differ from its defaults.
        preset: name of the values that settings and overrides start from, `reference` for the published system's.
        seed: fixes every random choice.
        budget: what the run may spend.
        options: how the models are reached or run.
        scoring: what is spent on the scores.
        limits: the highest costs that are allowed, by name; see `Task.within`.
        pareto: the cost that the score is weighed against; see `Task.against`.
        by: whether the score of several tasks or scorers is their mean or the worst.
        warm: further candidates to start from.
        transfer: names of tasks on which winner and baseline are measured too.
        transfer_scorers: specs of the models that are instructed there; by default those of the search.
    """

    task: str
    optimizer: str | None = None
    scorer: str | tuple[str, ...] | None = None
    algorithm: str = "opro"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    budget: Budget = Budget(steps=20)
    options: BackendOptions = BackendOptions()
    preset: str | None = None
    scoring: Scoring = Scoring()
    limits: Mapping[str, float] = field(default_factory=dict)
    pareto: str | None = None
    by: By = "mean"
    warm: tuple[str, ...] = ()
    transfer: tuple[str, ...] = ()
    transfer_scorers: tuple[str, ...] = ()

    def search(self) -> Search:
        """Set the search up: task, models and algorithm.

        Raises:
            OptipromptError: something it names does not exist or does not fit; nothing has been spent.
        """
        task = load_task(self.task, self.overrides, self.preset, self.by).within(self.limits)
        task = task.against(self.pareto) if self.pareto else task
        chosen = make_algorithm(self.algorithm, self.settings, self.preset)
        connected: dict[str, Backend] = {}

        def connect(spec: str) -> Backend:
            if spec not in connected:
                connected[spec] = backend(spec, self.options)
            return connected[spec]

        optimizer = connect(self.optimizer) if self.optimizer and chosen.needs_optimizer else None
        scorer = None
        if self.scorers and task.needs_scorer:
            task, scorer = with_scorers(task, [connect(spec) for spec in self.scorers], self.by)
        if self.by == "worst" and not (isinstance(task, MultiTask) and len(task.strata) > 1):
            raise UsageError("by worst: that is for several tasks or several scorers, and there is one of each")
        transfers = self._transfers(task, connect)
        task = with_texts(task, self.warm)
        return Search(task, chosen, self.budget, optimizer, scorer, self.seed, self.scoring, transfers)

    def _transfers(self, task: Task, connect: Callable[[str], Backend]) -> tuple[Transfer, ...]:
        """Every task of the transfer with every scorer."""
        specs = self.transfer_scorers or self.scorers
        if not self.transfer and not self.transfer_scorers:
            return ()
        if not task.needs_scorer or not specs or not self.scoring.final:
            raise UsageError("a transfer is for prompt tasks, with a scorer and the final test: not with --no-final")
        asking = {name: value for name, value in self.overrides.items() if name in ASKING}
        elsewhere = [load_task(each, asking, self.preset) for each in self.transfer]
        for each in elsewhere:
            if not each.needs_scorer:
                raise UsageError(f"{each.name} is no prompt task: name one for the transfer")
        tasks = elsewhere or [load_task(self.task, self.overrides, self.preset, self.by)]
        return tuple(Transfer(each, connect(spec)) for each in tasks for spec in specs)

    def varied(self, name: str, value: Any) -> "Plan":
        """The plan with one thing otherwise, as `optiprompt sweep --vary NAME=VALUE,...` names it.

        Args:
            name: `algorithm`, `optimizer`, `scorer`, `steps`, `max-evaluations`, `train`, `dev`, `test`, a setting of
                the plan's algorithm, or a field of the task's YAML (`sizes.train` is train in sizes).
            value: its value; whether it fits shows when the search is set up.

        Raises:
            UsageError: nothing has that name, or a limit or a name is none.
        """
        changed: dict[str, Any]
        settings = _setting_names(self.algorithm)
        if name in PARTS:
            if not isinstance(value, str):
                raise UsageError(f"{name} takes a name, not {value!r}")
            changed = {name: value}
        elif name in LIMITS:
            changed = {"budget": _limited(self.budget, name, value)}
        elif name.replace("-", "_") in settings:
            changed = {"settings": {**self.settings, name.replace("-", "_"): value}}
        else:
            path = SIZES.get(name, name)
            task_fields = field_names(self.task)
            if path.partition(".")[0] not in task_fields:
                near = get_close_matches(name, [*PARTS, *LIMITS, *SIZES, *settings, *task_fields], n=1)
                has = f"{self.algorithm} has {', '.join(settings) or 'none'}, the task {', '.join(task_fields)}"
                hint = f"did you mean {near[0]!r}?" if near else has
                raise UsageError(f"{name!r} is no setting of {self.algorithm} and no field of {self.task}: {hint}")
            changed = {"overrides": {**self.overrides, path: value}}
        return replace(self, **changed)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, from which `planned` makes it again."""
        return dict(TypeAdapter(Plan).dump_python(self, mode="json"))

    @property
    def models(self) -> frozenset[str]:
        """The specs of the models that `search` connects to."""
        return frozenset(spec for spec in (self._proposer, *self.scorers, *self.transfer_scorers) if spec)

    @property
    def scorers(self) -> tuple[str, ...]:
        """The specs of the models that are instructed."""
        return (self.scorer,) if isinstance(self.scorer, str) else self.scorer or ()

    @property
    def searcher(self) -> str:
        """What searches, for tables: `opro with smollm2`."""
        return f"{self.algorithm} with {self._proposer}" if self._proposer else self.algorithm

    @property
    def _proposer(self) -> str | None:
        return self.optimizer if find("algorithms", self.algorithm).ALGORITHM.needs_optimizer else None


def _setting_names(algorithm: str) -> list[str]:
    return [each.name for each in fields(find("algorithms", algorithm).ALGORITHM)]


def _limited(budget: Budget, name: str, value: Any) -> Budget:
    try:
        limited: Budget = TypeAdapter(Budget).validate_python({**asdict(budget), LIMITS[name]: value})
    except ValidationError:
        raise UsageError(f"{name} takes a whole number, not {value!r}") from None
    return limited


def make_algorithm(name: str, settings: Mapping[str, Any], preset: str | None = None) -> Algorithm:
    """The algorithm of that name with its settings, which go before those of the preset.

    Raises:
        UsageError: no such algorithm or setting, or a bad value.
    """
    kind = find("algorithms", name).ALGORITHM
    known = _setting_names(name)
    for setting in settings:
        if setting not in known:
            near = get_close_matches(setting, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known) or 'none'}"
            raise UsageError(f"the algorithm {name} has no setting {setting!r}: {hint}")
    try:
        algorithm: Algorithm = TypeAdapter(kind).validate_python({**kind.presets.get(preset, {}), **settings})
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise UsageError(f"the algorithm {name}: {where}: {problem['msg']}, not {problem['input']!r}") from None
    return algorithm


def planned(folder: Path, totals: Mapping[str, float | None] | None = None) -> Plan:
    """The plan that made a run.

    Args:
        folder: the run's.
        totals: new ones, by the names of the fields of `Budget`; None keeps the run's.

    Raises:
        RunError: there is no run in the folder, or it was started from Python.
    """
    events = read_events(folder)
    if any(isinstance(event, Started) and "candidates" in event.settings for event in events):
        raise RunError(f"{folder} is a measurement: the same `optiprompt evaluate` with this --run-dir goes on with it")
    specs = [event.spec for event in events if isinstance(event, Started | Extended)]
    if not specs or not specs[-1]:
        raise RunError(
            f"{folder} was started from Python: call optiprompt.optimize with its task and this run_dir again"
        )
    try:
        plan: Plan = TypeAdapter(Plan).validate_python(specs[-1])
    except ValidationError as error:
        raise RunError(f"{folder}: its settings cannot be read: {error.errors()[0]['msg']}") from None
    given: dict[str, Any] = {name: value for name, value in (totals or {}).items() if value is not None}
    return replace(plan, budget=replace(plan.budget, **given))


def resume(
    run_dir: str | Path,
    *,
    steps: int | None = None,
    evaluations: int | None = None,
    calls: int | None = None,
    optimizer_calls: int | None = None,
    scorer_calls: int | None = None,
    tokens: int | None = None,
    usd: float | None = None,
    minutes: float | None = None,
    watch: Watch | None = None,
) -> Result:
    """Go on with a run that the command line started; what is on disk is neither evaluated nor asked again.

    Args:
        run_dir: the run's folder.
        steps: a new total; that of the run by default.
        evaluations: likewise, as all others; see `Budget`.
        calls: requests to the models.
        optimizer_calls: those to the optimizer.
        scorer_calls: those to the scorer.
        tokens: of prompts and replies.
        usd: US dollars.
        minutes: of work.
        watch: called with each event as it is recorded, and with `Working` now and then.

    Raises:
        RunError: no such run, or it was started from Python.
    """
    folder = Path(run_dir)
    totals = {"steps": steps, "evaluations": evaluations, "tokens": tokens, "usd": usd, "minutes": minutes}
    calls_of = {"calls": calls, "optimizer_calls": optimizer_calls, "scorer_calls": scorer_calls}
    plan = planned(folder, {**totals, **calls_of})
    return run(plan.search(), folder, spec=plan.to_json(), watch=watch)

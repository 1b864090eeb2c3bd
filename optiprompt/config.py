"""What the command line asks for, kept in the run so that `resume` can set the search up again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
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
from optiprompt.store import Watch, read_events
from optiprompt.tasks.loader import load_task


@dataclass(frozen=True)
class Plan:
    """A search as the command line names it.

    Attributes:
        task: name or YAML file.
        overrides: fields of the task's YAML set otherwise.
        optimizer: spec of the model that proposes.
        scorer: spec of the model that is instructed.
        algorithm: name.
        settings: the algorithm's settings that differ from its defaults.
        seed: fixes every random choice.
        budget: what the run may spend.
        options: how the models are reached or run.
        cache: whether replies are shared with other runs.
    """

    task: str
    optimizer: str | None = None
    scorer: str | None = None
    algorithm: str = "opro"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    budget: Budget = Budget(steps=20)
    options: BackendOptions = BackendOptions()
    cache: bool = True

    def search(self) -> Search:
        """Set the search up: task, models and algorithm.

        Raises:
            OptipromptError: something it names does not exist or does not fit; nothing has been spent.
        """
        task = load_task(self.task, self.overrides)
        chosen = make_algorithm(self.algorithm, self.settings)
        optimizer = self._connect(self.optimizer) if chosen.needs_optimizer else None
        scorer = optimizer if self.scorer == self.optimizer and optimizer else self._connect(self.scorer)
        scorer = scorer if task.needs_scorer else None
        return Search(task, chosen, self.budget, optimizer, scorer, self.seed, self.cache)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, from which `planned` makes it again."""
        return dict(TypeAdapter(Plan).dump_python(self, mode="json"))

    def _connect(self, spec: str | None) -> Backend | None:
        return backend(spec, self.options) if spec else None


def make_algorithm(name: str, settings: Mapping[str, Any]) -> Algorithm:
    """The algorithm of that name with its settings.

    Raises:
        UsageError: no such algorithm or setting, or a bad value.
    """
    kind = find("algorithms", name).ALGORITHM
    known = [each.name for each in fields(kind)]
    for setting in settings:
        if setting not in known:
            near = get_close_matches(setting, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known) or 'none'}"
            raise UsageError(f"the algorithm {name} has no setting {setting!r}: {hint}")
    try:
        algorithm: Algorithm = TypeAdapter(kind).validate_python(dict(settings))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise UsageError(f"the algorithm {name}: {where}: {problem['msg']}, not {problem['input']!r}") from None
    return algorithm


def planned(folder: Path, *, steps: int | None = None, evaluations: int | None = None) -> Plan:
    """The plan that made a run, with new totals where given.

    Raises:
        RunError: there is no run in the folder, or it was started from Python.
    """
    specs = [event.spec for event in read_events(folder) if isinstance(event, Started | Extended)]
    if not specs or not specs[-1]:
        raise RunError(
            f"{folder} was started from Python: call optiprompt.optimize with its task and this run_dir again"
        )
    try:
        plan: Plan = TypeAdapter(Plan).validate_python(specs[-1])
    except ValidationError as error:
        raise RunError(f"{folder}: its settings cannot be read: {error.errors()[0]['msg']}") from None
    given = {"steps": steps, "evaluations": evaluations}
    budget = replace(plan.budget, **{name: value for name, value in given.items() if value is not None})
    return replace(plan, budget=budget)


def resume(
    run_dir: str | Path, *, steps: int | None = None, evaluations: int | None = None, watch: Watch | None = None
) -> Result:
    """Go on with a run that the command line started; what is on disk is neither evaluated nor asked again.

    Args:
        run_dir: the run's folder.
        steps: a new total; that of the run by default.
        evaluations: likewise.
        watch: called with each event as it is recorded.

    Raises:
        RunError: no such run, or it was started from Python.
    """
    folder = Path(run_dir)
    plan = planned(folder, steps=steps, evaluations=evaluations)
    return run(plan.search(), folder, spec=plan.to_json(), watch=watch)

"""A search space of the user's own in a YAML, scored by a Python function of the user's own."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from optiprompt.candidate import Direction
from optiprompt.errors import ParseError, UsageError
from optiprompt.graders._python import user_function
from optiprompt.spaces._fields import NUMBER
from optiprompt.spaces.choices import Choices
from optiprompt.tasks.function import FunctionTask


class ChoicesTask(FunctionTask):
    """A `FunctionTask` that knows which versions of the functions score, and tell the costs."""

    versions: Mapping[str, str] = {}

    def identity(self) -> dict[str, Any]:
        """Name, space, direction, and the content of the functions' files."""
        return {**super().identity(), "kind": "choices", "direction": self.direction, **self.versions}


class Spec(BaseModel):
    """The fields of a task's YAML.

    Attributes:
        name: of the task.
        about: one line for the list of tasks.
        fields: what there is to choose; see `Choices`.
        score: `python:FILE:FUNCTION`; the function takes a dict of the values and returns a score, or an `Evaluation`.
        costs: `python:FILE:FUNCTION`; the function takes the same dict and returns what the candidate costs by name,
            without scoring it: `{"parameters": 1.2e6}`. For limits and Pareto searches.
        direction: whether a higher or a lower score is better.
        score_name: what the score is called in the meta-prompt.
        description: what is optimised, for the meta-prompt.
        start: starting candidates, `optimizer=sgd lr=0.01`, or how many random ones to draw.
        workers: how many candidates are scored at once, each in a thread of its own.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    about: str = ""
    fields: dict[str, Any]
    score: str
    costs: str | None = None
    direction: Direction = "maximize"
    score_name: str = "score"
    description: str = ""
    start: list[str] | Annotated[int, Field(ge=0, le=1000)] = 4
    workers: int = Field(default=1, ge=1)

    @field_validator("score", "costs")
    @classmethod
    def _of_the_users(cls, written: str | None, info: ValidationInfo) -> str | None:
        kind, _, place = (written or "").partition(":")
        if written is not None and (kind != "python" or not all(place.rpartition(":"))):
            raise ValueError(f"{info.field_name} is a function of a Python file, python:FILE:FUNCTION")
        return written

    def build(self, folder: Path) -> ChoicesTask:
        """The task; FILE is relative to the folder of the YAML. The file is run here, as any program of the user's.

        Raises:
            UsageError: a field or a start is not understood, or the file has no such function.
        """
        loaded: dict[Path, ModuleType] = {}
        score, version = _function(self.score, folder, "score", loaded)
        versions, costs = {"score": version}, None
        if self.costs is not None:
            costs, versions["costs"] = _function(self.costs, folder, "costs function", loaded)
        space = Choices({name: _from_yaml(name, field) for name, field in self.fields.items()})
        for text in self.start if isinstance(self.start, list) else []:
            try:
                space.parse(text)
            except ParseError as error:
                raise UsageError(f"start: {text!r} is no candidate: {error}") from None
        task = ChoicesTask(
            self.name,
            space,
            score,
            describe=self.description,
            start=self.start,
            direction=self.direction,
            score_name=self.score_name,
            workers=self.workers,
            costs=costs,
        )
        task.versions = versions
        return task


def _function(written: str, folder: Path, role: str, loaded: dict[Path, ModuleType]) -> tuple[Callable[..., Any], str]:
    file, _, function = written.removeprefix("python:").rpartition(":")
    _, call, version = user_function(folder / file, function, role, loaded)
    return call, version


def _from_yaml(name: str, field: Any) -> Any:
    """The field as `Choices` takes it.

    Raises:
        UsageError: it is a tuple of Python, which YAML reads as text, or as a list of options.
    """
    match field:
        case [low, high, "log"] if all(isinstance(each, int | float) or _has_exponent(each) for each in (low, high)):
            raise UsageError(f"{name}: in a YAML that is a range: {{low: {low}, high: {high}, log: true}}")
        case str() if field.lstrip().startswith("("):
            raise UsageError(
                f"{name}: in a YAML a range is {{low: 1, high: 6}}, with log: true if need be, not {field}"
            )
    return _with_numbers(field)


def _with_numbers(field: Any) -> Any:
    """The field with numbers for options such as 1e-5, which YAML takes for text."""
    match field:
        case list():
            return [float(each) if _has_exponent(each) else each for each in field]
        case {"choices": list(options)}:
            return {**field, "choices": _with_numbers(options)}
    return field


def _has_exponent(option: Any) -> bool:
    return isinstance(option, str) and "e" in option.casefold() and NUMBER.fullmatch(option) is not None

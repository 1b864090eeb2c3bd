"""Rows become examples: which field is the input, which the target, or a template over the fields."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from optiprompt.data.files import Row
from optiprompt.errors import DataError, UsageError


@dataclass(frozen=True, slots=True)
class Example:
    """A question with its right answer.

    Attributes:
        id: names the example in the run's records; unique within a task.
        input: the question as the model reads it.
        target: the right answer, or several of which each is right.
        fields: all values of the row it came from.
    """

    id: str
    input: str
    target: str | tuple[str, ...]
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def content(self) -> tuple[str, str | tuple[str, ...]]:
        """Input and target: what makes two examples the same, whatever their ids."""
        return self.input, self.target

    @property
    def targets(self) -> tuple[str, ...]:
        """All right answers."""
        return (self.target,) if isinstance(self.target, str) else self.target


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the parts of an example stand in a row.

    `input` and `target` are each the name of a field, or a Jinja template over all fields
    (`{{ question }} Options: {{ options }}`), which is written by the task's author and runs in a sandbox.

    Attributes:
        input: the question; surrounding whitespace of a template's result is dropped.
        target: the right answer. A list of texts in the field means that each is right; numbers and booleans become
            text (18 -> `18`, true -> `True`), an object becomes JSON.
        id: the field that names the example; by default examples are numbered.
    """

    input: str = "input"
    target: str = "target"
    id: str | None = None


def to_examples(rows: Sequence[Row], columns: Columns, prefix: str) -> list[Example]:
    """The examples in the rows.

    Args:
        rows: what a file or the hub gave.
        columns: where input and target stand.
        prefix: begins the ids `PREFIX/1`, `PREFIX/2`, ... where no field names the examples.

    Raises:
        DataError: a row lacks a field or has a value of the wrong type; names the place and the reason.
        UsageError: a template is not valid.
    """
    get_input = _getter("input", columns.input)
    get_target = _getter("target", columns.target)
    ids = _ids(rows, columns.id) if columns.id else [f"{prefix}/{number}" for number in range(1, len(rows) + 1)]
    return [
        Example(name, _as_text(get_input(row), "input", row), _as_target(get_target(row), row), row.fields)
        for name, row in zip(ids, rows, strict=True)
    ]


def _ids(rows: Sequence[Row], column: str) -> Iterable[str]:
    get = _getter("id", column)
    places: dict[str, str] = {}
    for row in rows:
        name = _as_text(get(row), "id", row)
        if name in places:
            raise DataError(f"{row.place}: the id {name!r} stands at {places[name]} too: ids must differ")
        places[name] = row.place
    return places


def is_template(column: str) -> bool:
    """Whether the text is a template over the fields, not the name of one."""
    return "{{" in column or "{%" in column


def _getter(role: str, column: str) -> Callable[[Row], Any]:
    if is_template(column):
        return _template(role, column)

    def get(row: Row) -> Any:
        try:
            return row.fields[column]
        except KeyError:
            names = ", ".join(map(str, row.fields))
            raise DataError(f"{row.place}: no field {column!r} (fields: {names}): name it with {role}: ...") from None

    return get


def _template(role: str, source: str) -> Callable[[Row], Any]:
    from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # The row's values go in as values: nothing inside them is ever evaluated.
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)
    try:
        template = environment.from_string(source)
    except TemplateSyntaxError as error:
        raise UsageError(f"the template of {role} is not valid: {error.message} (its line {error.lineno})") from error

    def render(row: Row) -> str:
        try:
            return template.render(row.fields).strip()
        except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
            names = ", ".join(map(str, row.fields))
            raise DataError(f"{row.place}: the template of {role} fails: {error} (fields: {names})") from error

    return render


def _as_target(value: Any, row: Row) -> str | tuple[str, ...]:
    if isinstance(value, list | tuple):
        if not value:
            raise DataError(f"{row.place}: the target is an empty list")
        texts = tuple(_as_text(item, "target", row) for item in value)
        return texts if len(texts) > 1 else texts[0]
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return _as_text(value, "target", row)


def _as_text(value: Any, role: str, row: Row) -> str:
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool | int):
        text = str(value)
    elif isinstance(value, float) and math.isfinite(value):
        text = str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    elif isinstance(value, Decimal | date):
        text = str(value)
    elif value is None:
        raise DataError(f"{row.place}: the {role} has no value")
    else:
        raise DataError(f"{row.place}: the {role} must be text or a number, not {type(value).__name__} {value!r:.40}")
    if not text or text.isspace():
        raise DataError(f"{row.place}: the {role} is empty")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(f"{row.place}: the {role} contains half a surrogate pair, which is no valid Unicode") from None
    return text

"""Fields from what users write: lists, tuples, the mappings of a YAML, pydantic models."""

import re
from collections.abc import Collection, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from difflib import get_close_matches
from enum import Enum
from math import ceil, floor, inf
from typing import TYPE_CHECKING, Any

from optiprompt.errors import ParseError, UsageError
from optiprompt.spaces._fields import Field, Options, Value, written
from optiprompt.spaces._number import Number

if TYPE_CHECKING:
    from pydantic import BaseModel

_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_OPTIONS = ("choices", "when")
_BOUNDS = ("low", "high", "step", "log", "optional", "when")


def field_from(name: str, spec: Any, known: Mapping[str, Field]) -> Field:
    """The field that a user's value stands for; see `Choices`.

    Args:
        name: of the field.
        spec: a list, a tuple or a mapping.
        known: the fields before it, for its conditions.

    Raises:
        UsageError: it is not understood; the message says what can be written.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not name.isascii():
        raise UsageError(f"the name of a field must be ASCII letters, digits, _ . or -, from a letter on, not {name!r}")
    if isinstance(spec, Mapping):
        _check(name, spec, _OPTIONS if "choices" in spec else _BOUNDS)
    match spec:
        case list():
            return Options(name, [_plain(each) for each in spec], {})
        case (low, high) if isinstance(spec, tuple):
            return Number(name, _number(name, low), _number(name, high), when={})
        case (low, high, "log") if isinstance(spec, tuple):
            return Number(name, _number(name, low), _number(name, high), log=True, when={})
        case {"choices": choices} if isinstance(choices, Sequence) and not isinstance(choices, str):
            return Options(name, [_plain(each) for each in choices], _when(name, spec, known))
        case {"low": low, "high": high}:
            step = spec.get("step")
            return Number(
                name,
                _number(name, low),
                _number(name, high),
                step=None if step is None else _number(name, step),
                log=_flag(name, spec, "log"),
                optional=_flag(name, spec, "optional"),
                when=_when(name, spec, known),
            )
    raise UsageError(
        f"{name}: a field is a list of options, a tuple (low, high) or (low, high, 'log'), or a mapping with choices "
        f"or with low and high, not {spec!r}"
    )


def fields_of(model: "type[BaseModel]") -> dict[str, Any]:
    """The fields of a pydantic model as the mappings that `field_from` takes; constants with a default are left out.

    Raises:
        UsageError: a field of another type than options and bounded numbers.
    """
    described = model.model_json_schema(by_alias=False)
    inner = described.get("$defs", {})
    fields = {
        name: field
        for name, field in described.get("properties", {}).items()
        if not ("const" in field and "default" in field)
    }
    return {name: _from_schema(name, field, inner) for name, field in fields.items()}


def _from_schema(name: str, field: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    kinds = [each for each in field.get("anyOf", [field]) if each.get("type") != "null"]
    kind = kinds[0]
    # Of `Annotated[float, Field(...)] | None` they are in the branch.
    extra = {key: each[key] for each in (kind, field) for key in ("log", "when") if key in each}
    if "$ref" in kind:
        kind = inner[kind["$ref"].rpartition("/")[2]]
    # With a condition, None is what the model has where the field does not exist.
    optional = ("anyOf" in field or None in kind.get("enum", ())) and "when" not in extra
    if "const" in kind:
        if not optional:
            raise UsageError(f"{name} has only the value {kind['const']!r}: give it a default, or a second value")
        kind = {"enum": [kind["const"]]}
    if len(kinds) == 1 and kind.get("type") == "boolean":
        kind = {"enum": [False, True]}
    if len(kinds) == 1 and "enum" in kind:
        options = [each for each in kind["enum"] if each is not None]
        return {"choices": [*options, None] if optional else options, **extra}
    if len(kinds) == 1 and kind.get("type") in ("integer", "number"):
        return {**_bounds(name, kind), "optional": optional, **extra}
    raise UsageError(
        f"{name}: only Literal, Enum, bool, int, float and these or None can be searched: write nested models as "
        f'fields with json_schema_extra={{"when": {{"optimizer": "sgd"}}}}'
    )


def _bounds(name: str, kind: Mapping[str, Any]) -> dict[str, Any]:
    whole, step = kind["type"] == "integer", kind.get("multipleOf")
    low, high = kind.get("minimum"), kind.get("maximum")
    if whole:  # there may be both: PositiveInt with another ge
        low = max((each for each in (low, _beside(kind, "exclusiveMinimum", 1)) if each is not None), default=None)
        high = min((each for each in (high, _beside(kind, "exclusiveMaximum", -1)) if each is not None), default=None)
    elif _tighter(kind):
        low = high = None
    if low is None or high is None:
        if sum(key in kind for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")) >= 2:
            raise UsageError(f"{name}: the bounds of a float must be inclusive: give Field(ge=..., le=...)")
        raise UsageError(f"{name} has no bounds: give Field(ge=..., le=...)")
    if step is not None:
        # The grid begins at low. In decimals: 0.3 is a multiple of 0.1.
        unit = Decimal(str(step))
        first = (Decimal(str(low)) / unit).to_integral_value(ROUND_CEILING) * unit
        low = int(first) if whole else first
    if whole:  # pydantic keeps bounds as they were written: ge=1.0
        return {"low": ceil(low), "high": floor(high), "step": None if step is None else int(step)}
    return {"low": float(low), "high": float(high), "step": step}


def _beside(kind: Mapping[str, Any], bound: str, step: int) -> int | None:
    """The whole number next to an exclusive bound, inside; None where there is no such bound."""
    if bound not in kind:
        return None
    inside = floor(kind[bound]) if step > 0 else ceil(kind[bound])
    return int(inside) + step


def _tighter(kind: Mapping[str, Any]) -> bool:
    """Whether an exclusive bound leaves out an inclusive one."""
    below = kind.get("exclusiveMinimum", -inf) >= kind.get("minimum", inf)
    return bool(below or kind.get("exclusiveMaximum", inf) <= kind.get("maximum", -inf))


def _check(name: str, spec: Mapping[str, Any], allowed: Collection[str]) -> None:
    for key in spec:
        if key not in allowed:
            near = get_close_matches(str(key), allowed, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(allowed)}"
            raise UsageError(f"{name}: unknown key {key!r}: {hint}")


def _plain(value: Any) -> Any:
    """What an enum stands for, and Python's own number of a scalar of numpy's or torch's."""
    value = value.value if isinstance(value, Enum) else value
    return value.item() if getattr(value, "shape", None) == () else value


def _number(name: str, value: Any) -> int | float:
    number = _plain(value)
    if isinstance(number, str):
        # YAML takes 1e-5, without a point, for text.
        whole = _converted(number, int)
        number = _converted(number, float) if whole is None else whole
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise UsageError(f"{name}: {value!r} is no number: write bounds as numbers, and options as a list")
    return number


def _converted(text: str, kind: type[int] | type[float]) -> int | float | None:
    try:
        return kind(text)
    except ValueError:
        return None


def _flag(name: str, spec: Mapping[str, Any], key: str) -> bool:
    value = spec.get(key, False)
    if not isinstance(value, bool):
        raise UsageError(f"{name}: {key} is true or false, not {value!r}")
    return value


def _when(name: str, spec: Mapping[str, Any], known: Mapping[str, Field]) -> dict[str, list[Value]]:
    when = spec.get("when") or {}
    if not isinstance(when, Mapping):
        raise UsageError(f"{name}: when names fields with their values: {{optimizer: sgd}}, not {when!r}")
    conditions: dict[str, list[Value]] = {}
    for other, allowed in when.items():
        if other not in known:
            raise UsageError(f"{name}: its condition names {other!r}, which must be a field before it")
        values = allowed if isinstance(allowed, list | tuple) else [allowed]
        try:
            conditions[other] = [known[other].read(written(_plain(each))) for each in values]
            for given, value in zip(values, conditions[other], strict=True):
                if written(_plain(given)) != written(value) and not isinstance(_plain(given), str):
                    raise ParseError(f"{other} cannot be {written(_plain(given))}; the nearest is {written(value)}")
        except ParseError as error:
            raise UsageError(f"{name}: its condition cannot hold: {error}") from None
        if not values:
            raise UsageError(f"{name}: its condition names no value of {other}")
    return conditions

"""A YAML file becomes a task."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import yaml
from pydantic import BaseModel, ValidationError

from optiprompt.errors import DataError, NoData, UsageError
from optiprompt.plugins import find
from optiprompt.resources import shipped
from optiprompt.tasks.base import By, Task

if TYPE_CHECKING:
    from optiprompt.tasks._multi_task import MultiTask


@dataclass(frozen=True)
class Variants:
    """The tasks that one YAML stands for, which differ in one field: `bbh/navigate`, `bbh/snarks`, ...

    Where `names` is a mapping, a variant has further fields of its own.
    """

    field: str
    names: Mapping[str, Mapping[str, Any]]
    default: str | None


def load_task(
    name: str, overrides: Mapping[str, Any] | None = None, preset: str | None = None, by: By = "mean"
) -> Task:
    """The task of that name; several (`bbh/navigate,bbh/snarks,gsm8k`) become one `MultiTask`.

    Args:
        name: a shipped task (`gsm8k`), a variant of one (`bbh/navigate`), all of them (`bbh`), or the path of a YAML
            file; or several of these with commas between.
        overrides: fields of the YAML to set otherwise; `sizes.train` is the field train of the field sizes.
        preset: takes the fields that the YAML has under `presets:` by this name, if any, and where it is silent those
            that its kind has; `overrides` come after them.
        by: what the score of several is: the `mean` of their accuracies, or that of the `worst`.

    Raises:
        UsageError: there is no such task, or its YAML has an unknown key or a bad value; names the thing and the mend.
        DataError: the file cannot be read.
    """
    names = listed(name)
    if names != [name]:
        return _several(name, names, overrides, preset, by)
    path, variant = _locate(name)
    fields = _read(path)
    presets = fields.pop("presets", None) or {}
    variants = _variants(fields.pop("variants", None))
    overrides = dict(overrides or {})
    if variants is not None:
        asked = overrides.pop(variants.field, None)
        if variant is not None and asked not in (None, variant):
            raise UsageError(f"{name} and {variants.field}={asked} name different ones: leave one out")
        chosen = _choose(path.stem, variant or (None if asked is None else str(asked)), variants)
        fields |= variants.names[chosen]
    if not isinstance(presets, dict) or not all(isinstance(each, dict) for each in presets.values()):
        raise UsageError(f"{path}: presets are fields by name: presets: {{reference: {{max_tokens: 1024}}}}")
    for key, value in {**presets.get(preset, {}), **overrides}.items():
        _set(fields, key.split("."), value)
    kind = fields.pop("kind", None)
    if not isinstance(kind, str):
        raise UsageError(f"{path}: no kind: give one, for example `kind: prompt`")
    fields.setdefault("name", path.stem)
    if variants is not None:
        fields |= {variants.field: chosen, "name": f"{fields['name']}/{chosen}"}
    spec: type[BaseModel] = find("tasks", kind).Spec
    fields = {**getattr(spec, "presets", {}).get(preset, {}), **fields}
    try:
        built: Task = spec.model_validate(fields).build(path.parent)  # type: ignore[attr-defined]
    except ValidationError as error:
        raise UsageError(f"{path}: {explain(error, spec)}") from None
    return built


def listed(name: str) -> list[str]:
    """The names of the single tasks that a name stands for: of a list with commas, and of all variants of one YAML."""
    found: list[str] = []
    for each in [name] if Path(name).is_file() else name.split(","):
        path, variant = _locate(each.strip())
        variants = _variants(_read(path).get("variants")) if variant is None else None
        if variants is None or variants.default is not None:
            found.append(each.strip())
        else:
            found += [f"{each.strip()}/{variant}" for variant in variants.names]
    return found


def _several(
    name: str, names: Sequence[str], overrides: Mapping[str, Any] | None, preset: str | None, by: By
) -> "MultiTask":
    """Several tasks as one. Of those that are named as a whole (`bbh`), the ones without a file are left out."""
    from optiprompt.tasks._multi_task import MultiTask

    asked = [each.strip() for each in name.split(",")]
    tasks: list[Task] = []
    missing: list[NoData] = []
    for each in names:
        try:
            tasks.append(load_task(each, overrides, preset))
        except NoData as error:
            if each in asked:
                raise
            missing.append(error)
    if not tasks:
        raise missing[0]
    several = MultiTask(tasks, by, name=", ".join(asked) if len(name) <= 60 else "")
    if missing:
        several.notes = (f"{len(missing)} of {len(names)} tasks are left out: {missing[0]}", *several.notes)
    return several


def shipped_names() -> Iterator[tuple[str, str]]:
    """All shipped tasks, each variant by itself, with the first sentence of the description."""
    for path in sorted(shipped("tasks").glob("*.yaml")):
        fields = _read(path)
        about = str(fields.get("about", "")).strip()
        variants = _variants(fields.get("variants"))
        for name in (f"{path.stem}/{each}" for each in variants.names) if variants else (path.stem,):
            yield name, about


def field_names(name: str) -> list[str]:
    """The fields that the YAML of a task may have, as far as its kind says."""
    kind = _read(_locate(listed(name)[0])[0]).get("kind")
    return _known(find("tasks", kind).Spec, []) if isinstance(kind, str) else []


def _set(fields: dict[str, Any], path: list[str], value: Any) -> None:
    for each in path[:-1]:
        inner = fields.get(each)
        fields[each] = dict(inner) if isinstance(inner, dict) else {}
        fields = fields[each]
    fields[path[-1]] = value


def _locate(name: str) -> tuple[Path, str | None]:
    """The YAML file, and the variant asked for."""
    if name.endswith((".yaml", ".yml")):
        path = Path(name).expanduser()
        if not path.is_file():
            raise UsageError(
                f"no file {name}: `optiprompt init DATAFILE` writes one, `optiprompt tasks` lists the shipped"
            )
        return path.resolve(), None
    stem, _, variant = name.partition("/")
    path = shipped("tasks") / f"{stem}.yaml"
    if not stem or not path.is_file():
        raise UsageError(_unknown(name, [each for each, _ in shipped_names()]))
    return path, variant or None


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "`optiprompt tasks` lists them"
    return f"unknown task {name!r}: {hint}"


def _choose(stem: str, variant: str | None, variants: Variants) -> str:
    chosen = variant or variants.default or ""
    if chosen not in variants.names:
        raise UsageError(_unknown(f"{stem}/{chosen}", [f"{stem}/{each}" for each in variants.names]))
    return chosen


def _variants(value: Any) -> Variants | None:
    if value is None:
        return None
    names = value.get("names") if isinstance(value, dict) else None
    if isinstance(names, list):
        names = {name: {} for name in names}
    if not isinstance(names, dict) or not all(isinstance(own, dict) for own in names.values()) or "field" not in value:
        raise UsageError("variants need a field and a list of names: variants: {field: subset, names: [a, b]}")
    return Variants(value["field"], {str(name): own for name, own in names.items()}, value.get("default"))


def _read(path: Path) -> dict[str, Any]:
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(fields, dict):
        raise UsageError(f"{path} holds no fields: it needs at least `kind:`")
    return {str(key): value for key, value in fields.items()}


def explain(error: ValidationError, spec: type[BaseModel]) -> str:
    """The first problem of a validation, in one line with the mend."""
    problem = error.errors()[0]
    path = [str(each) for each in problem["loc"]]
    where = ".".join(path)
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        known = _known(spec, path[:-1])
        near = get_close_matches(path[-1], known, n=1)
        return f"unknown key {where!r}: " + (f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}")
    if problem["type"] in ("missing", "missing_argument"):
        return f"the key {where!r} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {message}, not {problem['input']!r}" if where else message


def _known(spec: type, path: Sequence[str]) -> list[str]:
    """The keys that there are at a place in the YAML."""
    hints = get_type_hints(spec)
    for name in path:
        inner = hints.get(name)
        hints = get_type_hints(inner) if isinstance(inner, type) else {}
    return sorted(name for name in hints if not name.startswith(("_", "model_")))

"""Graders by the names that a task's YAML uses."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

from optiprompt.errors import UsageError
from optiprompt.graders import _simple
from optiprompt.graders._base import Grader
from optiprompt.graders._induction import induction
from optiprompt.graders._judge import judge
from optiprompt.graders._python import python

_PLAIN: dict[str, Callable[[], Grader]] = {
    "auto": _simple.auto,
    "exact": _simple.exact,
    "contains": _simple.contains,
    "number": _simple.number,
    "boolean": _simple.boolean,
    "induction": induction,
    "reference": _simple.reference,
}
NAMES = (*_PLAIN, "choice", "json", "judge", "python:FILE:FUNCTION")


def by_name(
    name: str,
    *,
    choices: Sequence[str] = (),
    fields: Sequence[str] = (),
    rubric: str = "",
    folder: Path = Path(),
) -> Grader:
    """The grader that a task's YAML names.

    Args:
        name: one of `NAMES`; `python:FILE:FUNCTION` for the user's own code.
        choices: the options of `choice`.
        fields: the fields that `json` compares; all of the target's if empty.
        rubric: what `judge` judges by.
        folder: what a relative FILE is relative to.

    Raises:
        UsageError: unknown name, or a grader without what it needs.
    """
    match name.split(":", 1):
        case ["choice"]:
            return _simple.choice(choices)
        case ["json"]:
            return _simple.json(fields)
        case ["judge"]:
            return judge(rubric)
        case ["python", place] if ":" in place:
            file, _, function = place.rpartition(":")
            return python(folder / file, function)
        case [plain] if plain in _PLAIN:
            return _PLAIN[plain]()
    near = get_close_matches(name, NAMES, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(NAMES)}"
    raise UsageError(f"unknown grader {name!r}: {hint}")

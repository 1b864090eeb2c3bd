"""What differs between the settings of a run and those it is asked to go on with, in a line."""

from typing import Any

_SHOWN = 60  # characters
_BEFORE = 20  # of them before the first that differs
_ABSENT = object()


def difference(name: str, there: Any, here: Any) -> str:
    """The first thing that differs, as `algorithm.shown 8, not 20`.

    Args:
        name: of the setting.
        there: its value in the run, plain JSON.
        here: the other one, which is not equal.
    """
    while True:
        inner = _inner(there, here)
        step = next((key for key, (one, other) in inner.items() if one != other), "")
        if not step:
            break
        name, (there, here) = f"{name}.{step}", inner[step]
    one, other = ("nothing" if each is _ABSENT else repr(each) for each in (there, here))
    start = max(0, next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0) - _BEFORE)
    return f"{name} {_cut(one, start)}, not {_cut(other, start)}"


def _inner(there: Any, here: Any) -> dict[str, tuple[Any, Any]]:
    """The values inside of two dicts, or of two lists of as many dicts."""
    if isinstance(there, dict) and isinstance(here, dict):
        return {key: (there.get(key, _ABSENT), here.get(key, _ABSENT)) for key in {**there, **here}}
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        pairs = dict(enumerate(zip(there, here, strict=True)))
        if all(isinstance(each, dict) for pair in pairs.values() for each in pair):
            return {str(place): pair for place, pair in pairs.items()}
    return {}


def _cut(text: str, start: int) -> str:
    piece = text[start : start + _SHOWN]
    return ("…" if start else "") + piece + ("…" if start + _SHOWN < len(text) else "")

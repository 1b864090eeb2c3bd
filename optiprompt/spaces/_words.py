"""What spaces that are written in words share when they read a text."""

import json
import re
from collections.abc import Sequence
from typing import Any

from optiprompt.errors import ParseError

_FENCE = re.compile(r"\A\s*```\w*\s*|\s*```\s*\Z")


def fold(word: str) -> str:
    """Spellings that mean the same operation become equal: `Conv_3x3`, `conv-3x3`, `conv3x3`."""
    return word.casefold().replace("_", "").replace("-", "")


def json_object(text: str) -> dict[str, Any] | None:
    """The fields of a JSON object, perhaps in a code fence; None where the text is none, or gives a field twice."""
    text = _FENCE.sub("", text)
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _once(fields: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(fields)
    if len(found) < len(fields):
        raise ValueError("a field is given twice")
    return found


def json_fields(text: str, names: Sequence[str]) -> list[str] | None:
    """The values of a JSON object's fields, in the order of the names; None where the text is no JSON object.

    Raises:
        ParseError: a field is missing.
    """
    found = json_object(text)
    if found is None:
        return None
    if missing := [name for name in names if name not in found]:
        raise ParseError(f"the JSON object has no {', '.join(missing)}: give it the fields {', '.join(names)}")
    return [str(found[name]) for name in names]

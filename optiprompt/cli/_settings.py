"""The settings of an algorithm as options of a command: made from its dataclass, so that they are said once."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import wraps
from typing import Annotated, Any, get_args, get_type_hints

import typer

from optiprompt.opro_settings import OproSettings

NAMES = tuple(field.name for field in fields(OproSettings))


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each setting of `Opro`; those that are given arrive as its argument `settings`."""
    hints, about = get_type_hints(OproSettings), documented(OproSettings.__doc__ or "")
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[_optional(hints[name]), typer.Option(help=f"opro: {about[name]}")],
        )
        for name in NAMES
    ]
    own = inspect.signature(command, eval_str=True)
    others = [each for each in own.parameters.values() if each.name != "settings"]

    @wraps(command)
    def run(**values: Any) -> None:
        settings = {name: values.pop(name) for name in NAMES}
        command(**values, settings={name: value for name, value in settings.items() if value is not None})

    keyword = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in others]
    signature = own.replace(parameters=[*keyword, *options])
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
    del run.__wrapped__  # or typer would look through to the command
    return run


def documented(docstring: str) -> Mapping[str, str]:
    """What the `Attributes:` of a docstring say, by name."""
    _, _, section = inspect.cleandoc(docstring).partition("Attributes:\n")
    items = re.findall(r"^    (\w+): (.*(?:\n     +.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()).replace("`", "") for name, text in items}


def _optional(hint: Any) -> Any:
    """The type, or None where the option is not given."""
    return hint if type(None) in get_args(hint) else hint | None

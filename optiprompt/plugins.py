"""Backends, algorithms, operators and task kinds by name: one file of ours each, or a third party's entry point.

Our own are found by their file's name (`local-search` is algorithms/local_search.py); a third party registers a
module under the entry point group `optiprompt.backends`, `optiprompt.algorithms`, `optiprompt.operators` or
`optiprompt.tasks`.
"""

import importlib
import importlib.util
import pkgutil
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from types import ModuleType
from typing import Literal

from optiprompt.errors import UsageError

Group = Literal["backends", "algorithms", "operators", "tasks"]
_NOT_PLUGINS = {"base", "loader", "function"}


def names(group: Group) -> list[str]:
    """All names of the group, sorted. Imports nothing."""
    package = importlib.import_module(f"optiprompt.{group}")
    files = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")}
    own = {name.replace("_", "-") for name in files - _NOT_PLUGINS}
    return sorted(own | {point.name for point in _registered(group)})


def find(group: Group, name: str) -> ModuleType:
    """The module of that name.

    Raises:
        UsageError: there is none; names the nearest ones.
    """
    known = names(group)
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
        raise UsageError(f"unknown {group[:-1]} {name!r}: {hint}")
    for point in _registered(group):
        if point.name != name:
            continue
        module = point.load()
        if isinstance(module, ModuleType):
            return module
        raise UsageError(f"the entry point {name!r} of optiprompt.{group} must name a module, not {module!r}")
    return importlib.import_module(f"optiprompt.{group}.{name.replace('-', '_')}")


@cache  # looking takes some 10 ms: the metadata of every installed package is read
def _registered(group: Group) -> EntryPoints:
    return entry_points(group=f"optiprompt.{group}")

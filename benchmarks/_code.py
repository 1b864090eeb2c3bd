"""What the figures of a benchmark depend on: the code that made them."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import optiprompt
from optiprompt.resources import shipped

_PACKAGE = Path(optiprompt.__file__).parent
_PLACES = (
    (_PACKAGE, "*.py"),
    (shipped("prompts"), "*.jinja"),
    (shipped("tasks"), "*.yaml"),
    (Path(__file__).parent, "*.py"),  # the controls of an ablation are here
)


@cache
def code_version() -> str:
    """The version of optiprompt with a digest of all that figures depend on: those of other code do not count."""
    found = hashlib.sha256()
    for folder, pattern in _PLACES:
        for file in sorted(folder.rglob(pattern)):
            found.update(f"{file.relative_to(folder)}\n".encode() + file.read_bytes())
    return f"{version('optiprompt')}+{found.hexdigest()[:8]}"

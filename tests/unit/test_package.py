"""The public names, and the layout that users and plug-in authors see."""

import importlib
import re
from pathlib import Path

import optiprompt
from optiprompt import plugins

ROOT = Path(__file__).parents[2]

PUBLIC = [
    *("BackendOptions", "Budget", "Candidate", "CellSpace", "Choices", "Evaluation", "Evolution", "Example"),
    *("FunctionTask", "LocalSearch", "MultiTask", "Numbers", "Opro", "OptipromptError", "Outcome", "Permutation"),
    *("PromptTask", "Racing", "Random", "Result", "Scoring"),
    *("Space", "Splits", "Task", "Text", "Trajectory", "Trial", "Usage", "backend", "evaluate", "graders"),
    *("load_examples", "load_task", "optimize", "resume", "warm_start"),
]


def test_the_public_names_are_these_and_each_can_be_had() -> None:
    assert optiprompt.__all__ == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(optiprompt, name).__doc__, name


def test_plugins_are_found_by_name_and_each_exposes_what_was_agreed() -> None:
    assert {"hf", "openai", "scripted", "smollm2"} <= set(plugins.names("backends"))
    assert {"opro", "random", "evolution", "local-search"} <= set(plugins.names("algorithms"))
    exposed = {"backends": "connect", "algorithms": "ALGORITHM", "tasks": "Spec"}
    for group, name in exposed.items():
        for each in plugins.names(group):  # type: ignore[arg-type]
            assert hasattr(plugins.find(group, each), name), f"{group}/{each}"  # type: ignore[arg-type]


def test_every_variable_that_the_code_reads_is_in_the_example_file() -> None:
    example = (ROOT / ".env.example").read_text()
    for path in (ROOT / "optiprompt").rglob("*.py"):
        for name in re.findall(r"""environ(?:\.get\(|\[)["']([A-Z_]+)["']""", path.read_text()):
            assert name in example or name == "XDG_CACHE_HOME", f"{path}: {name}"


def test_no_module_is_longer_than_300_lines_and_the_loop_fits_in_200() -> None:
    sizes = {path: len(path.read_text().splitlines()) for path in (ROOT / "optiprompt").rglob("*.py")}
    assert {path: size for path, size in sizes.items() if size > 300} == {}
    assert sizes[ROOT / "optiprompt" / "loop.py"] <= 200


def test_importing_the_package_loads_nothing_else() -> None:
    assert importlib.import_module("optiprompt").__dir__() == sorted(PUBLIC)

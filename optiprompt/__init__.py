"""A language model as the optimizer: it proposes, a task scores for real, the scores go back.

    import optiprompt as op

The names below are the public ones. They are loaded when they are used, so that `import optiprompt` and
`optiprompt --help` stay quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optiprompt import graders
    from optiprompt.algorithms.evolution import Evolution
    from optiprompt.algorithms.local_search import LocalSearch
    from optiprompt.algorithms.opro import Opro
    from optiprompt.algorithms.random import Random
    from optiprompt.api import Result, backend, optimize
    from optiprompt.backends.base import BackendOptions
    from optiprompt.budget import Budget
    from optiprompt.candidate import Candidate, Evaluation, Outcome, Trial, Usage
    from optiprompt.config import resume
    from optiprompt.data.examples import Example
    from optiprompt.data.hub import load_examples
    from optiprompt.data.splits import Splits
    from optiprompt.errors import OptipromptError
    from optiprompt.evaluation import evaluate
    from optiprompt.racing import Racing
    from optiprompt.scoring import Scoring
    from optiprompt.spaces.base import Space
    from optiprompt.spaces.cell import CellSpace
    from optiprompt.spaces.choices import Choices
    from optiprompt.spaces.numbers import Numbers
    from optiprompt.spaces.permutation import Permutation
    from optiprompt.spaces.text import Text
    from optiprompt.tasks._multi_task import MultiTask
    from optiprompt.tasks.base import Task
    from optiprompt.tasks.function import FunctionTask
    from optiprompt.tasks.loader import load_task
    from optiprompt.tasks.prompt import PromptTask
    from optiprompt.trajectory import Trajectory
    from optiprompt.warm import warm_start

_HOMES = {
    "BackendOptions": "backends.base",
    "Budget": "budget",
    "Candidate": "candidate",
    "CellSpace": "spaces.cell",
    "Choices": "spaces.choices",
    "Evaluation": "candidate",
    "Evolution": "algorithms.evolution",
    "Example": "data.examples",
    "FunctionTask": "tasks.function",
    "LocalSearch": "algorithms.local_search",
    "MultiTask": "tasks._multi_task",
    "Numbers": "spaces.numbers",
    "Opro": "algorithms.opro",
    "OptipromptError": "errors",
    "Outcome": "candidate",
    "Permutation": "spaces.permutation",
    "PromptTask": "tasks.prompt",
    "Racing": "racing",
    "Random": "algorithms.random",
    "Result": "api",
    "Scoring": "scoring",
    "Space": "spaces.base",
    "Splits": "data.splits",
    "Task": "tasks.base",
    "Text": "spaces.text",
    "Trajectory": "trajectory",
    "Trial": "candidate",
    "Usage": "candidate",
    "backend": "api",
    "evaluate": "evaluation",
    "graders": "graders",
    "load_examples": "data.hub",
    "load_task": "tasks.loader",
    "optimize": "api",
    "resume": "config",
    "warm_start": "warm",
}

__all__ = [
    "BackendOptions",
    "Budget",
    "Candidate",
    "CellSpace",
    "Choices",
    "Evaluation",
    "Evolution",
    "Example",
    "FunctionTask",
    "LocalSearch",
    "MultiTask",
    "Numbers",
    "Opro",
    "OptipromptError",
    "Outcome",
    "Permutation",
    "PromptTask",
    "Racing",
    "Random",
    "Result",
    "Scoring",
    "Space",
    "Splits",
    "Task",
    "Text",
    "Trajectory",
    "Trial",
    "Usage",
    "backend",
    "evaluate",
    "graders",
    "load_examples",
    "load_task",
    "optimize",
    "resume",
    "warm_start",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'optiprompt' has no attribute {name!r}")
    home = importlib.import_module(f"optiprompt.{_HOMES[name]}")
    value = home if name == _HOMES[name] else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

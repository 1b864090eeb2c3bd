"""The user's own grading function."""

import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from optiprompt.backends.base import Backend
from optiprompt.errors import UsageError
from optiprompt.graders._base import Grader, GradingError, Target, Verdict
from optiprompt.threads import in_thread


@dataclass(frozen=True, slots=True)
class Python(Grader):
    """Calls a function of a Python file: `function(output, target)`, with `question=` if it takes one."""

    file: str
    function: str
    version: str
    call: Callable[..., Any] = field(repr=False, compare=False)
    takes_question: bool = field(repr=False, compare=False, default=False)

    async def grade(self, output: str, target: Target, *, question: str = "", judge: Backend | None = None) -> Verdict:
        extra = {"question": question} if self.takes_question else {}
        try:
            # In a thread: slow code of the user's must hold up neither Ctrl-C nor the calls under way.
            score = await in_thread(lambda: self.call(output, target, **extra))
            score = score.item() if hasattr(score, "item") else score  # numpy's and torch's scalars
        except (Exception, SystemExit) as error:
            raise GradingError(f"{self._place(error)}: {type(error).__name__}: {error}") from error
        if not isinstance(score, bool | int | float) or not 0 <= score <= 1:
            raise GradingError(
                f"{self.file}: {self.function} must return a bool or a number from 0 to 1, not {score!r}"
            )
        return Verdict(float(score), output.strip())

    def _place(self, error: BaseException) -> str:
        """The file and the last of its lines that the error passed through."""
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.file]
        return f"{self.file}:{lines[-1]}" if lines else self.file


def python(file: str | Path, function: str) -> Grader:
    """The user's own code as the grader. The file is run here, as any program of the user's.

    Args:
        file: a Python file.
        function: its function `(output, target)` or `(output, target, question)`; returns a bool or 0 to 1.

    Raises:
        UsageError: the file cannot be read or run, or has no such function.
    """
    path, call, version = user_function(file, function, "grader")
    return Python(str(path), function, version, call, _takes_question(call))


def user_function(
    file: str | Path, function: str, role: str, loaded: dict[Path, ModuleType] | None = None
) -> tuple[Path, Callable[..., Any], str]:
    """A function of the user's own code, and a hash of the file's content. The file is run here.

    Modules beside the file can be imported by it, as by a script.

    With the content in a task's identity a run is not resumed with another function of the same name.

    Args:
        file: a Python file.
        function: its name there.
        role: what the function is to the user: `grader`.
        loaded: files that were run already, to which this one is added: two functions of a file share its state.

    Raises:
        UsageError: the file cannot be read or run, or has no such function.
    """
    path = Path(file).resolve()
    loaded = {} if loaded is None else loaded
    module = loaded[path] = loaded.get(path) or _load(path, role)
    call = getattr(module, function, None)
    if not callable(call):
        names = [name for name, value in vars(module).items() if inspect.isfunction(value)]
        near = get_close_matches(function, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(names) or 'none'}"
        raise UsageError(f"{path} has no function {function!r}: {hint}")
    return path, call, hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _takes_question(call: Callable[..., Any]) -> bool:
    try:
        return "question" in inspect.signature(call).parameters
    except (TypeError, ValueError):  # some built-in functions have no signature
        return False


def _load(path: Path, role: str) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"the {role}'s file {path} does not exist: give its path beside the task's file")
    name = f"optiprompt_user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"the {role}'s file {path} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # last: nothing that is installed is hidden by it
    sys.modules[name] = module  # dataclasses and pickles of the file look their module up by name
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        place = f"{path}:{line}" if line else str(path)
        raise UsageError(f"{place} cannot be run: {type(error).__name__}: {error}") from error
    return module

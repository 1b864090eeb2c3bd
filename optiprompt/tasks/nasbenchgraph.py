"""Architecture search on NAS-Bench-Graph (Qin et al. 2022, arXiv 2206.09166): graph networks trained for real.

The tables come with the PyPI package nas-bench-graph: 26,206 architectures on eight graphs, and on proteins the 2,021
that are made of five of the operations.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from optiprompt.candidate import Candidate, Evaluation
from optiprompt.errors import DataError, ParseError
from optiprompt.spaces.graph_cell import STRUCTURES, GraphCell, GraphCellSpace
from optiprompt.tasks._tables import BLIND, TableSpec, TableTask, disguised, package_file, read_plain_pickle

Dataset = Literal["cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv", "proteins"]
Row = Mapping[str, float]

# In the order of the digits in the table's keys.
OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
ON_PROTEINS = ("gcn", "sage", "arma", "fc", "skip")
ALIASES = {
    "identity": "skip",
    "skip_connect": "skip",
    "linear": "fc",
    "mlp": "fc",
    "dense": "fc",
    "chebnet": "cheb",
    "graphsage": "sage",
    "k-gnn": "graph",
    "kgnn": "graph",
    "graphconv": "graph",
}
TITLES = {
    "cora": "Cora, a citation graph of 2,708 papers in 7 classes",
    "citeseer": "CiteSeer, a citation graph of 3,327 papers in 6 classes",
    "pubmed": "PubMed, a citation graph of 19,717 papers in 3 classes",
    "cs": "Coauthor CS, a graph of 18,333 authors who wrote papers together, in 15 classes",
    "physics": "Coauthor Physics, a graph of 34,493 authors who wrote papers together, in 5 classes",
    "photo": "Amazon Photo, a graph of 7,650 products that are bought together, in 8 classes",
    "computers": "Amazon Computers, a graph of 13,752 products that are bought together, in 10 classes",
    "arxiv": "ogbn-arxiv, a citation graph of 169,343 papers in 40 classes",
    "proteins": "ogbn-proteins, a graph of 132,534 proteins, each with 112 yes-or-no labels",
}
ROWS = {"proteins": 2021}
ALL_ROWS = 26206
EMPTY = "the table has no cell without an operation"
_DIGITS = {word: digit for digit, word in enumerate(OPERATIONS)}


class NasBenchGraph(TableTask):
    """Find the cell with the highest validation accuracy, a fraction (on proteins the area under the ROC curve).

    Attributes:
        dataset: on which graph the networks were trained.
    """

    kind = "nasbenchgraph"

    def __init__(
        self,
        name: str,
        dataset: Dataset = "cora",
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
            UsageError: nas-bench-graph is not installed.
            DataError: its table cannot be read.
        """
        super().__init__(name, dataset, start, blind)
        operations = ON_PROTEINS if dataset == "proteins" else OPERATIONS
        aliases = {alias: word for alias, word in ALIASES.items() if word in operations}
        self._plain = GraphCellSpace(operations, "skip", aliases)
        self._table = table(dataset)
        if blind is None:
            self._meaning = {word: word for word in operations}
            self.space = self._plain
            self.score_name = "ROC-AUC" if dataset == "proteins" else "accuracy"
            self.description = (
                f"{description.strip()} The score is the validation {self.score_name} on {TITLES[dataset]}.".strip()
            )
        else:
            self._meaning = disguised(operations, blind)
            skip = next(name for name, word in self._meaning.items() if word == "skip")
            self.space = GraphCellSpace(tuple(self._meaning), skip, blind=True)
            self.description = BLIND

    def look_up(self, cell: GraphCell) -> Evaluation:
        """The validation accuracy.

        Its metrics are test (the accuracy on the test nodes), parameters (in millions) and latency (in seconds).
        """
        row = self._row(cell)
        if row is None:
            return Evaluation.invalid(EMPTY)
        metrics = {"test": row["perf"], "parameters": row["para"], "latency": row["latency"]}
        return Evaluation(status="ok", score=row["valid_perf"], metrics=metrics)

    def _row(self, cell: GraphCell) -> Row | None:
        # In a blind search the words have another order, and with it the nodes of a cell.
        plain = self._plain.canonical(cell.sources, [self._meaning[word] for word in cell.operations])
        return None if plain is None else self._table[_key(plain)]

    def costs(self, candidate: Candidate[GraphCell]) -> dict[str, float]:
        """Parameters (in millions) and latency_ms (in milliseconds), both from the table.

        Raises:
            ParseError: the cell has no operation.
        """
        row = self._row(candidate.value)
        if row is None:
            raise ParseError(EMPTY)
        return {"parameters": row["para"], "latency_ms": 1000 * row["latency"]}

    def show(self, score: float) -> str:
        """Three decimals."""
        return f"{score:.3f}"


class Spec(TableSpec):
    """The fields of a task's YAML.

    Attributes:
        dataset: which table.
    """

    dataset: Dataset = "cora"

    def build(self, folder: Path) -> NasBenchGraph:
        """The task; the folder of the YAML does not matter."""
        return NasBenchGraph(self.name, self.dataset, self.description, self.start, blind=self.seed)


@cache
def table(dataset: Dataset) -> dict[int, Row]:
    """Trained networks by key: five digits, the structure's number and those of the operations.

    Each row holds valid_perf and perf (validation and test accuracy, fractions), para (million parameters) and latency
    (seconds).

    Raises:
        UsageError: nas-bench-graph is not installed.
        DataError: its table cannot be read.
    """
    path = package_file("nas_bench_graph", "nas-bench-graph", "light", f"{dataset}.bench")
    rows, size = read_plain_pickle(path), ROWS.get(dataset, ALL_ROWS)
    if not isinstance(rows, dict) or len(rows) != size:
        raise DataError(f"{path} is not a table of {size} cells: install nas-bench-graph again")
    return rows


def _key(cell: GraphCell) -> int:
    """The table's own key: of all spellings of a graph the space's is the table's too."""
    key = STRUCTURES.index(cell.sources)
    for word in cell.operations:
        key = 10 * key + _DIGITS[word]
    return key

"""The real NAS-Bench-Graph tables and the space of their cells."""

import asyncio
import pickle
import random
import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from nas_bench_graph.architecture import Arch, gnn_list

from optiprompt.algorithms.random import Random
from optiprompt.api import run
from optiprompt.budget import Budget
from optiprompt.errors import DataError, ParseError
from optiprompt.loop import Search
from optiprompt.report.summary import best_of, show
from optiprompt.spaces.graph_cell import STRUCTURES, GraphCell, GraphCellSpace
from optiprompt.tasks import nasbenchgraph
from optiprompt.tasks._tables import COLOURS, read_plain_pickle
from optiprompt.tasks.loader import load_task, shipped_names
from optiprompt.tasks.nasbenchgraph import OPERATIONS, NasBenchGraph, table

SPACE = GraphCellSpace(OPERATIONS, "skip")
ALL_SOURCES = tuple((0, *rest) for rest in product(range(2), range(3), range(4)))


def key(cell: GraphCell) -> int:
    return int("".join(map(str, [STRUCTURES.index(cell.sources), *map(OPERATIONS.index, cell.operations)])))


def check_key(sources: Sequence[int], words: Sequence[str]) -> int | None:
    """A spelling has the key that the package computes; gives it. None where there is nothing but skips."""
    cell = SPACE.canonical(sources, words)
    if cell is None:
        assert set(words) == {"skip"}
        return None
    assert key(cell) == Arch(list(sources), list(words)).valid_hash(), (sources, words)
    assert SPACE.canonical(cell.sources, cell.operations) == cell
    return key(cell)


def test_keys_are_those_of_the_package_for_spellings_drawn_at_random() -> None:
    assert tuple(gnn_list) == OPERATIONS
    rng = random.Random(0)
    for _ in range(2000):
        check_key(rng.choice(ALL_SOURCES), rng.choices(OPERATIONS, k=4))


@pytest.mark.slow
def test_keys_are_those_of_the_package_for_every_spelling() -> None:
    keys = {check_key(sources, words) for sources in ALL_SOURCES for words in product(OPERATIONS, repeat=4)}
    assert keys == {*table("cora"), None}


@pytest.mark.parametrize(
    ("dataset", "best"),
    [("cora", 0.8193), ("pubmed", 0.8113), ("arxiv", 0.7367), ("photo", 0.9407), ("proteins", 0.8533)],
)
def test_every_row_is_a_cell_of_the_space_and_the_best_is_the_published_one(dataset: str, best: float) -> None:
    task = load_task(f"nasbenchgraph/{dataset}")
    assert isinstance(task, NasBenchGraph)
    assert round(max(row["valid_perf"] for row in table(task.dataset).values()), 4) == best
    rows = random.Random(0).sample(sorted(table(task.dataset)), 1500)
    for number in rows:
        structure, *words = map(int, f"{number:05d}")
        text = task.space.render(GraphCell(STRUCTURES[structure], tuple(OPERATIONS[word] for word in words)))
        candidate = task.space.candidate(text)
        assert candidate.text == text
        assert task.look_up(candidate.value).score == table(task.dataset)[number]["valid_perf"]


def test_an_evaluation_holds_the_test_score_and_what_the_network_costs() -> None:
    task = NasBenchGraph("graph")
    evaluation = asyncio.run(task.evaluate(task.space.candidate("in gat in gat in gat in gat"), None))
    assert evaluation.score == pytest.approx(0.77333, abs=1e-4)
    assert evaluation.metrics == pytest.approx({"test": 0.797, "parameters": 1.736711, "latency": 0.005922}, abs=1e-5)
    assert all(type(value) is float for value in evaluation.metrics.values())


@pytest.mark.parametrize("blind", [False, True])
def test_what_a_cell_costs_is_known_before_it_is_scored(blind: bool) -> None:
    task = load_task("nasbenchgraph/cora", {"blind": blind})
    candidate = task.space.candidate(task.start(random.Random(0))[0])
    metrics = asyncio.run(task.evaluate(candidate, None)).metrics
    costs = {"parameters": metrics["parameters"], "latency_ms": 1000 * metrics["latency"]}
    assert task.costs(candidate) == costs
    limited = task.within({"parameters": 1.2}).against("latency_ms")
    trajectory = run(Search(limited, Random(), Budget(evaluations=30)), None).trajectory
    assert all(trial.evaluation.metrics["parameters"] <= 1.2 for trial in trajectory)


def test_proteins_are_searched_within_their_table() -> None:
    task = load_task("nasbenchgraph/proteins", {"start": 300})
    trajectory = run(Search(task, Random(), Budget(evaluations=600)), None).trajectory
    assert len(trajectory) == 600
    assert not trajectory.rejected
    assert len(table("proteins")) == 2021
    with pytest.raises(ParseError, match="unknown word 'gat': operations are gcn, sage, arma, fc, skip"):
        task.space.parse("in gat one gcn one gcn two fc")


def test_there_are_nine_tasks_whose_description_explains_every_operation() -> None:
    names = [name for name, _ in shipped_names() if name.startswith("nasbenchgraph/")]
    assert len(names) == 9
    for name in names:
        task = load_task(name)
        assert all(f"{word} (" in task.description for word in OPERATIONS)
        assert task.split == "validation"
    assert "Photo" in load_task("nasbenchgraph/photo").description


@pytest.mark.parametrize("name", ["nasbench201/cifar100", "nasbenchgraph/photo", "nasbenchgraph/proteins"])
def test_a_blind_task_tells_nothing_and_scores_the_same(name: str) -> None:
    plain, blind = load_task(name), load_task(name, {"blind": True})
    said = f"{blind.description} {blind.space.describe()} {blind.score_name} {blind.space.schema}"
    told = set(re.findall(r"[a-z0-9]+", said.casefold()))
    assert not told & {*OPERATIONS, "none", "point", "conv", "pool", "cifar", "cifar100", "amazon", "photo", "proteins"}
    assert not told & {"nas", "bench", "network", "neural", "accuracy", "convolution", "validation", "class", "classes"}
    assert not told & {"node", "nodes", "source", "operation", "reads", "edge", "edges", "output", "0", "1", "2", "3"}
    assert "first" in told
    for wrong in ("red", "purple " * 8, "three red in red in red in red", "000", "|red~0|+|red~0|blue~1|"):
        with pytest.raises(ParseError) as refused:
            blind.space.parse(wrong)
        assert not re.search("edge|node|source|<-|reads?|output", str(refused.value))
    meaning = blind._meaning  # type: ignore[attr-defined]
    assert set(meaning) <= set(COLOURS)
    rng = random.Random(1)
    for _ in range(200):
        candidate = blind.space.candidate(blind.space.render(blind.space.sample(rng)))
        words = [meaning.get(word, word) for word in candidate.text.split()]
        there = plain.space.candidate(" ".join(words))
        assert asyncio.run(blind.evaluate(candidate, None)) == asyncio.run(plain.evaluate(there, None))
    other = load_task(name, {"blind": True, "blind_seed": 1})
    assert other._meaning != meaning  # type: ignore[attr-defined]
    assert len({str(task.identity()) for task in (plain, blind, other)}) == 3


def test_a_table_of_another_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nasbenchgraph, "ROWS", {"cora": 5})
    table.cache_clear()
    with pytest.raises(DataError, match=r"cora\.bench is not a table of 5 cells: install nas-bench-graph again"):
        NasBenchGraph("graph")


def test_the_test_score_of_the_winner_is_told_and_decides_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(Search(load_task("nasbenchgraph/photo"), Random(), Budget(evaluations=20)), tmp_path)
    best = best_of(tmp_path)
    assert result.best is not None
    assert best.score == max(trial.score for trial in result.trajectory)
    assert best.test == best.to_json()["test"] == result.best.evaluation.metrics["test"] != best.score
    show(result)
    assert f"test score: {best.test:.4g}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "reason"),
    [(np.float32(1), "numpy numbers of type f4"), (np.zeros(2), "_reconstruct"), (np.str_("a"), "type U1")],
)
def test_of_numpy_only_64_bit_floats_are_read(value: object, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "table.pkl"
    new = pickle.dumps(np.float64(0.5), protocol=3)
    old = new.replace(b"numpy._core", b"numpy.core")
    for written in (old, old.replace(b"numpy.core", b"numpy._core")):
        file.write_bytes(written)
        assert read_plain_pickle(file) == 0.5
    file.write_bytes(pickle.dumps(value, protocol=3).replace(b"numpy._core", b"numpy.core"))
    with pytest.raises(DataError, match=reason):
        read_plain_pickle(file)

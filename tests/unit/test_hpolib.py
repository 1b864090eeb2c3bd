"""The real HPOLib tables."""

import asyncio
import math
import random
import re

import pytest

from optiprompt.errors import UsageError
from optiprompt.tasks.hpolib import HpoLib, table
from optiprompt.tasks.loader import load_task

NETWORK = "act1=relu act2=tanh batch=8 drop1=0 drop2=0.3 lr=0.001 schedule=const units1=16 units2=64"


def test_the_best_small_network_of_the_protein_table_is_the_known_one() -> None:
    task = load_task("hpolib")
    assert isinstance(task, HpoLib)
    assert (task.name, task.direction, task.measured) == ("hpolib/protein", "minimize", "validation loss")
    rng, space = random.Random(0), task.space
    for _ in range(300):
        candidate = space.of(space.sample(rng))
        evaluation = asyncio.run(task.evaluate(candidate, None))
        assert task.costs(candidate)["parameters"] == evaluation.metrics["parameters"]
        assert evaluation.n == 4
    rows = table("protein").values()
    small = [sum(row["val_loss"]) / 4 for row in rows if row["model_size"][0] <= 3209]
    assert len(rows) == 62_208
    assert min(small) == pytest.approx(0.26862624)


def test_a_network_is_looked_up_by_its_settings() -> None:
    task = HpoLib("hpolib/protein")
    found = task.look_up(task.space.parse(NETWORK))
    row = table("protein")["010011102"]
    runs = row["val_loss"]
    assert found.score == pytest.approx(sum(runs) / 4)
    spread = math.sqrt(sum((run - sum(runs) / 4) ** 2 for run in runs) / 3 / 4)
    assert found.stderr == pytest.approx(spread)
    assert found.metrics == {"parameters": 1313.0, "train_time": pytest.approx(sum(row["train_time"]) / 4)}


@pytest.mark.slow
@pytest.mark.parametrize(("dataset", "parameters"), [("naval", 1409), ("parkinsons", 1489), ("slice", 7249)])
def test_the_other_tables_are_there_too(dataset: str, parameters: int) -> None:
    task = load_task(f"hpolib/{dataset}")
    assert isinstance(task, HpoLib)
    candidate = task.space.candidate(NETWORK)
    assert task.look_up(candidate.value).metrics["parameters"] == parameters
    assert task.costs(candidate) == {"parameters": parameters}


def test_a_search_starts_from_different_networks_and_aims_below_the_best() -> None:
    task = HpoLib("hpolib/protein", start=40)
    networks = task.start(random.Random(3))
    assert len(set(networks)) == 40
    assert networks == task.start(random.Random(3))
    assert 0 < task.aim([300.0, 0.5, 0.2]) < 0.2


def test_a_blind_task_tells_nothing_and_scores_the_same() -> None:
    blind, other = (HpoLib("hpolib/protein", blind=seed) for seed in (0, 1))
    text = blind.start(random.Random(0))[0]
    candidate = blind.space.candidate(text)
    said = f"{blind.description} {blind.space.describe()} {blind.score_name} {text}"
    assert not re.search(r"relu|network|batch|units|lr|loss|protein|[0-9]", said)
    rows = table("protein").values()
    found = [blind.look_up(value) for value in [candidate.value, *blind.space.neighbours(candidate.value)]]
    assert {each.score for each in found} <= {sum(row["val_loss"]) / 4 for row in rows}
    assert blind.costs(candidate)["parameters"] == blind.look_up(candidate.value).metrics["parameters"]
    assert blind.space.describe() != other.space.describe()
    assert blind.identity() != other.identity() != HpoLib("hpolib/protein").identity()


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean hpolib/protein"):
        load_task("hpolib/protien")

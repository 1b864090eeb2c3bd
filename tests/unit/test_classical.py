"""Random search, regularized evolution and local search, run by the loop on the real NAS-Bench-201 table."""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

from optiprompt.algorithms.base import Algorithm, Setting
from optiprompt.algorithms.evolution import Evolution
from optiprompt.algorithms.local_search import LocalSearch
from optiprompt.algorithms.random import Random
from optiprompt.backends.base import Backend
from optiprompt.budget import Budget
from optiprompt.candidate import Candidate, Evaluation
from optiprompt.errors import UsageError
from optiprompt.loop import Search, run_search
from optiprompt.plugins import find
from optiprompt.spaces.base import Space
from optiprompt.spaces.cell import Cell, CellSpace
from optiprompt.spaces.text import Text
from optiprompt.store import opened
from optiprompt.tasks.base import Task
from optiprompt.tasks.nasbench201 import NasBench201
from optiprompt.trajectory import Trajectory

ALGORITHMS = [Random(), Evolution(), LocalSearch()]
each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda algorithm: algorithm.name)


class Counting(NasBench201):
    """Counts how often each cell is scored."""

    def __init__(self) -> None:
        super().__init__("nasbench201")
        self.scored: Counter[str] = Counter()

    async def evaluate(self, candidate: Candidate[Cell], scorer: Backend | None) -> Evaluation:
        self.scored[candidate.key] += 1
        return await super().evaluate(candidate, scorer)


class Mirrored(NasBench201):
    """The same search the other way round: the negative accuracy is minimised."""

    direction = "minimize"

    async def evaluate(self, candidate: Candidate[Cell], scorer: Backend | None) -> Evaluation:
        known = self.look_up(candidate.value)
        return replace(known, score=-(known.score or 0))


class Fragile(NasBench201):
    """Every cell with a skip on its first edge cannot be scored."""

    async def evaluate(self, candidate: Candidate[Cell], scorer: Backend | None) -> Evaluation:
        return Evaluation.failed("broken") if candidate.value[0] == "skip" else self.look_up(candidate.value)


class Tiny(Task):
    """Eight cells, the more convolutions the better."""

    name = "tiny"
    space: Space[Any] = CellSpace(["a", "b", "c"], ["none", "conv"])

    async def evaluate(self, candidate: Candidate[Cell], scorer: Backend | None) -> Evaluation:
        return Evaluation(status="ok", score=float(candidate.value.count("conv")))

    def start(self, rng: random.Random) -> list[str]:
        return ["none none none", "000"]


def search(
    task: Task, algorithm: Algorithm, *, seed: int = 0, folder: Path | None = None, **budget: int
) -> tuple[Trajectory, str]:
    with opened(folder) as run:
        return asyncio.run(run_search(Search(task, algorithm, Budget(**budget), seed=seed), run))[:2]


def proposals(trajectory: Trajectory) -> list[tuple[str, str, bool]]:
    return [(trial.text, trial.proposal.source, trial.duplicate) for trial in trajectory.trials]


@pytest.mark.parametrize("name", ["random", "evolution", "local-search"])
def test_each_is_found_by_its_name(name: str) -> None:
    assert find("algorithms", name).ALGORITHM().name == name


@each_algorithm
def test_no_candidate_is_scored_twice_and_every_step_brings_a_new_one(algorithm: Algorithm) -> None:
    task = Counting()
    trajectory, _ = search(task, algorithm, evaluations=150)
    assert set(task.scored.values()) == {1}
    assert len(task.scored) == 150
    new = Counter(trial.step for trial in trajectory.trials if not trial.duplicate)
    assert new == {0: 8, **dict.fromkeys(range(1, 143), 1)}


@pytest.mark.parametrize("algorithm", [Random(proposals=4), Evolution(proposals=4), LocalSearch(proposals=4)])
def test_several_proposals_a_step_stay_within_the_budget(algorithm: Algorithm) -> None:
    trajectory, _ = search(NasBench201("nasbench201"), algorithm, evaluations=30)
    assert len(trajectory) == 30
    assert max(Counter(trial.step for trial in trajectory if trial.step > 0).values()) == 4


@each_algorithm
def test_a_search_that_goes_on_later_is_the_search_that_was_never_stopped(algorithm: Algorithm, tmp_path: Path) -> None:
    task = NasBench201("nasbench201")
    whole, _ = search(task, algorithm, evaluations=120)
    for evaluations in (8, 30, 90, 120):
        resumed, _ = search(task, algorithm, evaluations=evaluations, folder=tmp_path / "run")
    assert proposals(resumed) == proposals(whole)


@each_algorithm
def test_asking_changes_nothing(algorithm: Algorithm) -> None:
    task = NasBench201("nasbench201")
    trajectory, _ = search(task, algorithm, evaluations=60)
    searcher = algorithm.begin(Setting(task, None, 0))
    for step in range(trajectory.steps + 1):
        searcher.tell([trial for trial in trajectory.trials if trial.step == step])
    first, second = (asyncio.run(searcher.ask(trajectory, 10, random.Random(7))) for _ in range(2))
    assert first == second
    assert first != asyncio.run(searcher.ask(trajectory, 10, random.Random(8)))


@each_algorithm
def test_an_exhausted_space_ends_the_search(algorithm: Algorithm) -> None:
    trajectory, reason = search(Tiny(), algorithm, evaluations=100)
    assert len(trajectory) == 8
    assert trajectory.best is not None
    assert trajectory.best.text == "conv conv conv"
    assert reason == "20 steps in a row brought no new candidate"


@each_algorithm
def test_minimising_is_maximising_the_negative(algorithm: Algorithm) -> None:
    up, _ = search(NasBench201("nasbench201"), algorithm, evaluations=80)
    down, _ = search(Mirrored("nasbench201"), algorithm, evaluations=80)
    assert proposals(up) == proposals(down)


@pytest.mark.parametrize("algorithm", [Evolution(), LocalSearch()], ids=lambda algorithm: algorithm.name)
def test_a_failed_candidate_is_never_varied(algorithm: Algorithm) -> None:
    task = Fragile("nasbench201")
    trajectory, _ = search(task, algorithm, evaluations=120)
    failed = [trial for trial in trajectory if not trial.ok]
    assert failed
    for trial in trajectory.trials:
        if trial.proposal.source in {"mutation", "neighbour"}:
            value = task.space.parse(trial.text)
            scored = {other.key for other in trajectory if other.ok and other.step < trial.step}
            assert any(task.space.key(near) in scored for near in task.space.neighbours(value))


def test_evolution_is_random_until_its_population_is_full() -> None:
    trajectory, _ = search(NasBench201("nasbench201"), Evolution(population=15), evaluations=40)
    sources = [trial.proposal.source for trial in trajectory]
    assert sources == ["start"] * 8 + ["sample"] * 7 + ["mutation"] * 25


def test_evolution_varies_the_best_of_the_youngest() -> None:
    task = NasBench201("nasbench201", start=4)
    # So large a tournament that it holds the whole population.
    trajectory, _ = search(task, Evolution(population=4, tournament=100), evaluations=100)
    trials = trajectory.trials
    assert any(trial.duplicate for trial in trials)
    for born, child in enumerate(trials[4:], start=4):
        parent = max(trials[born - 4 : born], key=lambda trial: trial.score)
        around = {task.space.key(near) for near in task.space.neighbours(task.space.parse(parent.text))}
        assert child.key in around


def test_local_search_begins_at_the_best_start_and_moves_only_upwards_until_a_restart() -> None:
    task = NasBench201("nasbench201")
    trajectory, _ = search(task, LocalSearch(), evaluations=150)
    here = max((trial for trial in trajectory if trial.step == 0), key=lambda trial: trial.score)
    for trial in trajectory.trials:
        if trial.step == 0:
            continue
        around = {task.space.key(near) for near in task.space.neighbours(task.space.parse(here.text))}
        if trial.proposal.source == "restart":
            seen = {other.key for other in trajectory if other.step < trial.step}
            assert around <= seen, "a restart before all neighbours were tried"
            here = trial
        else:
            assert trial.key in around
            here = trial if trial.score > here.score else here
    assert any(trial.proposal.source == "restart" for trial in trajectory)


@pytest.mark.parametrize(
    "settings",
    [
        lambda: Random(proposals=0),
        lambda: Evolution(population=0),
        lambda: Evolution(tournament=0),
        lambda: LocalSearch(proposals=0),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: Any) -> None:
    with pytest.raises(UsageError, match="must be at least 1, not 0"):
        settings()


@each_algorithm
def test_a_space_of_free_text_is_refused_before_the_search(algorithm: Algorithm) -> None:
    task = Tiny()
    task.space = Text()
    with pytest.raises(UsageError, match="Text cannot draw random candidates"):
        algorithm.begin(Setting(task, None, 0))


def test_they_are_as_good_as_measured_elsewhere() -> None:
    """Mean best accuracy after 50 evaluations, against an independent measurement over 300 seeds."""
    task = NasBench201("nasbench201", start=1)
    best = {
        algorithm.name: [search(task, algorithm, seed=seed, evaluations=50)[0].curve()[-1] for seed in range(60)]
        for algorithm in ALGORITHMS
    }
    mean = {name: fmean(scores) for name, scores in best.items()}
    error = {name: stdev(scores) / 60**0.5 for name, scores in best.items()}
    for name, expected in (("random", 90.79), ("evolution", 91.12), ("local-search", 91.41)):
        assert abs(mean[name] - expected) < 3 * error[name], name
    for name in ("evolution", "local-search"):
        assert mean[name] - mean["random"] > 2 * (error[name] ** 2 + error["random"] ** 2) ** 0.5, name

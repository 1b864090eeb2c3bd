"""What is compared: our own methods here, those that choose among given instructions, and the peers (`_peers`)."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import optiprompt as op
from benchmarks.prompts._proxy import Account, Role
from benchmarks.prompts._tasks import CHOICE, Material, prompt_task, searched
from optiprompt.algorithms.base import Algorithm
from optiprompt.backends.base import Backend
from optiprompt.candidate import Evaluation
from optiprompt.config import make_algorithm
from optiprompt.errors import OptipromptError
from optiprompt.events import Evaluated
from optiprompt.loop import Search
from optiprompt.spaces.prompt import Part
from optiprompt.tasks._human import human_variants
from optiprompt.tasks.prompt import PromptTask


@dataclass(frozen=True)
class Structure:
    """What a prompt may hold: its parts, and at most so many examples."""

    parts: tuple[Part, ...] = ("instruction",)
    shots: int = 0

    def give(self, task: PromptTask) -> None:
        """Let the task's candidates be such prompts."""
        task.structure(self.parts, self.shots)


STRUCTURES = {
    "optiprompt-system": Structure(("system", "instruction")),  # `parts: [system, instruction]` in a task file
    "optiprompt-shots": Structure(shots=4),  # `--shots 4`: examples are searched together with the instruction
}


@dataclass(frozen=True)
class Job:
    """One run of a method.

    Attributes:
        name: of the task.
        task: the task, for grading and for the form of its prompts.
        material: the examples that the search may see.
        account: counts the calls.
        url: of the proxy's paths for this run.
        seed: fixes every random choice of the method, as far as it has them in its hands.
        concurrency: calls at once.
        folder: for files of the run; empty.
    """

    name: str
    task: PromptTask
    material: Material
    account: Account
    url: str
    seed: int
    concurrency: int
    folder: str

    def backend(self, role: Role) -> Backend:
        """A model as optiprompt asks it, through the proxy."""
        model = self.account.models[role].model
        backend = op.backend(f"openai:{model}@{self.url}/{role}/v1", op.BackendOptions(concurrency=self.concurrency))
        backend.name = f"openai:{model}"  # type: ignore[misc]  # samples are seeded by it: not by the proxy's port
        return backend


@dataclass(frozen=True)
class Found:
    """What a method found: the instruction, its score on training examples, and why the search ended."""

    prompt: str
    train: float | None
    ended: str


def optiprompt(job: Job) -> Found:
    """Our defaults."""
    task = prompt_task(job.name)
    return _search(job, searched(task, task.splits.train, task.splits.dev), op.Opro(), op.Scoring(cache=False))


def with_structure(structure: Structure) -> Callable[[Job], Found]:
    """Our defaults, for prompts that may hold more than an instruction."""

    def search(job: Job) -> Found:
        task = prompt_task(job.name)
        task = searched(task, task.splits.train, task.splits.dev)
        structure.give(task)
        return _search(job, task, op.Opro(), op.Scoring(cache=False))

    return search


def reference(job: Job) -> Found:
    """`--preset reference`: the published system's settings, all candidates on the same examples."""
    task = searched(prompt_task(job.name, "reference"), job.material.scored, ())
    algorithm = make_algorithm("opro", {}, "reference")
    return _search(job, task, algorithm, op.Scoring(racing=None, final=False, cache=False))


def _search(job: Job, task: PromptTask, algorithm: Algorithm, scoring: op.Scoring) -> Found:
    from optiprompt.api import run

    scored: dict[str, Evaluation] = {}

    def watch(event: object) -> None:
        if isinstance(event, Evaluated) and event.evaluation.score is not None:
            scored[event.text] = event.evaluation

    limits = job.account.limits
    budget = op.Budget(scorer_calls=limits["scorer"], optimizer_calls=limits["optimizer"])
    models = job.backend("optimizer"), job.backend("scorer")
    search = Search(task, algorithm, budget, *models, seed=job.seed, scoring=scoring)
    try:
        result = run(search, None, watch=watch)
    except OptipromptError as error:
        best = max(scored, key=lambda text: (scored[text].interval or (0.0, 0.0))[0], default=None)
        return Found(best or "", scored[best].score if best else None, str(error))
    if result.best is None:
        return Found("", None, result.stop_reason)
    return Found(result.best.text, result.best.evaluation.score, result.stop_reason)


def written(job: Job) -> Found:
    """The best human-written instruction, each also with a request for the output only."""
    return _chosen(job, human_variants(job.name))


def start(job: Job) -> Found:
    """The best of the instructions that the searches start from."""
    return _chosen(job, list(job.task.start(Random(job.seed))))


def _chosen(job: Job, texts: list[str]) -> Found:
    """The best of some instructions on training examples; of equal ones the first. Outside the budget."""
    task = searched(prompt_task(job.name), job.material.pool[:CHOICE], ())
    measured = op.evaluate(task, texts, scorer=job.backend("scorer"), split="train", run_dir=job.folder, cache=False)
    best = max(measured.candidates, key=lambda each: each.score or 0.0)
    return Found(best.candidate, best.score, f"the best of {len(texts)} on {len(task.examples)} training examples")


OWN: dict[str, Callable[[Job], Found]] = {
    "optiprompt": optiprompt,
    **{name: with_structure(structure) for name, structure in STRUCTURES.items()},
    "reference": reference,
    "human": written,
    "start": start,
}
FREE = ("human", "start")  # outside the budget

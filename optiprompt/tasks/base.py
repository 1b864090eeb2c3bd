"""The contract of a task: a space, a way to score, and what the optimizer is told."""

import copy
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Self

from optiprompt.backends.base import Backend
from optiprompt.candidate import Candidate, Direction, Evaluation, Outcome, Usage
from optiprompt.data.examples import Example
from optiprompt.errors import ParseError
from optiprompt.front import Tradeoff
from optiprompt.spaces.base import Space
from optiprompt.tasks import _limits
from optiprompt.trajectory import Trajectory

By = Literal["mean", "worst"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table that a task makes of repeated searches.

    Attributes:
        name: of the searcher: the algorithm with its model, or a baseline.
        cells: what the columns hold, in their order.
        curves: the best score so far after each unique evaluation, one row a search; empty where there is no search.
    """

    name: str
    cells: Mapping[str, str]
    curves: tuple[tuple[float, ...], ...] = ()


class Task(ABC):
    """What is optimised.

    Attributes:
        name: as the user calls it, `nasbench201/cifar10`.
        space: which candidates exist.
        direction: whether a higher or a lower score is better.
        description: what is optimised and what the parts of a candidate mean, for the meta-prompt.
        score_name: what the score is called in the meta-prompt: `accuracy`.
        split: what the search scores on: `train`, `validation`.
        needs_scorer: a language model is instructed with the candidate and graded.
        bounds: the lowest and the highest possible score, where the task knows them.
        examples: what a score is the mean over, for tasks made of examples; the outcomes of an evaluation name them.
        dev: examples that the winner is chosen by; may be empty.
        test: examples for the end, on which winner and baseline are compared; may be empty.
        place: where a prompt candidate stands, in words.
        limits: the most that a candidate may cost, by the names that `costs` gives; set by `within`.
        pareto: the cost that the score is weighed against; None where it counts alone. Set by `against`.
        strata: names of the equal groups that the examples are of, in turn: tasks, scorers; empty where there is one.
        repeats: how many examples in a row are the same question, asked of so many scorers.
        by: what the score is of the strata; only a mean can be foretold from some of the examples.
        warm: further candidates to start from, that earlier runs found; after those of `start`.
        notes: what the user should know of how the task was set up, a line each.
    """

    name: str
    space: Space[Any]
    direction: Direction = "maximize"
    description: str = ""
    score_name: str = "score"
    split: str = "train"
    needs_scorer: bool = False
    bounds: tuple[float, float] | None = None
    examples: Sequence[Example] = ()
    dev: Sequence[Example] = ()
    test: Sequence[Example] = ()
    place: str = ""
    limits: Mapping[str, float] = MappingProxyType({})
    pareto: str | None = None
    strata: Sequence[str] = ()
    repeats: int = 1
    by: By = "mean"
    warm: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def measured(self) -> str:
        """The score in words, with the split it is of: `train accuracy`."""
        return self.score_name if self.split == "function" else f"{self.split} {self.score_name}"

    @property
    def calls_each(self) -> int:
        """Calls of the scorer, and of a judge, that an example takes."""
        return 1

    def costs(self, candidate: Candidate[Any]) -> Mapping[str, float]:
        """What a candidate costs, as far as it is known without evaluating it, in units that the task documents.

        Usual names: `parameters`, `latency_ms`. A limit or a Pareto search can be set on each. Cheap: it is called for
        every candidate that is drawn, and does not count as an evaluation.
        """
        return {}

    def within(self, limits: Mapping[str, float]) -> Self:
        """The task with limits: a candidate that costs more is rejected before it is evaluated, free of charge.

        Args:
            limits: the highest cost that is allowed, by the names that `costs` gives.

        Raises:
            UsageError: the task cannot tell such a cost, or a limit is no number.
        """
        for name, limit in limits.items():
            _limits.check_limit(name, limit)
            _limits.check_cost(self, name)
        task = copy.copy(self)
        task.limits = {**self.limits, **limits}
        return task

    def against(self, cost: str) -> Self:
        """The task as a search for the Pareto front of a good score and a low cost.

        Args:
            cost: one of the names that `costs` gives.

        Raises:
            UsageError: the task cannot tell that cost.
        """
        _limits.check_cost(self, cost)
        task = copy.copy(self)
        task.pareto = cost
        return task

    @property
    def tradeoff(self) -> Tradeoff | None:
        """Score and cost of a Pareto search; None where the score counts alone."""
        return Tradeoff(self.direction, self.pareto, self.limits.get(self.pareto)) if self.pareto else None

    def refusal(self, candidate: Candidate[Any]) -> str:
        """Why a candidate is rejected before it is evaluated, for the optimizer to read; empty where it is not."""
        if not self.limits and not self.pareto:
            return ""
        try:
            return _limits.over(self, self.costs(candidate))
        except ParseError as error:
            return str(error)

    def cost_name(self, name: str) -> str:
        """What the optimizer reads instead of the name of a cost."""
        return name

    def admits(self, candidate: Candidate[Any]) -> bool:
        """Whether a candidate is within the limits."""
        return not self.refusal(candidate)

    def candidate(self, text: str) -> Candidate[Any]:
        """The candidate that the text stands for, ready to be evaluated.

        Raises:
            ParseError: the text is no candidate, or one beyond the limits; the message tells the optimizer why.
        """
        candidate: Candidate[Any] = self.space.candidate(text)
        if reason := self.refusal(candidate):
            raise ParseError(reason)
        return candidate

    @property
    def rules(self) -> str:
        """What the optimizer is told of limits and of a Pareto search; empty where there are none."""
        return _limits.rules(self)

    def starting(self, rng: random.Random) -> list[tuple[str, str]]:
        """The starting candidates, and those of earlier runs, each with its source: `start` or `warm`.

        Random ones that are beyond the limits are drawn anew.

        Raises:
            UsageError: none can be found.
        """
        return [(text, "start") for text in _limits.starting(self, rng)] + [(text, "warm") for text in self.warm]

    @abstractmethod
    async def evaluate(self, candidate: Candidate[Any], scorer: Backend | None) -> Evaluation:
        """Score a candidate for real.

        Returns a `failed` evaluation where this candidate cannot be scored; raises only where none could
        (`FatalBackendError`, `DataError`).
        """

    async def outcomes(
        self, candidate: Candidate[Any], examples: Sequence[Example], scorer: Backend
    ) -> tuple[list[Outcome], Usage]:
        """How a candidate does on each of some examples, in their order, for tasks made of examples."""
        raise NotImplementedError(f"{self.name} is not made of examples")

    async def evaluate_on(self, candidate: Candidate[Any], examples: Sequence[Example], scorer: Backend) -> Evaluation:
        """The score on any examples, for tasks made of examples."""
        return self.evaluation_of(*await self.outcomes(candidate, examples, scorer))

    def evaluation_of(self, outcomes: Sequence[Outcome], usage: Usage) -> Evaluation:
        """The score that these outcomes make: their mean."""
        return Evaluation.mean_of(outcomes, usage)

    @abstractmethod
    def start(self, rng: random.Random) -> Sequence[str]:
        """The starting candidates in the space's text form; they are evaluated before the first step."""

    def worth(self, score: float, text: str) -> float:
        """What candidates are ranked by: their score, unless the task weighs more than that."""
        return score

    def objection(self, candidate: Candidate[Any]) -> str:
        """Why a proposed candidate is not to be scored, for the optimizer to read; empty where it is.

        Starting candidates are not asked about.
        """
        return ""

    def show(self, score: float) -> str:
        """A score as the meta-prompt shows it."""
        return f"{score:.4g}"

    def aim(self, scores: Sequence[float]) -> float:
        """The score that a continuation style writes before the open end: a little better than the best.

        Args:
            scores: those of the candidates shown, best last; may be empty.
        """
        return 2 * scores[-1] - scores[len(scores) // 2] if scores else 1.0

    def exemplar(self, example: Example) -> Mapping[str, str]:
        """An example as the meta-prompt shows it: `input`, with the space's tag where the candidate goes, and `target`.

        Of several right answers the first is shown.
        """
        return {
            "input": example.input,
            "target": example.target if isinstance(example.target, str) else example.target[0],
        }

    def solved(self, trajectory: Trajectory) -> bool:
        """Whether the search is over because nothing better can be found: for tasks that know their optimum."""
        return False

    def table(self, name: str, runs: Sequence[Trajectory]) -> Sequence[Row]:
        """Repeated searches beside the task's own baselines, as lines of one table; empty where it has none.

        Args:
            name: of what searched.
            runs: one trajectory a repetition.
        """
        return ()

    def identity(self) -> dict[str, Any]:
        """JSON values that fix what a score means; a run is resumed only by a task with the same identity."""
        return {"name": self.name}

    def details(self) -> dict[str, Any]:
        """JSON values for the record that are no settings."""
        return {}

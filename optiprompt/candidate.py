"""The frozen values of a search: what was proposed, and how it scored."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Generic, Literal, TypeVar

from optiprompt.intervals import normal, wilson

T = TypeVar("T")

MOST_FAILED = 0.2  # share of examples without a score above which an evaluation says nothing

Status = Literal["ok", "invalid", "pruned", "failed"]
Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True, slots=True)
class Usage:
    """What model calls took; adds up with `+`.

    Attributes:
        calls: requests sent, those that failed included.
        prompt_tokens: tokens of the prompts.
        completion_tokens: tokens of the replies.
        cached: replies that came out of the cache and took no call.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached + other.cached,
        )

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Candidate(Generic[T]):
    """Something that can be scored.

    Attributes:
        text: the form the optimizer reads and writes.
        value: what the text means: the object that the task scores.
        key: canonical form; two candidates with the same key are the same candidate.
    """

    text: str
    value: T
    key: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a candidate did on one example.

    Attributes:
        example: the example's id.
        score: 0 to 1, or None where the call failed (an error is never a score of 0).
        answer: the model's answer as it was graded.
        error: why there is no score.
        said: the end of a wrong reply that says more than the answer, for the optimizer.
        feedback: what the grader says is wrong, for the optimizer.
    """

    example: str
    score: float | None
    answer: str = ""
    error: str = ""
    said: str = ""
    feedback: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What scoring a candidate gave.

    Attributes:
        status: `ok`, `invalid` (did not parse or broke a rule), `pruned` (lost the race) or `failed` (could not be
            scored).
        score: in the task's own unit; only an `ok` or `pruned` evaluation has one.
        stderr: standard error of the score, where it is a mean of several measurements.
        n: how many measurements (examples, seeds) the score is the mean of.
        metrics: further figures by name (parameters, latency, ...).
        outcomes: per-example results, in the order of the examples.
        curve: training curve, one value an epoch.
        feedback: what the optimizer reads beside the score of a structured candidate; the first 300 characters.
        usage: model calls spent on it.
        reason: why it is not `ok`.
    """

    status: Status
    score: float | None = None
    stderr: float | None = None
    n: int = 1
    metrics: Mapping[str, float] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()
    curve: tuple[float, ...] = ()
    feedback: str = ""
    usage: Usage = Usage()
    reason: str = ""

    def __post_init__(self) -> None:
        if self.status == "ok" and (self.score is None or not math.isfinite(self.score)):
            raise ValueError(f"an ok evaluation needs a finite score, not {self.score}")
        if self.status != "ok" and not self.reason:
            raise ValueError(f"an evaluation that is {self.status} needs a reason")

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95% interval of the score: Wilson's for a mean of graded examples, else by the standard error.

        None where it was measured once, or there is no score.
        """
        if self.score is None or self.n < 1:
            return None
        if self.outcomes and 0 <= self.score <= 1:
            return wilson(self.score, self.n)
        return None if self.stderr is None else normal(self.score, self.stderr)

    @classmethod
    def failed(cls, reason: str, **details: Any) -> "Evaluation":
        """An evaluation that could not be made; never confused with a low score."""
        return cls(status="failed", n=0, reason=reason, **details)

    @classmethod
    def mean_of(cls, outcomes: Sequence[Outcome], usage: Usage = Usage()) -> "Evaluation":
        """The mean score of examples; `failed` where more than a fifth have none, or there are no examples.

        The others that have none are left out of the mean; `metrics["failed"]` counts them. The standard error is that
        of a mean; for answers that are right or wrong it is the binomial one.
        """
        if not outcomes:
            return cls.failed("there are no examples to score on")
        scores = [outcome.score for outcome in outcomes if outcome.score is not None]
        lost = [outcome.error for outcome in outcomes if outcome.score is None]
        if len(lost) > MOST_FAILED * len(outcomes):
            reason = f"{len(lost)} of {len(outcomes)} examples could not be scored: {lost[0]}"
            return cls.failed(reason, outcomes=tuple(outcomes), usage=usage)
        mean = fmean(scores)
        return cls(
            status="ok",
            score=mean,
            stderr=math.sqrt(fmean((score - mean) ** 2 for score in scores) / len(scores)),
            n=len(scores),
            metrics={"failed": len(lost)} if lost else {},
            outcomes=tuple(outcomes),
            usage=usage,
        )

    @classmethod
    def invalid(cls, reason: str) -> "Evaluation":
        """The verdict on text that is no candidate, or a candidate that breaks a rule."""
        return cls(status="invalid", n=0, reason=reason)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Text that an algorithm proposes, before anything was checked.

    Attributes:
        text: the candidate in the space's text form; the raw reply where none could be found in it.
        source: who made it: `start`, `sample`, `mutation`, `opro`, ...
        reply: the record in replies.jsonl it came from: request key and sample index.
        problem: why it is no candidate (the reply held none, or the call failed).
        failed: the problem is a failed call, not the model's fault.
        usage: what the reply took.
    """

    text: str
    source: str
    reply: tuple[str, int] | None = None
    problem: str = ""
    failed: bool = False
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Trial:
    """A proposal with what became of it: one entry of the trajectory.

    Attributes:
        proposal: what was proposed.
        candidate: None where the proposal did not parse.
        evaluation: how it scored, or why it did not.
        step: 0 for the starting candidates.
        duplicate: proposed before in this run; the evaluation is the first one's and was not paid again.
    """

    proposal: Proposal
    candidate: Candidate[Any] | None
    evaluation: Evaluation
    step: int
    duplicate: bool = False

    @property
    def text(self) -> str:
        return self.candidate.text if self.candidate else self.proposal.text

    @property
    def key(self) -> str | None:
        return self.candidate.key if self.candidate else None

    @property
    def ok(self) -> bool:
        return self.evaluation.status == "ok"

    @property
    def score(self) -> float:
        """The score of an `ok` trial.

        Raises:
            ValueError: the trial has none.
        """
        if self.evaluation.score is None:
            raise ValueError(f"{self.text!r} has no score: {self.evaluation.reason}")
        return self.evaluation.score

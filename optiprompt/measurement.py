"""What measuring given candidates on a split gave."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from optiprompt.candidate import Evaluation, Outcome, Usage
from optiprompt.data.examples import Example
from optiprompt.selection import Comparison, compare

_MOST_LABELS = 20
_TIMES = 5  # how often a target must come, on average, to be a label


@dataclass(frozen=True)
class Measured:
    """One candidate on the examples of a split.

    Attributes:
        candidate: the instruction.
        evaluation: its score with the outcome of each example; its usage is that of all the replies, whenever paid.
        usage: the model calls that this measurement made.
        cached: replies that cost nothing now: on disk already, or shared with another question.
        wall_seconds: from the first request to the last reply.
    """

    candidate: str
    evaluation: Evaluation
    usage: Usage
    cached: int
    wall_seconds: float

    @property
    def score(self) -> float | None:
        """The accuracy; None where more than a fifth of the examples failed."""
        return self.evaluation.score

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95% interval of the score (Wilson's); None without a score."""
        return self.evaluation.interval

    @property
    def graded(self) -> list[Outcome]:
        """The examples that have a score."""
        return [outcome for outcome in self.evaluation.outcomes if outcome.score is not None]

    @property
    def failed(self) -> int:
        """How many examples have none: the call failed, or the reply could not be graded. They count nowhere else."""
        return len(self.evaluation.outcomes) - len(self.graded)

    @property
    def parse_rate(self) -> float | None:
        """The share of graded replies in which the grader found an answer, right or wrong; None without any.

        `auto`, `number`, `boolean`, `choice`, `json` and `reference` look for an answer of their kind; for `exact`,
        `contains`, `induction`, `judge` and `python` the reply itself is the answer, and only an empty one has none.
        """
        graded = self.graded
        return sum(outcome.answer != "" for outcome in graded) / len(graded) if graded else None

    @property
    def wrong(self) -> list[Outcome]:
        """The examples whose score is below one half."""
        return [outcome for outcome in self.graded if outcome.score is not None and outcome.score < 0.5]


@dataclass(frozen=True)
class Measurement:
    """Candidates beside each other on the same examples.

    Attributes:
        task: its name.
        scorer: the model that was instructed.
        split: where the examples are from.
        examples: all that were asked.
        labels: the targets of the task where they are few kinds that come again and again, else empty.
        candidates: in the order in which they were given.
        run_dir: the folder of the replies; the same measurement with it pays nothing again.
        left_out: how many examples of the split were not asked, because a candidate shows them with their answers.
    """

    task: str
    scorer: str
    split: str
    examples: tuple[Example, ...]
    labels: tuple[str, ...]
    candidates: tuple[Measured, ...]
    run_dir: Path
    left_out: int = 0

    @property
    def majority(self) -> float | None:
        """The score of always giving the most frequent target of these examples; None where targets are no labels."""
        if not self.labels:
            return None
        return Counter(example.target for example in self.examples).most_common(1)[0][1] / len(self.examples)

    def confusion(self, measured: Measured) -> dict[str, dict[str, int]]:
        """How often each target got each answer, most frequent first; empty where targets are no labels.

        An answer is in the words of the label that it equals in any case; where none was found it is empty.
        """
        if not self.labels:
            return {}
        targets = {example.id: str(example.target) for example in self.examples}
        words = {label.casefold(): label for label in self.labels}
        counts: dict[str, Counter[str]] = {}
        for outcome in measured.graded:
            answer = words.get(outcome.answer.casefold(), outcome.answer)
            counts.setdefault(targets[outcome.example], Counter())[answer] += 1
        ordered = sorted(counts.items(), key=lambda item: -item[1].total())
        return {target: dict(answers.most_common()) for target, answers in ordered}

    def difference(self, one: int, other: int) -> Comparison:
        """How much better the one candidate is than the other, by their places, on the examples graded for both."""
        a, b = ([each.score for each in self.candidates[place].evaluation.outcomes] for place in (one, other))
        return compare(a, b)


def labels_of(examples: Sequence[Example]) -> tuple[str, ...]:
    """The targets of a task where they are labels: at most 20 kinds, each five times on average; else none."""
    kinds = dict.fromkeys(example.target for example in examples)
    labels = tuple(kind for kind in kinds if isinstance(kind, str))
    few = len(labels) <= min(_MOST_LABELS, len(examples) / _TIMES)
    return labels if few and len(labels) == len(kinds) else ()

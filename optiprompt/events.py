"""What happens in a run: the records of events.jsonl, in the order in which they are written.

A run is `Started`, then for each step `Proposed`, one `Evaluated` for each new candidate in proposal order, and
`Stepped`; `Ended` when it stops, after which a resumed run goes on. A measurement of given candidates is `Started`, one
`Evaluated` a candidate (another one where failed examples were asked again), and `Ended`. Only `time` differs between
two runs with the same seed and replies.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from optiprompt.candidate import Evaluation, Proposal, Usage

FORMAT = 1

Fate = Literal["new", "duplicate", "invalid", "failed"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A proposal and what the check before the evaluation said.

    Attributes:
        proposal: what was proposed.
        fate: `new` ones are evaluated; `duplicate` ones have been before; `invalid` ones did not parse; `failed` ones
            are calls that brought no reply.
        key: canonical key of a candidate that parsed.
        reason: why it is invalid or failed.
        costs: what a new one costs, by name, where that matters: a cost that is measured is another one the next time.
    """

    proposal: Proposal
    fate: Fate
    key: str | None = None
    reason: str = ""
    costs: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The first event: what is searched and how.

    Attributes:
        settings: what fixes the search; a run is only resumed with the same ones.
        spec: what the command line needs to set the search up again; empty for a search started from Python.
        details: what the task says of itself for the record: the ids of the examples in each split.
        version: of optiprompt.
        format: of this file.
    """

    settings: Mapping[str, Any]
    version: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT
    time: str = ""
    type: Literal["started"] = "started"


@dataclass(frozen=True, slots=True)
class Proposed:
    """All proposals of a step, checked. Step 0 holds the starting candidates."""

    step: int
    proposals: tuple[Checked, ...]
    time: str = ""
    type: Literal["proposed"] = "proposed"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One new candidate was scored.

    Attributes:
        index: the proposal's place in its step.
        key: the candidate's canonical key.
        text: the candidate as the space writes it.
    """

    step: int
    index: int
    key: str
    text: str
    evaluation: Evaluation
    time: str = ""
    type: Literal["evaluated"] = "evaluated"


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step is complete.

    Attributes:
        best: the best score so far.
        mean: mean score of the step's new candidates.
        evaluations: unique evaluations so far.
        usage: model calls so far, of proposals and evaluations together.
        usd: US dollars so far; None where nothing costs money or a price is not known.
        operators: what each way to propose has brought so far, and its share of the next proposals; empty where
            there is but one.
    """

    step: int
    evaluations: int
    best: float | None
    mean: float | None
    duplicates: int
    invalid: int
    failed: int
    usage: Usage = Usage()
    usd: float | None = None
    operators: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    time: str = ""
    type: Literal["stepped"] = "stepped"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A candidate was scored on examples that the search has not seen.

    Attributes:
        on: the other task and scorer, where that is a transfer: `gsm8k with openai:gpt-4.1-nano`.
    """

    split: Literal["dev", "test"]
    key: str
    text: str
    evaluation: Evaluation
    on: str = ""
    time: str = ""
    type: Literal["held-out"] = "held-out"


@dataclass(frozen=True, slots=True)
class Selected:
    """The winner was chosen.

    Attributes:
        key: of the winner.
        text: the winner.
        by: the split whose scores decided.
        verdict: in words, whether the winner is better than the first starting candidate; a sentence a line.
    """

    key: str
    text: str
    by: Literal["train", "dev"]
    verdict: str
    time: str = ""
    type: Literal["selected"] = "selected"


@dataclass(frozen=True, slots=True)
class Extended:
    """The command line goes on with the run under other totals.

    Attributes:
        spec: as in `Started`, with the new budget.
    """

    spec: Mapping[str, Any]
    time: str = ""
    type: Literal["extended"] = "extended"


@dataclass(frozen=True, slots=True)
class Ended:
    """The run stopped."""

    status: Literal["finished", "failed", "interrupted"]
    reason: str
    time: str = ""
    type: Literal["ended"] = "ended"


Event = Started | Extended | Proposed | Evaluated | Stepped | HeldOut | Selected | Ended


@dataclass(frozen=True, slots=True)
class Working:
    """What watchers are told now and then while a run works, since a step may take minutes; never recorded.

    Attributes:
        usage: calls and tokens of the run so far.
        usd: US dollars of the run so far; None where that is nothing or a price is not known.
        share: of the limit on calls, tokens, money or time that is nearest, what is spent: 0 to 1.
    """

    usage: Usage
    usd: float | None
    share: float
    type: Literal["working"] = "working"


def penalty_of(task: Mapping[str, Any]) -> float:
    """What a character of a candidate costs where candidates are ranked, by the recorded settings of the task.

    The points for 100 characters of `PromptTask.worth`, as a share.
    """
    return float(task.get("length_penalty", 0)) / 10_000

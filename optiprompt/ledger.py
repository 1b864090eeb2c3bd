"""What a run spent before it was resumed, from its own files.

Where calls are limited, replies.jsonl holds a record `{"sent": BACKEND, "role": ROLE}` for each request, written before
it is sent: those that failed, or whose answer a crash cut off, count too. Else the calls of the replies count.
`{"working": TIME, "events": N}` says when a part of the run began and how many events there were then, and
`{"stepped": N}` that step N ended: what came before is in its account.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from optiprompt.budget import Budget
from optiprompt.candidate import Usage
from optiprompt.events import Ended, Event
from optiprompt.journal import Record
from optiprompt.roles import Role


@dataclass(eq=False, slots=True)
class Call:
    """One request: what is set aside for it while it is under way, then what it took."""

    backend: str
    reserved: Usage
    usage: Usage = Usage()

    def took(self, usage: Usage) -> None:
        """The real tokens, and the number of requests if it was more than one; a request that fails took no tokens."""
        self.usage = usage


@dataclass
class Spent:
    """What was spent.

    Attributes:
        calls: requests sent.
        by_role: the same by the role of the model.
        usage: the tokens by the backend's name.
        seconds: how long the run was at work.
    """

    calls: int = 0
    by_role: Counter[str] = field(default_factory=Counter)
    usage: dict[str, Usage] = field(default_factory=dict)
    seconds: float = 0.0

    def count(self, role: Role) -> None:
        """Count a request."""
        self.calls += 1
        self.by_role[role] += 1

    def limits(self, budget: Budget, role: Role, held_back: int, aside: int = 0) -> Iterator[tuple[int, str]]:
        """How many requests each limit still allows a role, and why none where that is 0.

        Args:
            budget: the limits.
            role: who asks.
            held_back: so many are left to the scorer for the end.
            aside: so many more are left for something else.
        """
        kept = f"all but the {held_back} calls kept for dev and test of " if held_back else ""
        if budget.calls is not None:
            yield max(0, budget.calls - held_back - aside - self.calls), f"{kept}{budget.calls} calls are made"
        if role == "optimizer" and budget.optimizer_calls is not None:
            left = max(0, budget.optimizer_calls - self.by_role[role])
            yield left, f"{budget.optimizer_calls} optimizer calls are made"
        if role == "scorer" and budget.scorer_calls is not None:
            left = max(0, budget.scorer_calls - held_back - aside - self.by_role[role])
            yield left, f"{kept}{budget.scorer_calls} scorer calls are made"

    def add(self, backend: str, usage: Usage) -> None:
        """Count the tokens of a reply."""
        self.usage[backend] = self.usage.get(backend, Usage()) + Usage(0, usage.prompt_tokens, usage.completion_tokens)

    @property
    def tokens(self) -> int:
        """Of prompts and replies."""
        return sum(usage.tokens for usage in self.usage.values())


def spent_before(records: Sequence[Record], events: Sequence[Event]) -> Spent:
    """What was spent.

    Args:
        records: of replies.jsonl.
        events: of the run.
    """
    spent = Spent()
    began: dict[int, str] = {}
    roles: dict[str, str] = {}
    sent, answered = Counter[str](), Counter[str]()
    for record in records:
        if "sent" in record:
            sent[record.get("role", "scorer")] += 1
        elif "prompt" in record:
            roles[record["request"]] = record.get("role", "scorer")
        elif "working" in record:
            began[record["events"]] = record["working"]
        elif "reply" in record:
            usage = Usage(**record["reply"]["usage"])
            spent.add(record["backend"], usage)
            answered[roles.get(record["request"], "scorer")] += usage.calls
    spent.calls = max(sent.total(), answered.total())
    spent.by_role = sent | answered  # the larger of each
    spent.seconds = _worked(events, began)
    return spent


def _worked(events: Sequence[Event], began: Mapping[int, str]) -> float:
    """Seconds from event to event, without the pauses: those after an end, and those before a new part."""
    seconds = 0.0
    for place, (before, event) in enumerate(pairwise(events), 1):
        if place in began or not isinstance(before, Ended):
            start = datetime.fromisoformat(began.get(place, before.time))
            seconds += (datetime.fromisoformat(event.time) - start).total_seconds()
    return seconds

"""What a run spent before it was resumed, from its own files.

Where calls are limited, replies.jsonl holds a record `{"sent": BACKEND}` for each request, written before it is sent:
those that failed, or whose answer a crash cut off, count too. Else the calls of the replies count.
`{"working": TIME, "events": N}` says when a part of the run began and how many events there were then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from optiprompt.candidate import Usage
from optiprompt.events import Ended, Event
from optiprompt.journal import Record


@dataclass
class Spent:
    """What was spent.

    Attributes:
        calls: requests sent.
        usage: the tokens by the backend's name.
        seconds: how long the run was at work.
    """

    calls: int = 0
    usage: dict[str, Usage] = field(default_factory=dict)
    seconds: float = 0.0

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
    answered = 0
    for record in records:
        if "sent" in record:
            spent.calls += 1
        elif "working" in record:
            began[record["events"]] = record["working"]
        elif "reply" in record:
            usage = Usage(**record["reply"]["usage"])
            spent.add(record["backend"], usage)
            answered += usage.calls
    spent.calls = max(spent.calls, answered)
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

"""How long a model's replies were in earlier runs of a task: what a forecast is best made from."""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from optiprompt.candidate import Usage
from optiprompt.errors import RunError
from optiprompt.events import Proposed
from optiprompt.journal import read
from optiprompt.roles import Role
from optiprompt.store import read_events

ENOUGH = 5  # replies; fewer say little
RUNS = 50  # the newest ones that are looked at


@dataclass(frozen=True)
class Habit:
    """What one model did in an earlier run of the task.

    Attributes:
        run: name of the run.
        replies: how many.
        completion_tokens: mean tokens of a reply.
        characters: mean characters of what was asked, for each token that was counted.
        text: mean characters of the instructions it proposed; None where there are none.
    """

    run: str
    replies: int
    completion_tokens: float
    characters: float
    text: float | None = None


def habit(runs: Path, task: str, role: Role, backend: str) -> Habit | None:
    """What the model did in this role in the newest run of the task that has enough replies; None without one.

    Args:
        runs: the folder of the runs.
        task: name of the task.
        role: `optimizer` or `scorer`.
        backend: the model's name.
    """
    newest = sorted(runs.glob("*/events.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest[:RUNS]:
        try:
            with path.open(encoding="utf-8") as file:
                settings = json.loads(file.readline())["settings"]
            if settings["task"]["name"] == task and settings[role] == backend:
                found = _in_run(path.parent, role, backend)
                if found is not None:
                    return found
        except (RunError, OSError, ValueError, KeyError, TypeError):  # a damaged run tells nothing
            continue
    return None


def _in_run(folder: Path, role: Role, backend: str) -> Habit | None:
    steps = [event.proposals for event in read_events(folder) if isinstance(event, Proposed)]
    proposals = [item.proposal for checked in steps for item in checked if item.proposal.reply]
    proposing = {proposal.reply[0] for proposal in proposals if proposal.reply}
    prompts: dict[str, Any] = {}
    replies: list[tuple[str, Usage]] = []
    for record in read(folder / "replies.jsonl"):
        key = record.get("request")
        if record.get("backend") != backend or (key in proposing) != (role == "optimizer"):
            continue
        if "prompt" in record:
            prompts[str(key)] = record["prompt"]
        elif "reply" in record:
            replies.append((str(key), Usage(**record["reply"]["usage"])))
    tokens = sum(usage.prompt_tokens for _, usage in replies)
    # Of several samples in one call only the first one holds the prompt's tokens.
    characters = sum(_characters(prompts[key]) for key, usage in replies if usage.prompt_tokens)
    if len(replies) < ENOUGH or not tokens:
        return None
    texts = [len(proposal.text) for proposal in proposals if not proposal.problem]
    completion = fmean(usage.completion_tokens for _, usage in replies)
    return Habit(folder.name, len(replies), completion, characters / tokens, fmean(texts) if texts else None)


def _characters(prompt: Any) -> int:
    return len(prompt) if isinstance(prompt, str) else sum(len(message["content"]) for message in prompt)

"""Operators that write texts leave the rest of a prompt alone: they show neither its examples nor its lead.

What is written gets those of the best candidate.
"""

import random
import re
from dataclasses import replace
from typing import Any

from optiprompt.candidate import Proposal, Trial
from optiprompt.errors import ParseError
from optiprompt.shots import drawn, showable
from optiprompt.spaces.base import Space
from optiprompt.spaces.prompt import Prompt, Prompts, as_prompt, tagged
from optiprompt.spaces.text import OPENING
from optiprompt.tasks.base import Task
from optiprompt.tasks.prompt import PromptTask
from optiprompt.trajectory import Trajectory

SHOWING = 0.75  # chance that a text is given examples while the best candidate shows none
LEAD = "Input:"  # at the end of an instruction, before the question
_LED = re.compile(rf"(?<=[.!?:。！？])\s*{LEAD}$")


def bare(space: Space[Any], trial: Trial) -> Trial:
    """The trial with the texts of its prompt alone."""
    if not _shows(space) or trial.candidate is None:
        return trial
    return replace(trial, candidate=space.of(replace(as_prompt(trial.candidate.value), shots=())))


def body(text: str) -> str:
    """The instruction without the lead to the question."""
    return _LED.sub("", text)


def unled(space: Space[Any], trial: Trial) -> Trial:
    """The trial without the lead to the question."""
    if trial.candidate is None or space.kind != "text" or space.tag == OPENING:
        return trial
    value = trial.candidate.value
    prompt = as_prompt(value)
    if (text := body(prompt.instruction)) == prompt.instruction:
        return trial
    changed = replace(prompt, instruction=text)
    return replace(trial, candidate=space.of(changed if isinstance(value, Prompt) else text))


def listed(task: Task, trajectory: Trajectory) -> Trajectory:
    """The trajectory as a list of texts: each without examples, and with the best that it reached with any."""
    if not _shows(task.space):
        return trajectory
    best: dict[str | None, Trial] = {}
    for trial in (*trajectory.ranked(), *trajectory.pruned):
        best.setdefault((text := bare(task.space, trial)).key, text)
    view = Trajectory(task.direction, task.tradeoff, task.worth)
    view.add_step([*best.values(), *trajectory.rejected])
    return view


def with_examples(task: Task, trajectory: Trajectory, proposal: Proposal) -> Proposal:
    """A written proposal with the examples of the best candidate, where it has none of its own.

    One that is an instruction alone has the best one's system message and format too, where there may be such.

    While the best shows none, most of them, by chance, are given some: texts and examples are searched together.
    """
    space, best = task.space, trajectory.best
    if not isinstance(space, Prompts) or proposal.problem or best is None or best.candidate is None:
        return proposal
    try:
        prompt = as_prompt(space.parse(proposal.text))
    except ParseError:
        return proposal
    rng, model = random.Random(f"{proposal.reply} {proposal.text}"), as_prompt(best.candidate.value)
    if not tagged(proposal.text):
        prompt = replace(prompt, system=model.system, format=model.format)
    shots = prompt.shots or model.shots
    if not shots and space.shots and isinstance(task, PromptTask) and rng.random() < SHOWING:
        shots = drawn(showable(task), space.shots, rng)
    return replace(proposal, text=space.render(replace(prompt, shots=shots)))


def _shows(space: Space[Any]) -> bool:
    return isinstance(space, Prompts) and space.shots > 0

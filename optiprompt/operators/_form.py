"""Sentences on the form of the answer: often all that an instruction lacks, and no model need be asked for them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from optiprompt.errors import ParseError
from optiprompt.operators._shape import shape
from optiprompt.operators._texts import unled
from optiprompt.operators.base import Scene
from optiprompt.spaces.prompt import Prompt, Prompts, as_prompt, tagged

LACKING, UNTRIED = 0.75, 0.5  # of new instructions get a sentence: while nothing is right, while the best has none
LIKELIEST = 2 / 3  # of those get the likeliest one
INSTRUCTED = 0.5  # of new instructions get a system message, while the best has none
FORMS = ("Answer with the output only.", "Write only the answer, without any explanation.", "Write nothing else.")
# As a system message, where candidates may have one.
SYSTEMS = (
    "Reply with the output of the task and nothing else.",
    "You are given a task and an input. Reply with the output and nothing else.",
)

# "only" or "alone" of the answer, and not of "the only word that ...".
_SAID = re.compile(
    r"\bnothing else\b|\b(?:no|without|without any) (?:explanations?|comments?)\b"
    r"|\b(?:answer|write|output|reply|respond|return|give|say|print|provide)\b(?: [\w']+){0,4} (?:only|alone|just)\b"
    r"(?! [\w-]+ (?:that|which|who|whose|in|of|from|with|starting|beginning)\b)"
    r"|\b(?:answer|reply|respond) (?:with|in) (?:just |exactly )?(?:a single|one) (?:word|letter|number)\b"
    r"|\bnothing more\b"
    r"|\b(?:answer|reply|respond) in (?:the|this) (?:form|format):"
    r"|\bonly (?:write|output|answer|give|return|the (?:answer|output|result|word|number|letter))\b",
    re.IGNORECASE,
)
_ENDS = (".", "!", "?", ":", "。", "！", "？")


class Wanted(NamedTuple):
    """The sentences that new instructions may have, the likeliest first, and how many of these are given one."""

    sentences: tuple[str, ...]
    share: float


def says_form(text: str) -> bool:
    """Whether the text already asks for the answer and nothing else."""
    return _SAID.search(text) is not None


def with_sentence(text: str, sentence: str) -> str:
    """The text with a sentence behind it."""
    text = text.strip().rstrip(":")
    if not text:
        return sentence
    return f"{text} {sentence}" if text.endswith(_ENDS) else f"{text}. {sentence}"


def without(text: str, sentences: Sequence[str]) -> str:
    """The text without such a sentence at its end."""
    ends = (rf"(?:^|(?<=[{''.join(_ENDS)}]))\s*{re.escape(each)}$" for each in sentences)
    found = (re.search(end, text, re.IGNORECASE) for end in ends)
    return next((text[: match.start()] for match in found if match), text)


def forms(scene: Scene) -> tuple[str, ...]:
    """The known sentences: before all what the right answers of this task look like, where that can be told and said.

    Of several tasks only what is told of each.
    """
    task, groups = scene.task, len(scene.task.strata) or 1
    own, *others = {shape(task.examples[at::groups]) for at in range(groups)}
    return (own, *FORMS) if own and not others and _sayable(scene, own) else FORMS


def _sayable(scene: Scene, sentence: str) -> bool:
    try:
        return not scene.task.objection(scene.task.space.candidate(sentence))
    except ParseError:
        return False


def wanted(scene: Scene) -> Wanted:
    """What the best candidate tells: it has such a sentence, or was better without, or was not tried with one yet."""
    known, usual = forms(scene), FORMS[0]
    untried = tuple(dict.fromkeys((known[0], usual)))
    best = next(iter(scene.parents(1)), None)
    if best is None or best.candidate is None:
        return Wanted(untried, LACKING)
    prompt = as_prompt(best.candidate.value)
    said = f"{prompt.instruction} {prompt.format}"
    if says_form(said):
        return Wanted((next((each for each in known if each.casefold() in said.casefold()), known[0]),), 1)
    texts = {each.instruction for each in _tried(scene)}
    sentences = tuple(each for each in untried if with_sentence(prompt.instruction, each) not in texts)
    return Wanted(sentences, UNTRIED)


def _tried(scene: Scene) -> list[Prompt]:
    trials = [*scene.trajectory.ranked(), *scene.trajectory.pruned]
    bodies = [unled(scene.task.space, trial).candidate for trial in trials]
    return [as_prompt(each.value) for each in bodies if each]


def finished(scene: Scene, text: str, chance: float) -> str:
    """A plain instruction with such a sentence, where it is wanted and there is room for it.

    Args:
        scene: of the step.
        text: the instruction.
        chance: drawn evenly from 0 to 1: while it is not known whether a sentence helps, some are given none.
    """
    sentences, share = wanted(scene)
    if not sentences or chance >= share or says_form(text) or tagged(text):
        return text
    longer = with_sentence(text, sentences[0 if chance < share * LIKELIEST else -1])
    try:
        scene.task.space.parse(longer)
    except ParseError:
        return text
    return longer


def with_system(scene: Scene, text: str, chance: float) -> str:
    """A plain instruction with a system message, where there may be one, for half of the chances.

    None is added while the best candidate has one, which new instructions get anyway, or was better without.
    """
    space = scene.task.space
    if not isinstance(space, Prompts) or "system" not in space.parts or tagged(text) or chance >= INSTRUCTED:
        return text
    try:
        prompt = as_prompt(space.parse(text))
    except ParseError:
        return text
    for best in scene.parents(1):
        model = as_prompt(best.candidate.value) if best.candidate else Prompt()
        if any(each.system and each.instruction == model.instruction for each in _tried(scene)):
            return text
        prompt = replace(prompt, format=model.format)
    return space.render(replace(prompt, system=SYSTEMS[0]))

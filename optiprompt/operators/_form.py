"""Sentences on the form of the answer: often all that an instruction lacks, and no model need be asked for them."""

import re
from typing import NamedTuple

from optiprompt.errors import ParseError
from optiprompt.operators._texts import bare
from optiprompt.operators.base import Scene
from optiprompt.spaces.prompt import tagged

HALF = 0.5
FORMS = ("Answer with the output only.", "Write only the answer, without any explanation.", "Write nothing else.")

# "only" or "alone" of the answer, and not of "the only word that ...".
_SAID = re.compile(
    r"\bnothing else\b|\b(?:no|without|without any) (?:explanations?|comments?)\b"
    r"|\b(?:answer|write|output|reply|respond|return|give|say|print|provide)\b(?: [\w']+){0,4} (?:only|alone|just)\b"
    r"(?! [\w-]+ (?:that|which|who|whose|in|of|from|with|starting|beginning)\b)"
    r"|\b(?:answer|reply|respond) (?:with|in) (?:just |exactly )?(?:a single|one) (?:word|letter|number)\b"
    r"|\bnothing more\b"
    r"|\bonly (?:write|output|answer|give|return|the (?:answer|output|result|word|number|letter))\b",
    re.IGNORECASE,
)
_ENDS = (".", "!", "?", ":", "。", "！", "？")


class Wanted(NamedTuple):
    """The sentence that new instructions should have, empty for none, and whether it is known to help."""

    sentence: str
    helps: bool


def says_form(text: str) -> bool:
    """Whether the text already asks for the answer and nothing else."""
    return _SAID.search(text) is not None


def with_sentence(text: str, sentence: str) -> str:
    """The text with a sentence behind it."""
    text = text.strip().rstrip(":")
    if not text:
        return sentence
    return f"{text} {sentence}" if text.endswith(_ENDS) else f"{text}. {sentence}"


def wanted(scene: Scene) -> Wanted:
    """What the best candidate tells: it has such a sentence, or was better without, or was not tried with one yet."""
    best = next(iter(scene.parents(1)), None)
    if best is None:
        return Wanted(FORMS[0], False)
    if says_form(best.text):
        said = best.text.casefold()
        return Wanted(next((each for each in FORMS if each.casefold() in said), FORMS[0]), True)
    tried = [*scene.trajectory.ranked(), *scene.trajectory.pruned]
    texts = {bare(scene.task.space, trial).text for trial in tried}
    return Wanted("" if any(with_sentence(best.text, each) in texts for each in FORMS) else FORMS[0], False)


def finished(scene: Scene, text: str, chance: float) -> str:
    """A plain instruction with such a sentence, where it is wanted and there is room for it.

    Args:
        scene: of the step.
        text: the instruction.
        chance: drawn evenly from 0 to 1: below a half it is given one also where it is not known whether that helps.
    """
    sentence, helps = wanted(scene)
    if not sentence or says_form(text) or tagged(text) or not (helps or chance < HALF):
        return text
    longer = with_sentence(text, sentence)
    try:
        scene.task.space.parse(longer)
    except ParseError:
        return text
    return longer

"""Sentences on the form of the answer: often all that an instruction lacks, and no model need be asked for them."""

import re
from typing import NamedTuple

from optiprompt.errors import ParseError
from optiprompt.operators.base import Scene

FORMS = ("Answer with the output only.", "Write only the answer, without any explanation.", "Write nothing else.")

_SAID = re.compile(r"\b(?:only|alone|nothing else|(?:no|without|without any) explanations?)\b", re.IGNORECASE)


class Wanted(NamedTuple):
    """The sentence that new instructions should have, empty for none, and whether it is known to help."""

    sentence: str
    helps: bool


def says_form(text: str) -> bool:
    """Whether the text already asks for the answer and nothing else."""
    return _SAID.search(text) is not None


def with_sentence(text: str, sentence: str) -> str:
    """The text with a sentence behind it."""
    return f"{text.strip().rstrip('.:')}. {sentence}"


def wanted(scene: Scene) -> Wanted:
    """What the best candidate tells: it has such a sentence, or was better without, or was not tried with one yet."""
    best = next(iter(scene.parents(1)), None)
    if best is None:
        return Wanted(FORMS[0], False)
    if says_form(best.text):
        said = best.text.casefold()
        return Wanted(next((each for each in FORMS if each.casefold() in said), FORMS[0]), True)
    tried = any(_known(scene, with_sentence(best.text, each)) for each in FORMS)
    return Wanted("" if tried else FORMS[0], False)


def _known(scene: Scene, text: str) -> bool:
    try:
        return scene.trajectory.known(scene.task.space.candidate(text).key) is not None
    except ParseError:
        return False

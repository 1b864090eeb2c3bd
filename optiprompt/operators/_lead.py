"""A word between instruction and question: by it small models see where the one ends and the other begins.

New instructions get it: what it is worth (+.03 of 1 over ten tasks with a model of 0.5B) a small search cannot measure.
"""

from dataclasses import replace

from optiprompt.errors import ParseError
from optiprompt.operators._form import with_sentence
from optiprompt.operators._texts import LEAD, bare, body, unled
from optiprompt.operators.base import Scene
from optiprompt.spaces.prompt import Prompt, Prompts, as_prompt
from optiprompt.tasks._asking import PLACES


def led(scene: Scene, prompt: Prompt, carried: bool = False) -> Prompt:
    """The prompt with the lead, unless the best candidate was tried with it and is better without.

    Args:
        scene: of the step.
        prompt: with an instruction or without.
        carried: only where the best candidate has it.
    """
    if not prompt.instruction or not _wanted(scene, carried):
        return prompt
    return replace(prompt, instruction=with_sentence(body(prompt.instruction), LEAD))


def text_led(scene: Scene, text: str, carried: bool = False) -> str:
    """The text of a candidate with the lead, as `led` gives it to a prompt, where there is room for it."""
    space = scene.task.space
    try:
        value = space.parse(text)
        prompt = as_prompt(value)
        if (longer := led(scene, prompt, carried)) == prompt:
            return text
        longer_text = space.render(longer if isinstance(value, Prompt) else longer.instruction)
        space.parse(longer_text)
    except ParseError:
        return text
    return longer_text


def _wanted(scene: Scene, carried: bool) -> bool:
    space = scene.task.space
    if scene.task.place != PLACES["Q_begin"] or (isinstance(space, Prompts) and "format" in space.parts):
        return False
    best = next(iter(scene.parents(1)), None)
    if best is None:
        return not carried
    ranks: dict[bool, int] = {}  # of the best text with the lead, and without
    trials = [*scene.trajectory.ranked(), *scene.trajectory.pruned]
    for rank, trial in enumerate(trials):
        shown = bare(space, trial)
        plain = unled(space, shown)
        if plain.key == best.key:
            ranks.setdefault(plain is not shown, rank)
    if len(ranks) == 1:
        return True in ranks or not carried
    with_it, without = trials[ranks[True]], trials[ranks[False]]
    return ranks[True] < ranks[False] or (with_it.evaluation.status == "ok" and with_it.score == without.score)

"""How a structured prompt is asked, and the examples that it may show."""

from collections.abc import Sequence

from optiprompt.backends.base import Message
from optiprompt.data.examples import Example
from optiprompt.data.splits import Splits
from optiprompt.spaces.prompt import Prompt
from optiprompt.tasks._asking import Asking

LEAST_POOL = 2  # times as many examples to choose from as can be shown
MOST_POOL = 100
POOL = 0.25  # share of train


def arranged(asking: Asking, prompt: Prompt, question: str) -> str | tuple[Message, ...]:
    """What the scorer is asked.

    In a chat the system part is the system message (before the instruction, where this stands there too), and each
    example is a turn: asked just as the question is, with the instruction, and answered with its output. In plain text
    the system part stands first, and the examples follow as text. The format stands a line below the instruction; below
    the question where the instruction begins the answer.
    """
    if prompt.plain:
        return asking.prompt(prompt.instruction, question)
    instruction, below = prompt.instruction, ""
    if asking.position == "A_begin" and not asking.system:
        below = f"\n{prompt.format}" if prompt.format else ""
    else:
        instruction = "\n".join(filter(None, (instruction, prompt.format)))
    system = prompt.system
    if asking.system:
        system, instruction = "\n\n".join(filter(None, (system, instruction))), ""
    if asking.form == "continuation":
        shown = [f"{asking.text(instruction, f'{shot.input}{below}')} {shot.output}" for shot in prompt.shots]
        return "\n\n".join([*filter(None, [system]), *shown, asking.text(instruction, f"{question}{below}")])
    messages = [Message("system", system)] if system else []
    for shot in prompt.shots:
        messages.append(Message("user", asking.text(instruction, f"{shot.input}{below}")))
        messages.append(Message("assistant", shot.output))
    return (*messages, Message("user", asking.text(instruction, f"{question}{below}")))


def split_off(splits: Splits, shots: int) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """The examples that prompts may show, and those that they are scored on: an example is never both.

    Spare ones are shown where there are enough. Else a quarter of train, or twice as many as can be shown, is for
    showing; at most half of train.
    """
    if len(splits.spare) >= LEAST_POOL * shots:
        return splits.spare[:MOST_POOL] if shots else (), splits.train
    size = min(max(LEAST_POOL * shots, round(POOL * len(splits.train))), len(splits.train) // 2)
    return splits.train[:size], splits.train[size:]


def shows(prompt: Prompt, examples: Sequence[Example]) -> bool:
    """Whether the prompt gives away the answer of one of these examples."""
    shown = {shot.input for shot in prompt.shots}
    return bool(shown) and any(example.input.strip() in shown for example in examples)

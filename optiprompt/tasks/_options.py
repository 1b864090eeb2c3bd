"""The options that a task's answers are chosen from, where they are to be ranked by their likelihood."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from optiprompt.backends.base import Backend, Message, Request, ranks
from optiprompt.data.examples import Example
from optiprompt.data.splits import Splits
from optiprompt.errors import UsageError
from optiprompt.graders._choices import read_options

# With more different targets than this a task asks no question with few answers.
MOST_LABELS = 10
# Benchmarks hold a few broken rows.
MOSTLY = 0.9

_LETTER = re.compile(r"(\(?)([A-Z]|[a-z])(\)?)")

OptionsOf = Callable[[Example], tuple[str, ...]]


class Likeliest:
    """No answer is written: the likeliest of an example's options is the answer, as in lm-eval's `acc`.

    An option's likelihood is the sum of the log-probabilities of its tokens behind the prompt.

    Args:
        name: of the task.
        splits: its examples.
        choices: the options of every example; by default they are found, see `find_options`.

    Raises:
        UsageError: the task has no finite options.
    """

    def __init__(self, name: str, splits: Splits, choices: Sequence[str] = ()) -> None:
        self._options = find_options(name, [*splits.train, *splits.dev, *splits.test], choices)
        self._choices = tuple(choices)

    def request(self, prompt: str | tuple[Message, ...], example: Example) -> Request:
        """What the scorer is asked."""
        return Request(prompt, max_tokens=1, options=self._options(example))

    def check(self, scorer: Backend) -> None:
        """Make sure that a scorer can be asked.

        Raises:
            UsageError: it cannot.
        """
        if not ranks(scorer):
            raise UsageError(
                f"answer: likelihood needs a scorer that runs here, hf:MODEL or smollm2: {scorer.name} gives no "
                "likelihoods of options: take another scorer, or answer: generate"
            )

    def identity(self) -> dict[str, Any]:
        """JSON values that fix how the answer is had."""
        return {"answer": "likelihood", "choices": self._choices}


def find_options(name: str, examples: Sequence[Example], choices: Sequence[str] = ()) -> OptionsOf:
    """What gives the options of an example.

    They are the choices, where these are given; the letters of the options that a question lists, written as the
    targets are, where targets are such letters; else the different targets that the examples have, in the order of the
    alphabet.

    Args:
        name: of the task.
        examples: all that the task has.
        choices: the options of every example.

    Raises:
        UsageError: the task has no finite options.
    """
    if choices:
        fixed = tuple(choices)
        return lambda example: fixed
    targets = [target for example in examples for target in example.targets]
    letters = [match for match in map(_LETTER.fullmatch, targets) if match]
    if letters and len(letters) >= MOSTLY * len(targets):
        return _lettered(name, examples, letters[0])
    labels = tuple(sorted(set(targets)))
    if not 2 <= len(labels) <= MOST_LABELS:
        raise UsageError(
            f"{name}: answer: likelihood needs a few options, and its targets are {len(labels)} different texts: "
            "give the options with 'choices', or take answer: generate"
        )
    return lambda example: labels


def _lettered(name: str, examples: Sequence[Example], written: re.Match[str]) -> OptionsOf:
    """The letters of the options that a question lists, in the form of a target.

    The few questions whose options cannot be read have those of most others.
    """
    before, letter, behind = written.groups()

    def listed(example: Example) -> tuple[str, ...]:
        found = read_options(example.input)
        keys = [option.key for option in found.items] if found.lettered else []
        return tuple(f"{before}{key.upper() if letter.isupper() else key}{behind}" for key in keys)

    lists = Counter(map(listed, examples))
    unread = lists.pop((), 0)
    if unread > (1 - MOSTLY) * len(examples):
        raise UsageError(
            f"{name}: answer: likelihood finds no lettered options in {unread} of {len(examples)} questions: list them "
            "there as (A) ... (B) ..., give 'choices', or take answer: generate"
        )
    usual = lists.most_common(1)[0][0]
    return lambda example: listed(example) or usual

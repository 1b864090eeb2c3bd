"""The tasks, and which of their examples a search may see."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from optiprompt.data.examples import Example
from optiprompt.data.splits import Splits
from optiprompt.errors import UsageError
from optiprompt.tasks.loader import load_task
from optiprompt.tasks.prompt import PromptTask

QUICK = ("induction/antonyms", "induction/singular_to_plural", "induction/sentiment", "induction/first_word_letter")
FULL = (
    *QUICK,
    "induction/sum",
    "induction/larger_animal",
    "induction/num_to_verbal",
    "induction/orthography_starts_with",
)
CANDIDATES = 15  # that can be scored on the same examples within the budget
FEWEST = 10  # examples that a candidate is scored on
CHOICE = 30  # training examples that the best human-written instruction is chosen on


@dataclass(frozen=True)
class Material:
    """The examples of one seed, which are the same for all methods.

    Attributes:
        pool: all that a search may see: train and dev of the task.
        scored: those on which methods that score all candidates alike do it.
        shown: the others, for methods that also look at examples which they do not score on.
    """

    pool: tuple[Example, ...]
    scored: tuple[Example, ...]
    shown: tuple[Example, ...]


def prompt_task(name: str, preset: str | None = None) -> PromptTask:
    """A task with a test split, whose instruction can be found by any method.

    Raises:
        UsageError: it is no such task.
    """
    task = load_task(name, preset=preset)
    if not isinstance(task, PromptTask):
        raise UsageError(f"{name} is no prompt task: choose one, for example {QUICK[0]}")
    if not task.splits.test:
        raise UsageError(f"{name} has no test examples, on which the methods are compared")
    if task.asking.form != "chat" or task.asking.system or task.extract:
        raise UsageError(f"{name}: instruction and question must be one message of a chat, answered in one reply")
    return task


def material(task: PromptTask, seed: int, scorer_calls: int) -> Material:
    """Draw the examples of a seed.

    Args:
        task: whose examples.
        seed: fixes the draw.
        scorer_calls: the budget, which says how many examples there can be for each candidate.
    """
    pool = tuple({example.input: example for example in (*task.splits.train, *task.splits.dev)}.values())
    size = min(max(FEWEST, scorer_calls // CANDIDATES), len(pool))
    scored = frozenset(random.Random(seed).sample(range(len(pool)), size))
    chosen = tuple(example for place, example in enumerate(pool) if place in scored)
    return Material(pool, chosen, tuple(each for each in pool if each not in chosen) or chosen)


def searched(task: PromptTask, train: Sequence[Example], dev: Sequence[Example]) -> PromptTask:
    """The task as a search sees it: on these examples, and without a test."""
    task.splits = Splits(tuple(train), tuple(dev))
    task.examples, task.dev, task.test = task.splits.train, task.splits.dev, ()
    return task


def cut(task: PromptTask, limit: int | None) -> PromptTask:
    """The task with at most so many test examples."""
    if limit is not None:
        task.splits = replace(task.splits, test=task.splits.test[:limit])
        task.test = task.splits.test
    return task

"""Which examples of a task the meta-prompt shows (Yang et al. 2023, section 4.1 and the published code)."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from optiprompt.candidate import Trial
from optiprompt.data.examples import Example
from optiprompt.opro_settings import Selection

Content = tuple[str, str | tuple[str, ...]]


def select(
    how: Selection,
    examples: Sequence[Example],
    count: int,
    *,
    tried: Iterable[Trial],
    shown: Iterable[Trial],
    rng: random.Random,
    seed: int,
) -> list[Example]:
    """Choose the exemplars of a step.

    Args:
        how: `random` draws anew each step, `constant` draws once a run; `most-wrong` takes those answered wrong most
            often by all candidates so far, `most-wrong-by-shown` by those in the meta-prompt. Ties are drawn.
        examples: what to choose from.
        count: how many; all where there are fewer.
        tried: every scored candidate so far.
        shown: the candidates in the meta-prompt.
        rng: the step's.
        seed: the run's.
    """
    if how == "constant":
        rng = random.Random(f"{seed}/exemplars")
    # Several scorers may answer the same question, under an id each: it is shown once.
    contents = {example.id: example.content for example in examples}
    examples = list({example.content: example for example in reversed(examples)}.values())[::-1]
    drawn = rng.sample(examples, len(examples) if how.startswith("most-wrong") else min(count, len(examples)))
    if how.startswith("most-wrong"):
        wrong = _wrong(tried if how == "most-wrong" else shown, contents)
        drawn.sort(key=lambda example: -wrong[example.content])  # stable: among equals the order drawn stays
    return drawn[:count]


def _wrong(trials: Iterable[Trial], contents: Mapping[str, Content]) -> Counter[Content]:
    """How often each example was answered wrong, by its content; a call that failed is no wrong answer."""
    wrong: Counter[Content] = Counter()
    for trial in trials:
        for outcome in trial.evaluation.outcomes:
            if outcome.score is not None and outcome.score < 1 and outcome.example in contents:
                wrong[contents[outcome.example]] += 1
    return wrong

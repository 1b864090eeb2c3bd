"""Near duplicates: a candidate whose answers are those of one that has been scored, or of an earlier one in its step.

Two instructions in other words may make a model answer alike, and then the second is not worth its calls. Right answers
say little of that: on easy examples all good instructions agree, and the new one may win on the others. So it takes
wrong answers: at least five that both give word by word, three of them different from each other (or ten in all, where
answers are a few labels). A candidate that would mend even half of the other's errors is that alike once in 32 times.
"""

from collections.abc import Sequence

from optiprompt.candidate import Outcome, Trial

LEAST = 12  # examples
WRONG = 5
DIFFERENT = 3
WRONG_LABELS = 10
SHOWN = 60  # characters


def twin(outcomes: Sequence[Outcome], scored: Sequence[Trial]) -> Trial | None:
    """The candidate that gives the same answers; None where there is none.

    Args:
        outcomes: of a new candidate, on the first examples.
        scored: candidates with outcomes on these examples at least, in the same order.
    """
    wrong = [_folded(each.answer) for each in outcomes if each.score is not None and each.score < 1]
    wrong = [answer for answer in wrong if answer]  # where no answer was found the replies may differ
    if len(outcomes) < LEAST or len(wrong) < WRONG:
        return None
    if len(set(wrong)) < DIFFERENT and len(wrong) < WRONG_LABELS:
        return None
    return next((trial for trial in scored if _alike(outcomes, trial.evaluation.outcomes)), None)


def _alike(new: Sequence[Outcome], old: Sequence[Outcome]) -> bool:
    return all(
        a.score is not None and a.score == b.score and _folded(a.answer) == _folded(b.answer)
        for a, b in zip(new, old, strict=False)
    )


def _folded(answer: str) -> str:
    return " ".join(answer.casefold().split())


def reason(trial: Trial, seen: int) -> str:
    """Why its twin is not scored further."""
    line = " ".join(trial.text.split())
    return f'answers like "{line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"}" on {seen} examples'

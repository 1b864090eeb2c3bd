"""The score of examples that are of several tasks and scorers (strata): of their accuracies, not of the examples."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, pvariance

from optiprompt.candidate import Evaluation
from optiprompt.data.examples import Example
from optiprompt.tasks.base import By


@dataclass(frozen=True, slots=True)
class Asked:
    """An example as one stratum asks it.

    Attributes:
        stratum: its place among the strata.
        example: as its own task has it.
    """

    stratum: int
    example: Example


def evaluated(whole: Evaluation, asked: Sequence[Asked], strata: Sequence[str], repeats: int, by: By) -> Evaluation:
    """The evaluation by the mean of the strata's accuracies or the worst of them, with each in the metrics.

    `n` counts questions, and where the worst stratum decides, its own: the answers of several scorers to one question
    are no independent measurements. `failed` where more than a fifth of all outcomes, or half of a stratum's, have no
    score.

    Args:
        whole: the mean of the outcomes.
        asked: what each outcome is of.
        strata: their names.
        repeats: how many scorers there are.
        by: `mean` or `worst`.
    """
    if whole.status != "ok":
        return whole
    scores: dict[int, dict[str, float]] = {}  # by stratum and question
    lost: dict[int, list[str]] = {}  # the errors
    for outcome, each in zip(whole.outcomes, asked, strict=True):
        known = scores.setdefault(each.stratum, {})
        if outcome.score is None:
            lost.setdefault(each.stratum, []).append(outcome.error)
        else:
            known[each.example.id] = outcome.score
    for place, errors in lost.items():
        if len(errors) >= len(scores[place]):
            many = f"{len(errors)} of {len(errors) + len(scores[place])} examples of {strata[place]}"
            reason = f"{many} could not be scored: {errors[0]}"
            return Evaluation.failed(reason, outcomes=whole.outcomes, usage=whole.usage)
    means = {place: fmean(known.values()) for place, known in sorted(scores.items())}
    metrics = {**whole.metrics, **{strata[place]: mean for place, mean in means.items()}}
    if by == "worst":
        worst = min(means, key=means.__getitem__)
        score, groups = means[worst], [list(scores[worst].values())]
    else:
        score, groups = fmean(means.values()), [_questions(scores, task, repeats) for task in _tasks(scores, repeats)]
    stderr = math.sqrt(sum(pvariance(each) / len(each) for each in groups)) / len(groups)
    return replace(whole, score=score, n=sum(map(len, groups)), stderr=stderr, metrics=metrics)


def _tasks(scores: dict[int, dict[str, float]], repeats: int) -> list[int]:
    return sorted({place // repeats for place in scores})


def _questions(scores: dict[int, dict[str, float]], task: int, repeats: int) -> list[float]:
    """The score of each question of a task: the mean over the scorers that answered."""
    answers: dict[str, list[float]] = {}
    for place in range(task * repeats, (task + 1) * repeats):
        for question, score in scores.get(place, {}).items():
            answers.setdefault(question, []).append(score)
    return [fmean(each) for each in answers.values()]

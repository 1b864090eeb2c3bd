"""Of more proposals than can be evaluated, those that are worth it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from optiprompt.candidate import Candidate, Proposal, Usage
from optiprompt.errors import ParseError
from optiprompt.operators.base import Scene
from optiprompt.predictor import FEWEST, MOST, improvements


def chosen(scene: Scene, proposals: Sequence[Proposal], wanted: int, taken: set[str]) -> list[Proposal]:
    """Proposals with `wanted` new candidates, in their order.

    With a predictor the most promising ones, else the first. Duplicates and failures before the last of them come
    along, and what the replies left out took is counted with the first.

    Args:
        scene: of the step.
        proposals: of one operator.
        wanted: how many new candidates.
        taken: keys of the candidates that other operators propose in this step; those of the chosen ones are added.
    """
    candidates = [_candidate(scene, proposal) for proposal in proposals]
    unseen: dict[str, int] = {}
    for place, candidate in enumerate(candidates):
        if candidate and candidate.key not in taken and scene.trajectory.known(candidate.key) is None:
            unseen.setdefault(candidate.key, place)
    places = list(unseen.values())
    promise = _promise(scene, [candidate for place in places if (candidate := candidates[place])])
    best = sorted(sorted(range(len(places)), key=lambda each: -promise[each])[:wanted]) if promise else range(wanted)
    kept = {places[each] for each in best if each < len(places)}
    taken |= {key for key, place in unseen.items() if place in kept}
    last = max(kept) if kept and len(kept) == wanted else len(proposals) - 1
    left_out = set(places) - kept
    result = [proposal for place, proposal in enumerate(proposals[: last + 1]) if place not in left_out]
    rest = sum((each.usage for place, each in enumerate(proposals) if place > last or place in left_out), Usage())
    return [replace(result[0], usage=result[0].usage + rest), *result[1:]] if result else []


def quotas(scene: Scene, dealt: Mapping[str, int], made: Mapping[str, Sequence[Proposal]]) -> dict[str, int]:
    """How many new candidates each operator has in the step.

    With a predictor each has one, and the others are the most promising of all; else as many as it was dealt.

    Args:
        scene: of the step.
        dealt: by operator, how many it was asked for.
        made: by operator, its proposals.
    """
    unseen: dict[str, tuple[str, Candidate[Any]]] = {}
    for name, proposals in made.items():
        for candidate in (_candidate(scene, proposal) for proposal in proposals):
            if candidate and scene.trajectory.known(candidate.key) is None:
                unseen.setdefault(candidate.key, (name, candidate))
    names = [name for name, _ in unseen.values()]
    promise = _promise(scene, [candidate for _, candidate in unseen.values()])
    if not promise:
        return dict(dealt)
    result = {name: int(name in names) for name in dealt}
    best = sorted(range(len(names)), key=lambda place: -promise[place])
    # The best of each operator is the one that it has in any case.
    first = {name: next(place for place in best if names[place] == name) for name in set(names)}
    for place in [place for place in best if place != first[names[place]]][
        : sum(dealt.values()) - sum(result.values())
    ]:
        result[names[place]] += 1
    return result


def _candidate(scene: Scene, proposal: Proposal) -> Candidate[Any] | None:
    try:
        return None if proposal.problem else scene.task.candidate(proposal.text)
    except ParseError:
        return None


def _promise(scene: Scene, candidates: Sequence[Candidate[Any]]) -> list[float]:
    """How much improvement to expect of each; empty where that cannot be said."""
    space, trajectory = scene.task.space, scene.trajectory
    scored = trajectory.ranked()
    if not scene.settings.predictor or len(scored) < FEWEST or not candidates:
        return []
    if len(scored) > MOST:
        latest = sorted(scored[MOST // 2 :], key=lambda trial: trial.step)
        scored = [*scored[: MOST // 2], *latest[-MOST // 2 :]]
    known = [space.features(trial.candidate.value) for trial in scored if trial.candidate]
    others = [space.features(candidate.value) for candidate in candidates]
    if any(each is None for each in [*known, *others]):
        return []
    # In a Pareto search the places on the fronts take the place of the scores.
    merits = trajectory.merits(scored)
    places = {merit: place for place, merit in enumerate(sorted(set(merits)))}
    told = [each for each in known if each is not None]
    return improvements(told, [places[merit] for merit in merits], [each for each in others if each is not None])

"""Of more proposals than can be evaluated, those that are worth it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from optiprompt.candidate import Candidate, Proposal, Usage
from optiprompt.errors import ParseError
from optiprompt.operators.base import Scene
from optiprompt.predictor import FEWEST, MOST, improvements


class _Fresh(NamedTuple):
    """A candidate that was not seen before, by whom it is proposed and where in that operator's list first."""

    operator: str
    place: int
    candidate: Candidate[Any]


def chosen(scene: Scene, dealt: Mapping[str, int], made: Mapping[str, Sequence[Proposal]]) -> list[Proposal]:
    """Proposals with as many new candidates as were dealt, in the operators' order, then theirs.

    With a predictor each operator has its most promising one, and the others are the most promising of all; else each
    has as many as it was dealt, the first ones. Duplicates and failures before the last of them come along, and what
    the replies left out took is counted with the first.

    Args:
        scene: of the step.
        dealt: by operator, how many new candidates it was asked for.
        made: by operator, its proposals.
    """
    unseen: dict[tuple[str, str], _Fresh] = {}
    keys: dict[tuple[str, int], str] = {}
    for name, proposals in made.items():
        for place, proposal in enumerate(proposals):
            candidate = _candidate(scene, proposal)
            if candidate and scene.trajectory.known(candidate.key) is None:
                unseen.setdefault((name, candidate.key), _Fresh(name, place, candidate))
                keys[name, place] = candidate.key
    fresh = list(unseen.values())
    promise = _promise(scene, [each.candidate for each in fresh])
    taken = _best(fresh, promise, dealt) if promise else _first(fresh, dealt, made)
    chosen_keys = {each.candidate.key for each in taken}
    result = []
    for name, proposals in made.items():
        kept = {each.place for each in taken if each.operator == name}
        full = len(taken) == sum(dealt.values()) if promise else len(kept) == dealt[name]
        others = {place for (by, place), key in keys.items() if by == name and key not in chosen_keys}
        result += _cut(proposals, kept, others, full)
    return result


def _first(fresh: Sequence[_Fresh], dealt: Mapping[str, int], made: Mapping[str, Sequence[Proposal]]) -> list[_Fresh]:
    """The first of each reply before the second of any: all of them were paid for."""
    seen: Counter[tuple[str, int] | None] = Counter()
    turns: dict[tuple[str, str], int] = {}
    for each in fresh:
        reply = made[each.operator][each.place].reply
        turns[each.operator, each.candidate.key] = seen[reply] if reply else 0
        seen[reply] += 1
    taken: dict[str, _Fresh] = {}
    for name, count in dealt.items():
        own = [each for each in fresh if each.operator == name and each.candidate.key not in taken]
        first = sorted(own, key=lambda each: turns[each.operator, each.candidate.key])[:count]
        taken |= {each.candidate.key: each for each in first}
    return list(taken.values())


def _best(fresh: Sequence[_Fresh], promise: Sequence[float], dealt: Mapping[str, int]) -> list[_Fresh]:
    order = [fresh[place] for place in sorted(range(len(fresh)), key=lambda place: -promise[place])]
    taken: dict[str, _Fresh] = {}
    for name in dealt:
        own = (each for each in order if each.operator == name and each.candidate.key not in taken)
        taken |= {each.candidate.key: each for each in islice(own, 1)}
    others = {each.candidate.key: each for each in reversed(order) if each.candidate.key not in taken}
    rest = [each for each in order if others.get(each.candidate.key) is each]
    return [*taken.values(), *rest[: sum(dealt.values()) - len(taken)]]


def _cut(proposals: Sequence[Proposal], kept: set[int], others: set[int], full: bool) -> list[Proposal]:
    """The kept ones with the duplicates and failures before the last of them; all of these where too few are new."""
    last = max(kept) if kept and full else len(proposals) - 1
    result = [proposal for place, proposal in enumerate(proposals[: last + 1]) if place not in others]
    left_out = [each for place, each in enumerate(proposals) if place > last or place in others]
    rest = sum((each.usage for each in left_out), Usage())
    return [replace(result[0], usage=result[0].usage + rest), *result[1:]] if result else []


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

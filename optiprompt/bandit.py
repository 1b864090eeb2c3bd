"""Which operator gets the next proposals: the ones that improve this trajectory with this model, per cost.

Probability matching (Thierens 2005, "An adaptive pursuit strategy for allocating operator probabilities"): each
operator's share follows what its proposals brought lately for what they took, and none falls below a least share, for
what does not help now may help later.
"""

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

from optiprompt.candidate import Direction, Trial
from optiprompt.front import Point, Tradeoff, dominates

LEAST = 0.3  # of an even share: what an operator keeps however badly it does
FORGETTING = 0.9  # a step: what helps changes as the search goes on
PRIOR = 2.0  # proposals of average worth that each operator starts with
LEAST_WORTH = 0.25  # of these: where nothing was found yet a lucky small gain is not to rule
SHARPNESS = 2.0  # shares follow the worth to this power
UNEVALUATED = 0.2  # evaluations that a proposal costs which is not evaluated: a place in its step
WASTED = 0.5  # of the usual price: what a reply costs that brings nothing to score, for it took a place and a call


@dataclass
class Arm:
    """What an operator has brought.

    Attributes:
        proposals: how many, all steps alike.
        recent: how many, the latest steps' counting most.
        gained: their worth, 0 to 1 each, likewise.
        spent: what they took, in calls or evaluations, likewise.
    """

    proposals: int = 0
    recent: float = 0.0
    gained: float = 0.0
    spent: float = 0.0


@dataclass
class Bandit:
    """Deals proposals to operators. All it knows it was told, so that a resumed run has the same one again.

    Attributes:
        names: of the operators, in their order.
        direction: whether a higher or a lower score is better.
        paid: scoring takes model calls, so that replies are what an operator costs, those of its proposals included,
            whether they were paid in this run or came from the cache; else evaluations are, and a duplicate or an
            invalid proposal costs next to nothing.
        tradeoff: of a Pareto search, in which a candidate is as good as few others are better in all.
        worth: what candidates are ranked by, from score and text.
    """

    names: Sequence[str]
    direction: Direction
    paid: bool = False
    tradeoff: Tradeoff | None = None
    worth: Callable[[float, str], float] = lambda score, text: score
    arms: dict[str, Arm] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    best: Trial | None = None

    def __post_init__(self) -> None:
        self.arms = {name: Arm() for name in self.names}

    def tell(self, trials: Iterable[Trial]) -> None:
        """Learn what became of a step's proposals."""
        trials, heard, price = list(trials), set[tuple[str, int]](), self._price()
        fruitful = {trial.proposal.reply for trial in trials if _evaluated(trial)}
        for arm in self.arms.values():
            arm.recent *= FORGETTING
            arm.gained *= FORGETTING
            arm.spent *= FORGETTING
        for trial in trials:
            reply = trial.proposal.reply
            if trial.proposal.source in self.arms:
                mine = self.arms[trial.proposal.source]
                mine.proposals += 1
                mine.recent += 1
                mine.gained += self._worth(trial)
                # A reply may hold several proposals.
                asked = int(bool(reply) and reply not in heard)
                # One without a reply is a call that failed, or may have asked the scorer, for examples to show.
                usage = trial.proposal.usage
                alone = max(trial.proposal.failed, usage.calls + usage.cached)
                least = 0.0 if reply and reply in fruitful else WASTED * price
                mine.spent += self._cost(trial, asked if reply else alone, least)
            if reply:
                heard.add(reply)
        # Only now: what a step's proposals are worth does not depend on their order.
        scored = [trial for trial in trials if trial.ok and not trial.duplicate]
        self.points += [self._point(trial) for trial in scored]
        self.best = min([*([self.best] if self.best else []), *scored], key=self._point, default=None)

    def _point(self, trial: Trial) -> Point:
        if self.tradeoff:
            return self.tradeoff.point(trial)
        worth = self.worth(trial.score, trial.text)
        return (-worth if self.direction == "maximize" else worth, 0.0)

    def _worth(self, trial: Trial) -> float:
        """1 for a new best, less for a place among the best tenth, quarter, half; nothing for all else.

        Means over graded examples are unsure: such a new best is worth as much as it is sure to be better.
        """
        if trial.duplicate or not trial.ok:
            return 0.0
        point = self._point(trial)
        if self.best and self.tradeoff is None and (error := _error(trial, self.best)):
            gain = self._point(self.best)[0] - point[0]
            return max(0.0, 2 * NormalDist().cdf(gain / error) - 1)
        above = sum(other == point or dominates(other, point) for other in self.points)
        if not above:
            return 1.0
        share = above / len(self.points)
        return 0.5 if share <= 0.1 else 0.25 if share <= 0.25 else 0.1 if share <= 0.5 else 0.0

    def _cost(self, trial: Trial, asked: int, least: float) -> float:
        if not self.paid:
            return 1.0 if _evaluated(trial) else UNEVALUATED
        if _evaluated(trial):
            return float(asked + len(trial.evaluation.outcomes))
        return max(asked, least) if asked else 0.0

    def _price(self) -> float:
        """What a proposal costs lately, on average."""
        recent = sum(arm.recent for arm in self.arms.values())
        return sum(arm.spent for arm in self.arms.values()) / recent if recent else 0.0

    def shares(self, ready: Sequence[str]) -> dict[str, float]:
        """The share of the next proposals that each of the operators that can work gets; they add up to 1."""
        spent = sum(arm.spent for arm in self.arms.values())
        usual = sum(arm.gained for arm in self.arms.values()) / spent if spent else 1.0
        price = self._price() if spent else 1.0
        if self.paid and price:
            usual = max(usual, LEAST_WORTH / price)
        worth = {
            name: (self.arms[name].gained + PRIOR * usual * price) / (self.arms[name].spent + PRIOR * price)
            if usual and price
            else 1.0
            for name in ready
        }
        weights = {name: value**SHARPNESS for name, value in worth.items()}
        total, least = sum(weights.values()), LEAST / max(1, len(ready))
        return {name: least + (1 - LEAST) * weight / total for name, weight in weights.items()}

    def deal(self, ready: Sequence[str], count: int, rng: random.Random) -> dict[str, int]:
        """How many of `count` proposals each operator makes, drawn so that the shares hold as exactly as they can.

        Systematic sampling: an operator with a share of 0.3 makes 2 or 3 of 8.
        """
        dealt: Counter[str] = Counter()
        place, edge, names = rng.random(), 0.0, list(ready)
        shares = self.shares(names)
        rng.shuffle(names)
        for name in names:
            edge += shares[name] * count
            while place < edge - 1e-9 and dealt.total() < count:
                dealt[name] += 1
                place += 1
        return {name: dealt[name] for name in ready if dealt[name]}

    def state(self, ready: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
        """For the record: what each operator has brought, and the share of those that can work next."""
        shares = self.shares(ready)
        return {
            name: {
                "proposals": arm.proposals,
                "gained": round(arm.gained, 4),
                "spent": round(arm.spent, 4),
                "share": round(shares.get(name, 0.0), 4),
            }
            for name, arm in self.arms.items()
        }


def _evaluated(trial: Trial) -> bool:
    return not trial.duplicate and trial.evaluation.status != "invalid"


def _error(*trials: Trial) -> float | None:
    """The standard error of the difference of two means over graded examples; None where one is another score.

    Each is at least one example wide: answers that are all right or all wrong are not sure for that.
    """
    found = [each.evaluation for each in trials]
    errors = [max(each.stderr, 1 / each.n) for each in found if each.stderr is not None and each.outcomes]
    return math.hypot(*errors) if len(errors) == len(trials) else None

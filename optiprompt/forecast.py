"""What a search would cost, before anything is asked: the forecast of `--dry-run`.

The search is rehearsed: the algorithm writes its real requests to an optimizer that only counts, and the task asks its
real questions of a scorer that only counts. So the calls are those that a run makes in which every proposal is new; how
long the replies will be is known from earlier runs or assumed, and the forecast says which.
"""

import copy
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

from optiprompt.algorithms.base import Searcher, Setting
from optiprompt.algorithms.random import unseen_samples
from optiprompt.api import in_own_loop, prices_of
from optiprompt.candidate import Candidate, Evaluation, Proposal, Trial, Usage
from optiprompt.counting import Counting, filler
from optiprompt.errors import UsageError
from optiprompt.loop import Search
from optiprompt.prices import Price
from optiprompt.trajectory import Trajectory

REHEARSED = 25  # steps; the meta-prompt has its full length by then, and further steps are like the last
LONGEST = 10_000  # steps of a run that only tokens, money or time end


@dataclass(frozen=True)
class Part:
    """What a part of a run takes; parts add up and scale."""

    optimizer: Usage = Usage()
    scorer: Usage = Usage()

    def __add__(self, other: "Part") -> "Part":
        return Part(self.optimizer + other.optimizer, self.scorer + other.scorer)

    def times(self, share: float) -> "Part":
        """The part so many times."""
        return Part(_times(self.optimizer, share), _times(self.scorer, share))

    @property
    def both(self) -> Usage:
        return self.optimizer + self.scorer


@dataclass(frozen=True)
class Forecast:
    """What a search is expected to cost.

    Attributes:
        task: its name.
        start: the starting candidates.
        steps: each step.
        evaluations: unique candidates.
        ends: why the run would end.
        prices: of optimizer and scorer; None where one is not known.
        assumptions: what the figures rest on, in words.
    """

    task: str
    start: Part
    steps: tuple[Part, ...]
    evaluations: int
    ends: str
    prices: tuple[Price | None, Price | None]
    assumptions: tuple[str, ...]

    @property
    def total(self) -> Part:
        """The whole run. What is scored after the last step would be one more part here."""
        return sum(self.steps, self.start)

    @property
    def step(self) -> Part:
        """The mean step."""
        return sum(self.steps, Part()).times(1 / len(self.steps)) if self.steps else Part()

    def usd(self, part: Part) -> float | None:
        """US dollars; None where a model is asked whose price is not known."""
        costs = [_usd(used, price) for used, price in zip(_roles(part).values(), self.prices, strict=True)]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values: the whole run, and within it `start` and `per_step` (the mean step) alike."""
        return {
            "task": self.task,
            "steps": len(self.steps),
            "evaluations": self.evaluations,
            "ends": self.ends,
            **self._figures(self.total),
            "start": self._figures(self.start),
            "per_step": self._figures(self.step),
            "assumptions": list(self.assumptions),
        }

    def _figures(self, part: Part) -> dict[str, Any]:
        roles = zip(_roles(part).items(), self.prices, strict=True)
        apart = {
            role: {**asdict(used), "tokens": used.tokens, "usd": _usd(used, price)} for (role, used), price in roles
        }
        return {"calls": part.both.calls, "tokens": part.both.tokens, "usd": self.usd(part), **apart}

    def text(self) -> str:
        """As a table with the assumptions below it."""
        lines = [f"{self.task}: {len(self.steps)} steps, {self.evaluations:,} candidates, until {self.ends}", ""]
        lines.append(f"{'':<24}{'calls':>12}{'prompt tokens':>16}{'reply tokens':>16}{'US dollars':>14}")
        for title, part in (("start", self.start), ("a step (mean)", self.step), ("in all", self.total)):
            figures = self._figures(part)
            for role, used in {**_roles(part), "together": part.both}.items():
                usd = figures["usd"] if role == "together" else figures[role]["usd"]
                money = "unknown" if usd is None else f"{usd:.4f}"
                tokens = f"{used.prompt_tokens:>16,}{used.completion_tokens:>16,}"
                lines.append(f"{title:<14}{role:<10}{used.calls:>12,}{tokens}{money:>14}")
        return "\n".join([*lines, "", "Nothing was asked. This assumes:", *(f"- {each}" for each in self.assumptions)])


def forecast(search: Search) -> Forecast:
    """What a new run of this search is expected to cost; no model is asked or loaded.

    Raises:
        UsageError: a budget of money with a model whose price is not known.
    """
    known = prices_of(search)
    prices = tuple(known[model.name] if model else None for model in (search.optimizer, search.scorer))
    rehearsal = _Rehearsal(search, (prices[0], prices[1]))
    return in_own_loop(rehearsal.run)


class _Rehearsal:
    """A search in which the models only count."""

    def __init__(self, search: Search, prices: tuple[Price | None, Price | None]) -> None:
        self._search, self._prices = search, prices
        self._task = copy.copy(search.task)
        self._optimizer = Counting(search.optimizer, search.task, "optimizer") if search.optimizer else None
        self._scorer = Counting(search.scorer, search.task, "scorer") if search.scorer else None
        if getattr(self._task, "judge", None) is not None:
            self._task.judge = self._scorer  # type: ignore[attr-defined]
        self._rng = random.Random(search.seed)
        self._proposed = 0
        self._parts: list[Part] = []
        self._total = Part()
        self._asking: Usage | None = None
        self._scoring: Usage | None = None

    async def run(self) -> Forecast:
        """Go through the steps until the budget ends them."""
        search, task = self._search, self._task
        trajectory = Trajectory(task.direction)
        searcher = search.algorithm.begin(Setting(task, self._optimizer, search.seed))
        texts = task.start(random.Random(f"{search.seed}/0"))
        unique = {each.key: each for each in map(task.space.candidate, texts)}
        start = list(unique.values())[: search.budget.room(trajectory, len(unique))]
        first = Part(scorer=sum([await self._score(candidate) for candidate in start], Usage()))
        ends = self._add(first)
        trajectory.add_step(_trials(start, 0))
        while ends is None and (ends := self._over(trajectory)) is None:
            part = Part(await self._ask(searcher, trajectory))
            wanted = search.budget.room(trajectory, int(vars(search.algorithm).get("proposals", 1)))
            made = list(islice(self._candidates(trajectory, start), wanted))
            if made and self._scoring is None:
                self._scoring = await self._score(made[0])
            part += Part(scorer=_times(self._scoring or Usage(), len(made)))
            trajectory.add_step(_trials(made, trajectory.steps + 1))
            ends = self._add(part)
        return Forecast(
            task=task.name,
            start=self._parts[0],
            steps=tuple(self._parts[1:]),
            evaluations=len(trajectory),
            ends=ends,
            prices=self._prices,
            assumptions=tuple(self._assumptions()),
        )

    def _over(self, trajectory: Trajectory) -> str | None:
        if trajectory.steps >= LONGEST:
            return f"more than {LONGEST:,} steps are done"
        # What the scores will be is not known.
        return replace(self._search.budget, patience=None, target=None).spent(trajectory)

    def _add(self, part: Part) -> str | None:
        """Add the next part, cut where it goes over the budget: why the run ends there; None where it goes on."""
        budget, before = self._search.budget, self._total
        shares = {"": 1.0}
        for limit, name, value in (
            (budget.calls, "calls are made", lambda each: each.both.calls),
            (budget.tokens, "tokens are spent", lambda each: each.both.tokens),
            (budget.usd, "US dollars are spent", self._cost),
        ):
            if limit is not None and value(part) and value(before) + value(part) >= limit:
                shares[f"{limit:,} {name}"] = (limit - value(before)) / value(part)
        ends = min(shares, key=lambda name: (shares[name], not name))
        part = part.times(shares[ends])
        self._total += part
        self._parts.append(part)
        return ends or None

    def _cost(self, part: Part) -> float:
        priced = zip((part.optimizer, part.scorer), self._prices, strict=True)
        return sum(price.of(used) for used, price in priced if price)

    async def _ask(self, searcher: Searcher, trajectory: Trajectory) -> Usage:
        """What the proposals of a step take."""
        if self._optimizer is None:
            return Usage()
        if self._asking is None or trajectory.steps < REHEARSED:
            self._optimizer.taken = Usage()
            room = self._search.budget.room(trajectory, 1_000_000)
            await searcher.ask(trajectory, room, random.Random(f"{self._search.seed}/{trajectory.steps + 1}"))
            self._asking = self._optimizer.taken
        return self._asking

    async def _score(self, candidate: Candidate[Any]) -> Usage:
        """What the evaluation of a candidate takes."""
        if self._scorer is None:
            return Usage()
        self._scorer.taken = Usage()
        await self._task.evaluate(candidate, self._scorer)
        return self._scorer.taken

    def _candidates(self, trajectory: Trajectory, like: Sequence[Candidate[Any]]) -> Iterator[Candidate[Any]]:
        """New candidates: random ones where the space can draw them, else made up."""
        space = self._task.space
        try:
            for proposal in unseen_samples(space, trajectory, self._rng):
                yield space.candidate(proposal.text)
        except UsageError:
            while like:
                self._proposed += 1
                text, value = like[0].text, like[0].value
                if space.kind == "text":
                    text = value = filler(self._optimizer.length if self._optimizer else 0, self._proposed)
                yield Candidate(text, value, f"made up {self._proposed}")

    def _assumptions(self) -> Iterator[str]:
        yield "every proposal is new and valid (share of duplicates 0), no call fails, nothing comes from a cache"
        if self._optimizer is not None:
            yield f"the optimizer {self._optimizer.name} gives all samples of a step in one call"
            yield self._optimizer.lengths()
        if self._scorer is not None:
            yield self._scorer.lengths()
        budget = self._search.budget
        if unforeseen := [name for name in ("patience", "target", "minutes") if getattr(budget, name) is not None]:
            yield f"what is not foreseen does not end the run before: {', '.join(unforeseen)}"


def _trials(candidates: Sequence[Candidate[Any]], step: int) -> list[Trial]:
    return [Trial(Proposal(each.text, "made up"), each, Evaluation("ok", 0.5), step) for each in candidates]


def _roles(part: Part) -> dict[str, Usage]:
    return {"optimizer": part.optimizer, "scorer": part.scorer}


def _usd(used: Usage, price: Price | None) -> float | None:
    if not used.calls:
        return 0.0
    return price.of(used) if price is not None else None


def _times(usage: Usage, share: float) -> Usage:
    return Usage(*(round(count * share) for count in (usage.calls, usage.prompt_tokens, usage.completion_tokens)))

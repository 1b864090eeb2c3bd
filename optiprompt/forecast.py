"""What a search would cost, before anything is asked: the forecast of `--dry-run`.

The search is rehearsed: the algorithm writes its real requests to an optimizer that only counts, and the task asks its
real questions of a scorer that only counts. So the calls are those that a run makes in which every proposal is new; how
long the replies will be is known from earlier runs or assumed, and the forecast says which.
"""

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from optiprompt.algorithms.base import Searcher, Setting
from optiprompt.algorithms.random import unseen_samples
from optiprompt.api import in_own_loop, prices_of
from optiprompt.backends._group import Group, members_of
from optiprompt.backends.base import Backend
from optiprompt.candidate import Candidate, Evaluation, Proposal, Trial, Usage
from optiprompt.counting import Counting, filler
from optiprompt.errors import UsageError
from optiprompt.expected import Forecast, Part, blended, times_of
from optiprompt.finals import FINALISTS, reserved
from optiprompt.loop import Search
from optiprompt.operators.shots import BOOTSTRAPPED
from optiprompt.prices import Price
from optiprompt.spaces.prompt import Prompts
from optiprompt.tasks.base import Task
from optiprompt.trajectory import Trajectory

REHEARSED = 25  # steps; the meta-prompt has its full length by then, and further steps are like the last
RACED = 0.6  # see benchmarks/racing.py
SPARED = 0.35  # where calls are few
LONGEST = 10_000  # steps of a run that only tokens, money or time end


def forecast(search: Search) -> Forecast:
    """What a new run of this search is expected to cost; no model is asked or loaded.

    Raises:
        UsageError: a budget of money with a model whose price is not known.
    """
    rehearsal = _Rehearsal(search, prices_of(search))
    return in_own_loop(rehearsal.run)


class _Counted:
    """The scorers of a task, which only count."""

    def __init__(self, scorer: Backend, task: Task, prices: Mapping[str, Price | None]) -> None:
        self.members = [Counting(each, task, "scorer") for each in members_of(scorer)]
        self.backend: Backend = self.members[0] if len(self.members) == 1 else Group(self.members)
        self._prices = prices
        self.all = [Usage() for _ in self.members]

    def taken(self) -> Usage:
        """What was taken since this was asked last."""
        took = [each.taken for each in self.members]
        self.all = [before + each for before, each in zip(self.all, took, strict=True)]
        for each in self.members:
            each.taken = Usage()
        return sum(took, Usage())

    @property
    def priced(self) -> list[tuple[Usage, Price | None]]:
        """What each member has taken in all, with its price."""
        return [(used, self._prices[each.name]) for used, each in zip(self.all, self.members, strict=True)]


class _Rehearsal:
    """A search in which the models only count."""

    def __init__(self, search: Search, prices: Mapping[str, Price | None]) -> None:
        self._search, self._known = search, prices
        self._task = copy.copy(search.task)
        self._optimizer = Counting(search.optimizer, search.task, "optimizer") if search.optimizer else None
        self._scorer = _Counted(search.scorer, search.task, prices) if search.scorer else None
        self._elsewhere = [(each.task, _Counted(each.scorer, each.task, prices)) for each in search.transfers]
        if getattr(self._task, "judge", None) is not None and self._scorer is not None:
            self._task.judge = self._scorer.members[0]  # type: ignore[attr-defined]
        self._rng = random.Random(search.seed)
        self._proposed = 0
        self._parts: list[Part] = []
        self._total = Part()
        self._asking: Usage | None = None
        self._scoring: Usage | None = None
        self._kept = (0, 0.0)
        self._prices: tuple[Price | None, Price | None, Price | None] = (None, None, None)

    async def run(self) -> Forecast:
        """Go through the steps until the budget ends them."""
        search, task = self._search, self._task
        trajectory = Trajectory(task.direction, task.tradeoff)
        searcher = search.algorithm.begin(Setting(task, self._optimizer, search.seed))
        texts = [text for text, _ in task.starting(random.Random(f"{search.seed}/0"))]
        unique = {each.key: each for each in map(task.space.candidate, texts) if task.admits(each)}
        start = list(unique.values())[: search.budget.room(trajectory, len(unique))]
        first = Part(scorer=sum([await self._score(candidate) for candidate in start], Usage()))
        end = await self._finals(start)
        self._prices = (
            self._known[search.optimizer.name] if search.optimizer else None,
            blended(self._scorer.priced) if self._scorer else None,
            blended([each for _, counted in self._elsewhere for each in counted.priced]),
        )
        ends = self._add(first)
        if search.scoring.final:
            elsewhere = [each for each, _ in self._elsewhere]
            self._kept = reserved(task, first.scorer.calls, search.budget, elsewhere)
        trajectory.add_step(_trials(task, start, 0))
        while ends is None and (ends := self._over(trajectory)) is None:
            part = Part(await self._ask(searcher, trajectory))
            wanted = search.budget.room(trajectory, search.algorithm.a_step(task.space))
            made = list(islice(self._candidates(trajectory, start), wanted))
            if made and self._scoring is None:
                self._scoring = await self._score(made[0])
            part += Part(scorer=times_of(self._scoring or Usage(), len(made) * self._raced))
            trajectory.add_step(_trials(task, made, trajectory.steps + 1))
            ends = self._add(part)
        return Forecast(
            task=task.name,
            start=self._parts[0],
            steps=tuple(self._parts[1:]),
            end=end.times(self._room(end)[0]),
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
        share, ends = self._room(part, *self._kept)
        part = part.times(share)
        self._total += part
        self._parts.append(part)
        return ends

    def _room(self, part: Part, calls: int = 0, held: float = 0.0) -> tuple[float, str | None]:
        """The share of a part that the budget has room for, what is kept for the end aside, and what ends it."""
        budget, before = self._search.budget, self._total
        share, ends = 1.0, None
        for limit, name, value in (
            (budget.calls and budget.calls - calls, "calls are made", lambda each: each.both.calls),
            (budget.optimizer_calls, "optimizer calls are made", lambda each: each.optimizer.calls),
            (
                budget.scorer_calls and budget.scorer_calls - calls,
                "scorer calls are made",
                lambda each: each.scorer.calls,
            ),
            (budget.tokens and budget.tokens * (1 - held), "tokens are spent", lambda each: each.both.tokens),
            (budget.usd and budget.usd * (1 - held), "US dollars are spent", self._cost),
        ):
            if limit is not None and value(part) and value(before) + value(part) >= limit:
                room = max(0.0, (limit - value(before)) / value(part))
                if room < share or ends is None:
                    share, ends = min(share, room), f"{limit:,g} {name}"
        return share, ends

    def _cost(self, part: Part) -> float:
        priced = zip((part.optimizer, part.scorer, part.transfer), self._prices, strict=True)
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
        await self._task.evaluate(candidate, self._scorer.backend)
        return self._scorer.taken()

    async def _finals(self, candidates: Sequence[Candidate[Any]]) -> Part:
        """What is scored after the last step."""
        task = self._task
        if not self._search.scoring.final or self._scorer is None or not task.examples or not candidates:
            return Part()
        end = Part()
        for examples, times in ((task.dev, FINALISTS), (task.test, 2)):
            if examples:
                await task.evaluate_on(candidates[0], examples, self._scorer.backend)
            end += Part(scorer=times_of(self._scorer.taken(), times))
        for elsewhere, counted in self._elsewhere:
            if elsewhere.test:
                await elsewhere.evaluate_on(candidates[0], elsewhere.test, counted.backend)
            end += Part(transfer=times_of(counted.taken(), 2))
        return end

    @property
    def _raced(self) -> float:
        """The share of its examples that a new candidate is scored on."""
        racing = self._search.racing
        if racing is None or not self._task.examples or self._task.by != "mean":
            return 1.0
        return SPARED if racing != self._search.scoring.racing else RACED

    def _candidates(self, trajectory: Trajectory, like: Sequence[Candidate[Any]]) -> Iterator[Candidate[Any]]:
        """New candidates: random ones where the space can draw them, else made up."""
        space = self._task.space
        try:
            for proposal in unseen_samples(self._task, trajectory, self._rng):
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
            yield from (each.lengths() for each in self._scorer.members)
        if isinstance(self._task.space, Prompts) and (shots := self._task.space.shots):
            yield f"not counted: up to {BOOTSTRAPPED * shots} calls of the scorer for each text that becomes the best"
        if self._raced < 1:
            yield f"racing leaves {self._raced:.0%} of the scorer's calls for new candidates"
        budget = self._search.budget
        if unforeseen := [name for name in ("patience", "target", "minutes") if getattr(budget, name) is not None]:
            yield f"what is not foreseen does not end the run before: {', '.join(unforeseen)}"


def _trials(task: Task, candidates: Sequence[Candidate[Any]], step: int) -> list[Trial]:
    scored = [(each, Evaluation("ok", 0.5, metrics=task.costs(each))) for each in candidates]
    return [Trial(Proposal(each.text, "made up"), each, evaluation, step) for each, evaluation in scored]

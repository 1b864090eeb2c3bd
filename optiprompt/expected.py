"""What a search is expected to cost: the values of a forecast, as text and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from optiprompt.candidate import Usage
from optiprompt.prices import Price


@dataclass(frozen=True)
class Part:
    """What a part of a run takes; parts add up and scale."""

    optimizer: Usage = Usage()
    scorer: Usage = Usage()
    transfer: Usage = Usage()

    def __add__(self, other: "Part") -> "Part":
        return Part(self.optimizer + other.optimizer, self.scorer + other.scorer, self.transfer + other.transfer)

    def times(self, share: float) -> "Part":
        """The part so many times."""
        return Part(*(times_of(each, share) for each in (self.optimizer, self.scorer, self.transfer)))

    @property
    def both(self) -> Usage:
        return self.optimizer + self.scorer + self.transfer


@dataclass(frozen=True)
class Forecast:
    """What a search is expected to cost.

    Attributes:
        task: its name.
        start: the starting candidates.
        steps: each step.
        end: what is scored after the last step: the finalists on dev, winner and baseline on test, and elsewhere.
        evaluations: unique candidates.
        ends: why the run would end.
        prices: of optimizer, scorer and what is asked for a transfer; None where one is not known.
        assumptions: what the figures rest on, in words.
    """

    task: str
    start: Part
    steps: tuple[Part, ...]
    end: Part
    evaluations: int
    ends: str
    prices: tuple[Price | None, Price | None, Price | None]
    assumptions: tuple[str, ...]

    @property
    def total(self) -> Part:
        """The whole run."""
        return sum(self.steps, self.start) + self.end

    @property
    def step(self) -> Part:
        """The mean step."""
        return sum(self.steps, Part()).times(1 / len(self.steps)) if self.steps else Part()

    def usd(self, part: Part) -> float | None:
        """US dollars; None where a model is asked whose price is not known."""
        costs = [usd_of(used, price) for used, price in zip(self._roles(part).values(), self.prices, strict=False)]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values: the whole run, and within it `start`, `per_step` (the mean step) and `end` alike."""
        return {
            "task": self.task,
            "steps": len(self.steps),
            "evaluations": self.evaluations,
            "ends": self.ends,
            **self._figures(self.total),
            "start": self._figures(self.start),
            "per_step": self._figures(self.step),
            "end": self._figures(self.end),
            "assumptions": list(self.assumptions),
        }

    def _figures(self, part: Part) -> dict[str, Any]:
        priced = zip(self._roles(part).items(), self.prices, strict=False)
        apart = {
            role: {**asdict(used), "tokens": used.tokens, "usd": usd_of(used, price)} for (role, used), price in priced
        }
        return {"calls": part.both.calls, "tokens": part.both.tokens, "usd": self.usd(part), **apart}

    def _roles(self, part: Part) -> dict[str, Usage]:
        transfer = {"transfer": part.transfer} if self.total.transfer.calls else {}
        return {"optimizer": part.optimizer, "scorer": part.scorer, **transfer}

    def text(self) -> str:
        """As a table with the assumptions below it."""
        lines = [f"{self.task}: {len(self.steps)} steps, {self.evaluations:,} candidates, until {self.ends}", ""]
        lines.append(f"{'':<24}{'calls':>12}{'prompt tokens':>16}{'reply tokens':>16}{'US dollars':>14}")
        for title, part in (
            ("start", self.start),
            ("a step (mean)", self.step),
            ("dev and test", self.end),
            ("in all", self.total),
        ):
            figures = self._figures(part)
            for role, used in {**self._roles(part), "together": part.both}.items():
                usd = figures["usd"] if role == "together" else figures[role]["usd"]
                money = "unknown" if usd is None else f"{usd:.4f}"
                tokens = f"{used.prompt_tokens:>16,}{used.completion_tokens:>16,}"
                lines.append(f"{title:<14}{role:<10}{used.calls:>12,}{tokens}{money:>14}")
        return "\n".join([*lines, "", "Nothing was asked. This assumes:", *(f"- {each}" for each in self.assumptions)])


def usd_of(used: Usage, price: Price | None) -> float | None:
    if not used.calls:
        return 0.0
    return price.of(used) if price is not None else None


def blended(taken: Sequence[tuple[Usage, Price | None]]) -> Price | None:
    """One price for several models, by the share of the tokens that each took; None where one is not known."""
    if any(price is None for _, price in taken):
        return None
    prompt = sum(used.prompt_tokens for used, _ in taken)
    reply = sum(used.completion_tokens for used, _ in taken)
    return Price(
        input=sum(used.prompt_tokens * price.input for used, price in taken if price) / max(1, prompt),
        output=sum(used.completion_tokens * price.output for used, price in taken if price) / max(1, reply),
    )


def times_of(usage: Usage, share: float) -> Usage:
    return Usage(*(round(count * share) for count in (usage.calls, usage.prompt_tokens, usage.completion_tokens)))

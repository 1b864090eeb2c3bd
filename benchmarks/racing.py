"""Racing against full evaluation and other rules, on candidates and examples drawn from real answers.

python -m benchmarks.racing [--races 600] [--searches 60] [--json FILE]

A race has 8 newcomers and the 5 best of 8 earlier candidates. "Best" is meant on all examples. The best newcomer's
survival is counted where it beats every earlier candidate; otherwise nothing can be lost, and "of all" counts these
races as survived too. "No earlier": the same newcomers, with no earlier candidates to beat.

A search has 12 steps in which half of the newcomers descend from the 5 best so far and half are new; its winner is
scored on all examples of the task, and set beside that of the same search with full evaluation.
"""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from scipy.special import stdtr
from scipy.stats import binomtest

from benchmarks._outcomes import Bits, columns, load, offspring
from optiprompt.racing import Racing, blocks, hopeless

NEWCOMERS = 8
STEPS = 12
SIZES = (50, 100, 200)
OURS = Racing()

Drop = Callable[[Bits, Bits, int], np.ndarray[Any, Any]]  # racers so far, incumbents, all examples -> who is dropped


@dataclass(frozen=True)
class Rule:
    """A way to race: when is looked, and who goes."""

    name: str
    looks: Callable[[int], list[int]]
    drop: Drop


def full(racers: Bits, incumbents: Bits, total: int) -> np.ndarray[Any, Any]:
    """Nobody goes."""
    return np.zeros(len(racers), bool)


def ours(racers: Bits, incumbents: Bits, total: int) -> np.ndarray[Any, Any]:
    """optiprompt/racing.py at its default."""
    return np.array(hopeless(racers.tolist(), incumbents.tolist(), total, OURS))


def t_test(level: float) -> Drop:
    """Who is worse than the leader by a paired one-sided t-test, as in CAPO (arXiv 2504.16005)."""

    def drop(racers: Bits, incumbents: Bits, total: int) -> np.ndarray[Any, Any]:
        n = racers.shape[1]
        rivals = np.vstack([racers, incumbents[:, :n]])
        less = racers - rivals[rivals.mean(1).argmax()]
        error = np.maximum(less.std(1, ddof=1) / math.sqrt(n), 1e-9)
        return np.asarray(stdtr(n - 1, less.mean(1) / error) < level)

    return drop


def bound(bernstein: bool) -> Drop:
    """Who cannot reach the leader within confidence bounds: Maron and Moore 1997; Mnih et al. 2008."""

    def drop(racers: Bits, incumbents: Bits, total: int) -> np.ndarray[Any, Any]:
        n = racers.shape[1]
        log = math.log(3 * len(blocks(total, OURS)) * NEWCOMERS / 0.05)
        half = np.sqrt(2 * racers.var(1) * log / n) + 3 * log / n if bernstein else math.sqrt(log / (2 * n))
        least = max([*(racers.mean(1) - half), *incumbents.mean(1)])
        return np.asarray(racers.mean(1) + half < least)

    return drop


def halve(racers: Bits, incumbents: Bits, total: int) -> np.ndarray[Any, Any]:
    """Successive halving (Jamieson and Talwalkar 2016)."""
    dropped = np.ones(len(racers), bool)
    dropped[np.argsort(-racers.mean(1), kind="stable")[: math.ceil(len(racers) / 2)]] = False
    return dropped


def doubling(total: int) -> list[int]:
    """Looks for successive halving: three halvings leave one of eight."""
    return [total // 8, total // 4, total // 2, total]


def by_thirty(total: int) -> list[int]:
    """CAPO's blocks."""
    return [*range(30, total, 30), total]


RULES = (
    Rule("full evaluation", lambda total: [total], full),
    Rule("ours", lambda total: blocks(total, OURS), ours),
    Rule("paired t, blocks of 30, 0.2 (CAPO)", by_thirty, t_test(0.2)),
    Rule("paired t, our blocks, 0.01", lambda total: blocks(total, OURS), t_test(0.01)),
    Rule("Hoeffding race", lambda total: blocks(total, OURS), bound(bernstein=False)),
    Rule("empirical Bernstein race", lambda total: blocks(total, OURS), bound(bernstein=True)),
    Rule("successive halving", doubling, halve),
)
SEARCHED = ("full evaluation", "ours", "paired t, blocks of 30, 0.2 (CAPO)", "successive halving")


def race(racers: Bits, incumbents: Bits, rule: Rule) -> tuple[list[int], int]:
    """Who reaches the end, and the calls it took."""
    total = racers.shape[1]
    alive, calls, seen = np.arange(len(racers)), 0, 0
    for look in rule.looks(total):
        calls += len(alive) * (look - seen)
        seen = look
        if seen < total and len(alive):
            alive = alive[~rule.drop(racers[alive, :seen], incumbents, total)]
    return [int(each) for each in alive], calls


def race_rows(real: dict[str, Bits], rule: Rule, total: int, races: int) -> dict[str, Any]:
    """Survival and calls over many races; the same ones for every rule."""
    beaten, survived, alone, lost, calls = 0, 0, 0, 0.0, 0
    for number in range(races):
        rng = np.random.default_rng(number)
        answers = list(real.values())[number % len(real)]
        drawn = offspring(answers, answers, 2 * NEWCOMERS, rng)[:, columns(answers, total, rng)]
        racers, earlier = drawn[:NEWCOMERS], drawn[NEWCOMERS:]
        earlier = earlier[np.argsort(-earlier.mean(1))[:5]]
        scores = racers.mean(1)
        alive, spent = race(racers, earlier, rule)
        calls += spent
        if scores.max() > earlier.mean(1).max():
            beaten += 1
            survived += any(scores[each] == scores.max() for each in alive)
            lost += scores.max() - max([earlier.mean(1).max(), *scores[alive]])
        alive, _ = race(racers, earlier[:0], rule)
        alone += any(scores[each] == scores.max() for each in alive)
    low, high = binomtest(survived, beaten).proportion_ci(method="wilson")
    return {
        "rule": rule.name,
        "examples": total,
        "races": races,
        "contested": beaten,
        "survival": survived / beaten,
        "low": float(low),
        "high": float(high),
        "survival_all": 1 - (beaten - survived) / races,
        "survival_alone": alone / races,
        "calls": calls / (races * NEWCOMERS * total),
        "points_lost": 100 * lost / races,
    }


def search(answers: Bits, rule: Rule, total: int, seed: int) -> tuple[float, int]:
    """The winner's score on all examples of the task, and the calls."""
    rng = np.random.default_rng(seed)
    chosen = columns(answers, total, rng)
    known = offspring(answers, answers, 3, rng)
    calls = len(known) * total
    for step in range(STEPS):
        known = known[np.argsort(-known[:, chosen].mean(1), kind="stable")[:5]]
        lot = np.random.default_rng((seed, step))
        halves = [offspring(answers, parents, NEWCOMERS // 2, lot) for parents in (known, answers)]
        newcomers = np.vstack(halves)
        alive, spent = race(newcomers[:, chosen], known[:, chosen], rule)
        known, calls = np.vstack([known, newcomers[alive]]), calls + spent
    return float(known[known[:, chosen].mean(1).argmax()].mean()), calls


def search_rows(real: dict[str, Bits], total: int, searches: int) -> Iterable[dict[str, Any]]:
    """Winner and calls of each rule, beside full evaluation of the same searches."""
    tasks = list(real.values())
    found = {
        rule.name: [search(tasks[seed % len(tasks)], rule, total, seed) for seed in range(searches)]
        for rule in RULES
        if rule.name in SEARCHED
    }
    base = found["full evaluation"]
    for name, results in found.items():
        gains = [100 * (mine - theirs) for (mine, _), (theirs, _) in zip(results, base, strict=True)]
        yield {
            "rule": name,
            "examples": total,
            "searches": searches,
            "winner": 100 * float(np.mean([score for score, _ in results])),
            "against_full": float(np.mean(gains)),
            "stderr": float(np.std(gains) / math.sqrt(searches)),
            "calls": sum(calls for _, calls in results) / sum(calls for _, calls in base),
        }


def main(
    races: int = 600, searches: int = 60, json_file: Annotated[Path | None, typer.Option("--json")] = None
) -> None:
    """Race and search; print two tables."""
    real = load()
    raced = [race_rows(real, rule, total, races) for total in SIZES for rule in RULES]
    searched = [row for total in SIZES for row in search_rows(real, total, searches)]
    table = Table(
        title=f"{races} races of {NEWCOMERS}: does the true best survive, and what share of the calls is made?"
    )
    for column in ("examples", "rule", "best survives", "95% interval", "of all", "no earlier", "calls", "points lost"):
        table.add_column(column)
    for row in raced:
        shares = [f"{row['survival']:.1%}", f"{row['low']:.1%} to {row['high']:.1%}"]
        shares += [f"{row['survival_all']:.1%}", f"{row['survival_alone']:.1%}"]
        table.add_row(str(row["examples"]), row["rule"], *shares, f"{row['calls']:.0%}", f"{row['points_lost']:.2f}")
    Console(width=140).print(table)
    table = Table(title=f"{searches} searches of {STEPS} steps: the winner's true score")
    for column in ("examples", "rule", "winner", "against full evaluation", "calls"):
        table.add_column(column)
    for row in searched:
        against = f"{row['against_full']:+.2f} +- {row['stderr']:.2f}"
        table.add_row(str(row["examples"]), row["rule"], f"{row['winner']:.1f}", against, f"{row['calls']:.0%}")
    Console(width=140).print(table)
    if json_file:
        json_file.write_text(json.dumps({"races": raced, "searches": searched}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)

"""Are the final words of a search true? Simulated searches whose candidates' true quality is known.

python -m benchmarks.honesty [--searches 1000] [--json FILE]

Each example is as hard as for the real model of outcomes.json; a candidate is right by chance. A search has a baseline
and 40 candidates: the best on train go on to dev, one of them is the winner, and is compared with the baseline on test.
Either all are as good as the baseline, or ten are 10 points better.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import binomtest

from benchmarks._outcomes import Bits, load
from optiprompt.candidate import Evaluation, Outcome
from optiprompt.selection import Comparison, choose, compare, corrected

CANDIDATES, TOP, BETTER = 40, 5, 10
GAIN = 0.1
SIZES = ((50, 50, 150), (100, 50, 100), (100, 30, 60))  # train, dev, test


def ease(real: Bits) -> Bits:
    """The chance to get each example right: its share over the better half of the instructions."""
    good = real[real.mean(1) >= np.median(real.mean(1))]
    return np.asarray((good.sum(0) + 0.5) / (len(good) + 1))


def chances(real: Bits, gain: float, rng: np.random.Generator, n: int) -> tuple[Bits, Bits]:
    """The chances on n examples: as good as the baseline, and on average better by the gain."""
    base = ease(real)
    shift = brentq(lambda by: expit(logit(base) + by).mean() - base.mean() - gain, 0, 20)
    drawn = base[rng.integers(len(base), size=n)]
    return drawn, expit(logit(drawn) + shift)


def search(real: Bits, gain: float, sizes: tuple[int, int, int], seed: int) -> dict[str, Any]:
    """One search: what is claimed and what is true."""
    rng = np.random.default_rng(seed)
    equal, better = chances(real, gain, rng, sum(sizes))
    chance = np.vstack([equal] * (CANDIDATES + 1 - BETTER) + [better] * BETTER)
    right = (rng.random(chance.shape) < chance).astype(float)
    train, dev, test = np.split(right, np.cumsum(sizes)[:2], axis=1)
    top = np.argsort(-train.mean(1), kind="stable")[:TOP]
    winner = int(top[choose(dev[top].tolist())])
    leader = int(top[0])
    on_test = compare(test[winner].tolist(), test[0].tolist())
    naive = compare(train[leader].tolist(), train[0].tolist())
    fixed = corrected(train.tolist())
    gains = gain * (np.arange(len(chance)) > CANDIDATES - BETTER)
    score = ease(real).mean() + gains[winner]
    return {
        "test": judged(on_test, gains[winner]),
        "train": judged(naive, gains[leader]),
        "corrected": judged(fixed, gains[leader]),
        "score": {"covers": covers(as_evaluation(test[winner]).interval, score)},
    }


def judged(comparison: Comparison, truth: float) -> dict[str, float]:
    """What a comparison claims beside the truth."""
    return {
        "claims": comparison.better,
        "covers": covers((comparison.low, comparison.high), truth),
        "bias": comparison.difference - truth,
    }


def covers(bounds: tuple[float, float] | None, truth: float) -> bool:
    """Whether the truth lies within."""
    return bounds is not None and bounds[0] - 1e-9 <= truth <= bounds[1] + 1e-9


def as_evaluation(right: Bits) -> Evaluation:
    """The evaluation of a candidate with these outcomes."""
    outcomes = tuple(Outcome(str(number), float(each)) for number, each in enumerate(right))
    return Evaluation("ok", float(right.mean()), n=len(right), outcomes=outcomes)


def rows(real: dict[str, Bits], searches: int) -> list[dict[str, Any]]:
    """One row for each way to judge a winner, each size and each truth."""
    found = []
    for sizes in SIZES:
        for gain in (0.0, GAIN):
            results = [search(list(real.values())[seed % len(real)], gain, sizes, seed) for seed in range(searches)]
            for way in ("test", "train", "corrected", "score"):
                own = [each[way] for each in results]
                row: dict[str, Any] = {"way": way, "train": sizes[0], "dev": sizes[1], "test": sizes[2], "gain": gain}
                row["covers"] = float(np.mean([each["covers"] for each in own]))
                if way != "score":
                    claims = sum(each["claims"] for each in own)
                    low, high = binomtest(claims, searches).proportion_ci(method="wilson")
                    row |= {"claims": claims / searches, "low": float(low), "high": float(high)}
                    row["bias"] = 100 * float(np.mean([each["bias"] for each in own]))
                found.append(row)
    return found


def choices(real: dict[str, Bits], searches: int) -> list[dict[str, float]]:
    """True score (percent) of the winner by what it is chosen on, where the candidates differ by some points."""
    found = []
    for train, dev in ((50, 20), (50, 50), (100, 50)):
        scores = []
        for seed in range(searches):
            rng = np.random.default_rng(seed)
            base = ease(list(real.values())[seed % len(real)])
            drawn, by = base[rng.integers(len(base), size=train + dev)], rng.normal(0, 0.3, (CANDIDATES, 1))
            right = (rng.random((CANDIDATES, train + dev)) < expit(logit(drawn) + by)).astype(float)
            top = np.argsort(-right[:, :train].mean(1), kind="stable")[:TOP]
            fresh = right[top, train:]
            winners = (choose(right[top].tolist()), choose(fresh.tolist()), 0)
            scores.append([100 * expit(logit(base) + by[top[each]]).mean() for each in winners])
        both, dev_alone, train_alone = map(float, np.mean(scores, axis=0))
        found.append({"train": train, "dev": dev, "both": both, "dev_alone": dev_alone, "train_alone": train_alone})
    return found


WAYS = {
    "test": "test, once",
    "train": "train, as if not chosen",
    "corrected": "train, corrected",
    "score": "Wilson interval of the winner's test score",
}


def main(searches: int = 1000, json_file: Annotated[Path | None, typer.Option("--json")] = None) -> None:
    """Simulate and print the table."""
    found = rows(load(), searches)
    table = Table(
        title=f"{searches} searches each; best of {CANDIDATES}, {BETTER} of them better where there is a gain"
    )
    for column in ("train/dev/test", "true gain", "judged on", 'claims "better"', "95% interval", "covers", "bias"):
        table.add_column(column)
    for row in found:
        claims = (f"{row['claims']:.1%}", f"{row['low']:.1%} to {row['high']:.1%}") if "claims" in row else ("", "")
        sizes = f"{row['train']}/{row['dev']}/{row['test']}"
        bias = f"{row['bias']:+.1f}" if "bias" in row else ""
        table.add_row(sizes, f"{100 * row['gain']:.0f}", WAYS[row["way"]], *claims, f"{row['covers']:.1%}", bias)
    Console(width=140).print(table)
    picked = choices(load(), 2 * searches)
    for row in picked:
        means = f"train and dev {row['both']:.2f}, dev {row['dev_alone']:.2f}, train {row['train_alone']:.2f}"
        print(f"{row['train']} train, {row['dev']} dev examples: true score of the winner chosen by {means}")
    if json_file:
        json_file.write_text(json.dumps({"claims": found, "choices": picked}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)

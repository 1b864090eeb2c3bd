"""Right and wrong answers of a real model, and candidates and examples drawn from them.

`outcomes.json` holds a matrix a task (instructions x examples, `1` for right): SmolLM2-135M-Instruct (the `smollm2` of
this project) answering tasks of instruction induction (Honovich et al. 2022) under instructions of our own. Where the
task is named with `choice`, it chose the likeliest of the options; the number is that of solved examples in its prompt.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

Bits = np.ndarray[Any, np.dtype[np.float64]]  # candidates x examples, 0 or 1


def load() -> dict[str, Bits]:
    """The matrices by task."""
    stored = json.loads(Path(__file__).with_name("outcomes.json").read_text())
    return {task: np.array([[float(each) for each in row] for row in rows]) for task, rows in stored.items()}


def columns(real: Bits, n: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Random examples, n of them; some twice where there are not so many."""
    total = real.shape[1]
    return np.asarray(rng.permutation(total)[:n] if n <= total else rng.integers(0, total, n))


def offspring(real: Bits, parents: Bits, count: int, rng: np.random.Generator) -> Bits:
    """New candidates: each answers at least half of the examples as one of the parents, the others as a real one."""
    share = rng.uniform(0.5, 1, (count, 1))
    first = parents[rng.integers(len(parents), size=count)]
    second = real[rng.integers(len(real), size=count)]
    return np.where(rng.random(first.shape) < share, first, second)

"""Disjoint splits: the search sees train, the winner is chosen on dev, test is scored once at the end."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

from optiprompt.data.examples import Example
from optiprompt.errors import DataError, UsageError

SMALLEST = 20  # a train or dev split of fewer examples says nothing: a single answer moves its score by more than 5%


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many examples each split gets, where it is not left to the default.

    Attributes:
        train: a count, or a fraction between 0 and 1 of the examples there are to cut from.
        dev: likewise.
        test: likewise.
        seed: fixes which examples; not the run's seed, so that runs with other seeds have the same splits.
    """

    train: int | float | None = None
    dev: int | float | None = None
    test: int | float | None = None
    seed: int = 0

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}  # for the YAML's `sizes:`

    def __post_init__(self) -> None:
        for name in ("train", "dev", "test"):
            size = getattr(self, name)
            if size is not None and (size < 0 or (isinstance(size, float) and not 0 < size < 1)):
                raise UsageError(f"{name}: {size} is neither a count of examples nor a fraction between 0 and 1")


@dataclass(frozen=True, slots=True)
class Splits:
    """The examples of a task, each in one split only.

    Attributes:
        train: what the search scores candidates on.
        dev: what the winner is chosen on; may be empty.
        test: what the winner and the baseline are scored on at the end; may be empty.
        repeated: examples with the input and target of an earlier one, which were left out before cutting.
        spare: training examples in no split, where fewer were asked for than there are: nothing is scored on them.

    Raises:
        DataError: two splits share an example: the same id, or the same input and target.
    """

    train: tuple[Example, ...]
    dev: tuple[Example, ...] = ()
    test: tuple[Example, ...] = ()
    repeated: int = 0
    spare: tuple[Example, ...] = ()

    def __post_init__(self) -> None:
        _refuse_overlap(self.train, self.dev, self.test)

    def ids(self) -> dict[str, list[str]]:
        """The ids of each split's examples, in order, for the run's record."""
        return {name: [example.id for example in getattr(self, name)] for name in ("train", "dev", "test")}

    def fingerprint(self) -> dict[str, str]:
        """16 hex digits of a SHA-256 for each split, over the ids, inputs and targets."""
        return {
            name: digest([[example.id, *example.content] for example in getattr(self, name)])
            for name in ("train", "dev", "test")
        }


def cut(pool: Sequence[Example], sizes: Sizes | None = None) -> Splits:
    """Cut one pool of examples: by default 20% train, 20% dev, 60% test.

    A pool under 100 examples gives 20 (at most half of them) to train and the rest to test: a fifth of it would be too
    few to search on or to choose by. Identical examples count once. The test split does not change with the size of
    train, and a larger train holds the smaller one.

    Args:
        pool: the examples.
        sizes: overrides the default.

    Raises:
        UsageError: more examples are asked for than there are.
    """
    sizes = sizes or Sizes()
    order, repeated = _shuffled(pool, sizes.seed)
    total = len(order)
    fifth = total // 5
    usual_train = max(fifth, min(SMALLEST, total // 2))
    usual_dev = fifth if fifth >= SMALLEST else 0
    train = _count(sizes.train, total, usual_train)
    free = total - train - _count(sizes.test, total, 0)
    dev = _count(sizes.dev, total, max(0, min(usual_dev, max(SMALLEST, train), free)))
    test = _count(sizes.test, total, max(0, min(total - usual_train - usual_dev, total - train - dev)))
    _fits(total, train=train, dev=dev, test=test)
    return Splits(
        train=tuple(order[total - train :]),
        dev=tuple(order[test : test + dev]),
        test=tuple(order[:test]),
        repeated=repeated,
        spare=tuple(order[test + dev : total - train]),
    )


def arrange(
    train: Sequence[Example], dev: Sequence[Example] | None, test: Sequence[Example], sizes: Sizes | None = None
) -> Splits:
    """Use the splits that the data come in; where there is no dev, cut it from train.

    dev is then a third of train, and of fewer than 60 examples there is none. Where `sizes` names the size of train,
    dev is half as many (at least 20) of the remaining examples.

    Args:
        train: the examples to search on.
        dev: the examples to choose the winner on, or None.
        test: the examples for the end; may be empty.
        sizes: takes only so many of each.

    Raises:
        DataError: an example is in two of them.
        UsageError: more examples are asked for than there are.
    """
    sizes = sizes or Sizes()
    _refuse_overlap(train, dev or (), test)
    chosen_test = _take("test", test, sizes.test, sizes.seed)
    if dev is not None:
        chosen_dev = _take("dev", dev, sizes.dev, sizes.seed)
        whole, again = _shuffled(train, sizes.seed)
        size = _count(sizes.train, len(whole), len(whole))
        _fits(len(whole), train=size)
        return Splits(tuple(whole[:size]), chosen_dev, chosen_test, again, tuple(whole[size:]))
    order, repeated = _shuffled(train, sizes.seed)
    total = len(order)
    usual_dev = total // 3 if total >= 3 * SMALLEST else 0
    if sizes.train is None:
        held = _count(sizes.dev, total, usual_dev)
        searched = max(0, total - held)
    else:
        searched = _count(sizes.train, total, 0)
        held = _count(sizes.dev, total, max(0, min(usual_dev, max(SMALLEST, searched // 2), total - searched)))
    _fits(total, train=searched, dev=held)
    spare = tuple(order[held : total - searched])
    return Splits(tuple(order[total - searched :]), tuple(order[:held]), chosen_test, repeated, spare)


def _refuse_overlap(train: Sequence[Example], dev: Sequence[Example], test: Sequence[Example]) -> None:
    names = {"train": train, "dev": dev, "test": test}
    for one, other in combinations(names, 2):
        ids = {example.id: example for example in names[one]}
        contents = {example.content: example for example in names[one]}
        for example in names[other]:
            twin = ids.get(example.id) or contents.get(example.content)
            if twin is not None:
                raise DataError(
                    f"{one} and {other} share an example: {twin.id!r} in {one} is {example.id!r} in {other} "
                    f"({example.input!r:.60}): remove it from one of them"
                )


def _shuffled(examples: Sequence[Example], seed: int) -> tuple[list[Example], int]:
    # Ordered by a hash of the content: the same examples give the same splits, whatever file or order they come in.
    unique = {example.content: example for example in reversed(examples)}
    order = sorted(unique.values(), key=lambda example: digest([seed, *example.content]))
    return order, len(examples) - len(order)


def _take(name: str, examples: Sequence[Example], size: int | float | None, seed: int) -> tuple[Example, ...]:
    """So many, in an order that says nothing: a budget may look at the first ones only, and files are often sorted."""
    count = _count(size, len(examples), len(examples))
    _fits(len(examples), **{name: count})
    return tuple(sorted(examples, key=lambda example: digest([seed, *example.content]))[:count])


def _count(size: int | float | None, total: int, default: int) -> int:
    if size is None:
        return default
    return max(1, int(size * total)) if isinstance(size, float) else size


def _fits(total: int, **counts: int) -> None:
    if sum(counts.values()) > total:
        asked = " + ".join(f"{count} {name}" for name, count in counts.items() if count)
        raise UsageError(f"{asked} examples are asked for, but there are {total}: ask for fewer")


def digest(value: Any) -> str:
    """16 hex digits of a SHA-256 over plain JSON values."""
    text = json.dumps(value, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

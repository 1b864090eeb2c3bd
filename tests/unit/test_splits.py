"""Splits are disjoint, fixed by their seed, and of the sizes that the documentation promises."""

import os
from itertools import pairwise
from pathlib import Path

import pytest

from optiprompt.data import Example, Sizes, Splits, arrange, cut, load_examples
from optiprompt.errors import DataError, UsageError

needs_data = pytest.mark.skipif(
    not os.environ.get("OPTIPROMPT_DATA"), reason="needs OPTIPROMPT_DATA, the folder of benchmark data"
)


def pool(count: int, name: str = "row") -> list[Example]:
    return [Example(f"{name}/{number}", f"{name} {number}?", str(number)) for number in range(count)]


def sizes_of(splits: Splits) -> tuple[int, int, int]:
    return len(splits.train), len(splits.dev), len(splits.test)


def contents(examples: tuple[Example, ...]) -> set[object]:
    return {example.content for example in examples}


@pytest.mark.parametrize(
    ("count", "wanted"),
    [
        (250, (50, 50, 150)),
        (187, (37, 37, 113)),
        (100, (20, 20, 60)),
        (99, (20, 0, 79)),  # a dev of fewer than 20 would choose by chance
        (40, (20, 0, 20)),
        (5, (2, 0, 3)),
        (1, (0, 0, 1)),
    ],
)
def test_one_pool_is_cut_20_20_60(count: int, wanted: tuple[int, int, int]) -> None:
    assert sizes_of(cut(pool(count))) == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (Sizes(train=24), (24, 24, 150)),
        (Sizes(train=10), (10, 20, 150)),
        (Sizes(train=100), (100, 50, 100)),
        (Sizes(train=0, dev=0), (0, 0, 150)),
        (Sizes(train=0, dev=0, test=250), (0, 0, 250)),
        (Sizes(train=0.2, dev=0, test=0.8), (50, 0, 200)),
        (Sizes(test=10), (50, 50, 10)),
        (Sizes(train=150, test=90), (150, 10, 90)),
        (Sizes(train=250), (250, 0, 0)),
    ],
)
def test_sizes_of_a_pool_can_be_given(given: Sizes, wanted: tuple[int, int, int]) -> None:
    assert sizes_of(cut(pool(250), given)) == wanted


def test_the_test_split_stays_when_train_changes_and_a_larger_train_holds_the_smaller() -> None:
    cuts = [cut(pool(250), Sizes(train=train)) for train in (10, 24, 50)]
    for small, large in pairwise(cuts):
        assert small.test == large.test
        assert contents(small.train) < contents(large.train)


@pytest.mark.parametrize(
    ("count", "given", "wanted"),
    [
        (300, Sizes(), (200, 100, 30)),
        (60, Sizes(), (40, 20, 30)),
        (59, Sizes(), (59, 0, 30)),
        (300, Sizes(train=12), (12, 20, 30)),
        (300, Sizes(train=100), (100, 50, 30)),
        (300, Sizes(train=290), (290, 10, 30)),
        (300, Sizes(dev=0), (300, 0, 30)),
        (300, Sizes(train=30, dev=5, test=7), (30, 5, 7)),
    ],
)
def test_dev_is_cut_from_train_where_there_is_none(count: int, given: Sizes, wanted: tuple[int, int, int]) -> None:
    test = pool(30, "test")
    splits = arrange(pool(count, "train"), None, test, given)
    assert sizes_of(splits) == wanted
    assert set(splits.test) <= set(test)


def test_given_splits_are_used_whole_and_in_an_order_that_says_nothing() -> None:
    train, dev, test = pool(5, "a"), pool(4, "b"), pool(30, "c")
    splits = arrange(train, dev, test)
    assert [{*splits.train}, {*splits.dev}, {*splits.test}] == [{*train}, {*dev}, {*test}]
    assert splits.test != tuple(test)
    assert arrange(train, dev, test[::-1]) == splits
    assert sizes_of(arrange(train, dev, test, Sizes(train=2, dev=1))) == (2, 1, 30)


def test_what_no_split_takes_is_spare() -> None:
    everything = pool(100)
    for splits in (
        cut(everything, Sizes(train=20, dev=10, test=30)),
        arrange(everything, None, pool(5, "test"), Sizes(train=20, dev=10)),
        arrange(everything, pool(5, "dev"), pool(5, "test"), Sizes(train=20)),
    ):
        used = {*splits.train, *splits.dev, *splits.test}
        assert {*splits.spare} == {*everything} - used
    assert not cut(everything).spare


def test_the_seed_fixes_the_cut_and_the_order_of_the_file_does_not_matter() -> None:
    assert cut(pool(250)) == cut(pool(250)[::-1])
    assert cut(pool(250), Sizes(seed=1)).ids() != cut(pool(250)).ids()
    assert cut(pool(250)).ids()["train"][:3] == ["row/206", "row/28", "row/2"]  # a change here breaks recorded runs


def test_identical_examples_count_once_so_that_none_is_in_two_splits() -> None:
    twice = pool(200) + [Example(f"copy/{each.id}", each.input, each.target) for each in pool(200)]
    splits = cut(twice)
    assert sizes_of(splits) == (40, 40, 120)
    assert splits.repeated == 200
    assert arrange(twice, None, []).repeated == 200


@pytest.mark.parametrize(
    ("train", "dev", "test"),
    [
        (pool(3), None, [Example("other", "row 1?", "1")]),
        (pool(3), [Example("row/1", "other?", "x")], pool(3, "test")),
        (pool(3, "train"), pool(3), [Example("other", "row 1?", "1")]),
    ],
)
def test_overlap_is_refused(train: list[Example], dev: list[Example] | None, test: list[Example]) -> None:
    with pytest.raises(DataError, match=r"'row/1' in \w+ is '(other|row/1)' in \w+ \('.*\?'\): remove"):
        arrange(train, dev, test)
    with pytest.raises(DataError, match="share an example"):
        Splits(tuple(train), tuple(dev or ()), tuple(test))


def test_overlap_is_found_also_among_examples_that_are_not_used() -> None:
    with pytest.raises(DataError, match="share an example"):
        arrange(pool(300), None, [Example("x", "row 299?", "299"), *pool(50, "test")], Sizes(train=1, dev=0, test=1))


def test_the_same_question_with_another_answer_is_another_example() -> None:
    assert arrange([Example("a", "q", "1")], None, [Example("b", "q", "2")])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Sizes(train=251), "251 train examples are asked for, but there are 250"),
        (Sizes(train=200, test=51), r"200 train \+ 51 test examples are asked for, but there are 250"),
        (Sizes(dev=300), "300 dev"),
    ],
)
def test_more_than_there_are_is_refused(given: Sizes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        cut(pool(250), given)
    with pytest.raises(UsageError, match="are asked for, but there are"):
        arrange(pool(50), None, pool(10, "test"), given)


@pytest.mark.parametrize("size", [-1, 1.5, -0.1, 0.0])
def test_a_size_that_is_none_is_refused(size: float) -> None:
    with pytest.raises(UsageError, match="neither a count of examples nor a fraction"):
        Sizes(dev=size)


def test_the_fingerprint_changes_with_any_id_input_or_target() -> None:
    base = Splits((Example("a", "q", "1"),))
    others = [Example("b", "q", "1"), Example("a", "r", "1"), Example("a", "q", "2"), Example("a", "q", ("1", "2"))]
    prints = {Splits((each,)).fingerprint()["train"] for each in others} | {base.fingerprint()["train"]}
    assert len(prints) == 5
    assert Splits((Example("a", "q", "1", {"more": 1}),)).fingerprint() == base.fingerprint()


@needs_data
def test_real_data_cut_disjoint() -> None:
    folder = Path(os.environ["OPTIPROMPT_DATA"])
    for path in sorted((folder / "bbh").glob("*.json")):
        splits = cut(load_examples(path))
        assert sum(sizes_of(splits)) == len(load_examples(path))
        assert len({id for ids in splits.ids().values() for id in ids}) == sum(sizes_of(splits))
    multiarith = cut(load_examples(folder / "multiarith" / "test.jsonl", "question", "final_ans"))
    assert (multiarith.repeated, sizes_of(multiarith)) == (20, (116, 116, 348))

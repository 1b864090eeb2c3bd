"""The bandit gives proposals to the operators that help, starts even, and starves none."""

import random
from collections import Counter

import pytest

from optiprompt.bandit import LEAST, Bandit
from optiprompt.candidate import Candidate, Evaluation, Proposal, Trial, Usage

NAMES = ("a", "b", "c", "d")


def trial(source: str, score: float | None, calls: int = 1, duplicate: bool = False) -> Trial:
    text = f"{source} {score}"
    evaluation = Evaluation("ok", score) if score is not None else Evaluation.invalid("no")
    proposal = Proposal(text, source, usage=Usage(calls=calls))
    candidate = Candidate(text, text, text) if score is not None else None
    return Trial(proposal, candidate, evaluation, step=1, duplicate=duplicate)


def test_the_shares_are_even_before_anything_is_known_and_always_add_up() -> None:
    bandit = Bandit(NAMES, "maximize")
    assert bandit.shares(NAMES) == {name: pytest.approx(0.25) for name in NAMES}
    assert bandit.shares(["a", "c"]) == {"a": pytest.approx(0.5), "c": pytest.approx(0.5)}
    bandit.tell([trial("a", 0.1), trial("b", 0.9), trial("c", None)])
    assert sum(bandit.shares(NAMES).values()) == pytest.approx(1)
    assert sum(bandit.shares(["b", "d"]).values()) == pytest.approx(1)


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_an_operator_that_finds_new_bests_gets_more_and_none_is_starved(direction: str) -> None:
    bandit = Bandit(NAMES, direction)  # type: ignore[arg-type]
    sign = 1 if direction == "maximize" else -1
    for step in range(10):
        bandit.tell([trial("a", sign * step / 10), *(trial(name, -sign) for name in "bc"), trial("d", None)])
    shares = bandit.shares(NAMES)
    assert shares["a"] > 0.6
    assert min(shares.values()) >= LEAST / 4


def test_of_two_that_help_alike_the_cheaper_gets_more() -> None:
    bandit = Bandit(("a", "b"), "maximize", paid=True)
    for step in range(10):
        bandit.tell([trial("a", step / 10, calls=1), trial("b", step / 10, calls=5)])
    assert bandit.shares(["a", "b"])["a"] > 0.6


def test_duplicates_bring_nothing() -> None:
    bandit = Bandit(("a", "b"), "maximize")
    bandit.tell([trial("a", 0.5)])
    for _ in range(10):
        bandit.tell([trial("a", 0.9, duplicate=True), trial("b", 0.4)])
    assert bandit.arms["a"].gained < 1
    assert bandit.shares(["a", "b"])["a"] != pytest.approx(0.5)


def test_what_helps_changes_with_the_search() -> None:
    bandit = Bandit(("a", "b"), "maximize")
    for step in range(10):
        bandit.tell([trial("a", step), trial("b", -1)])
    for step in range(10, 40):
        bandit.tell([trial("a", -1), trial("b", step)])
    assert bandit.shares(["a", "b"])["b"] > 0.6


def test_all_proposals_are_dealt_and_on_average_by_the_shares() -> None:
    bandit = Bandit(NAMES, "maximize")
    for step in range(5):
        bandit.tell([trial("a", step), trial("b", -1), trial("c", -1)])
    shares = bandit.shares(NAMES)
    total: Counter[str] = Counter()
    for seed in range(400):
        dealt = bandit.deal(NAMES, 8, random.Random(seed))
        assert sum(dealt.values()) == 8
        assert all(abs(dealt.get(name, 0) - 8 * share) < 1 for name, share in shares.items())
        total.update(dealt)
    for name, share in shares.items():
        assert total[name] / 3200 == pytest.approx(share, abs=0.02)
    assert sum(bandit.deal(["c"], 3, random.Random(0)).values()) == 3


def test_the_state_says_what_each_operator_brought() -> None:
    bandit = Bandit(("a", "b"), "maximize")
    bandit.tell([trial("a", 0.5), trial("start", 0.1)])
    assert bandit.state()["a"]["proposals"] == 1
    assert bandit.state()["b"] == {"proposals": 0, "gained": 0, "spent": 0, "share": bandit.state()["b"]["share"]}

"""The bandit gives proposals to the operators that help, starts even, and starves none."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from optiprompt.bandit import LEAST, Bandit
from optiprompt.candidate import Candidate, Evaluation, Outcome, Proposal, Trial, Usage
from optiprompt.front import Tradeoff

NAMES = ("a", "b", "c", "d")


def trial(source: str, score: float | None, answers: int = 1, duplicate: bool = False, place: int = 0) -> Trial:
    text = f"{source} {score}"
    outcomes = tuple(Outcome(str(number), score) for number in range(answers))
    evaluation = Evaluation("ok", score, outcomes=outcomes) if score is not None else Evaluation.invalid("no")
    proposal = Proposal(text, source, (text, place))
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
        bandit.tell([trial("a", step / 10, answers=1), trial("b", step / 10, answers=5)])
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
    state = bandit.state(["a", "b"])
    assert state["a"]["proposals"] == 1
    assert state["b"] == {"proposals": 0, "gained": 0, "spent": 0, "share": state["b"]["share"]}
    assert state["a"]["share"] + state["b"]["share"] == pytest.approx(1, abs=1e-3)
    assert [each["share"] for each in bandit.state(["b"]).values()] == [0, 1]  # one that cannot work gets nothing


def test_a_reply_from_the_cache_weighs_like_a_paid_one_and_one_with_several_proposals_counts_once() -> None:
    alone, cached, several = (Bandit(("a", "b"), "maximize", paid=True) for _ in range(3))
    alone.tell([trial("a", 0.5)])
    paid = trial("a", 0.5)
    cached.tell([replace(paid, proposal=replace(paid.proposal, usage=Usage(cached=1)))])
    assert cached.state(["a", "b"]) == alone.state(["a", "b"])
    for usage in (Usage(calls=3), Usage(cached=3), Usage(calls=1, cached=2)):  # of the scorer
        shown = Bandit(("a", "b"), "maximize", paid=True)
        shown.tell([replace(paid, proposal=replace(paid.proposal, reply=None, usage=usage))])
        assert shown.arms["a"].spent == 3 + len(paid.evaluation.outcomes)
    second = replace(trial("a", None), proposal=replace(trial("a", None).proposal, reply=paid.proposal.reply))
    several.tell([paid, second])
    assert several.arms["a"].spent == alone.arms["a"].spent
    assert several.arms["a"].proposals == 2


def test_in_a_pareto_search_what_no_other_dominates_is_worth_as_much_as_a_better_score() -> None:
    def costly(source: str, score: float, cost: float) -> Trial:
        found = trial(source, score)
        return replace(found, evaluation=replace(found.evaluation, metrics={"parameters": cost}))

    bandit = Bandit(("a", "b"), "maximize", tradeoff=Tradeoff("maximize", "parameters"))
    bandit.tell([costly("start", 0.9, 10)])
    bandit.tell([costly("a", 0.89, 1), costly("b", 0.91, 50)])
    assert bandit.arms["a"].gained == bandit.arms["b"].gained == 1
    bandit.tell([costly("a", 0.88, 60), costly("b", 0.5, 0.5)])
    assert bandit.arms["a"].gained < bandit.arms["b"].gained


def scored(source: str, score: float, examples: int = 24) -> Trial:
    found = trial(source, score, answers=examples)
    error = (score * (1 - score) / examples) ** 0.5
    return replace(found, evaluation=replace(found.evaluation, stderr=error, n=examples))


def test_a_gain_that_may_be_luck_does_not_decide_who_proposes() -> None:
    lucky, real = (Bandit(NAMES, "maximize", paid=True) for _ in range(2))
    for bandit, score in ((lucky, 4 / 24), (real, 18 / 24)):
        bandit.tell([scored("start", 3 / 24)])
        bandit.tell([scored("a", score), *(scored(name, 0) for name in "bcd")])
    assert lucky.arms["a"].gained < 0.4
    assert lucky.shares(NAMES)["a"] < 0.45, "4 right answers of 24 after 3"
    assert real.arms["a"].gained > 0.99
    assert real.shares(NAMES)["a"] > 0.55


def test_the_same_gain_counts_for_more_over_more_examples() -> None:
    gained = []
    for examples in (24, 200, 1000):
        bandit = Bandit(("a",), "maximize", paid=True)
        bandit.tell([scored("start", 0.5, examples)])
        bandit.tell([scored("a", 0.55, examples)])
        gained.append(bandit.arms["a"].gained)
    assert gained == sorted(gained)
    assert gained[0] < 0.3
    assert gained[2] > 0.9


def test_replies_that_bring_nothing_to_score_are_not_cheap() -> None:
    bandit = Bandit(NAMES, "maximize", paid=True)
    bandit.tell([scored("start", 0.5)])
    for step in range(5):
        others = [replace(scored(name, 0.1), proposal=Proposal("", name, (name, step))) for name in "bcd"]
        bandit.tell([trial("a", None, place=step), *others])
    assert bandit.shares(NAMES)["a"] < 0.5
    assert bandit.arms["a"].spent > 0.3 * bandit.arms["b"].spent


def test_the_price_of_a_proposal_stays_what_it_is_however_long_the_run() -> None:
    bandit = Bandit(("a", "b"), "maximize", paid=True)
    bandit.tell([scored("start", 0.5)])
    shares, spent = [], []
    for step in range(60):
        before = bandit.arms["a"].spent
        bandit.tell([trial("a", None, place=step), replace(scored("b", 0.1), proposal=Proposal("", "b", ("b", step)))])
        spent.append(bandit.arms["a"].spent - 0.9 * before)
        shares.append(bandit.shares(["a", "b"])["a"])
    # 25 calls for what is scored, and half of what both take on average for what is not: 8.3
    assert spent[-1] == pytest.approx(25 / 3, abs=0.1)
    assert shares[-1] == pytest.approx(shares[-20], abs=0.01)


def test_a_measured_score_that_is_no_mean_of_graded_examples_is_taken_as_it_is() -> None:
    """Such as a loss over five seeds, in its own unit."""
    bandit = Bandit(("a", "b"), "minimize", paid=True)
    losses = [trial("start", 0.004), trial("a", 0.003)]
    for loss in losses:
        bandit.tell([replace(loss, evaluation=replace(loss.evaluation, stderr=0.0001, n=5, outcomes=()))])
    assert bandit.arms["a"].gained == 1


def test_a_reply_that_also_brought_something_is_not_taken_for_a_wasted_one() -> None:
    spent = []
    for order in (1, -1):
        bandit = Bandit(("a", "b"), "maximize", paid=True)
        bandit.tell([scored("start", 0.5), scored("b", 0.4)])
        both = [replace(scored("a", 0.3), proposal=Proposal(text, "a", ("reply", 0))) for text in ("old", "new")]
        bandit.tell([replace(both[0], duplicate=True), both[1]][::order])
        spent.append(bandit.arms["a"].spent)
    assert spent == [25, 25], "a call and 24 examples, whichever came first"

"""Where the scorer's calls are few for the candidates to come the race looks at more of them, less closely."""

import numpy as np

import optiprompt as op
from optiprompt.loop import Search
from optiprompt.racing import Racing, blocks, hopeless
from optiprompt.sparing import fitted


def bits(rng: np.random.Generator, chance: float, n: int) -> list[float | None]:
    return [float(each) for each in rng.random(n) < chance]


def prompts(train: int, dev: int = 0) -> op.PromptTask:
    examples = tuple(op.Example(str(n), f"{n} + 1", str(n + 1)) for n in range(train + dev))
    return op.PromptTask("sums", op.Splits(examples[:train], examples[train:]), op.graders.number())


def test_where_calls_are_few_the_default_race_looks_at_more_candidates_less_closely() -> None:
    sparing = fitted(Racing(), calls=9, total=24)
    assert blocks(24, sparing) == [4, 8, 16, 24]
    rng = np.random.default_rng(3)
    racers = [bits(rng, share, 8) for share in (0.5, 0.0, 0.6, 0.1, 0.7)]
    assert sum(hopeless(racers, [], 24, sparing)) >= 2, "at most half of them go on"
    assert fitted(Racing(), calls=12, total=24) == Racing(), "there is enough"
    assert fitted(Racing(first_block=6), calls=1, total=24) == Racing(first_block=6), "what the user sets is kept"
    assert fitted(Racing(), calls=30, total=250).first_block == 12


def test_a_search_with_few_calls_races_sparingly() -> None:
    def racing(**limits: int) -> Racing | None:
        return Search(prompts(24), op.Opro(), op.Budget(**limits)).racing

    assert racing(steps=4) == Racing()
    assert racing(scorer_calls=1000, steps=4) == Racing()
    assert racing(scorer_calls=300, steps=4) != Racing()
    assert racing(calls=300, optimizer_calls=10) == Racing()


def test_what_the_starts_and_the_end_take_is_not_there_for_the_candidates_to_come() -> None:
    budget = op.Budget(scorer_calls=300, optimizer_calls=28)
    assert Search(prompts(16), op.Opro(), budget, scoring=op.Scoring(final=False)).racing == Racing()
    few = Search(prompts(16, dev=20), op.Opro(), budget).racing
    assert few is not None
    assert few.first_block == 4, "of 300 calls 32 go to the starts and 67 to dev: 7 are left for each of 28 candidates"

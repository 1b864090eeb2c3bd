"""Racing within a search, and what its end says: against a model whose accuracy with each instruction is known."""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

import optiprompt as op
from optiprompt.backends.base import Form, Reply, Request
from optiprompt.candidate import Usage
from optiprompt.errors import BackendError
from optiprompt.events import Evaluated, HeldOut, Selected
from optiprompt.report.summary import best_of
from optiprompt.store import read_events

OPRO = op.Opro(operators="opro")  # the models here know its meta-prompt only
QUALITIES = (0.2, 0.3, 0.9, 0.35, 0.25, 0.3, 0.2, 0.4)


class Model:
    """Answers rightly in the share of questions that the instruction names; proposes the given qualities, in turn."""

    name, decodes, context = "known", False, 100_000
    proposes: Form = "chat"

    def __init__(self, qualities: Sequence[float] = QUALITIES) -> None:
        self._qualities = qualities
        self.asked: list[str] = []

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        text = request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content
        if "Your task is to generate" in text:
            numbers = [sample % len(self._qualities) for sample in samples]
            return [Reply(f"<INS>Quality {self._qualities[n]} of {n}.</INS>", usage=Usage(1, 9, 9)) for n in numbers]
        self.asked.append(text)
        found = re.search(r"Quality (0\.\d+)", text)
        right = random.Random(text).random() < (float(found[1]) if found else 0.4)
        return [Reply("yes" if right else "no", usage=Usage(1, 9, 1))]

    def count_tokens(self, text: str) -> int:
        return len(text) // 4

    async def aclose(self) -> None: ...


def task(train: int = 60, dev: int = 30, test: int = 60) -> op.PromptTask:
    def examples(kind: str, count: int) -> tuple[op.Example, ...]:
        return tuple(op.Example(f"{kind}{n}", f"Is {kind} {n} right?", "yes") for n in range(count))

    splits = op.Splits(examples("train", train), examples("dev", dev), examples("test", test))
    return op.PromptTask("known", splits, op.graders.boolean(), start=["Go.", "Go on."])


def search(
    model: Model, folder: Path, of: op.PromptTask | None = None, steps: int = 1, **settings: object
) -> op.Result:
    scoring = op.Scoring(**settings)  # type: ignore[arg-type]
    return op.optimize(
        of or task(), optimizer=model, scorer=model, algorithm=OPRO, steps=steps, scoring=scoring, run_dir=folder
    )


def evaluated(folder: Path) -> list[Evaluated]:
    return [event for event in read_events(folder) if isinstance(event, Evaluated)]


def test_the_hopeless_leave_the_race_early_and_the_best_sees_all_examples(tmp_path: Path) -> None:
    model = Model()
    result = search(model, tmp_path, final=False)
    by_text = {trial.text: trial.evaluation for trial in result.trajectory}
    best = by_text["Quality 0.9 of 2."]
    assert (best.status, best.n) == ("ok", 60)
    pruned = [each for each in by_text.values() if each.status == "pruned"]
    assert len(pruned) >= 5
    for each in pruned:
        assert each.n == len(each.outcomes) < 60
        assert f"dropped after {each.n} of 60 examples" in each.reason
    assert len([text for text in model.asked if "Quality" in text]) < 0.6 * 8 * 60
    assert result.best is not None
    assert result.best.text == "Quality 0.9 of 2."
    # All have seen the same examples, and the starting candidates all of them.
    orders = [[outcome.example for outcome in each.outcomes] for each in by_text.values()]
    assert all(order == max(orders, key=len)[: len(order)] for order in orders)
    assert [by_text[text].n for text in ("Go.", "Go on.")] == [60, 60]


def test_without_racing_each_candidate_is_scored_on_every_example(tmp_path: Path) -> None:
    result = search(Model(), tmp_path, racing=None, final=False)
    assert {trial.evaluation.n for trial in result.trajectory} == {60}


def test_candidates_that_lost_are_shown_below_those_with_a_full_score_and_with_their_examples(tmp_path: Path) -> None:
    result = search(Model(), tmp_path, steps=2, final=False)
    records = [json.loads(line) for line in (tmp_path / "replies.jsonl").read_text().splitlines()]
    [text] = [
        each["prompt"][0]["content"]
        for each in records
        if "prompt" in each and "Quality" in str(each["prompt"]) and "Your task is to generate" in str(each["prompt"])
    ][-1:]
    lost = [trial.text for trial in result.trajectory.pruned]
    ranked = [trial.text for trial in result.trajectory.ranked()]
    assert lost
    assert max(text.index(each) for each in lost) < min(text.index(each) for each in ranked)
    assert re.search(r"\(on the first \d+ of 60 examples\)", text)


def test_a_race_that_was_killed_ends_the_same_and_asks_nothing_twice(tmp_path: Path) -> None:
    search(Model(), tmp_path / "whole")
    events = (tmp_path / "whole" / "events.jsonl").read_text().splitlines(keepends=True)
    replies = (tmp_path / "whole" / "replies.jsonl").read_text().splitlines(keepends=True)
    for kept_events, kept_replies in ((6, len(replies) // 2), (9, len(replies) // 2 + 40), (20, len(replies) - 30)):
        folder = tmp_path / f"cut {kept_events}"
        folder.mkdir()
        (folder / "events.jsonl").write_text("".join(events[:kept_events]))
        (folder / "replies.jsonl").write_text("".join(replies[:kept_replies]))
        model = Model()
        search(model, folder)
        again = [(event.key, asdict(event.evaluation)["status"], event.evaluation.n) for event in evaluated(folder)]
        first = [(e.key, e.evaluation.status, e.evaluation.n) for e in evaluated(tmp_path / "whole")]
        assert again == first
        recorded = "".join(replies[:kept_replies])
        assert not [text for text in model.asked if json.dumps(text) in recorded], "asked though it was on disk"


def test_the_winner_is_chosen_on_dev_and_compared_once_on_test(tmp_path: Path) -> None:
    model = Model()
    result = search(model, tmp_path)
    assert result.best is not None
    assert result.test is not None
    assert result.best.text == "Quality 0.9 of 2."
    assert result.test.n == 60
    assert result.test.interval is not None
    assert result.test.interval[0] < (result.test.score or 0) < result.test.interval[1]
    assert "is better than the baseline" in result.verdict
    assert '"Go."' in result.verdict
    held = [event for event in read_events(tmp_path) if isinstance(event, HeldOut)]
    assert [event.text for event in held if event.split == "test"] == ["Quality 0.9 of 2.", "Go."]
    assert 1 <= len([event for event in held if event.split == "dev"]) <= 5
    asked_on_test = [text for text in model.asked if "test" in text]
    assert len(asked_on_test) == 2 * 60
    found = best_of(tmp_path)
    dev = next(event for event in held if event.split == "dev" and event.text == found.text)
    assert (found.text, found.split, found.score) == (result.best.text, "dev", dev.evaluation.score)


def test_a_finished_run_is_left_as_it_is_and_a_longer_one_chooses_anew(tmp_path: Path) -> None:
    search(Model(), tmp_path)
    before = (tmp_path / "events.jsonl").read_bytes()
    model = Model()
    result = search(model, tmp_path)
    assert (tmp_path / "events.jsonl").read_bytes() == before
    assert model.asked == []
    assert "is better than the baseline" in result.verdict
    search(Model([0.95]), tmp_path, steps=2)
    assert len([event for event in read_events(tmp_path) if isinstance(event, Selected)]) == 2


def test_resuming_under_the_same_budget_changes_nothing(tmp_path: Path) -> None:
    for calls in (300, 700, 850):
        folder = tmp_path / str(calls)
        model = Model()
        budget = op.Budget(steps=1, calls=calls)
        first = op.optimize(task(), optimizer=model, scorer=model, algorithm=OPRO, budget=budget, run_dir=folder)
        before = (folder / "events.jsonl").read_bytes()
        again = op.optimize(task(), optimizer=model, scorer=model, algorithm=OPRO, budget=budget, run_dir=folder)
        assert (folder / "events.jsonl").read_bytes() == before
        assert again.verdict == first.verdict
        larger = op.Budget(steps=1, calls=5000)
        whole = op.optimize(task(), optimizer=model, scorer=model, algorithm=OPRO, budget=larger, run_dir=folder)
        assert whole.test is not None
        assert whole.test.n == 60


def test_one_finalist_needs_no_dev_and_can_be_read(tmp_path: Path) -> None:
    one = task()
    one._start = ("Go.",)
    result = op.optimize(one, optimizer=Model(), scorer=Model(), steps=0, run_dir=tmp_path)
    assert "nothing better" in result.verdict
    assert best_of(tmp_path).split == "train"


class Broken(Model):
    """Does not answer some questions of an instruction."""

    def __init__(self, broken: str) -> None:
        super().__init__()
        self._broken = broken

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        text = request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content
        if "Your task is" not in text and re.search(self._broken, text):
            raise BackendError("a 500")
        return await super().generate(request, samples)


@pytest.mark.parametrize("racing", [op.Racing(), None])
def test_a_candidate_whose_calls_all_fail_has_failed_and_the_others_go_on(tmp_path: Path, racing: object) -> None:
    result = search(Broken(r"Quality 0.9 of 2."), tmp_path, racing=racing)
    by_text = {trial.text: trial.evaluation for trial in result.trajectory}
    assert by_text["Quality 0.9 of 2."].status == "failed"
    assert {each.status for text, each in by_text.items() if text != "Quality 0.9 of 2."} <= {"ok", "pruned"}
    with pytest.raises(BackendError, match="a 500"):
        search(Broken("train"), tmp_path / "all", racing=racing)


def test_a_lower_score_can_be_the_better_one(tmp_path: Path) -> None:
    lower = task()
    lower.direction = "minimize"
    result = search(Model([0.6, 0.5, 0.1, 0.55, 0.7, 0.8, 0.45, 0.65]), tmp_path, of=lower)
    assert result.best is not None
    assert result.best.text.startswith("Quality 0.1 ")
    assert "is better than the baseline" in result.verdict


def test_nothing_better_is_called_better(tmp_path: Path) -> None:
    result = search(Model([0.41, 0.39, 0.4, 0.38]), tmp_path)
    assert "not shown to be better" in result.verdict or "nothing better" in result.verdict


def test_without_a_test_split_the_end_says_that_the_score_is_too_high(tmp_path: Path) -> None:
    result = search(Model(), tmp_path, of=task(dev=0, test=0))
    assert result.test is None
    assert "There is no test" in result.verdict
    assert "best of" in result.verdict
    assert best_of(tmp_path).split == "train"


@pytest.mark.parametrize("calls", [300, 500])
def test_of_a_budget_of_calls_enough_is_kept_for_the_end(tmp_path: Path, calls: int) -> None:
    model = Model()
    budget = op.Budget(calls=calls)
    result = op.optimize(task(), optimizer=model, scorer=model, algorithm=OPRO, budget=budget, run_dir=tmp_path)
    assert result.usage.calls <= calls
    assert "kept for dev and test" in result.stop_reason
    assert result.test is not None
    assert result.test.n >= 30
    assert best_of(tmp_path).test == result.test.score
    assert result.best is not None
    assert result.best.text.startswith("Quality 0.9"), "what led the race when the budget ended is not lost"

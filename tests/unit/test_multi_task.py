"""One instruction for several tasks, several scorers, a warm start, and what the end says of other tasks."""

import asyncio
import json
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt import cli
from optiprompt.backends.base import Form, Message, Reply, Request
from optiprompt.candidate import Outcome
from optiprompt.errors import BackendError, DataError, RunError, Unheard, UsageError
from optiprompt.events import Evaluated, HeldOut, Proposed, Started
from optiprompt.store import read_events
from optiprompt.tasks._multi_task import with_scorers
from optiprompt.testing.server import ChaosServer
from optiprompt.warm import with_texts
from optiprompt.worst_case import compare


class Model:
    """Answers a question by a function, and proposes the given texts in turn."""

    decodes, context = False, 100_000
    proposes: Form = "chat"

    def __init__(self, answer: Callable[[str], str], name: str = "model", proposals: Sequence[str] = ("Go.",)) -> None:
        self.name = name
        self._answer, self._proposals = answer, proposals
        self.requests: list[Request] = []

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        text = request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content
        if "Your task is to generate" in text:
            return [Reply(f"<INS>{self._proposals[s % len(self._proposals)]}</INS>") for s in samples]
        self.requests.append(request)
        return [Reply(self._answer(text))]

    def count_tokens(self, text: str) -> int:
        return len(text) // 4

    async def aclose(self) -> None: ...


OPRO = op.Opro(operators="opro")  # the models here know its meta-prompt only


def task(kind: str, train: int = 20, dev: int = 10, test: int = 30, **settings: Any) -> op.PromptTask:
    def made(split: str, count: int) -> tuple[op.Example, ...]:
        return tuple(op.Example(f"{split}{n}", f"Is {kind} {split} {n} right?", "yes") for n in range(count))

    splits = op.Splits(made("train", train), made("dev", dev), made("test", test))
    return op.PromptTask(kind, splits, settings.pop("grader", op.graders.boolean()), start=["Go.", "On."], **settings)


def score(of: op.Task, model: Any, text: str = "Go.") -> op.Evaluation:
    return asyncio.run(of.evaluate(of.space.candidate(text), model))


# The task


def test_the_tasks_take_turns_and_each_has_as_many_examples_as_the_smallest() -> None:
    both = op.MultiTask([task("ants", train=4, dev=2, test=3), task("bees", train=6, dev=9, test=5)])
    assert [each.input for each in both.examples[:3]] == [
        "Is ants train 0 right?",
        "Is bees train 0 right?",
        "Is ants train 1 right?",
    ]
    assert [len(each) for each in (both.examples, both.dev, both.test)] == [8, 4, 6]
    assert len({each.id for each in (*both.examples, *both.dev, *both.test)}) == 18
    assert both.details()["left_out"]["bees"] == {"train": 2, "dev": 7, "test": 2}
    assert not both.notes
    [note] = op.MultiTask([task("ants", dev=0), task("bees")]).notes
    assert "no dev split: ants has none" in note


def test_each_example_keeps_its_own_tasks_form_grader_and_length() -> None:
    plain = task("plain", train=1, form="continuation", max_tokens=5, grader=op.graders.contains())
    spoken = task("spoken", train=1, position="Q_end", max_tokens=7)
    model = Model(lambda text: "oh yes indeed, no" if "plain" in text else "no")
    evaluation = score(op.MultiTask([plain, spoken]), model, "Think.")
    asked = {request.max_tokens: request.prompt for request in model.requests}
    assert asked[5] == "Q: Think.\nIs plain train 0 right?\n\nA:"
    assert asked[7] == (Message("user", "Is spoken train 0 right?\nThink."),)
    assert dict(evaluation.metrics) == {"plain": 1.0, "spoken": 0.0}


def test_the_score_is_the_mean_of_the_tasks_or_the_worst() -> None:
    tasks = [task("ants", train=10), task("bees", train=20)]
    model = Model(lambda text: "yes" if "ants" in text or text.endswith(("0 right?", "5 right?")) else "no")
    mean, worst = (score(op.MultiTask(tasks, by=by), model) for by in ("mean", "worst"))
    assert dict(mean.metrics) == dict(worst.metrics) == {"ants": 1.0, "bees": 0.2}
    assert (mean.score, mean.n) == (0.6, 20)
    assert (worst.score, worst.n) == (0.2, 10)
    assert worst.stderr == pytest.approx((0.2 * 0.8 / 10) ** 0.5)
    assert mean.stderr == pytest.approx((0.2 * 0.8 / 10) ** 0.5 / 2), "one of the tasks has no spread"


def test_a_failed_call_does_not_change_the_weight_of_its_task() -> None:
    class Failing(Model):
        async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
            if any(f"bees train {n} " in str(request.prompt) for n in self.lost):
                raise BackendError("lost on the way")
            return await super().generate(request, samples)

        lost: Sequence[int] = ()

    both = op.MultiTask([task("ants", train=10), task("bees", train=10)])
    model = Failing(lambda text: "yes" if "ants" in text else "no")
    model.lost = (1, 2, 3)
    assert score(both, model).score == 0.5
    model.lost = range(5)  # not a fifth of all, with three tasks
    three = op.MultiTask([task("ants", train=10), task("bees", train=10), task("cats", train=10)])
    evaluation = score(three, model)
    assert evaluation.status == "failed"
    assert "5 of 10 examples of bees could not be scored: lost on the way" in evaluation.reason


def test_tasks_that_cannot_share_an_instruction_are_refused() -> None:
    function = op.FunctionTask("f", op.Numbers({"x": (0, 1)}), lambda point: 0.0)
    for tasks, message in (
        ([], "at least one task"),
        ([task("ants"), function], "f is no prompt task"),
        ([task("ants"), task("ants")], "the task ants is given twice"),
    ):
        with pytest.raises(UsageError, match=message):
            op.MultiTask(tasks)
    with pytest.raises(UsageError, match="mean or worst"):
        op.MultiTask([task("ants")], by="best")  # type: ignore[arg-type]


# Several scorers


def test_each_scorer_answers_every_question_and_both_answers_are_one_measurement() -> None:
    right, wrong = Model(lambda text: "yes", "right"), Model(lambda text: "no", "wrong")
    both, group = with_scorers(task("ants", train=10), [right, wrong])
    evaluation = score(both, group)
    assert dict(evaluation.metrics) == {"right": 1.0, "wrong": 0.0}
    assert (evaluation.score, evaluation.n, len(evaluation.outcomes)) == (0.5, 10, 20)
    assert evaluation.stderr == 0, "every question has the same score"
    assert [len(each.requests) for each in (right, wrong)] == [10, 10]
    crossed, group = with_scorers(op.MultiTask([task("ants", train=2), task("bees", train=2)]), [right, wrong])
    assert list(score(crossed, group).metrics) == [
        "ants with right",
        "ants with wrong",
        "bees with right",
        "bees with wrong",
    ]
    noted = task("ants")
    noted.warm, noted.notes = ("Warm.",), ("a note",)
    both, _ = with_scorers(noted, [right, wrong])
    assert (both.warm, both.notes) == (("Warm.",), ("a note",))
    with pytest.raises(UsageError, match="the list is empty"):
        op.optimize(task("ants"), scorer=[])
    with pytest.raises(UsageError, match="the scorer right is given twice"):
        with_scorers(task("ants"), [right, right])
    shown = task("ants")
    shown.structure(shots=2)
    with pytest.raises(UsageError, match="--shots needs a single task and a single scorer"):
        with_scorers(shown, [right, wrong])
    with pytest.raises(UsageError, match="--shots needs"):
        op.MultiTask([shown, task("bees")])


def test_a_scorer_that_is_not_there_says_nothing_of_the_candidate() -> None:
    class Dead(Model):
        async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
            raise BackendError("nobody there")

    alive, dead = Model(lambda text: "yes", "alive"), Dead(str, "dead")
    both, group = with_scorers(task("ants", train=4), [alive, dead])
    with pytest.raises(Unheard, match="nobody there"):
        score(both, group)


def test_a_search_over_two_scorers_shows_each_question_once_and_tells_how_each_did(tmp_path: Path) -> None:
    shown: list[str] = []

    class Optimizer(Model):
        async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
            shown.append(str(request.prompt))
            return await super().generate(request, samples)

    strong = Model(lambda text: "yes" if "better" in text or "1 right" in text else "no", "strong")
    weak = Model(lambda text: "yes" if "better" in text and "7 right" not in text else "no", "weak")
    result = op.optimize(
        task("ants"),
        optimizer=Optimizer(str, proposals=["Do better."]),
        scorer=[strong, weak],
        algorithm=OPRO,
        steps=1,
        run_dir=tmp_path,
    )
    assert result.best is not None
    assert result.best.text == "Do better."
    assert result.test is not None
    assert dict(result.test.metrics) == {"strong": 1.0, "weak": 0.9}
    assert "on 30 test examples" in result.verdict
    questions = [line for line in shown[0].split("right?") if "Is ants" in line]
    assert len(questions) == len(set(questions)) == 3


# Racing and selection


QUALITIES = (0.2, 0.3, 0.9, 0.35, 0.25, 0.3, 0.2, 0.4)


def racer(name: str = "model") -> Model:
    def answer(text: str) -> str:
        share = next((each for each in QUALITIES if f"Share {each}." in text), 0.4)
        return "yes" if random.Random(f"{name} {text}").random() < share else "no"

    return Model(answer, name, [f"Share {each}." for each in QUALITIES])


@pytest.mark.parametrize("by", ["mean", "worst"])
def test_a_race_stops_only_where_every_task_and_scorer_has_been_seen_and_by_the_worst_there_is_none(
    by: Any, tmp_path: Path
) -> None:
    several = op.MultiTask([task(kind, train=24, dev=10, test=20) for kind in ("ants", "bees", "cats")], by=by)
    model = racer()
    result = op.optimize(
        several, optimizer=model, scorer=[model, racer("other")], algorithm=OPRO, steps=1, run_dir=tmp_path
    )
    seen = [trial.evaluation for trial in result.trajectory]
    lost = [each for each in seen if each.status == "pruned"]
    assert bool(lost) == (by == "mean")
    assert all(len(each.outcomes) % 6 == 0 and len(each.metrics) == 6 for each in seen)
    assert result.best is not None
    assert result.best.text == "Share 0.9."
    assert result.final is not None
    assert result.final.comparison is not None
    assert result.final.test is not None
    assert result.final.baseline is not None
    difference = (result.final.test.score or 0) - (result.final.baseline.score or 0)
    assert result.final.comparison.difference == pytest.approx(difference), "what is compared is the score"
    assert result.final.comparison.better


def _outcomes(*strata: Sequence[float]) -> list[Outcome]:
    return [Outcome(str(n), score) for n, score in enumerate(each for row in zip(*strata, strict=True) for each in row)]


def test_by_the_worst_a_gain_counts_only_where_it_is_needed() -> None:
    rng = random.Random(0)
    good, bad = ([float(rng.random() < share) for _ in range(100)] for share in (0.8, 0.3))
    lifted = [float(rng.random() < 0.7) for _ in range(100)]
    perfect = [1.0] * 100
    elsewhere = compare(_outcomes(perfect, bad), _outcomes(good, bad), 2)
    assert (elsewhere.difference, elsewhere.better) == (0, False)
    there = compare(_outcomes(good, lifted), _outcomes(good, bad), 2)
    assert there.difference == pytest.approx(sum(lifted) / 100 - sum(bad) / 100)
    assert there.better
    assert 0.15 < there.low < there.difference < there.high < 0.6
    assert compare(_outcomes(good, bad), _outcomes(good, lifted), 2).worse
    unknown = [Outcome(each.example, None) for each in _outcomes(good, bad)]
    assert compare(unknown, _outcomes(good, bad), 2).n == 0


# Warm start


def test_a_warm_start_adds_the_best_of_an_earlier_run_of_another_task(tmp_path: Path) -> None:
    first = op.optimize(
        task("bees"), optimizer=(model := racer()), scorer=model, algorithm=OPRO, steps=1, run_dir=tmp_path / "first"
    )
    assert first.best is not None
    short = task("ants")
    short.space = op.Text(max_chars=9)
    warm = op.warm_start(short, tmp_path / "first", best=3)
    assert short.warm == ()
    assert not warm.warm
    assert any("'Share 0.9.'" in note and "at most 9 are allowed" in note for note in warm.notes)
    warm = op.warm_start(task("ants"), tmp_path / "first", best=3)
    assert warm.warm[0] == first.best.text == "Share 0.9."
    assert len(warm.warm) <= 3
    op.optimize(warm, optimizer=model, scorer=model, steps=0, run_dir=tmp_path / "second")
    [proposed] = [event for event in read_events(tmp_path / "second") if isinstance(event, Proposed)]
    sources = [(each.proposal.source, each.proposal.text) for each in proposed.proposals]
    assert sources[:3] == [("start", "Go."), ("start", "On."), ("warm", "Share 0.9.")]
    assert {each.fate for each in proposed.proposals} == {"new"}
    result = op.optimize(warm, optimizer=model, scorer=model, steps=0, run_dir=tmp_path / "second")
    assert '"Go."' in result.verdict, "the baseline is the task's own start"
    with pytest.raises(RunError, match="holds another search, with warm"):
        op.optimize(task("ants"), optimizer=model, scorer=model, steps=0, run_dir=tmp_path / "second")
    with pytest.raises(RunError, match="holds no run"):
        op.warm_start(task("ants"), tmp_path / "nowhere")


def test_a_warm_start_is_read_as_a_proposal_is() -> None:
    example = "<example><input>left</input><output>right</output></example>"
    texts = [f"<instruction>Think.</instruction>{example}", f"<format>Be brief.</format>{example}"]
    copying = op.PromptTask("moods", op.Splits((op.Example("a", "A long dull evening.", "bad"),)), op.graders.exact())
    warm = with_texts(copying, [*texts, "Say what a long dull evening is."])
    assert warm.warm == ("Think.",)
    without, copy = warm.notes
    assert "'<format>Be brief." in without
    assert "without an instruction" in without
    assert "copies a training example" in copy
    shown = task("ants")
    shown.structure(shots=2)
    assert with_texts(shown, texts[:1]).warm == tuple(texts[:1])


# On the command line

TASK = """
kind: prompt
data: {{file: {name}.jsonl}}
sizes: {{train: 12, dev: 6, test: 15}}
grader: boolean
start: ["Go.", "On."]
max_tokens: {tokens}
"""
BETTER = "Better, do it."


@pytest.fixture
def folder(tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for tokens, name in enumerate(("ants", "bees", "cats"), 5):
        rows = [{"input": f"Is {name} {n} right?", "target": "yes"} for n in range(40)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / f"{name}.yaml").write_text(TASK.format(name=name, tokens=tokens))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["optiprompt", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        return int(stopped.value.code or 0), *capsys.readouterr()

    return call


class Answers:
    """Proposes a better instruction and fillers; with the better one all but the cats are right."""

    def __init__(self) -> None:
        self._proposed = 0

    def __call__(self, prompt: str) -> str:
        if "<INS>" in prompt:
            self._proposed += 1
            return f"<INS>{BETTER if self._proposed == 1 else f'Way {self._proposed} of it.'}</INS>"
        return "yes" if BETTER in prompt and "cats" not in prompt else "no"


def test_a_list_of_tasks_two_scorers_and_a_transfer_cost_what_the_forecast_says(folder: Path, call: Any) -> None:
    with ChaosServer(Answers()) as server:
        words = [
            "run",
            "ants.yaml,bees.yaml",
            "--optimizer",
            f"openai:writer@{server.url}",
            "--no-racing",
            "--operators",
            "opro",
        ]
        words += ["--scorer", f"openai:one@{server.url}", "--scorer", f"openai:two@{server.url}", "--steps", "1"]
        words += ["--transfer", "cats.yaml", "--transfer-scorer", f"openai:three@{server.url}", "--proposals", "4"]
        code, out, _ = call(*words, "--dry-run", "--json")
        expected = json.loads(out)
        assert (code, server.requests) == (0, 0)
        assert expected["start"]["scorer"]["calls"] == 2 * 12 * 2 * 2
        assert expected["end"]["scorer"]["calls"] == (5 * 6 + 2 * 15) * 4
        assert expected["transfer"]["calls"] == 2 * 15
        code, out, _ = call(*words, "--run-dir", "run", "--json")
        assert code == 0
        assert server.requests == expected["calls"]
        found = json.loads(out)
        assert found["text"] == BETTER
        names = [f"{name} with openai:{model}@{server.url}" for name in ("ants", "bees") for model in ("one", "two")]
        assert [each["task"] for each in found["parts"]] == names
        for part in found["parts"]:
            assert (part["winner"]["score"], part["baseline"]["score"], part["winner"]["n"]) == (1, 0, 15)
        [moved] = found["transfers"]
        assert (moved["task"], moved["scorer"]) == ("cats", f"openai:three@{server.url}")
        assert (moved["winner"]["score"], moved["comparison"]["difference"]) == (0, 0)
        assert {body["max_tokens"] for body in server.bodies if body["model"] == "three"} == {7}

        # Nothing is asked again, and a run that was killed in the middle of its end goes on there.
        assert json.loads(call("resume", "run", "--json")[1]) == found
        lines = Path("run/events.jsonl").read_text().splitlines(keepends=True)
        assert "held-out" in lines[-2]
        Path("run/events.jsonl").write_text("".join(lines[:-4]))
        assert json.loads(call("resume", "run", "--json")[1]) == found
        assert server.requests == expected["calls"]
        code, out, _ = call("resume", "run")
        assert "transfer" in out
        assert "cats with openai:three" in out


def test_a_transfer_that_cannot_be_made_does_not_cost_the_run_its_result(folder: Path, call: Any) -> None:
    with ChaosServer(Answers()) as server, ChaosServer(Answers(), models=["other"]) as lacking:
        model = f"openai:m@{server.url}"
        words = ["run", "ants.yaml", "--optimizer", model, "--scorer", model, "--steps", "1", "--run-dir", "run"]
        words += ["--transfer", "cats.yaml,bees.yaml", "--transfer-scorer", f"openai:m@{lacking.url}"]
        code, out, _ = call(*words, "--transfer-scorer", model, "--json")
        assert code == 0
        moved = json.loads(out)["transfers"]
        assert [(each["task"], each["winner"] is None) for each in moved] == [
            ("cats", True),
            ("cats", False),
            ("bees", True),
            ("bees", False),
        ]
        assert "m" in moved[0]["reason"]
        assert moved[3]["comparison"]["difference"] == 1
    code, out, err = call(*words, "--no-final", "--run-dir", "another")
    assert (code, "transfer" in err, err.count("\n")) == (2, True, 1)


def test_a_budget_holds_for_a_transfer_too_and_keeps_room_for_it(folder: Path, call: Any) -> None:
    with ChaosServer(Answers()) as server:
        model = f"openai:m@{server.url}"
        words = ["run", "ants.yaml", "--optimizer", model, "--scorer", model, "--transfer", "bees.yaml", "--json"]
        code, out, _ = call(*words, "--max-calls", "260")
        assert code == 0
        assert server.requests <= 260
        assert json.loads(out)["transfers"][0]["winner"]["n"] == 15
    with ChaosServer(Answers()) as server:
        words[words.index("--scorer") + 1] = words[words.index("--optimizer") + 1] = f"openai:m@{server.url}"
        code, out, _ = call(*words, "--max-calls", "70", "--no-cache")
        assert (code, server.requests <= 70) == (0, True)
        [moved] = json.loads(out)["transfers"]
        assert moved["winner"] is None or moved["winner"]["n"] < 15
        assert moved["winner"] or "budget" in moved["reason"] or "calls" in moved["reason"]


def test_a_warm_start_is_kept_in_the_run_and_needs_the_earlier_one_no_more(folder: Path, call: Any) -> None:
    with ChaosServer(Answers()) as server:
        model = f"openai:m@{server.url}"
        models = ["--optimizer", model, "--scorer", model, "--no-final"]
        call("run", "ants.yaml", *models, "--steps", "1", "--run-dir", "first")
        code, _, _ = call("run", "bees.yaml", *models, "--steps", "0", "--warm", "first", "--run-dir", "second")
        assert code == 0
        shutil.rmtree("first")
        assert call("resume", "second", "--steps", "1")[0] == 0
        evaluated = [event.text for event in read_events(Path("second")) if isinstance(event, Evaluated)]
        assert evaluated[:3] == ["Go.", "On.", BETTER]
        code, _, err = call("run", "bees.yaml", *models, "--warm", "first")
        assert (code, err.count("\n")) == (2, 1)
        assert "no run 'first'" in err


def test_by_worst_needs_several_and_is_part_of_what_a_run_is(folder: Path, call: Any) -> None:
    with ChaosServer(Answers()) as server:
        models = ["--optimizer", f"openai:m@{server.url}", "--scorer", f"openai:m@{server.url}", "--steps", "0"]
        code, _, err = call("run", "ants.yaml", *models, "--by", "worst")
        assert code == 2
        assert "several tasks or several scorers" in err
        assert call("run", "ants.yaml,cats.yaml", *models, "--by", "worst", "--run-dir", "run")[0] == 0
        [started] = [event for event in read_events(Path("run")) if isinstance(event, Started)]
        assert started.settings["task"]["by"] == "worst"
        held = [event for event in read_events(Path("run")) if isinstance(event, HeldOut)]
        assert all(set(event.evaluation.metrics) == {"ants", "cats"} for event in held)
        code, _, err = call("run", "ants.yaml,cats.yaml", *models, "--run-dir", "run")
        assert (code, "holds another search" in err) == (1, True)


def test_bbh_as_a_whole_leaves_out_what_the_folder_lacks_and_a_named_task_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Any
) -> None:
    (tmp_path / "bbh").mkdir()
    for name in ("navigate", "snarks"):
        rows = [{"input": f"Is {name} {n} right?", "target": "Yes"} for n in range(120)]
        (tmp_path / "bbh" / f"{name}.json").write_text(json.dumps({"examples": rows}))
    monkeypatch.setenv("OPTIPROMPT_DATA", str(tmp_path))
    whole = op.load_task("bbh")
    assert (whole.name, list(whole.strata)) == ("bbh", ["bbh/navigate", "bbh/snarks"])
    assert len(whole.examples) == 2 * 24
    assert "25 of 27 tasks are left out: no such file" in whole.notes[0]
    with pytest.raises(DataError, match=r"web_of_lies\.json: put it there, or unset OPTIPROMPT_DATA"):
        op.load_task("bbh/navigate,bbh/web_of_lies")
    with pytest.raises(UsageError, match="did you mean bbh/snarks"):
        op.load_task("bbh/navigate,bbh/snark")
    code, _, err = call("evaluate", "bbh", "--scorer", "smollm2")
    assert (code, err.count("\n"), "one task at a time" in err) == (2, 1, True)
    monkeypatch.setenv("OPTIPROMPT_DATA", str(tmp_path / "bbh"))
    with pytest.raises(DataError, match="no such file"):
        op.load_task("bbh")


def test_all_of_bbh_that_is_in_the_folder(data_folder: Path) -> None:
    whole = op.load_task("bbh")
    there = sorted(path.stem for path in (data_folder / "bbh").glob("*.json"))
    assert [each.removeprefix("bbh/") for each in whole.strata] == there
    assert len(whole.examples) % len(there) == 0
    assert {each.id.partition(":")[0] for each in whole.examples[: len(there)]} == set(whole.strata)
    mixed = op.load_task("bbh/navigate,bbh/snarks,gsm8k", {"sizes.train": 20})
    assert [len(each) for each in (mixed.examples,)] == [60]
    assert mixed.space.describe() == op.load_task("gsm8k").space.describe()
    with pytest.raises(ValueError, match="digit"):
        mixed.space.parse("Add 2 and 2.")

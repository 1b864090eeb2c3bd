"""A prompt task asks, grades and reports each example; its YAML is read strictly."""

import asyncio
import json
import os
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from optiprompt import graders
from optiprompt.backends.base import Backend, Form, Message, Reply, Request
from optiprompt.candidate import Evaluation, Usage
from optiprompt.data import Example, Splits
from optiprompt.errors import BackendError, DataError, FatalBackendError, ParseError, PromptTooLong, UsageError
from optiprompt.tasks import loader
from optiprompt.tasks._asking import Asking, Position
from optiprompt.tasks._multi_task import MultiTask
from optiprompt.tasks.loader import load_task
from optiprompt.tasks.prompt import PromptTask


class Answering:
    """A real backend whose model is a function of the prompt's text."""

    name = "answering"
    proposes: Form = "chat"
    decodes = False
    context = 100_000

    def __init__(self, answer: Callable[[str], str | Reply]) -> None:
        self._answer = answer
        self.requests: list[Request] = []
        self.at_once = self.most_at_once = 0

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        assert list(samples) == [0]
        self.requests.append(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        reply = self._answer(text_of(request))
        return [reply if isinstance(reply, Reply) else Reply(reply, usage=Usage(1, 10, 2))]

    def count_tokens(self, text: str) -> int:
        return len(text) // 4

    async def aclose(self) -> None:
        pass


def text_of(request: Request) -> str:
    if isinstance(request.prompt, str):
        return request.prompt
    return "\n".join(f"[{message.role}] {message.content}" for message in request.prompt)


SUMS = [Example(f"sum/{n}", f"{n}+{n}?", str(2 * n)) for n in range(10)]


def double(text: str) -> str:
    """Answers every sum rightly, but only when asked to add."""
    number = int(text.rsplit("+", 1)[1].split("?")[0])
    return f"The answer is {2 * number}." if "Add" in text else "I would rather not say."


def sums(data: Sequence[Example] | Splits = tuple(SUMS), **settings: Any) -> PromptTask:
    splits = data if isinstance(data, Splits) else Splits(tuple(data))
    return PromptTask("sums", splits, graders.number(), **settings)


def evaluate(task: PromptTask, text: str, answer: Callable[[str], str | Reply] = double) -> Evaluation:
    return asyncio.run(task.evaluate(task.space.candidate(text), Answering(answer)))


def test_the_score_is_the_share_of_right_answers_with_each_outcome_kept() -> None:
    good = evaluate(sums(), "Add the numbers.")
    assert (good.status, good.score, good.stderr, good.n) == ("ok", 1.0, 0.0, 10)
    assert [outcome.example for outcome in good.outcomes] == [example.id for example in SUMS]
    assert [outcome.answer for outcome in good.outcomes] == [str(2 * n) for n in range(10)]
    assert good.usage == Usage(calls=10, prompt_tokens=100, completion_tokens=20)
    assert evaluate(sums(), "Hm.").score == 0.0


def test_the_standard_error_is_binomial() -> None:
    half = evaluate(sums(), "Add", lambda text: double(text) if text.rsplit("+", 1)[1][0] in "01234" else "no idea")
    assert half.score == 0.5
    assert half.stderr == pytest.approx((0.25 / 10) ** 0.5)


def test_all_examples_are_asked_at_once_at_temperature_0() -> None:
    scorer, task = Answering(double), sums(max_tokens=77)
    asyncio.run(task.evaluate(task.space.candidate("Add"), scorer))
    assert scorer.most_at_once == 10
    assert {(request.temperature, request.max_tokens, request.seed) for request in scorer.requests} == {(0.0, 77, None)}


def failing(numbers: str) -> Callable[[str], str | Reply]:
    def answer(text: str) -> str | Reply:
        number = text.rsplit("+", 1)[1][0]
        if number in numbers:
            return Reply("", "error", Usage(calls=3), error=f"server down at {number}")
        return double(text)

    return answer


def test_failed_calls_are_left_out_of_the_mean_and_reported() -> None:
    some = evaluate(sums(), "Add", failing("37"))
    assert (some.status, some.score, some.n, some.metrics) == ("ok", 1.0, 8, {"failed": 2})
    assert (some.outcomes[3].score, some.outcomes[3].error) == (None, "server down at 3")
    assert some.usage.calls == 8 + 2 * 3


def test_more_than_a_fifth_failed_is_no_score() -> None:
    lost = evaluate(sums(), "Add", failing("379"))
    assert (lost.status, lost.score) == ("failed", None)
    assert lost.reason == "3 of 10 examples could not be scored: server down at 3"
    assert len(lost.outcomes) == 10


def test_a_refused_reply_and_one_without_text_are_errors_and_never_wrong_answers() -> None:
    for reply in (Reply("I cannot help", "refused"), Reply(" ", "length")):
        lost = evaluate(sums(), "Add", lambda text, reply=reply: reply)  # type: ignore[misc]
        assert lost.status == "failed"
        assert all(outcome.score is None for outcome in lost.outcomes)


def test_a_start_is_taken_however_long_and_refused_when_it_is_no_instruction() -> None:
    long = "Think. " * 200
    assert sums(start=[long]).space.parse(long) == long.strip()
    with pytest.raises(UsageError, match=r"start: .*<INS>"):
        sums(start=["Use <INS> here"])


def raising(error: Exception) -> Callable[[str], str]:
    def answer(text: str) -> str:
        raise error

    return answer


def test_errors_of_the_backend() -> None:
    with pytest.raises(BackendError, match="gave up after 6 tries"):
        evaluate(sums(), "Add", raising(BackendError("gave up after 6 tries")))
    too_long = evaluate(sums(), "Add", raising(PromptTooLong("9,000 tokens")))
    assert (too_long.status, too_long.reason) == ("failed", "10 of 10 examples could not be scored: 9,000 tokens")
    with pytest.raises(FatalBackendError, match="wrong key"):
        evaluate(sums(), "Add", raising(FatalBackendError("wrong key")))
    with pytest.raises(UsageError, match="needs a scorer"):
        asyncio.run(sums().evaluate(sums().space.candidate("Add"), None))
    assert evaluate(sums(Splits(())), "Add").reason == "there are no examples to score on"


class Picky(graders.Grader):
    """Cannot grade some answers, and asks the judge about the others."""

    async def grade(
        self, output: str, target: str | list[str], *, question: str = "", judge: Backend | None = None
    ) -> graders.Verdict:
        if target in ("0", "2"):
            raise graders.GradingError("no idea")
        assert judge is not None
        [reply] = await judge.generate(Request(f"Is {output} {target}?"), [0])
        return graders.Verdict(0.5, "so-so", usage=reply.usage)


def test_a_grader_that_fails_and_one_that_asks_a_judge() -> None:
    task = PromptTask("sums", Splits(tuple(SUMS)), Picky())
    judge = task.judge = Answering(lambda text: "yes")
    graded = evaluate(task, "Add")
    assert (graded.score, graded.stderr, graded.n, graded.metrics) == (0.5, 0.0, 8, {"failed": 2})
    assert graded.outcomes[0].error == "no idea"
    assert (graded.usage.calls, len(judge.requests)) == (10 + 8, 8)
    task.judge = None
    assert evaluate(task, "Add", lambda text: "3").usage.calls == 18  # the scorer judges itself


@pytest.mark.parametrize(
    ("grader", "target", "said"),
    [
        (graders.choice(["bug", "billing"]), "Billling", "'Billling' of b is none of the choices: bug, billing"),
        (graders.json(["name"]), '{"nam": "Ann"}', "of b has no field 'name': it has nam"),
        (graders.json(), "Ann", "'Ann' of b is no JSON object"),
    ],
)
def test_examples_that_can_never_be_graded_are_refused_before_anything_is_asked(
    grader: graders.Grader, target: str, said: str
) -> None:
    right = "billing" if isinstance(grader.labels, tuple) and grader.labels else '{"name": "Ann"}'
    with pytest.raises(DataError, match=re.escape(said)):
        PromptTask("t", Splits((Example("a", "x", right),), test=(Example("b", "y", target),)), grader)


def test_several_right_answers() -> None:
    task = PromptTask("opposites", Splits((Example("a", "up", ("down", "below")),)), graders.contains())
    assert evaluate(task, "Opposite?", lambda text: "It is below.").score == 1.0


def test_other_examples_than_train() -> None:
    task = sums(Splits(tuple(SUMS[:4]), test=tuple(SUMS[4:])))
    done = asyncio.run(task.evaluate_on(task.space.candidate("Add"), task.splits.test, Answering(double)))
    assert [outcome.example for outcome in done.outcomes] == [example.id for example in SUMS[4:]]


POSITIONS: list[tuple[Position, str, str]] = [
    ("before_Q", "INS\nQ: why?\n\nA:", "INS\nwhy?"),
    ("Q_begin", "Q: INS\nwhy?\n\nA:", "INS\nwhy?"),
    ("Q_end", "Q: why?\nINS\n\nA:", "why?\nINS"),
    ("A_begin", "Q: why?\n\nA: INS", "Q: why?\n\nA: INS"),
]


@pytest.mark.parametrize(("position", "continued", "chatted"), POSITIONS)
def test_where_the_instruction_stands(position: Position, continued: str, chatted: str) -> None:
    assert Asking(position, "continuation").prompt("INS", "why?") == continued
    assert Asking(position, "chat").prompt("INS", "why?") == (Message("user", chatted),)
    assert Asking(position, "chat", markers=True).prompt("INS", "why?") == (Message("user", continued),)


@pytest.mark.parametrize("position", ["before_Q", "Q_begin", "Q_end", "A_begin"])
def test_an_empty_instruction_leaves_no_trace(position: Position) -> None:
    assert Asking(position, "continuation").prompt("", "why?") == "Q: why?\n\nA:"
    assert Asking(position, system=True).prompt("", "why?") == (Message("user", "why?"),)


def test_the_instruction_as_system_message_and_without_markers() -> None:
    assert Asking(system=True).prompt("INS", "why?") == (Message("system", "INS"), Message("user", "why?"))
    assert Asking("Q_end", "continuation", markers=False).prompt("INS", "why?") == "why?\nINS"


def test_plain_text_ends_where_the_model_asks_a_question_of_its_own() -> None:
    scorer, task = Answering(double), sums(form="continuation")
    asyncio.run(task.evaluate(task.space.candidate("Add"), scorer))
    assert scorer.requests[0].stop == ("\nQ:",)
    assert scorer.requests[0].prompt == "Q: Add\n0+0?\n\nA:"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"position": "middle"}, "unknown position 'middle': there are before_Q, Q_begin, Q_end, A_begin"),
        ({"system": True, "form": "continuation"}, "system: true needs form: chat"),
        ({"position": "A_begin", "markers": False}, "A_begin needs the markers"),
        ({"start": []}, "start: give at least one instruction"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        sums(**settings)


def test_a_candidate_is_never_a_template() -> None:
    scorer, task = Answering(lambda text: "1"), sums([Example("a", "{{ 6*6 }} {% x %}?", "1")])
    asyncio.run(task.evaluate(task.space.candidate("Say {{ 7*7 }}"), scorer))
    assert text_of(scorer.requests[0]) == "[user] Say {{ 7*7 }}\n{{ 6*6 }} {% x %}?"


def test_what_the_optimizer_is_shown() -> None:
    task = sums(Splits(tuple(SUMS[:4]), test=(Example("z", "z?", ("1", "2")),)), position="A_begin")
    assert (task.show(0.666), task.show(0.0), task.show(1.0)) == ("67", "0", "100")
    assert task.place == "at the beginning of the answer"
    assert task.space.tag == "Start"
    assert task.examples == task.splits.train
    assert task.exemplar(task.splits.test[0]) == {"input": "Q: z?\n\nA: <Start>", "target": "1"}


def test_a_list_to_continue_asks_for_more_than_the_best() -> None:
    task = sums(SUMS)
    aims = [task.aim(scores) for scores in ([], [0.0, 0.0], [0.2, 0.5, 0.7], [1.0, 1.0])]
    assert aims == pytest.approx([1.0, 0.05, 0.9, 1.0])
    assert MultiTask([task]).aim([0.0, 0.0]) == 0.05


def test_an_exemplar_shows_where_the_instruction_goes() -> None:
    example = Example("a", "One and one?", "2")

    def shown(**settings: Any) -> str:
        return sums([example] * 3, **settings).exemplar(example)["input"]

    assert shown(position="before_Q", markers=True) == "<INS>\nQ: One and one?\n\nA:"
    assert shown(position="Q_begin") == "<INS>\nOne and one?"
    assert shown(position="Q_end", markers=True) == "Q: One and one?\n<INS>\n\nA:"
    assert shown(system=True) == "<INS>\n\nOne and one?"


def test_a_task_can_forbid_digits_in_proposed_instructions(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text('{"input": "One and one?", "target": "2"}\n' * 3)
    path = tmp_path / "task.yaml"
    path.write_text("kind: prompt\ndata: {train: data.jsonl}\ngrader: number\ndigits: false\n")
    with pytest.raises(ParseError, match="digit"):
        load_task(str(path)).space.parse("The answer is 2.")
    with pytest.raises(UsageError, match="digit"):
        load_task(str(path), {"start": ["Take 2 steps."]})


def test_the_identity_changes_with_all_that_changes_a_score() -> None:
    base = sums().identity()
    others = [
        sums(SUMS[:9]),
        sums(position="Q_end"),
        sums(form="continuation"),
        sums(system=True),
        sums(markers=True),
        sums(max_tokens=9),
        PromptTask("sums", Splits(tuple(SUMS)), graders.exact()),
        PromptTask("other", Splits(tuple(SUMS)), graders.number()),
    ]
    assert all(other.identity() != base for other in others)
    assert sums(start=["else"]).identity() == base


# Answers by likelihood


class Ranking(Answering):
    """Takes the option that its function names."""

    ranks = True

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        [reply] = await super().generate(request, samples)
        assert reply.text in request.options
        return [reply]


def lettered(*targets: str, options: str = "\nOptions:\n(A) up\n(B) down\n(C) left") -> list[Example]:
    return [Example(f"q/{n}", f"Where is {n}?{options}", target) for n, target in enumerate(targets)]


def by_likelihood(data: Sequence[Example], choices: Sequence[str] = (), **settings: Any) -> PromptTask:
    task = PromptTask("where", Splits(tuple(data)), settings.pop("grader", graders.auto()), **settings)
    task.answer_by_likelihood(choices)
    return task


def options_asked(task: PromptTask, answer: str) -> tuple[Evaluation, list[Request]]:
    scorer = Ranking(lambda text: answer)
    return asyncio.run(task.evaluate(task.space.candidate("Look."), scorer)), scorer.requests


def test_the_likeliest_option_is_the_answer_and_is_graded_as_usual() -> None:
    done, requests = options_asked(by_likelihood(lettered("(A)", "(B)", "(B)", "(C)")), "(B)")
    assert (done.score, [outcome.score for outcome in done.outcomes]) == (0.5, [0, 1, 1, 0])
    assert {request.options for request in requests} == {("(A)", "(B)", "(C)")}
    assert text_of(requests[0]).startswith("[user] Look.\nWhere is 0?")


@pytest.mark.parametrize(
    ("data", "choices", "options"),
    [
        (lettered("B", "C", "B"), (), ("A", "B", "C")),
        (lettered("b)", "a)", "b)"), (), ("a)", "b)", "c)")),
        (lettered("yes", "no", "yes", options=""), (), ("no", "yes")),
        (lettered("yes", "no", "yes", options=""), ("yes", "no", "unknown"), ("yes", "no", "unknown")),
        ([Example("s", "s?", ("hot", "warm")), Example("t", "t?", "cold")], (), ("cold", "hot", "warm")),
    ],
)
def test_where_the_options_come_from(data: list[Example], choices: tuple[str, ...], options: tuple[str, ...]) -> None:
    _, requests = options_asked(by_likelihood(data, choices, grader=graders.exact()), options[1])
    assert [request.options for request in requests] == [options] * len(data)


def test_a_broken_row_of_a_benchmark_is_asked_like_the_others() -> None:
    broken = [Example("odd", "Where is it?", "(B)"), Example("text", lettered("")[0].input, "down")]
    task = by_likelihood([*lettered(*["(A)", "(B)"] * 10), *broken])
    done, requests = options_asked(task, "(B)")
    assert {request.options for request in requests} == {("(A)", "(B)", "(C)")}
    assert [outcome.score for outcome in done.outcomes[-2:]] == [1, 1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            [Example(f"n/{n}", f"{n}?", str(n)) for n in range(11)],
            "sums: answer: likelihood needs a few options, and its targets are 11 different texts: give the options",
        ),
        (lettered("(A)", "(B)", options=""), "finds no lettered options in 2 of 2 questions: list them there as"),
        (lettered("yes", "yes", options=""), "its targets are 1 different texts"),
    ],
)
def test_a_task_without_a_few_options_has_no_answers_by_likelihood(data: list[Example], message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        sums(data).answer_by_likelihood()
    assert "\n" not in str(refused.value)


def test_a_scorer_that_only_writes_is_refused_before_it_is_asked() -> None:
    scorer, task = Answering(double), by_likelihood(lettered("(A)", "(B)"))
    with pytest.raises(UsageError, match=r"a scorer that runs here, hf:MODEL or smollm2: answering gives no"):
        asyncio.run(task.evaluate(task.space.candidate("Look."), scorer))
    assert not scorer.requests


def test_how_answers_are_had_is_part_of_the_identity() -> None:
    written = PromptTask("where", Splits(tuple(lettered("(A)", "(B)"))), graders.auto())
    others = [by_likelihood(lettered("(A)", "(B)")), by_likelihood(lettered("(A)", "(B)"), ("(A)", "(B)"))]
    stopped = PromptTask("where", Splits(tuple(lettered("(A)", "(B)"))), graders.auto())
    stopped.stop = ("\n",)
    identities = [json.dumps(task.identity(), sort_keys=True) for task in (written, stopped, *others)]
    assert len(set(identities)) == 4


# Task files


def write(folder: Path, text: str, rows: int = 30, name: str = "mine.yaml") -> str:
    lines = [f'{{"question": "q{n}?", "options": ["a", "b"], "answer": "{"ab"[n % 2]}"}}\n' for n in range(rows)]
    (folder / "rows.jsonl").write_text("".join(lines))
    (folder / name).write_text(text)
    return str(folder / name)


WHOLE = """
name: mine
kind: prompt
data: {file: rows.jsonl, target: answer}
template: "{{ question }} Options: {{ options | join(', ') }}"
grader: choice
choices: [a, b]
position: Q_end
start: [Choose., ""]
max_tokens: 9
"""


def loaded(name: str, **overrides: object) -> PromptTask:
    task = loader.load_task(name, overrides)
    assert isinstance(task, PromptTask)
    return task


def test_a_task_file_of_ones_own(tmp_path: Path) -> None:
    task = loaded(write(tmp_path, WHOLE))
    assert task.splits.train[0].input.startswith("q")
    assert task.splits.train[0].input.endswith("? Options: a, b")
    assert list(task.start(random.Random(0))) == ["Choose.", ""]
    assert (task.name, task.asking.position, task.max_tokens) == ("mine", "Q_end", 9)
    chosen = evaluate(task, "Choose.", lambda text: "b")
    assert chosen.score == pytest.approx(sum(each.target == "b" for each in task.splits.train) / chosen.n)


def test_a_task_file_says_how_answers_are_had(tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE)
    chosen, requests = options_asked(loaded(path, answer="likelihood"), "b")
    assert chosen.score == pytest.approx(sum(each.target == "b" for each in loaded(path).splits.train) / chosen.n)
    assert requests[0].options == ("a", "b")
    exact = loaded(path, answer="likelihood", grader="exact", choices=["a", "b", "c"])
    assert options_asked(exact, "b")[1][0].options == ("a", "b", "c")
    scorer, stopped = Answering(lambda text: "b"), loaded(path, stop="\n\n", form="continuation")
    asyncio.run(stopped.evaluate(stopped.space.candidate(""), scorer))
    assert scorer.requests[0].stop == ("\nQ:", "\n\n")
    with pytest.raises(UsageError, match="answer: "):
        loaded(path, answer="guess")


def test_the_published_system_has_no_guard_unless_it_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE)
    guards = [
        loader.load_task(path, overrides, preset).guard  # type: ignore[attr-defined]
        for overrides, preset in (({}, None), ({}, "reference"), ({"guard": True}, "reference"))
    ]
    assert guards == [True, False, True]
    path = write(tmp_path, f"{WHOLE}guard: true\n")
    assert loader.load_task(path, {}, "reference").guard, "the file says so"  # type: ignore[attr-defined]


def test_sizes_can_be_set_otherwise(tmp_path: Path) -> None:
    task = loaded(write(tmp_path, WHOLE), sizes={"train": 7, "dev": 6, "test": 5})
    assert [len(ids) for ids in task.splits.ids().values()] == [7, 6, 5]


def test_files_for_each_split_stand_beside_the_task_file(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.csv").write_text(f"input,target\n{split} 1,a\n{split} 2,b\n")
    (tmp_path / "t.yaml").write_text(
        "kind: prompt\ngrader: exact\ndata: {train: train.csv, dev: dev.csv, test: test.csv}\nstart: Go.\n"
    )
    task = loaded(str(tmp_path / "t.yaml"))
    ids = {split: sorted(each) for split, each in task.splits.ids().items()}
    assert ids == {split: [f"{split}/1", f"{split}/2"] for split in ("train", "dev", "test")}
    assert list(task.start(random.Random(0))) == ["Go."]


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("position: Q_end", "positon: Q_end", UsageError, "unknown key 'positon': did you mean 'position'?"),
        ("position: Q_end", "position: end", UsageError, "position: "),
        ("max_tokens: 9", "max_tokens: 0", UsageError, "max_tokens: "),
        ("target: answer", "target: answr", DataError, "rows.jsonl:1: no field 'answr' (fields: "),
        ("file: rows.jsonl", "file: row.jsonl", DataError, "no such file: "),
        ("file: rows.jsonl", "split: test", UsageError, "'split' needs hub"),
        ("file: rows.jsonl, ", "", UsageError, "no examples to search on: name a file with 'file' or 'train'"),
        ("file: rows.jsonl", "file: rows.jsonl, test: rows.jsonl", UsageError, "is cut into train, dev and test"),
        ("file: rows.jsonl", "train: rows.jsonl, test: rows.jsonl", DataError, "train and test share an example"),
        ("{{ question }}", "{{ questoin }}", DataError, "the template of input fails: 'questoin' is undefined"),
        ("choices: [a, b]", "choices: [yes, no]", UsageError, 'write it in quotes: "yes" or "true"'),
        ("grader: choice", "grader: number", UsageError, "'choices' is only read by grader: choice"),
        (
            "grader: choice\nchoices: [a, b]",
            "grader: nubmer",
            UsageError,
            "unknown grader 'nubmer': did you mean 'number'?",
        ),
        ("grader: choice\nchoices: [a, b]", "grader: judge", UsageError, "needs a rubric"),
    ],
)
def test_a_bad_task_file_is_refused_in_one_line(
    tmp_path: Path, old: str, new: str, error: type[Exception], message: str
) -> None:
    assert old in WHOLE
    with pytest.raises(error) as refused:
        loader.load_task(write(tmp_path, WHOLE.replace(old, new)))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_template_without_a_field_is_refused(tmp_path: Path) -> None:
    text = "kind: prompt\ndata: {file: rows.jsonl, target: answer}\ntemplate: question\ngrader: auto\n"
    with pytest.raises(UsageError, match="template: it names no field"):
        loader.load_task(write(tmp_path, text))


# The shipped benchmarks

needs_data = pytest.mark.skipif(
    not os.environ.get("OPTIPROMPT_DATA"), reason="needs OPTIPROMPT_DATA, the folder of benchmark data"
)
SHIPPED = [name for name, _ in loader.shipped_names()]


def test_all_benchmarks_are_listed() -> None:
    assert {"gsm8k", "multiarith", "aqua"} <= set(SHIPPED)
    assert len([name for name in SHIPPED if name.startswith("bbh/")]) == 27
    assert len([name for name in SHIPPED if name.startswith("mmlu/")]) == 57


@needs_data
def test_gsm8k_is_split_as_in_the_paper() -> None:
    whole = loaded("gsm8k", sizes={"dev": 0})
    assert [len(ids) for ids in whole.splits.ids().values()] == [7473, 0, 1319]
    task = loaded("gsm8k")
    assert [len(ids) for ids in task.splits.ids().values()] == [261, 130, 1319]
    assert loaded("gsm8k").identity() == task.identity()
    [janet] = [example for example in task.splits.test if example.id == "test/1"]
    assert janet.input.startswith("Janet")
    assert janet.target == "18"
    assert all(example.target.replace(",", "").lstrip("-").isdigit() for example in task.splits.test)  # type: ignore[union-attr]


@needs_data
def test_every_bbh_file_of_the_folder() -> None:
    for path in sorted((Path(os.environ["OPTIPROMPT_DATA"]) / "bbh").glob("*.json")):
        splits = loaded(f"bbh/{path.stem}").splits
        sizes = [len(ids) for ids in splits.ids().values()]
        fifth = sum(sizes) // 5
        assert sizes == [fifth, fifth, sum(sizes) - 2 * fifth]
        assert sum(sizes) == {"causal_judgement": 187, "snarks": 178}.get(path.stem, 250)


@needs_data
def test_answers_by_likelihood_for_the_tasks_with_options() -> None:
    asked = {"snarks": {("(A)", "(B)")}, "navigate": {("No", "Yes")}, "formal_fallacies": {("invalid", "valid")}}
    for name, options in asked.items():
        task = loaded(f"bbh/{name}", answer="likelihood")
        assert {request.options for request in options_asked(task, min(options)[0])[1]} == options
    with pytest.raises(UsageError, match="bbh/object_counting: answer: likelihood needs a few options"):
        loaded("bbh/object_counting", answer="likelihood")


@needs_data
def test_questions_with_options_are_written_as_bbh_writes_them() -> None:
    written = re.compile(r".+\nOptions:\n\(A\) .+\n\(B\) .+\n\(C\) .+\n\(D\) .+", re.DOTALL)
    virology = loaded("mmlu/virology", sizes={"train": 0, "dev": 0, "test": 166}).splits.test
    rows = [
        json.loads(line)
        for line in (Path(os.environ["OPTIPROMPT_DATA"]) / "mmlu" / "virology.jsonl").read_text().splitlines()
    ]
    by_question = {row["question"].strip(): row for row in rows}
    for example in virology:
        assert written.fullmatch(example.input), example.input
        row = by_question[example.input.split("\nOptions:\n")[0].strip()]
        right = f"{example.target} {str(row['choices'][row['answer']]).strip()}"
        assert right in example.input
    aqua = loaded("aqua").splits
    for example in (*aqua.train, *aqua.test):
        assert re.search(r"\nOptions:\n\(A\) .+\n\(B\) .+\n\(C\) .+\n\(D\) .+\n\(E\) .+\Z", example.input), (
            example.input
        )
        assert re.fullmatch(r"\([A-E]\)", example.target if isinstance(example.target, str) else "")
    assert len(loaded("multiarith", sizes={"train": 0, "dev": 0, "test": 580}).splits.test) == 580


@needs_data
def test_a_file_that_is_missing_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTIPROMPT_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"no such file: .*bbh/navigate\.json"):
        loader.load_task("bbh/navigate")


@needs_data
@pytest.mark.parametrize("name", ["gsm8k", "bbh/navigate", "bbh/snarks", "bbh/word_sorting", "mmlu/virology", "aqua"])
def test_right_answers_are_graded_right_and_wrong_ones_wrong(name: str) -> None:
    task = loaded(name, sizes={"train": 10})
    known = {example.input: str(example.target) for example in task.splits.train}
    wrong = {"gsm8k": "7.3", "bbh/navigate": "Maybe", "bbh/word_sorting": "zebra apple"}.get(name, "(Z)")

    def told(text: str) -> str:
        return "So the answer is " + next(target for question, target in known.items() if question in text) + "."

    assert evaluate(task, "Think.", told).score == 1.0
    assert evaluate(task, "Think.", lambda text: f"So the answer is {wrong}.").score == 0.0

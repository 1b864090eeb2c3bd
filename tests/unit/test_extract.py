"""The second question of `extract`: only the final answer, and that is what is graded (Kojima et al. 2022)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

import optiprompt as op
from optiprompt.backends.base import Form, Message, Reply, Request
from optiprompt.errors import BackendError, UsageError
from optiprompt.tasks.prompt import PromptTask


class Thinking:
    """A backend that reasons at first, and answers when asked for the final answer."""

    name, decodes, context = "thinking", False, 1000
    proposes: Form = "chat"

    def __init__(self, first: Reply, last: Reply) -> None:
        self._first, self._last = first, last
        self.requests: list[Request] = []

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        self.requests.append(request)
        end = request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content
        return [self._last if end.endswith("So the final answer is") else self._first]

    def count_tokens(self, text: str) -> int:
        return len(text)

    async def aclose(self) -> None: ...


REASONS = Reply(" Three and four are seven, not 9", "length", op.Usage(1, 10, 8))
DOWN = Reply("", "error", error="down")
ANSWERS = Reply(" 7.", usage=op.Usage(1, 30, 2))


def task(form: Form = "chat", max_tokens: int = 200) -> PromptTask:
    made = PromptTask(
        "sum", op.Splits((op.Example("a", "3 + 4?", "7"),)), op.graders.number(), form=form, max_tokens=max_tokens
    )
    made.extract = True
    return made


def score(made: PromptTask, scorer: Thinking) -> op.Evaluation:
    return asyncio.run(made.evaluate(made.space.candidate("Add."), scorer))


def test_a_chat_goes_on_with_the_reply_and_the_sentence() -> None:
    scorer = Thinking(REASONS, ANSWERS)
    found = score(task(), scorer)
    assert (found.score, found.outcomes[0].answer) == (1.0, "7")
    assert found.usage == op.Usage(2, 40, 10)
    first, last = scorer.requests
    assert last.prompt == (
        Message("user", "Add.\n3 + 4?"),
        Message("assistant", REASONS.text),
        Message("user", "So the final answer is"),
    )
    assert (first.max_tokens, last.max_tokens) == (200, 64)


def test_plain_text_goes_on_behind_the_reply_and_its_first_line_counts() -> None:
    scorer = Thinking(REASONS, Reply(":\n 7.\nB: 8\nC: The final answer is 9."))
    assert score(task("continuation", max_tokens=20), scorer).score == 1.0
    assert scorer.requests[1].prompt == ("Q: Add.\n3 + 4?\n\nA: Three and four are seven, not 9 So the final answer is")
    assert scorer.requests[1].max_tokens == 20
    assert scorer.requests[1].stop == scorer.requests[0].stop


@pytest.mark.parametrize(("first", "status"), [(Reply(""), "ok"), (Reply("I must not say", "refused"), "failed")])
def test_a_reply_that_says_nothing_is_graded_as_it_is(first: Reply, status: str) -> None:
    scorer = Thinking(first, ANSWERS)
    found = score(task(), scorer)
    assert (found.status, found.score) == (status, 0.0 if status == "ok" else None)
    assert len(scorer.requests) == 1


@pytest.mark.parametrize(("first", "last", "calls"), [(DOWN, ANSWERS, 1), (REASONS, DOWN, 2)])
def test_a_call_that_fails_is_no_wrong_answer(first: Reply, last: Reply, calls: int) -> None:
    scorer = Thinking(first, last)
    with pytest.raises(BackendError, match="down"):
        score(task(), scorer)
    assert len(scorer.requests) == calls


def test_it_is_a_field_of_the_task_file_and_part_of_what_a_score_means(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"input": "{n} + 1?", "target": "{n + 1}"}}\n' for n in range(9)))
    (tmp_path / "sums.yaml").write_text("kind: prompt\ndata: {file: rows.jsonl}\ngrader: number\n")

    def load(**fields: object) -> PromptTask:
        made = op.load_task(str(tmp_path / "sums.yaml"), fields)
        assert isinstance(made, PromptTask)
        return made

    assert load().extract is False
    assert load(extract=True).extract is True
    assert load(extract=True).identity() != load().identity() == load(extract=False).identity()
    with pytest.raises(UsageError, match="extract"):
        load(extract="sometimes")

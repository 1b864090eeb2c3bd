"""Prompt search: which instruction makes a model answer best (Yang et al. 2023, arXiv 2309.03409)."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass, replace
from typing import Any

from optiprompt.backends.base import Backend, Form, Request
from optiprompt.candidate import Candidate, Evaluation, Outcome, Usage
from optiprompt.data.examples import Example
from optiprompt.data.splits import Splits, cut, digest
from optiprompt.errors import (
    BackendError,
    BudgetSpent,
    FatalBackendError,
    OptipromptError,
    ParseError,
    PromptTooLong,
    Unheard,
    UsageError,
)
from optiprompt.graders import Grader, GradingError, Verdict
from optiprompt.spaces.prompt import Prompt, Prompts, as_prompt
from optiprompt.spaces.text import MAX_CHARS, OPENING, Text
from optiprompt.tasks._asking import Asking, Position, final_request, final_text, no_answer
from optiprompt.tasks._fit import check_targets
from optiprompt.tasks._guard import Guard
from optiprompt.tasks._options import Likeliest
from optiprompt.tasks._structured import arranged, shows, split_off
from optiprompt.tasks.base import Task
from optiprompt.threads import turn

LEAST_GAIN = 0.05  # a list to continue asks for so much more than the best at least
START = ("Let's solve the problem.", "Let's think step by step.", "")


class PromptTask(Task):
    """An instruction is put into every question, a model answers, the answers are graded; the score is their mean.

    A candidate is a value that is put into the prompt as it is, never a template.

    Attributes:
        space: which instructions there may be; set another to allow less.
        splits: the examples.
        grader: decides whether an answer is right.
        asking: how a question and an instruction become a prompt.
        max_tokens: the longest answer.
        judge: the model that the grader `judge` asks; None lets the scorer judge itself.
        stop: strings before which an answer ends, besides those of the form.
        extract: after its reply the scorer is asked once more, for the final answer alone, and that second reply is
            graded (for base models; Kojima et al. 2022, arXiv 2205.11916). An empty reply is graded as it is.
        guard: proposed instructions that copy training examples are refused before they are scored.
        pool: examples of train that prompts may show; no candidate is scored on them.
        length_penalty: how many points (hundredths) of accuracy 100 characters cost where candidates are ranked; the
            scores shown and reported are the plain ones.
    """

    score_name = "accuracy"
    needs_scorer = True
    bounds = (0.0, 1.0)

    def __init__(
        self,
        name: str,
        data: Sequence[Example] | Splits,
        grader: Grader,
        position: Position = "Q_begin",
        start: Sequence[str] = START,
        system: bool = False,
        form: Form = "chat",
        markers: bool | None = None,
        max_tokens: int = 512,
        description: str = "A language model answers questions.",
    ) -> None:
        """Set up the task.

        Args:
            name: of the task.
            data: examples, which are cut 20/20/60 into train, dev and test, or the splits.
            grader: decides whether an answer is right, from `optiprompt.graders`.
            position: where the instruction stands: `before_Q`, `Q_begin`, `Q_end` or `A_begin`.
            start: the instructions that the search starts from; the first one is the baseline.
            system: the instruction is the system message instead.
            form: whether the scorer is asked in a `chat` or given plain text for `continuation`.
            markers: whether `Q:` and `A:` stand before question and answer; by default in plain text only.
            max_tokens: the longest answer, in tokens.
            description: what the questions are, for the meta-prompt.

        Raises:
            UsageError: settings contradict each other, or there is nothing to start from.
        """
        if not start:
            raise UsageError("start: give at least one instruction to start from")
        self.name = name
        opens = position == "A_begin" and not system
        # A start that the user gave is a candidate, however long.
        self.space: Text | Prompts = Text(max(MAX_CHARS, *map(len, start)), tag=OPENING if opens else "INS")
        for text in start:
            check_start(self.space, text)
        self.splits = data if isinstance(data, Splits) else cut(data)
        check_targets(name, self.splits, grader)
        self.examples, self.dev, self.test = self.splits.train, self.splits.dev, self.splits.test
        self.grader = grader
        self.asking = Asking(position, form, markers, system)
        self.max_tokens = max_tokens
        self.description = description
        self.place = self.asking.place
        self.judge: Backend | None = None
        self.extract = False
        self.stop: tuple[str, ...] = ()
        self.guard = True
        self.length_penalty = 0.0
        self.pool: tuple[Example, ...] = ()
        self._guard = Guard(self.examples, grader.labels, (*self.dev, *self.test), start)
        self._likeliest: Likeliest | None = None
        self._start = tuple(start)

    def answer_by_likelihood(self, choices: Sequence[str] = ()) -> None:
        """Take the likeliest option as the answer instead of having one written: see `Likeliest`, also for errors."""
        self._likeliest = Likeliest(self.name, self.splits, choices)

    def structure(self, parts: Sequence[str] = ("instruction",), shots: int = 0) -> None:
        """Let candidates be structured prompts: see `Prompts`.

        Where they may show examples, these are spare ones, or a part of train that no candidate is scored on.

        Args:
            parts: which texts a candidate may have: `system`, `instruction`, `format`.
            shots: how many examples it may show, up to 8.

        Raises:
            UsageError: there is no such part, or there are too many examples.
        """
        texts = self.space.texts if isinstance(self.space, Prompts) else self.space
        self.space = Prompts(texts, parts, shots)
        for text in self._start:
            check_start(self.space, text)
        self.pool, self.examples = split_off(self.splits, shots)

    async def evaluate(self, candidate: Candidate[Any], scorer: Backend | None) -> Evaluation:
        """The accuracy on the train split."""
        if scorer is None:
            raise UsageError(f"the task {self.name} needs a scorer: the model whose answers are graded")
        return await self.evaluate_on(candidate, self.examples, scorer)

    @property
    def calls_each(self) -> int:
        """One, one more where the final answer is extracted, and one of a judge."""
        return 1 + (self.extract and not self._likeliest) + self.grader.asks

    async def outcomes(
        self, candidate: Candidate[Any], examples: Sequence[Example], scorer: Backend
    ) -> tuple[list[Outcome], Usage]:
        """Ask all examples at once.

        An example whose answer could not be had or graded has no score.

        Raises:
            Unheard: not one call came through; nothing is known of the candidate, and a resumed run asks again.
            BudgetSpent: the run may send no more; raised when the calls under way have been answered.
            UsageError: answers are chosen by their likelihood, and the scorer gives none.
        """
        if self._likeliest:
            self._likeliest.check(scorer)
        lost: list[BackendError | BudgetSpent] = []
        prompt = as_prompt(candidate.value)
        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(self._outcome(prompt, example, scorer, lost)) for example in examples]
        except ExceptionGroup as problems:
            raise problems.exceptions[0] from None
        for error in lost:
            if isinstance(error, BudgetSpent):
                raise error
        outcomes = [each.result()[0] for each in asked]
        usage = sum((each.result()[1] for each in asked), Usage())
        if lost and len(lost) == len(examples):
            raise Unheard(str(lost[0]), outcomes, usage)
        return outcomes, usage

    async def _outcome(
        self, prompt: Prompt, example: Example, scorer: Backend, lost: list[BackendError | BudgetSpent]
    ) -> tuple[Outcome, Usage]:
        """The outcome of one example; one that the prompt shows, with its answer, has none."""
        if shows(prompt, [example]):
            return Outcome(example.id, None, error="the prompt itself shows this example"), Usage()
        return await self._ask(prompt, example, scorer, lost)

    async def _ask(
        self, instruction: Prompt, example: Example, scorer: Backend, lost: list[BackendError | BudgetSpent]
    ) -> tuple[Outcome, Usage]:
        """The outcome of one example; an error that is not this prompt's own goes into `lost`."""
        request = self.request(instruction, example)
        target = example.target if isinstance(example.target, str) else list(example.target)
        usage = Usage()
        try:
            [reply] = await scorer.generate(request, [0])
            usage = reply.usage
            if self.extract and not request.options and reply.finish in ("stop", "length") and reply.text.strip():
                [reply] = await scorer.generate(final_request(request, reply.text), [0])
                usage += reply.usage
                reply = replace(reply, text=final_text(request, reply.text))
            if reply.finish == "error":
                raise BackendError(reply.error)
            if problem := no_answer(reply):
                return Outcome(example.id, None, error=problem), usage
            judge = self.judge or scorer
            await turn()
            verdict = await self._grade(reply.text, target, example.input, judge)
        except FatalBackendError:
            raise
        except BudgetSpent as error:  # not raised here: that would cut the other examples' calls, which are paid
            lost.append(error)
            return Outcome(example.id, None, error=str(error)), usage
        except (BackendError, GradingError) as error:
            if isinstance(error, BackendError) and not isinstance(error, PromptTooLong):
                lost.append(error)
            spent = error.usage if isinstance(error, GradingError) else Usage(calls=error.calls)
            return Outcome(example.id, None, error=str(error)), usage + spent
        said = verdict.beside(reply.text)
        return Outcome(example.id, verdict.score, verdict.answer, "", said, verdict.feedback), usage + verdict.usage

    async def _grade(self, reply: str, target: str | list[str], question: str, judge: Backend) -> Verdict:
        try:
            return await self.grader.grade(reply, target, question=question, judge=judge)
        except OptipromptError:
            raise
        except Exception as error:
            raise GradingError(f"the grader failed: {type(error).__name__}: {error}") from error

    def request(self, instruction: Prompt, example: Example) -> Request:
        """What the scorer is asked about one example."""
        prompt = arranged(self.asking, instruction, example.input)
        if self._likeliest:
            return self._likeliest.request(prompt, example)
        return Request(prompt, self.max_tokens, stop=(*self.asking.stop, *self.stop))

    def start(self, rng: random.Random) -> Sequence[str]:
        """The given instructions."""
        return self._start

    def objection(self, candidate: Candidate[Any]) -> str:
        """Which example of the splits it shows, or what its texts copy from the training examples."""
        prompt = as_prompt(candidate.value)
        if shows(prompt, [*self.examples, *self.dev, *self.test]):
            return "shows an example that candidates are scored on: show others"
        texts = (prompt.system, prompt.instruction, prompt.format) if self.guard else ()
        return next(filter(None, map(self._guard.objection, texts)), "")

    def worth(self, score: float, text: str) -> float:
        """The score less what the length of the text costs."""
        return score - self.length_penalty / 100 * len(text) / 100

    def show(self, score: float) -> str:
        """As a whole number from 0 to 100."""
        return str(round(100 * score))

    def aim(self, scores: Sequence[float]) -> float:
        """A little better than the best shown, at most 1."""
        return min(1.0, max(super().aim(scores), scores[-1] + LEAST_GAIN)) if scores else 1.0

    def exemplar(self, example: Example) -> Mapping[str, str]:
        """The question as it is asked, with `<INS>` (or `<Start>`) where the instruction goes."""
        asked = self.asking.text(f"<{self.space.tag}>", example.input)
        return {**super().exemplar(example), "input": asked}

    def identity(self) -> dict[str, Any]:
        """Name, data, grader and all that is asked."""
        return {
            "name": self.name,
            "data": self.splits.fingerprint(),
            "grader": repr(self.grader) if is_dataclass(self.grader) else type(self.grader).__qualname__,
            "asking": asdict(self.asking),
            "max_tokens": self.max_tokens,
            **({"extract": True} if self.extract else {}),
            **({"stop": self.stop} if self.stop else {}),
            **({"parts": self.space.parts, "shots": self.space.shots} if isinstance(self.space, Prompts) else {}),
            **({"shown": digest([each.content for each in self.pool])} if self.pool else {}),
            **({"length_penalty": self.length_penalty} if self.length_penalty else {}),
            **(self._likeliest.identity() if self._likeliest else {}),
        }

    def details(self) -> dict[str, Any]:
        """The ids of the examples in each split."""
        return {"splits": self.splits.ids()}


def check_start(space: Text | Prompts, text: str) -> None:
    """Make sure that the space takes a starting instruction.

    Raises:
        UsageError: it does not.
    """
    try:
        space.parse(text)
    except ParseError as error:
        raise UsageError(f"start: {text[:40]!r}: {error}") from None

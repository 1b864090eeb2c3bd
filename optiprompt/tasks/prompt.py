"""Prompt search: which instruction makes a model answer best (Yang et al. 2023, arXiv 2309.03409)."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from optiprompt.backends.base import Backend, Form, Request
from optiprompt.candidate import Candidate, Evaluation, Outcome, Usage
from optiprompt.data.examples import Example
from optiprompt.data.spec import DataSpec
from optiprompt.data.splits import Sizes, Splits, cut
from optiprompt.errors import BackendError, FatalBackendError, PromptTooLong, UsageError
from optiprompt.graders import Grader, GradingError, by_name
from optiprompt.spaces.text import MAX_CHARS, Text
from optiprompt.tasks._asking import Asking, Position, check_start
from optiprompt.tasks._options import Likeliest
from optiprompt.tasks._scoring import no_answer, summarise
from optiprompt.tasks.base import Task
from optiprompt.trajectory import Trajectory

START = ("Let's solve the problem.", "Let's think step by step.", "")


class PromptTask(Task):
    """An instruction is put into every question, a model answers, the answers are graded; the score is their mean.

    A candidate is a value that is put into the prompt as it is, never a template.

    Attributes:
        splits: the examples.
        grader: decides whether an answer is right.
        asking: how a question and an instruction become a prompt.
        max_tokens: the longest answer.
        judge: the model that the grader `judge` asks; None lets the scorer judge itself.
        stop: strings before which an answer ends, besides those of the form.
    """

    score_name = "accuracy"
    needs_scorer = True

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
        # A start that the user gave is a candidate, however long.
        self.space = Text(max_chars=max(MAX_CHARS, *map(len, start)))
        for text in start:
            check_start(self.space, text)
        self.splits = data if isinstance(data, Splits) else cut(data)
        self.grader = grader
        self.asking = Asking(position, form, markers, system)
        self.max_tokens = max_tokens
        self.description = f"{description} An instruction is put {self.asking.place}."
        self.judge: Backend | None = None
        self.stop: tuple[str, ...] = ()
        self._likeliest: Likeliest | None = None
        self._start = tuple(start)

    def answer_by_likelihood(self, choices: Sequence[str] = ()) -> None:
        """Take the likeliest option as the answer instead of having one written: see `Likeliest`, also for errors."""
        self._likeliest = Likeliest(self.name, self.splits, choices)

    async def evaluate(self, candidate: Candidate[Any], scorer: Backend | None) -> Evaluation:
        """The accuracy on the train split."""
        if scorer is None:
            raise UsageError(f"the task {self.name} needs a scorer: the model whose answers are graded")
        return await self.evaluate_on(candidate, self.splits.train, scorer)

    async def evaluate_on(self, candidate: Candidate[Any], examples: Sequence[Example], scorer: Backend) -> Evaluation:
        """The accuracy on any examples, asked all at once.

        An example whose answer could not be had or graded is left out of the mean (`metrics["failed"]` counts them);
        where these are more than a fifth, the evaluation is `failed`.

        Raises:
            BackendError: not one call came through; nothing is known of the candidate, and a resumed run asks again.
            UsageError: answers are chosen by their likelihood, and the scorer gives none.
        """
        if self._likeliest:
            self._likeliest.check(scorer)
        if not examples:
            return Evaluation.failed("there are no examples to score on")
        lost: list[BackendError] = []
        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(self._ask(candidate.value, example, scorer, lost)) for example in examples]
        except ExceptionGroup as problems:
            raise problems.exceptions[0] from None
        if len(lost) == len(examples):
            raise lost[0]
        results = [each.result() for each in asked]
        usage = sum((used for _, used in results), Usage())
        return summarise([outcome for outcome, _ in results], usage)

    async def _ask(
        self, instruction: str, example: Example, scorer: Backend, lost: list[BackendError]
    ) -> tuple[Outcome, Usage]:
        """The outcome of one example; an error that is not this prompt's own goes into `lost`."""
        request = self._request(instruction, example)
        target = example.target if isinstance(example.target, str) else list(example.target)
        usage = Usage()
        try:
            [reply] = await scorer.generate(request, [0])
            usage = reply.usage
            if reply.finish == "error":
                raise BackendError(reply.error)
            if problem := no_answer(reply):
                return Outcome(example.id, None, error=problem), usage
            judge = self.judge or scorer
            verdict = await self.grader.grade(reply.text, target, question=example.input, judge=judge)
        except FatalBackendError:
            raise
        except (BackendError, GradingError) as error:
            if isinstance(error, BackendError) and not isinstance(error, PromptTooLong):
                lost.append(error)
            spent = error.usage if isinstance(error, GradingError) else Usage()
            return Outcome(example.id, None, error=str(error)), usage + spent
        return Outcome(example.id, verdict.score, verdict.answer), usage + verdict.usage

    def _request(self, instruction: str, example: Example) -> Request:
        prompt = self.asking.prompt(instruction, example.input)
        if self._likeliest:
            return self._likeliest.request(prompt, example)
        return Request(prompt, self.max_tokens, stop=(*self.asking.stop, *self.stop))

    def start(self, rng: random.Random) -> Sequence[str]:
        """The given instructions."""
        return self._start

    def show(self, score: float) -> str:
        """As a whole number from 0 to 100."""
        return str(round(100 * score))

    def aim(self, scores: Sequence[float]) -> float:
        """A little better than the best shown, at most 1."""
        return min(1.0, super().aim(scores))

    def exemplars(self, count: int, rng: random.Random, trajectory: Trajectory) -> Sequence[Mapping[str, str]]:
        """Random train examples; of several right answers the first."""
        chosen = rng.sample(self.splits.train, min(count, len(self.splits.train)))
        return [
            {"input": each.input, "target": each.target if isinstance(each.target, str) else each.target[0]}
            for each in chosen
        ]

    def identity(self) -> dict[str, Any]:
        """Name, data, grader and all that is asked."""
        return {
            "name": self.name,
            "data": self.splits.fingerprint(),
            "grader": repr(self.grader) if is_dataclass(self.grader) else type(self.grader).__qualname__,
            "asking": asdict(self.asking),
            "max_tokens": self.max_tokens,
            **({"stop": self.stop} if self.stop else {}),
            **(self._likeliest.identity() if self._likeliest else {}),
        }

    def details(self) -> dict[str, Any]:
        """The ids of the examples in each split."""
        return {"splits": self.splits.ids()}


class Spec(BaseModel):
    """A task file with `kind: prompt`.

    Attributes:
        name: of the task.
        about: one line for the list of tasks.
        description: what the questions are, for the meta-prompt; `{subset}` is replaced.
        data: which files or which data set of the hub.
        sizes: how many examples each split gets: counts, or fractions of what there is.
        subset: the part of a benchmark that this task is.
        template: makes the question of several fields: `{{ question }} Options: {{ options }}`.
        grader: how answers are graded, by name; by default `choice` where choices are given, else `auto`.
        choices: the labels, for the grader `choice` or `answer: likelihood`.
        fields: the fields that the grader `json` compares; by default all of the target's.
        rubric: what the grader `judge` judges by.
        position: where the instruction stands.
        start: the instructions that the search starts from; the first one is the baseline.
        system: the instruction is the system message.
        form: whether the scorer is asked in a chat or given plain text to continue.
        markers: whether `Q:` and `A:` stand before question and answer.
        max_tokens: the longest answer.
        stop: strings before which an answer ends.
        answer: whether the scorer writes it (`generate`) or the likeliest option is taken (`likelihood`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    about: str = ""
    description: str = "A language model answers questions."
    data: DataSpec
    sizes: Sizes = Sizes()
    subset: str = ""
    template: str | None = None
    grader: str = ""
    choices: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    rubric: str = ""
    position: Position = "Q_begin"
    start: tuple[str, ...] = START
    system: bool = False
    form: Form = "chat"
    markers: bool | None = None
    max_tokens: int = Field(default=512, ge=1)
    stop: tuple[str, ...] = ()
    answer: Literal["generate", "likelihood"] = "generate"

    @field_validator("choices", mode="before")
    @classmethod
    def _labels(cls, value: Any) -> Any:
        """Numbers are labels too; YAML reads a bare `yes` as true, and then which word was meant is lost."""
        values = value if isinstance(value, list | tuple) else [value]
        for each in values:
            if isinstance(each, bool):
                words = 'it in quotes: "yes" or "true"' if each else 'it in quotes: "no" or "false"'
                raise ValueError(f"YAML reads this label as a boolean: write {words}")
        return tuple(str(each) if isinstance(each, int | float) else each for each in values)

    @field_validator("start", "stop", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _read_by_its_grader(self) -> "Spec":
        for name, grader in (("choices", "choice"), ("fields", "json"), ("rubric", "judge")):
            ranked = name == "choices" and self.answer == "likelihood"
            if getattr(self, name) and self._grader_name != grader and not ranked:
                raise ValueError(f"{name!r} is only read by grader: {grader}")
        return self

    @property
    def _grader_name(self) -> str:
        return self.grader or ("choice" if self.choices else "auto")

    def build(self, folder: Path) -> PromptTask:
        """Load the data and set the task up.

        Args:
            folder: of the task file; files in it are named relative to this folder.

        Raises:
            DataError: data cannot be read or overlap.
            UsageError: settings contradict each other or name something that does not exist.
        """
        task = PromptTask(
            name=self.name,
            data=self.data.load(folder, self.sizes, template=self.template, subset=self.subset),
            grader=self._grader(folder),
            position=self.position,
            start=self.start,
            system=self.system,
            form=self.form,
            markers=self.markers,
            max_tokens=self.max_tokens,
            description=self.description.replace("{subset}", self.subset.replace("_", " ")),
        )
        task.stop = self.stop
        if self.answer == "likelihood":
            task.answer_by_likelihood(self.choices)
        return task

    def _grader(self, folder: Path) -> Grader:
        return by_name(self._grader_name, choices=self.choices, fields=self.fields, rubric=self.rubric, folder=folder)

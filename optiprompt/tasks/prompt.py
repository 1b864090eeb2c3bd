"""A prompt task as a YAML file describes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from optiprompt.backends.base import Form
from optiprompt.data.spec import DataSpec
from optiprompt.data.splits import Sizes
from optiprompt.graders import Grader, by_name
from optiprompt.spaces.prompt import MOST_SHOTS, Part
from optiprompt.spaces.text import MAX_CHARS, Text
from optiprompt.tasks._asking import Position
from optiprompt.tasks._prompt_task import START, PromptTask, check_start

__all__ = ["PromptTask", "Spec"]


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
        digits: whether a proposed instruction may contain digits.
        stop: strings before which an answer ends.
        answer: whether the scorer writes it (`generate`) or the likeliest option is taken (`likelihood`).
        extract: the scorer is asked once more for the final answer alone, and that is graded: for base models.
        guard: proposed instructions that copy training examples are refused.
        parts: what a candidate may hold: `instruction`, also `system` and `format`.
        shots: how many examples a candidate may show; they are kept out of what candidates are scored on.
        length_penalty: points of accuracy that 100 characters cost where candidates are ranked.
        presets: fields by the name of a preset, for what the YAML does not say: the published system has no guard.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"reference": {"guard": False}}

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
    digits: bool = True
    stop: tuple[str, ...] = ()
    answer: Literal["generate", "likelihood"] = "generate"
    extract: bool = False
    guard: bool = True
    parts: tuple[Part, ...] = ("instruction",)
    shots: int = Field(default=0, ge=0, le=MOST_SHOTS)
    length_penalty: float = Field(default=0.0, ge=0, allow_inf_nan=False)

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

    @field_validator("start", "stop", "parts", mode="before")
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
        if not self.digits:
            task.space = Text(max(MAX_CHARS, *map(len, self.start)), tag=task.space.tag, digits=False)
        task.extract, task.stop = self.extract, self.stop
        task.guard, task.length_penalty = self.guard, self.length_penalty
        if self.shots or self.parts != ("instruction",):
            task.structure(self.parts, self.shots)
        for text in self.start:
            check_start(task.space, text)
        if self.answer == "likelihood":
            task.answer_by_likelihood(self.choices)
        return task

    def _grader(self, folder: Path) -> Grader:
        return by_name(self._grader_name, choices=self.choices, fields=self.fields, rubric=self.rubric, folder=folder)

"""A search space of the user's own in a YAML, scored by a Python function of the user's own."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from optiprompt.candidate import Direction
from optiprompt.errors import ParseError, UsageError
from optiprompt.graders._python import user_function
from optiprompt.spaces.choices import Choices
from optiprompt.tasks.function import FunctionTask


class ChoicesTask(FunctionTask):
    """A `FunctionTask` that knows which version of the function scores."""

    version = ""

    def identity(self) -> dict[str, Any]:
        """Name, space, direction, and the content of the function's file."""
        return {**super().identity(), "kind": "choices", "direction": self.direction, "score": self.version}


class Spec(BaseModel):
    """The fields of a task's YAML.

    Attributes:
        name: of the task.
        about: one line for the list of tasks.
        fields: what there is to choose; see `Choices`.
        score: `python:FILE:FUNCTION`; the function takes a dict of the values and returns a score, or an `Evaluation`.
        direction: whether a higher or a lower score is better.
        score_name: what the score is called in the meta-prompt.
        description: what is optimised, for the meta-prompt.
        start: starting candidates, `optimizer=sgd lr=0.01`, or how many random ones to draw.
        workers: how many candidates are scored at once, each in a thread of its own.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    about: str = ""
    fields: dict[str, Any]
    score: str
    direction: Direction = "maximize"
    score_name: str = "score"
    description: str = ""
    start: list[str] | Annotated[int, Field(ge=0, le=1000)] = 4
    workers: int = Field(default=1, ge=1)

    @field_validator("score")
    @classmethod
    def _of_the_users(cls, score: str) -> str:
        kind, _, place = score.partition(":")
        if kind != "python" or not all(place.rpartition(":")):
            raise ValueError("score is a function of a Python file, python:FILE:FUNCTION")
        return score

    def build(self, folder: Path) -> ChoicesTask:
        """The task; FILE is relative to the folder of the YAML. The file is run here, as any program of the user's.

        Raises:
            UsageError: a field or a start is not understood, or the file has no such function.
        """
        file, _, function = self.score.removeprefix("python:").rpartition(":")
        _, call, version = user_function(folder / file, function, "score")
        space = Choices(self.fields)
        for text in self.start if isinstance(self.start, list) else []:
            try:
                space.parse(text)
            except ParseError as error:
                raise UsageError(f"start: {text!r} is no candidate: {error}") from None
        task = ChoicesTask(
            self.name,
            space,
            call,
            describe=self.description,
            start=self.start,
            direction=self.direction,
            score_name=self.score_name,
            workers=self.workers,
        )
        task.version = version
        return task

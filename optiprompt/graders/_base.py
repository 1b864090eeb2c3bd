"""The contract of a grader: what it is given, and what it says."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from optiprompt.backends.base import Backend
from optiprompt.candidate import Usage
from optiprompt.errors import OptipromptError

Target = str | list[str]
BESIDE = 300  # characters


class GradingError(OptipromptError):
    """One example could not be graded: its score is unknown, which is never a 0.

    Args:
        message: why.
        usage: the model calls that a judge took all the same.
    """

    def __init__(self, message: str, usage: Usage = Usage()) -> None:  # noqa: B008 - frozen
        super().__init__(message)
        self.usage = usage


@dataclass(frozen=True, slots=True)
class Verdict:
    """How good one answer is.

    Attributes:
        score: 0 (wrong) to 1 (right).
        answer: the answer as it was read in the reply; empty if none could be read.
        feedback: what is wrong, for the optimizer.
        usage: the model calls of a judge.
    """

    score: float
    answer: str = ""
    feedback: str = ""
    usage: Usage = Usage()

    def beside(self, reply: str) -> str:
        """The end of a reply that is wrong, where it says more than the answer."""
        more = self.score < 1 and reply.strip() != self.answer.strip()
        return reply.strip()[-BESIDE:] if more else ""


class Grader(ABC):
    """Grades the reply of a scorer. Graders are small frozen values; equal ones grade alike.

    Attributes:
        asks: it asks a model, once for each reply.
    """

    asks: ClassVar[bool] = False

    @property
    def labels(self) -> Sequence[str]:
        """All answers that there are, where they are few and known: an instruction may name them."""
        return ()

    def misfit(self, target: Target) -> str:
        """Why no reply can be graded by that target, in words behind it; empty where it can."""
        return ""

    @abstractmethod
    async def grade(self, output: str, target: Target, *, question: str = "", judge: Backend | None = None) -> Verdict:
        """Grade one reply.

        Args:
            output: the scorer's whole reply.
            target: the right answer, or several of which any is right.
            question: the question as the scorer saw it.
            judge: the model that judges, for the grader that needs one.

        Raises:
            GradingError: this example cannot be graded.
            UsageError: the grader needs a judge and got none.
            BackendError: the judge could not be asked.
        """


def targets_of(target: Target) -> list[str]:
    """All targets, any of which is right."""
    return [target] if isinstance(target, str) else target

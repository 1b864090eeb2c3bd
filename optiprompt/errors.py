"""Every error optiprompt raises on purpose. The message is one line: what is wrong, then the mend.

    OptipromptError            exit code 1
    +-- UsageError             exit code 2: the caller can mend the call (unknown name, bad value, missing extra)
    +-- DataError              a data file or data set cannot be read
        +-- NoData             it is not there
    +-- RunError               a run folder is locked, damaged or belongs to another search
    +-- SearchFailed           step after step failed; the message carries the root cause
    +-- BudgetSpent            no further call is allowed; inside a run only, which it ends in the normal way
    +-- BackendError           a model could not be asked
        +-- FatalBackendError  asking again cannot help: bad key, unknown model, exhausted quota
        +-- Unheard            not one call of a candidate came through
        +-- PromptTooLong      this one prompt does not fit into the model's context

`ParseError` stands apart: it is the normal answer of a space to text that is not one of its candidates.
"""

from typing import Any


class OptipromptError(Exception):
    """Base of all errors that optiprompt raises on purpose."""

    exit_code = 1


class UsageError(OptipromptError):
    """The call itself is wrong: unknown name, value out of range, missing optional package."""

    exit_code = 2


class DataError(OptipromptError):
    """A data file, data set or benchmark cannot be read."""


class NoData(DataError):
    """A data file is not there; of several tasks the others may go on without."""


class RunError(OptipromptError):
    """A run folder cannot be used: locked, damaged, or made by a search with other settings."""


class SearchFailed(OptipromptError):
    """Five steps in a row in which every call or every evaluation failed."""


class BudgetSpent(OptipromptError):
    """The run may spend no more; no error of a model, so nothing tries again or takes it for a failed example.

    Attributes:
        replies: those to the same request that came before, by sample: they are paid, and kept.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.replies: dict[int, Any] = {}


class BackendError(OptipromptError):
    """A model could not be asked, after all tries.

    Attributes:
        calls: the requests that were sent all the same.
    """

    calls: int = 0


class FatalBackendError(BackendError):
    """A model could not be asked and asking again cannot help (bad key, unknown model, exhausted quota)."""


class Unheard(BackendError):
    """Not one of a candidate's calls came through: of the candidate nothing is known.

    Attributes:
        outcomes: of the examples, all without a score.
        usage: what the calls took.
    """

    def __init__(self, message: str, outcomes: Any = (), usage: Any = None) -> None:
        super().__init__(message)
        self.outcomes, self.usage = outcomes, usage


class PromptTooLong(BackendError):
    """A prompt and its reply do not fit into the model's context; others may."""


class ParseError(ValueError):
    """Text is not a candidate of the space; the message tells the optimizer why."""


def missing_extra(package: str, extra: str) -> UsageError:
    """The error for an optional package that is not installed."""
    return UsageError(f"this needs the package {package}, which is not installed: pip install 'optiprompt[{extra}]'")

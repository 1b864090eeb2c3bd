"""Was the answer right: one function, `grade`, used everywhere, and graders for a user's own task."""

from optiprompt.graders._base import Grader, GradingError, Verdict
from optiprompt.graders._grade import extract, grade
from optiprompt.graders._induction import induction
from optiprompt.graders._judge import judge
from optiprompt.graders._names import by_name
from optiprompt.graders._python import python
from optiprompt.graders._simple import auto, boolean, choice, contains, exact, json, number, reference

__all__ = [
    "Grader",
    "GradingError",
    "Verdict",
    "auto",
    "boolean",
    "by_name",
    "choice",
    "contains",
    "exact",
    "extract",
    "grade",
    "induction",
    "json",
    "judge",
    "number",
    "python",
    "reference",
]

"""Whether the examples of a task can be graded, before anything is asked."""

from optiprompt.data.splits import Splits
from optiprompt.errors import DataError
from optiprompt.graders import Grader


def check_targets(name: str, splits: Splits, grader: Grader) -> None:
    """Refuse examples whose answers could never be graded: they would be paid for, and left out.

    Args:
        name: of the task.
        splits: its examples.
        grader: of the answers.

    Raises:
        DataError: names the first such example.
    """
    examples = [*splits.train, *splits.dev, *splits.test]
    faults = [(each, fault) for each in examples if (fault := grader.misfit(list(each.targets)))]
    if faults:
        first, fault = faults[0]
        shown = repr(first.target)
        shown = shown if len(shown) <= 80 else f"{shown[:79]}…"
        many = "an example" if len(faults) == 1 else f"{len(faults)} examples"
        raise DataError(f"{name}: {many} of {len(examples)} cannot be graded: the target {shown} of {first.id} {fault}")

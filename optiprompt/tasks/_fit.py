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
    target = {example.id: example.target for example in examples}
    faults = {key: fault for key, one in target.items() if (fault := grader.misfit(_given(one)))}
    if faults:
        first = next(iter(faults))
        shown = f"{_given(target[first])!r}"
        shown = shown if len(shown) <= 80 else f"{shown[:79]}…"
        many = "an example" if len(faults) == 1 else f"{len(faults)} examples"
        raise DataError(
            f"{name}: {many} of {len(examples)} cannot be graded: the target {shown} of {first} {faults[first]}"
        )


def _given(target: str | tuple[str, ...]) -> str | list[str]:
    return target if isinstance(target, str) else list(target)

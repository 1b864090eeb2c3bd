"""The tables at the end of a run over several tasks or scorers, and of transfers."""

from dataclasses import asdict
from typing import Any

from optiprompt import selection
from optiprompt.candidate import Evaluation
from optiprompt.finals import Final, Transferred
from optiprompt.report.rows import show_rows
from optiprompt.tasks.base import Row, Task


def parts(task: Task, final: Final | None) -> list[Transferred]:
    """Winner and baseline on the test split, for each of the task's strata; empty where there is one, or no test."""
    if final is None or final.test is None or final.baseline is None or len(task.strata) < 2:
        return []
    return [_part(task, place, final.test, final.baseline) for place in range(len(task.strata))]


def _part(task: Task, place: int, winner: Evaluation, baseline: Evaluation) -> Transferred:
    """The comparison in one stratum; the strata take turns in the outcomes."""
    turn = slice(place, None, len(task.strata))
    one, other = (Evaluation.mean_of(each.outcomes[turn]) for each in (winner, baseline))
    scores = [[outcome.score for outcome in each.outcomes] for each in (one, other)]
    bad = one.reason or other.reason
    return Transferred(task.strata[place], "", one, other, None if bad else selection.compare(*scores), bad)


def show_parts(task: Task, final: Final | None) -> None:
    """Print what there is of the two tables."""
    if rows := [_row(each) for each in parts(task, final)]:
        show_rows("on test, each by itself", rows)
    if final is not None and (rows := [_row(each) for each in final.transfers]):
        show_rows("transfer: winner and baseline on other test splits or with other scorers", rows)


def parts_json(task: Task, final: Final | None) -> dict[str, Any]:
    """The tables as JSON values, `parts` and `transfers`; without those that are empty."""
    of_parts = [_json(each) for each in parts(task, final)]
    transfers = [_json(each) for each in final.transfers] if final else []
    return ({"parts": of_parts} if of_parts else {}) | ({"transfers": transfers} if transfers else {})


def _row(each: Transferred) -> Row:
    name = f"{each.task} with {each.scorer}" if each.scorer else each.task
    told = each.comparison
    cells = {"baseline": _accuracy(each.baseline), "winner": _accuracy(each.winner)}
    if told is not None:
        cells["difference in points"] = (
            f"{100 * told.difference:+.1f} ({100 * told.low:+.1f} to {100 * told.high:+.1f})"
        )
        cells["p"] = "< 0.001" if told.p_value < 0.001 else f"{told.p_value:.3f}"
        cells["examples"] = str(told.n)
    return Row(name, cells | ({"why not": " ".join(each.reason.split())} if each.reason else {}))


def _accuracy(evaluation: Evaluation | None) -> str:
    if evaluation is None or evaluation.score is None:
        return "-"
    low, high = evaluation.interval or (evaluation.score, evaluation.score)
    return f"{100 * evaluation.score:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _json(each: Transferred) -> dict[str, Any]:
    scored = {"winner": each.winner, "baseline": each.baseline}
    return {
        "task": each.task,
        **({"scorer": each.scorer} if each.scorer else {}),
        **{name: _figures(evaluation) for name, evaluation in scored.items()},
        "comparison": asdict(each.comparison) if each.comparison else None,
        "reason": each.reason,
    }


def _figures(evaluation: Evaluation | None) -> dict[str, Any] | None:
    if evaluation is None or evaluation.score is None:
        return None
    low, high = evaluation.interval or (None, None)
    return {"score": evaluation.score, "low": low, "high": high, "n": evaluation.n}

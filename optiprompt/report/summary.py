"""What a run found, from its events alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optiprompt.api import Result
from optiprompt.errors import RunError
from optiprompt.events import Ended, Evaluated, Event, HeldOut, Selected, Started, Stepped, penalty_of
from optiprompt.front import Front, Tradeoff, show_cost
from optiprompt.resources import SWEEP
from optiprompt.store import in_use, read_events

FIELDS = ("text", "score", "low", "high", "split", "step", "status", "run")


@dataclass(frozen=True)
class Best:
    """The best candidate of a run.

    Attributes:
        text: the candidate.
        score: the one it was chosen by, in the task's unit.
        low: lower end of the 95% interval of the score; None where there was a single measurement.
        high: the upper end.
        split: what it was scored on.
        step: when it was proposed; 0 is a starting candidate.
        status: `running`, `finished`, `failed`, `interrupted`, or `killed` (it stopped without saying so).
        run: the run's folder.
        test: the score on the test split, by which nothing was chosen; None where there is none.
        pareto: the cost that the score was weighed against; empty where it counts alone.
        front: of a Pareto search; the best candidate is the member with the best score.
    """

    text: str
    score: float
    low: float | None
    high: float | None
    split: str
    step: int
    status: str
    run: str
    test: float | None = None
    pareto: str = ""
    front: Front[Evaluated] | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values: `test` where there is one, and of a Pareto search the front with its hypervolume."""
        values = {name: getattr(self, name) for name in FIELDS}
        values |= {} if self.test is None else {"test": self.test}
        if self.front is None:
            return values
        members = [
            {"text": each.text, "score": _score(each), self.pareto: self._cost(each), "step": each.step}
            for each in self.front.members
        ]
        score, cost = self.front.reference
        reference = {"score": score, self.pareto: cost}
        return {**values, "front": members, "hypervolume": self.front.hypervolume, "reference": reference}

    def lines(self) -> list[str]:
        """The front for people: score, cost and candidate a line."""
        members = self.front.members if self.front else ()
        return [f"{_score(each):.4g}  {self.pareto} {show_cost(self._cost(each))}  {each.text}" for each in members]

    def _cost(self, event: Evaluated) -> float:
        return event.evaluation.metrics[self.pareto]


def best_of(folder: Path) -> Best:
    """The best candidate of the run in a folder.

    Raises:
        RunError: there is no run, or nothing in it has a score yet.
    """
    events = read_events(folder)
    task = task_settings(events)
    found, split = _winner(events, task)
    if found is None:
        raise RunError(f"nothing in {folder} has a score yet")
    chosen = next(event for event in events if isinstance(event, Evaluated) and event.key == found.key)
    low, high = found.evaluation.interval or (None, None)
    pareto, limits = str(task.get("pareto", "")), task.get("limits", {})
    return Best(
        text=found.text,
        score=_score(found),
        low=low,
        high=high,
        split=split,
        step=chosen.step,
        status=status_of(folder, events),
        run=str(folder),
        test=_tested(events, found),
        pareto=pareto,
        front=Tradeoff(task["direction"], pareto, limits.get(pareto)).front(_scored(events)) if pareto else None,
    )


def _winner(events: Sequence[Event], task: Mapping[str, Any]) -> tuple[Evaluated | HeldOut | None, str]:
    """The best candidate by the scores that decided, and the split they are of."""
    scored = _scored(events)
    split = str(task.get("split", "train"))
    selected = next((event for event in reversed(events) if isinstance(event, Selected | Stepped)), None)
    if isinstance(selected, Selected):  # and no step came after it
        dev = [event for event in events if isinstance(event, HeldOut) and event.split == "dev"]
        by = [event for event in (dev if selected.by == "dev" else scored) if event.key == selected.key]
        return by[-1], "dev" if selected.by == "dev" else split
    if pareto := str(task.get("pareto", "")):  # of equal ones the cheapest
        front = Tradeoff(task["direction"], pareto).front(scored)
        scored = list(front.members) if front else []
    pick = max if task.get("direction") == "maximize" else min
    penalty = penalty_of(task)
    return (pick(scored, key=lambda event: _score(event) - penalty * len(event.text)) if scored else None), split


def _tested(events: Sequence[Event], found: Evaluated | HeldOut) -> float | None:
    """The winner's score on the test split of the task itself."""
    held = [event for event in events if isinstance(event, HeldOut) and event.split == "test" and not event.on]
    last = next((event.evaluation.score for event in reversed(held) if event.key == found.key), None)
    return found.evaluation.metrics.get("test") if last is None else last


def _scored(events: Sequence[Event]) -> list[Evaluated]:
    # Of a candidate that was measured again, because examples had failed, the last word counts.
    last = {(event.step, event.index): event for event in events if isinstance(event, Evaluated)}
    return [event for event in last.values() if event.evaluation.status == "ok"]


def show(result: Result) -> None:
    """Print what a search found: the best candidate, why it stopped, where it is."""
    if result.best is not None and result.run_dir is not None:
        best = best_of(result.run_dir)
        interval = "" if best.low is None else f"  (95%: {best.low:.4g} to {best.high:.4g})"
        split = "" if best.split == "function" else f"{best.split} "
        print(f"best {split}score: {best.score:.4g}{interval}\n{best.text}")
        if best.test is not None and not result.verdict:
            print(f"test score: {best.test:.4g}")
        if best.front:
            score, cost = best.front.reference
            print(f"front: {len(best.front.members)} candidates", *best.lines(), sep="\n")
            reference = f"score {score:.4g} and {best.pareto} {show_cost(cost)}"
            print(f"hypervolume: {best.front.hypervolume:.4g} (from {reference})")
    if result.verdict:
        print(result.verdict)
    if result.cached:
        print(f"{result.cached:,} replies from the cache: nothing was paid for them")
    money = f", ${result.usd:.4f}" if result.usd else ""
    apart = ", ".join(f"{count:,} of the {role}" for role, count in sorted(result.calls_by_role.items()))
    calls = (
        f"{result.usage.calls:,} calls ({apart})" if len(result.calls_by_role) > 1 else f"{result.usage.calls:,} calls"
    )
    print(f"stopped: {result.stop_reason}\nspent: {calls}, {result.usage.tokens:,} tokens{money}")
    print(f"run: {result.run_dir}")


def task_settings(events: Sequence[Event]) -> dict[str, Any]:
    """What the run's first event says of the task."""
    started = next((event for event in events if isinstance(event, Started)), None)
    return dict(started.settings["task"]) if started else {}


def status_of(folder: Path, events: Sequence[Event]) -> str:
    """How the run stands."""
    last = events[-1] if events else None
    if isinstance(last, Ended):
        return last.status
    return "running" if in_use(folder) else "killed"


@dataclass(frozen=True)
class Listed:
    """One line of the list of runs.

    Attributes:
        name: of the folder, within the runs folder.
        started: when, as ISO 8601 in UTC.
        status: as in `Best`.
        evaluations: unique candidates scored.
        best: the best score; None where nothing has one.
        text: the best candidate.
    """

    name: str
    started: str
    status: str
    evaluations: int
    best: float | None
    text: str


def listed(runs: Path) -> list[Listed]:
    """The runs in a folder, those of its sweeps included, newest first; a damaged one is listed as such."""
    in_sweeps = [path for sweep in runs.glob(f"*/{SWEEP}") for path in sweep.parent.rglob("events.jsonl")]
    found = [_listed(path.parent, runs) for path in [*runs.glob("*/events.jsonl"), *in_sweeps]]
    return sorted(found, key=lambda each: each.started, reverse=True)


def _listed(folder: Path, runs: Path) -> Listed:
    name = folder.relative_to(runs).as_posix()
    try:
        events = read_events(folder)
    except RunError as error:
        return Listed(name, "", "damaged", 0, None, str(error))
    evaluations = sum(isinstance(event, Evaluated) for event in events)
    started = events[0].time if events else ""
    try:
        best = best_of(folder)
    except RunError:
        return Listed(name, started, status_of(folder, events), evaluations, None, "")
    return Listed(name, started, best.status, evaluations, best.score, best.text)


def _score(event: Evaluated | HeldOut) -> float:
    return event.evaluation.score if event.evaluation.score is not None else float("nan")

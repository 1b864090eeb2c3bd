"""A step may take minutes: what was spent so far is told in between, and never recorded."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

import optiprompt as op
from optiprompt import pulse
from optiprompt.events import Event, Stepped, Working
from optiprompt.meter import Meter
from optiprompt.report import display
from optiprompt.report.display import Display
from optiprompt.store import read_events

Show = Callable[[Display], None]
SPENT = Working(op.Usage(calls=1234, prompt_tokens=5000, completion_tokens=678), 0.25, 0.5)


class Clock:
    """Stands for the module `time`."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


def slow_task() -> op.FunctionTask:
    def score(point: dict[str, float]) -> float:
        time.sleep(0.1)
        return point["x"]

    return op.FunctionTask("slow", op.Numbers({"x": (0, 9)}, integer=True), score)


def test_watchers_hear_of_a_run_between_its_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "SECONDS", 0.02)
    told: list[Event | Working] = []
    op.optimize(
        slow_task(), algorithm=op.Random(), budget=op.Budget(evaluations=3), run_dir=tmp_path, watch=told.append
    )
    notices = [each for each in told if isinstance(each, Working)]
    assert len(notices) >= 3
    assert notices[0] == Working(op.Usage(), None, 0.0)
    recorded = [each for each in told if not isinstance(each, Working)]
    assert read_events(tmp_path) == recorded  # none of the notices is on disk


def test_a_watcher_that_fails_in_between_does_not_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "SECONDS", 0.02)

    def watch(event: Event | Working) -> None:
        if isinstance(event, Working):
            raise OSError

    result = op.optimize(
        slow_task(), algorithm=op.Random(), budget=op.Budget(evaluations=3), run_dir=tmp_path, watch=watch
    )
    assert len(result.trajectory) == 3


@pytest.mark.parametrize(("silent", "lines"), [(0, 2), (1000, 0)])
def test_plain_progress_says_what_was_spent_where_nothing_else_is_said(
    silent: float, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(display, "SILENT", silent)
    with Display("plain", op.Budget(steps=3)) as watch:
        watch(SPENT)
        watch(SPENT)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == lines
    assert all("at work  1,234 calls  5,678 tokens  $0.2500" in each for each in said)


def test_the_bar_shows_it_too_and_no_display_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Display("rich", op.Budget(steps=3)) as watch:
        watch(SPENT)
    assert "1,234 calls" in capsys.readouterr().err
    with Display("none", op.Budget(steps=3)) as watch:
        watch(SPENT)
    assert capsys.readouterr().err == ""


def test_the_time_left_is_that_to_the_nearest_limit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    monkeypatch.setattr(display, "time", clock)
    step = Stepped(step=1, evaluations=3, best=1.0, mean=1.0, duplicates=0, invalid=0, failed=0)
    with Display("plain", op.Budget(steps=20, scorer_calls=100)) as watch:
        clock.now = 60.0
        watch(SPENT)  # half of the calls are made
        watch(step)
    assert [each.rsplit("left ")[1].split("  ")[0] for each in capsys.readouterr().err.splitlines()] == ["60 s", "60 s"]
    clock.now = 0.0
    with Display("plain", op.Budget(steps=20)) as watch:
        clock.now = 10.0
        watch(step)
    assert "left 190 s" in capsys.readouterr().err


def test_the_time_left_of_a_resumed_run_counts_this_session_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    monkeypatch.setattr(display, "time", clock)
    steps = [
        Stepped(step=number, evaluations=number, best=1.0, mean=1.0, duplicates=0, invalid=0, failed=0)
        for number in range(1, 13)
    ]
    with Display("plain", op.Budget(steps=20)) as watch:
        watch.catch_up(steps[:10])
        watch(steps[10])
        clock.now = 5.0
        watch(steps[11])
    first, second = capsys.readouterr().err.splitlines()
    assert "left ?" in first
    assert "left 40 s" in second


def test_the_limit_that_is_nearest() -> None:
    budget = op.Budget(calls=10, scorer_calls=4, tokens=1000)
    meter = Meter(budget, {})
    assert pulse.share(meter, budget) == 0
    assert pulse.share(meter, op.Budget(steps=3)) == 0
    meter = Meter(budget, {}, events=[])
    meter._spent.count("scorer")
    meter._spent.count("optimizer")
    assert pulse.share(meter, budget) == pytest.approx(1 / 4)
    meter._spent.add("m", op.Usage(prompt_tokens=900, completion_tokens=300))
    assert pulse.share(meter, budget) == 1

"""OPRO with replies from a script: what is asked, what is made of the replies, what failures become."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt.backends.base import Backend, Reply, Request
from optiprompt.backends.scripted import Line, ScriptedBackend
from optiprompt.config import make_algorithm
from optiprompt.errors import BackendError, FatalBackendError, SearchFailed, UsageError
from optiprompt.store import read_events


def make_task() -> op.FunctionTask:
    space = op.Numbers({"x": (-9, 9)}, integer=True)
    return op.FunctionTask(
        "square", space, lambda point: -(point["x"] ** 2), start=["x=9", "x=-7"], score_name="height"
    )


def scripted(tmp_path: Path, *replies: str) -> Backend:
    path = tmp_path / "script.jsonl"
    path.write_text("".join(json.dumps(reply) + "\n" for reply in replies))
    return op.backend(f"scripted:{path}")


def records(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_replies_become_candidates_duplicates_and_rejections_with_reasons(tmp_path: Path) -> None:
    replies = [
        "I choose <NUMBERS>x=3</NUMBERS>",
        "<NUMBERS>x = 3</NUMBERS>",
        "<NUMBERS>x=99</NUMBERS>",
        "no idea",
        *["<NUMBERS>x=0</NUMBERS>"] * 4,
    ]
    optimizer = scripted(tmp_path, *replies)
    result = op.optimize(
        make_task(),
        optimizer=optimizer,
        algorithm=op.Opro(proposals=4, operators="opro"),
        steps=2,
        run_dir=tmp_path / "run",
    )
    assert [trial.text for trial in result.trajectory] == ["x=9", "x=-7", "x=3", "x=0"]
    assert result.best is not None
    assert result.best.text == "x=0"
    reasons = [trial.evaluation.reason for trial in result.trajectory.rejected]
    assert "99" in reasons[0]
    assert "no JSON object" in reasons[1]
    stepped = [event for event in read_events(tmp_path / "run") if event.type == "stepped"]
    assert [(event.duplicates, event.invalid, event.evaluations) for event in stepped] == [
        (0, 0, 2),
        (1, 2, 3),
        (3, 0, 4),
    ]


def test_the_meta_prompt_sent_is_on_disk_and_shows_scores_and_the_reasons_of_rejections(tmp_path: Path) -> None:
    optimizer = scripted(tmp_path, "<NUMBERS>x=99</NUMBERS>", "<NUMBERS>x=1</NUMBERS>")
    op.optimize(
        make_task(),
        optimizer=optimizer,
        algorithm=op.Opro(proposals=1, operators="opro"),
        steps=2,
        run_dir=tmp_path / "run",
    )
    first, second = (
        record["prompt"][0]["content"] for record in records(tmp_path / "run", "replies.jsonl") if "prompt" in record
    )
    assert first.index("x=9") < first.index("-81") < first.index("x=-7") < first.index("-49")
    assert "rejected" not in first
    assert "x=99" in second
    assert second.index("rejected") < second.index("x=99")


def test_the_same_meta_prompt_in_a_later_step_gets_other_samples(tmp_path: Path) -> None:
    optimizer = scripted(tmp_path, *["<NUMBERS>x=9</NUMBERS>"] * 6, "<NUMBERS>x=2</NUMBERS>", "<NUMBERS>x=9</NUMBERS>")
    algorithm = op.Opro(proposals=2, operators="opro")
    result = op.optimize(make_task(), optimizer=optimizer, algorithm=algorithm, steps=4, run_dir=tmp_path / "run")
    assert result.best is not None
    assert result.best.text == "x=2"
    samples = [(r["request"], r["sample"]) for r in records(tmp_path / "run", "replies.jsonl") if "reply" in r]
    assert len(set(samples)) == 8


class Unreliable:
    """A backend that fails as told."""

    name, proposes, decodes, context = "unreliable", "chat", False, 10_000

    def __init__(self, error: BackendError | None) -> None:
        self.error = error
        self.asked: list[Request] = []

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        self.asked.append(request)
        if self.error:
            raise self.error
        return [Reply("<NUMBERS>x=1</NUMBERS>"), *[Reply("", "error", error="reset by peer")] * (len(samples) - 1)]

    def count_tokens(self, text: str) -> int:
        return len(text)

    async def aclose(self) -> None: ...


def test_a_call_that_failed_is_a_failure_with_its_reason_and_never_a_candidate(tmp_path: Path) -> None:
    optimizer: Any = Unreliable(None)
    result = op.optimize(
        make_task(),
        optimizer=optimizer,
        algorithm=op.Opro(proposals=3, operators="opro"),
        steps=1,
        run_dir=tmp_path / "run",
    )
    assert [trial.evaluation.status for trial in result.trajectory.rejected] == ["failed", "failed"]
    assert "reset by peer" in result.trajectory.rejected[0].evaluation.reason
    assert len(result.trajectory) == 3


def test_an_optimizer_that_cannot_be_reached_ends_the_run_after_five_steps_with_the_root_cause(tmp_path: Path) -> None:
    optimizer: Any = Unreliable(BackendError("no server answers at http://127.0.0.1:9"))
    with pytest.raises(SearchFailed, match="no server answers"):
        op.optimize(make_task(), optimizer=optimizer, steps=50, run_dir=tmp_path / "run")
    assert len(optimizer.asked) >= 5


def test_a_run_whose_every_step_failed_is_no_success(tmp_path: Path) -> None:
    optimizer: Any = Unreliable(BackendError("no server answers at http://127.0.0.1:9"))
    with pytest.raises(SearchFailed, match=r"every step failed; the last: .*no server answers"):
        op.optimize(make_task(), optimizer=optimizer, steps=2, run_dir=tmp_path / "run")


def test_a_fatal_error_ends_the_run_at_once_and_keeps_what_there_is(tmp_path: Path) -> None:
    optimizer: Any = Unreliable(FatalBackendError("the key was refused"))
    algorithm = op.Opro(operators="opro")
    with pytest.raises(FatalBackendError, match="key was refused"):
        op.optimize(make_task(), optimizer=optimizer, algorithm=algorithm, steps=50, run_dir=tmp_path / "run")
    assert len(optimizer.asked) == 1
    kinds = [event.type for event in read_events(tmp_path / "run")]
    assert kinds == ["started", "proposed", "evaluated", "evaluated", "stepped", "ended"]


def test_sampling_widens_while_steps_bring_nothing_new(tmp_path: Path) -> None:
    optimizer: Any = Unreliable(None)
    op.optimize(
        make_task(),
        optimizer=optimizer,
        algorithm=op.Opro(proposals=1, operators="opro"),
        steps=5,
        run_dir=tmp_path / "run",
    )
    temperatures = [request.temperature for request in optimizer.asked]
    assert temperatures[:2] == [1.0, 1.0]
    assert temperatures[2:] == sorted(temperatures[2:])
    assert temperatures[-1] > temperatures[1]


@pytest.mark.parametrize(
    "settings",
    [
        {"proposals": 0},
        {"shown": -1},
        {"temperature": -1},
        {"temperature_end": float("inf")},
        {"exemplars": -1},
        {"order": "upwards"},
        {"style": "poem"},
        {"scores": "stars"},
        {"threshold": float("nan")},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(settings))):
        op.Opro(**settings)  # type: ignore[arg-type]


def test_the_temperature_rises_over_the_steps(tmp_path: Path) -> None:
    optimizer: Any = Unreliable(None)
    algorithm = op.Opro(proposals=1, temperature=0.5, temperature_end=1.5, widening=0, operators="opro")
    op.optimize(make_task(), optimizer=optimizer, algorithm=algorithm, steps=4, run_dir=tmp_path / "run")
    assert [request.temperature for request in optimizer.asked] == [0.5, 0.75, 1.0, 1.25]
    with pytest.raises(UsageError, match="number of steps"):
        op.optimize(make_task(), optimizer=optimizer, algorithm=algorithm, budget=op.Budget(evaluations=9))


@pytest.mark.parametrize(
    ("space", "temperature"),
    [(op.CellSpace(["1<-0"], ["a", "b"]), 1.5), (op.Permutation(4), 1.0)],
    ids=["cell", "tour"],
)
def test_a_list_is_continued_at_the_temperature_of_its_space(tmp_path: Path, space: Any, temperature: float) -> None:
    optimizer: Any = Unreliable(None)
    task = op.FunctionTask("any", space, lambda _: 0.0)
    for given in (None, 0.3):
        algorithm = op.Opro(style="pretrained", temperature=given, operators="opro")
        op.optimize(task, optimizer=optimizer, algorithm=algorithm, steps=1, run_dir=tmp_path / str(given))
    assert [request.temperature for request in optimizer.asked] == [temperature, 0.3]


def test_bracketed_replies_are_read_from_their_brackets(tmp_path: Path) -> None:
    optimizer = scripted(tmp_path, "Here: [x=4]", "no idea")
    algorithm = op.Opro(proposals=2, style="bracketed", operators="opro")
    result = op.optimize(make_task(), optimizer=optimizer, algorithm=algorithm, steps=1, run_dir=tmp_path / "run")
    assert [trial.text for trial in result.trajectory] == ["x=9", "x=-7", "x=4"]
    assert "square brackets" in result.trajectory.rejected[0].evaluation.reason


def test_an_instruction_is_cleaned_before_it_becomes_a_candidate(tmp_path: Path) -> None:
    task = op.FunctionTask("length", op.Text(), lambda text: float(len(text)), start=["go"])
    optimizer = scripted(tmp_path, "<INS>**think** about it</INS>")
    result = op.optimize(
        task, optimizer=optimizer, algorithm=op.Opro(proposals=1, operators="opro"), steps=1, run_dir=tmp_path / "run"
    )
    assert [trial.text for trial in result.trajectory] == ["go", "Think about it"]


def test_the_preset_gives_the_published_values_and_what_is_named_goes_before_it() -> None:
    reference = make_algorithm("opro", {"shown": 5}, "reference")
    assert reference == op.Opro(
        operators="opro",
        proposals=8,
        shown=5,
        rejected=0,
        aim=False,
        cleaning=False,
        constrained=False,
        oversampling=1,
        predictor=False,
        widening=0,
    )
    assert make_algorithm("random", {}, "reference") == op.Random()


@pytest.mark.parametrize(
    "reply", ["x=3", "[3]", "The best number is [x = 3].", "Let me see.\n\nx: 3", "<think>x=5</think>\nx=3"]
)
def test_a_candidate_without_its_tags_counts_where_it_is_plain(tmp_path: Path, reply: str) -> None:
    algorithm = op.Opro(proposals=1, operators="opro")
    result = op.optimize(
        make_task(), optimizer=scripted(tmp_path, reply), algorithm=algorithm, steps=1, run_dir=tmp_path / "run"
    )
    assert [trial.text for trial in result.trajectory] == ["x=9", "x=-7", "x=3"]


REPLY = '{"a": "conv", "b": "skip"}'


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, 'Write it as a JSON object with these fields: "a", "b".'),
        ({"constrained": False}, "Put it between <CELL> and </CELL>."),
        ({"style": "bracketed"}, "square brackets"),
    ],
)
def test_in_a_chat_structured_candidates_are_asked_for_inside_the_schema(
    tmp_path: Path, settings: dict[str, Any], asked: str
) -> None:
    space = op.CellSpace(["a", "b"], ["none", "skip", "conv"])
    task = op.FunctionTask("cells", space, lambda cell: float(cell.count("conv")), start=["none none"])
    requests: list[Request] = []

    class Chat(ScriptedBackend):
        async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
            requests.append(request)
            return await super().generate(request, samples)

    result = op.optimize(
        task,
        optimizer=Chat("chat", [Line(text=REPLY), Line(text='{"a": "warp", "b": "skip"}')]),
        algorithm=op.Opro(operators="opro", proposals=2, **settings),
        steps=1,
        run_dir=tmp_path,
    )
    assert [trial.text for trial in result.trajectory] == ["none none", "conv skip"]
    prompt = requests[0].prompt
    assert isinstance(prompt, tuple)
    assert asked in prompt[-1].content
    assert requests[0].grammar == (None if settings else space.schema)
    [rejected] = result.trajectory.rejected
    assert ("warp" in rejected.evaluation.reason) == (not settings)  # what is wrong with it, for the optimizer to read

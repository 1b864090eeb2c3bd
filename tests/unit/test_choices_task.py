"""A search space of the user's own, from Python and from a YAML, with every algorithm."""

import json
from pathlib import Path

import pytest

import optiprompt as op
from optiprompt.algorithms.base import Algorithm
from optiprompt.errors import FatalBackendError, UsageError

SCORE = """
import math

def score(v):
    fit = -abs(math.log10(v["lr"]) + 3) - abs(v["layers"] - 3) / 10
    return fit + (0.5 - abs(v["momentum"] - 0.9) if v["optimizer"] == "sgd" else 0.0)
"""
YAML = """
kind: choices
description: The settings of a training run.
fields:
  layers: {low: 1, high: 8}
  optimizer: [sgd, adam]
  lr: {low: 1e-5, high: 0.1, log: true}
  momentum: {low: 0.0, high: 0.99, when: {optimizer: sgd}}
score: python:score.py:score
start: 6
"""


def write(folder: Path, text: str = YAML, code: str = SCORE) -> str:
    (folder / "score.py").write_text(code)
    (folder / "mine.yaml").write_text(text)
    return str(folder / "mine.yaml")


@pytest.mark.parametrize("algorithm", [op.Random(), op.Evolution(population=6), op.LocalSearch()])
def test_a_yaml_is_searched_by_every_algorithm(tmp_path: Path, algorithm: Algorithm) -> None:
    task = op.load_task(write(tmp_path))
    result = op.optimize(task, algorithm=algorithm, budget=op.Budget(evaluations=40), seed=0, run_dir=tmp_path / "run")
    trials = result.trajectory.trials
    assert sum(not trial.duplicate for trial in trials) == 40
    assert all(trial.ok for trial in trials)
    assert result.best is not None
    assert result.best.score > max(trial.score for trial in trials[:6])


def test_a_model_asked_in_a_chat_is_told_the_fields_and_what_was_wrong(tmp_path: Path) -> None:
    replies = [
        "<CANDIDATE>layers=3, optimizer=adam, lr=0.001, momentum=0.9</CANDIDATE>",
        '```json\n{"layers": 3, "optimizer": "sgd", "lr": 0.001, "momentum": 0.9}\n```',
    ]
    (tmp_path / "script.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in replies))
    result = op.optimize(
        op.load_task(write(tmp_path)),
        optimizer=op.backend(f"scripted:{tmp_path / 'script.jsonl'}"),
        algorithm=op.Opro(proposals=1),
        steps=2,
        run_dir=tmp_path / "run",
    )
    records = map(json.loads, (tmp_path / "run" / "replies.jsonl").read_text().splitlines())
    prompts = [record["prompt"][0]["content"] for record in records if "prompt" in record]
    assert "momentum (only if optimizer=sgd): a number from 0 to 0.99" in prompts[0]
    assert "momentum must be left out: it exists only if optimizer=sgd" in prompts[1]
    assert result.best is not None
    assert result.best.text == "layers=3 optimizer=sgd lr=0.001 momentum=0.9"


def test_what_is_decoded_inside_the_grammar_is_a_candidate(tmp_path: Path) -> None:
    result = op.optimize(
        op.load_task(write(tmp_path)),
        optimizer=op.backend("uniform"),
        algorithm=op.Opro(proposals=8),
        steps=3,
        run_dir=tmp_path / "run",
    )
    proposed = [trial for trial in result.trajectory.trials if trial.proposal.source != "start"]
    assert len(proposed) >= 24
    assert all(trial.ok for trial in proposed)
    assert {"momentum" in trial.text for trial in proposed} == {True, False}


def test_the_control_says_what_it_cannot_draw_from(tmp_path: Path) -> None:
    task = op.FunctionTask("fine", op.Choices({"n": {"low": 0, "high": 30_000, "step": 1}}), lambda _: 1.0)
    with pytest.raises(FatalBackendError, match=r"leave out --preset reference .* larger steps where"):
        op.optimize(task, optimizer=op.backend("uniform"), algorithm=op.Opro(), steps=1, run_dir=tmp_path / "run")


def test_a_run_is_not_resumed_with_another_function(tmp_path: Path) -> None:
    before = op.load_task(write(tmp_path)).identity()
    assert op.load_task(write(tmp_path)).identity() == before
    assert op.load_task(write(tmp_path, code=SCORE.replace("10", "20"))).identity() != before
    assert op.load_task(write(tmp_path, YAML.replace("0.99", "0.9"))).identity() != before


def test_a_yaml_with_costs_can_have_limits_and_a_front(tmp_path: Path) -> None:
    code = SCORE + "\ndef costs(v):\n    return {'parameters': 100 * v.pop('layers')}\n"
    text = YAML + "costs: python:score.py:costs\n"
    task = op.load_task(write(tmp_path, text, code))
    assert task.identity()["costs"]
    assert "costs" not in op.load_task(write(tmp_path)).identity()
    task = op.load_task(write(tmp_path, text, code)).within({"parameters": 300}).against("parameters")
    result = op.optimize(task, algorithm=op.Evolution(), budget=op.Budget(evaluations=20), run_dir=tmp_path / "run")
    assert {trial.evaluation.metrics["parameters"] for trial in result.trajectory} == {100, 200, 300}
    assert result.trajectory.front() is not None


def test_options_in_exponent_form_reach_the_function_as_numbers(tmp_path: Path) -> None:
    text = YAML.replace("lr: {low: 1e-5, high: 0.1, log: true}", "lr: [1e-5, 1e-4, 0.01]")
    assert text != YAML
    task = op.load_task(write(tmp_path, text))
    assert task.space.parse("layers=1 optimizer=adam lr=1e-5")["lr"] == 1e-5
    result = op.optimize(task, algorithm=op.Random(), budget=op.Budget(evaluations=12), run_dir=tmp_path / "run")
    assert all(trial.ok for trial in result.trajectory.trials)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("python:score.py:score", "score.py", "score: score is a function of a Python file, python:FILE:FUNCTION"),
        ("python:score.py:score", "python:score.py:scroe", "has no function 'scroe': did you mean 'score'"),
        ("python:score.py:score", "python:other.py:score", "the score's file .*other.py does not exist"),
        ("optimizer: sgd}", "optimizer: sdg}", "momentum: its condition cannot hold: optimizer cannot be 'sdg'"),
        ("start: 6", "start: [layers=9 optimizer=adam lr=0.1]", "start: .* is no candidate: layers=9 is out of range"),
        ("start: 6", "direction: min", "direction: "),
        ("{low: 1, high: 8}", "(1, 8)", r"layers: in a YAML a range is {low: 1, high: 6}.*, not \(1, 8\)"),
        ("{low: 1e-5, high: 0.1, log: true}", "[1e-5, 0.1, log]", "lr: .* a range: {low: 1e-5, high: 0.1, log: true}"),
        ("start: 6", "costs: score.py", "costs: costs is a function of a Python file, python:FILE:FUNCTION"),
        ("start: 6", "costs: python:score.py:cost", "has no function 'cost': it has: score"),
    ],
)
def test_a_yaml_that_cannot_work_is_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        op.load_task(write(tmp_path, YAML.replace(old, new)))


def test_the_functions_of_a_file_share_its_state_and_import_what_stands_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside_the_score.py").write_text("BEST = 3\n")
    code = """
import beside_the_score

built = {}

def costs(v):
    built[str(v)] = beside_the_score.BEST
    return {"parameters": v["layers"]}

def score(v):
    return built[str(v)] - abs(v["layers"] - beside_the_score.BEST)
"""
    task = op.load_task(write(tmp_path, YAML + "costs: python:score.py:costs\n", code)).within({"parameters": 6})
    result = op.optimize(task, algorithm=op.Random(), budget=op.Budget(evaluations=9), run_dir=tmp_path / "run")
    assert all(trial.ok for trial in result.trajectory)
    assert result.best is not None
    assert result.best.score > 0

"""Prompt search with a real model, in process and behind HTTP: every answer is on disk, every grade right."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt.backends.base import Message, Request
from optiprompt.testing.server import ChaosServer

CAPITALS = {
    "France": "Paris",
    "Germany": "Berlin",
    "Italy": "Rome",
    "Spain": "Madrid",
    "Portugal": "Lisbon",
    "Japan": "Tokyo",
    "China": "Beijing",
    "Russia": "Moscow",
    "Egypt": "Cairo",
    "Greece": "Athens",
    "Austria": "Vienna",
    "Belgium": "Brussels",
    "Poland": "Warsaw",
    "Hungary": "Budapest",
    "Sweden": "Stockholm",
    "Norway": "Oslo",
    "Denmark": "Copenhagen",
    "Finland": "Helsinki",
    "Ireland": "Dublin",
    "Cuba": "Havana",
    "Peru": "Lima",
    "Chile": "Santiago",
    "Kenya": "Nairobi",
    "Thailand": "Bangkok",
    "Vietnam": "Hanoi",
    "Iraq": "Baghdad",
    "Iran": "Tehran",
    "Turkey": "Ankara",
    "Canada": "Ottawa",
    "Romania": "Bucharest",
    "Bulgaria": "Sofia",
    "Serbia": "Belgrade",
    "Croatia": "Zagreb",
    "Ukraine": "Kyiv",
    "Lebanon": "Beirut",
    "Syria": "Damascus",
    "Jordan": "Amman",
    "Nepal": "Kathmandu",
    "Colombia": "Bogota",
    "Venezuela": "Caracas",
}
TASK = """
name: capitals
kind: prompt
data: {file: capitals.jsonl, input: country, target: capital}
grader: contains
position: Q_begin
start: ["Let's solve the problem.", "What is the capital of this country?"]
max_tokens: 24
"""


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_task(folder: Path) -> Path:
    rows = [{"country": country, "capital": capital} for country, capital in CAPITALS.items()]
    (folder / "capitals.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "capitals.yaml").write_text(TASK)
    return folder / "capitals.yaml"


@pytest.mark.slow
def test_a_users_own_task_finds_that_the_plain_question_beats_the_generic_one(tmp_path: Path) -> None:
    words = ["run", str(write_task(tmp_path)), "--optimizer", "smollm2", "--scorer", "smollm2", "--steps", "1"]
    words += ["--proposals", "1", "--no-racing", "--no-final", "--run-dir", str(tmp_path / "run")]
    command = [sys.executable, "-m", "optiprompt.cli", *words]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["score"] > 0.4

    events = records(tmp_path / "run" / "events.jsonl")
    evaluated = {event["text"]: event["evaluation"] for event in events if event["type"] == "evaluated"}
    assert evaluated["Let's solve the problem."]["score"] <= 0.1
    assert evaluated["What is the capital of this country?"]["score"] > 0.4
    train = events[0]["details"]["splits"]["train"]
    assert all([outcome["example"] for outcome in each["outcomes"]] == train for each in evaluated.values())

    # Grade the replies on disk again, by hand: the capital is a word of the reply.
    asked = {}
    replies = records(tmp_path / "run" / "replies.jsonl")
    for record in replies:
        if "prompt" in record and isinstance(record["prompt"], list):
            asked[record["request"]] = record["prompt"][-1]["content"]
    right = dict.fromkeys(evaluated, 0)
    for record in replies:
        if "reply" in record and record["request"] in asked:
            instruction, country = asked[record["request"]].rsplit("\n", 1)
            right[instruction] += CAPITALS[country].lower() in record["reply"]["text"].lower().replace(".", " ").split()
    for text, evaluation in evaluated.items():
        assert right[text] == round(evaluation["score"] * len(train)), text


@pytest.mark.slow
def test_the_same_search_against_a_real_model_behind_http(tmp_path: Path) -> None:
    model = op.backend("smollm2")

    def answer(prompt: str) -> str:
        if "<INS>" in prompt:
            return "<INS>Name the capital of this country.</INS>"
        [[reply]] = model.generate_many([(Request((Message("user", prompt),), max_tokens=12), [0])])  # type: ignore[attr-defined]
        return str(reply.text)

    task = op.load_task(str(write_task(tmp_path)), {"sizes.train": 5})
    with ChaosServer(answer) as server:
        remote = op.backend(f"openai:smol@{server.url}")
        result = op.optimize(
            task, optimizer=remote, scorer=remote, algorithm=op.Opro(proposals=2, operators="opro"), steps=1
        )
    scores = {trial.text: trial.score for trial in result.trajectory}
    assert scores["What is the capital of this country?"] > scores["Let's solve the problem."]
    assert "Name the capital of this country." in scores
    assert "is better than the baseline" in result.verdict
    assert result.usage.calls == server.requests == 3 * 5 + 1 + 2 * 20, "winner and baseline on the test split too"

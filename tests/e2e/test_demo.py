"""The demo's path with the real model: what `make demo` runs, with fewer evaluations."""

import json
import subprocess
import sys
from pathlib import Path


def test_the_demo_searches_with_the_real_model_and_compares_with_the_baselines(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "optiprompt.cli",
        "demo",
        "--evaluations",
        "16",
        "--run-dir",
        str(folder),
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["evaluations"] == 16
    assert 85 < found["score"] < 91.7
    assert {each["algorithm"] for each in found["baselines"]} == {
        "random search",
        "regularized evolution",
        "local search",
    }
    assert all(each["seeds"] == 200 and 0 <= each["beaten"] <= 1 for each in found["baselines"])
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    evaluated = [event["key"] for event in events if event["type"] == "evaluated"]
    assert len(evaluated) == len(set(evaluated)) == 16
    proposed = [
        each for event in events if event["type"] == "proposed" and event["step"] > 0 for each in event["proposals"]
    ]
    assert {each["proposal"]["source"] for each in proposed} == {"opro", "infill", "neighbour"}
    assert all(each["fate"] != "invalid" for each in proposed), "replies are decoded inside the grammar"
    replies = [json.loads(line) for line in (folder / "replies.jsonl").read_text().splitlines()]
    prompts = [each["prompt"] for each in replies if "prompt" in each]
    assert "accuracy" in prompts[0]
    texts = {each["reply"]["text"].strip() for each in replies if "reply" in each}
    by_model = [each["proposal"]["text"] for each in proposed if each["proposal"]["source"] != "neighbour"]
    # What an open place is filled with is recorded as the whole candidate.
    assert by_model
    assert set(by_model) <= texts
    for name in ("baselines.png", "baselines.svg"):
        assert (folder / name).stat().st_size > 5_000

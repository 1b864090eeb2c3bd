"""`optiprompt evaluate` with a real model: the plain question beats the generic one, significantly."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_prompt_search import CAPITALS, write_task


@pytest.mark.slow
def test_the_plain_question_beats_the_generic_one(tmp_path: Path) -> None:
    given = ["--candidate", "Let's solve the problem.", "--candidate", "What is the capital of this country?"]
    words = ["evaluate", str(write_task(tmp_path)), *given, "--scorer", "smollm2", "--run-dir", str(tmp_path / "m")]
    command = [sys.executable, "-m", "optiprompt.cli", *words, "--json", "--set", "max_tokens=12"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    generic, plain = json.loads(done.stdout)
    assert generic["score"] <= 0.1
    assert plain["score"] > 0.4
    assert plain["pairs"][0]["low"] > 0.1
    assert plain["pairs"][0]["p"] < 0.05
    assert plain["calls"] == generic["calls"] == plain["n"] == 20
    assert plain["majority"] is None, "each capital is right once"

    # Grade the replies on disk by hand.
    right, country = 0, {}
    for line in (tmp_path / "m" / "replies.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if "prompt" in record:
            country[record["request"]] = record["prompt"][-1]["content"].rsplit("\n", 1)
        else:
            instruction, name = country[record["request"]]
            words_said = record["reply"]["text"].lower().replace(".", " ").split()
            right += instruction == plain["candidate"] and CAPITALS[name].lower() in words_said
    assert right == round(plain["score"] * plain["n"])

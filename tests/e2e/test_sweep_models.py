"""A sweep with real models: loaded once for all runs, and interrupted in the middle."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from optiprompt import cli
from optiprompt.backends._model import Model
from optiprompt.testing.server import ChaosServer


def test_a_local_model_is_loaded_once_for_all_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    loads: list[str] = []
    load = Model._load

    def counted(self: Model, loader: str, **settings: Any) -> Any:
        loads.append(loader)
        return load(self, loader, **settings)

    monkeypatch.setattr(Model, "_load", counted)
    words = ["sweep", "nasbench201", "--vary", "shown=2,4", "--optimizer", "smollm2", "--max-evaluations", "10"]
    words += ["--proposals", "2", "--repeats", "2", "--run-dir", str(tmp_path / "sweep"), "--json"]
    monkeypatch.setattr(sys, "argv", ["optiprompt", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert not stopped.value.code
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [run["evaluations"] for row in rows for run in row["runs"]] == [10] * 4
    assert all(run["calls"] > 0 for row in rows for run in row["runs"])
    assert sorted(loads) == ["AutoConfig", "AutoModelForCausalLM", "AutoTokenizer"]


# A program that was started in the background may have inherited that SIGINT is ignored.
INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from optiprompt.cli import main
main()
"""


def test_ctrl_c_keeps_all_and_says_how_to_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "a sweep"
    command = [sys.executable, "-c", INTERRUPTIBLE]
    with ChaosServer(lambda prompt: "<CELL>skip conv conv skip conv conv</CELL>", latency=0.2) as server:
        words = ["sweep", "nasbench201", "--vary", "shown=2,4", "--optimizer", f"openai:m@{server.url}", "--steps", "3"]
        words += ["--proposals", "1", "--operators", "opro", "--run-dir", str(folder)]
        with subprocess.Popen([*command, *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                deadline = time.monotonic() + 60
                while server.requests < 5:
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=60)
            finally:
                process.kill()
        assert process.returncode == 130
        assert said.splitlines()[-1].endswith(f"interrupted; all is kept: optiprompt resume '{folder}'")
        asked = server.requests
        done = subprocess.run([*command, "resume", str(folder), "--json"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert [row["steps"] for row in json.loads(done.stdout)["rows"]] == [3, 3]
        assert server.requests - asked <= 2, "only the call that was cut off and those not made are paid"

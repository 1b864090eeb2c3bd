"""The peers: each in a virtual environment of its own, which is made when it is first needed."""

import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from filelock import FileLock

from benchmarks.prompts._methods import Found, Job
from benchmarks.prompts.peers._common import INPUT, INSTRUCTION
from optiprompt.data.examples import Example
from optiprompt.errors import OptipromptError
from optiprompt.resources import cache_folder

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Peer:
    """A published optimizer.

    Attributes:
        package: on PyPI.
        version: of it.
        method: how our script (`peers/PACKAGE.py`) calls it.
        extra: of the package, in square brackets.
    """

    package: str
    version: str
    method: str
    extra: str = ""

    @property
    def requirement(self) -> str:
        """What pip installs."""
        return f"{self.package}{self.extra}=={self.version}"


_PROMPTOLUTION, _DSPY, _GEPA = ("promptolution", "2.3.0"), ("dspy", "3.4.1"), ("gepa", "0.1.4")
PEERS: dict[str, Peer] = {
    "promptolution-opro": Peer(*_PROMPTOLUTION, "opro"),
    "promptolution-capo": Peer(*_PROMPTOLUTION, "capo"),
    "promptolution-capo-shots": Peer(*_PROMPTOLUTION, "capo-shots"),
    "dspy-copro": Peer(*_DSPY, "copro", "[optuna]"),
    "dspy-miprov2": Peer(*_DSPY, "miprov2", "[optuna]"),
    "dspy-gepa": Peer(*_DSPY, "gepa", "[optuna]"),
    "gepa": Peer(*_GEPA, "gepa"),
}
SHOTS = ("promptolution-capo-shots",)  # their prompts hold examples; the others' are instructions alone


class PeerFailed(OptipromptError):
    """A peer cannot be installed or started."""


def run_peer(peer: Peer, job: Job, minutes: float) -> Found:
    """Run a peer's script. What it asks and has graded goes through the proxy, so the best so far is known in any case.

    Raises:
        PeerFailed: it cannot be installed, or it ended before it had one answer graded.
    """
    python = installed(peer)
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    environment |= {"PYTHONPATH": str(ROOT), "HOME": job.folder, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [str(python), "-m", f"benchmarks.prompts.peers.{peer.package}"]
    log = Path(job.folder) / "log.txt"
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=job.folder,
            env=environment,
            text=True,
        )
        try:
            said, _ = process.communicate(json.dumps(_config(peer, job)), timeout=60 * minutes)
            ended = "" if process.returncode == 0 else f"exit code {process.returncode}"
        except subprocess.TimeoutExpired:
            said, ended = "", f"stopped after {minutes:g} minutes"
        finally:
            process.kill()
            process.wait()
    lines = [line for line in (said or "").splitlines() if line.startswith("{")]
    result: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    prompt, account = result.get("prompt"), job.account
    if prompt is None:
        prompt = account.best()
        last = " ".join(log.read_text(errors="replace").split())[-300:]
        ended = f"best so far, for it was stopped: {result.get('ended') or ended or 'no answer'}"
        if prompt is None:
            raise PeerFailed(f"{peer.requirement}: {ended}: {last}")
    return Found(prompt, account.train(prompt), ended or str(result.get("ended", "")) or "its own end")


def installed(peer: Peer) -> Path:
    """The Python of a peer's virtual environment; it is made where it is not there.

    Raises:
        PeerFailed: pip could not install it.
    """
    folder = cache_folder() / "benchmarks" / f"{peer.package}-{peer.version}"
    python, done = folder / "bin" / "python", folder / "installed"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if done.is_file():
            return python
        print(f"installing {peer.requirement} into {folder} (once; minutes)", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", peer.requirement]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            problem = (run.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise PeerFailed(f"{peer.requirement} cannot be installed: {problem}")
        done.touch()
    return python


def _config(peer: Peer, job: Job) -> dict[str, Any]:
    """What a peer's script is told, on its standard input."""
    places = {example.id: place for place, example in enumerate(job.account.examples)}

    def rows(examples: tuple[Example, ...]) -> list[dict[str, Any]]:
        return [_row(places[example.id], example) for example in examples]

    return {
        "method": peer.method,
        "scored": rows(job.material.scored),
        "shown": rows(job.material.shown),
        "start": list(job.task.start(Random(job.seed))),
        "description": job.task.description,
        "form": job.task.asking.text(INSTRUCTION, INPUT),
        "bare": job.task.asking.text("", INPUT),
        "url": job.url,
        "seed": job.seed,
        "concurrency": job.concurrency,
        "max_tokens": job.task.max_tokens,
        "scorer_calls": job.account.limits["scorer"],
        "optimizer_calls": job.account.limits["optimizer"],
    }


def _row(place: int, example: Example) -> dict[str, Any]:
    targets = [example.target] if isinstance(example.target, str) else list(example.target)
    return {"row": place, "input": example.input, "targets": targets}

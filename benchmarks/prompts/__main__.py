"""The command: see the package. Ctrl-C keeps what is done; the same command with the same --json goes on."""

import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

import optiprompt as op
from benchmarks._code import code_version
from benchmarks.prompts._methods import FREE, OWN, STRUCTURES, Found, Job, Structure
from benchmarks.prompts._models import Endpoint, endpoint
from benchmarks.prompts._peers import PEERS, SHOTS, run_peer
from benchmarks.prompts._proxy import Account, Proxy, Role
from benchmarks.prompts._rows import Row, Rows, show
from benchmarks.prompts._tasks import FULL, QUICK, cut, material, prompt_task
from optiprompt.errors import DataError, OptipromptError, UsageError
from optiprompt.resources import cache_folder

Model = Annotated[str, typer.Option(help="NAME@BASE_URL of an OpenAI-compatible server.")]
Names = Annotated[str, typer.Option(help="Separated by commas.")]


def main(
    optimizer: Model,
    scorer: Model,
    tasks: Names = "",
    methods: Annotated[str, typer.Option(help=f"Separated by commas, or `none`: {', '.join(OWN)}.")] = "",
    peers: Annotated[str, typer.Option(help=f"Separated by commas, or `none`: {', '.join(PEERS)}.")] = "",
    seeds: Annotated[int, typer.Option(min=0, help="How many; 1, or 3 with --full.")] = 0,
    scorer_calls: Annotated[int, typer.Option(min=1, help="That a search may make.")] = 300,
    optimizer_calls: Annotated[int, typer.Option(min=1, help="That a search may make.")] = 32,
    full: Annotated[bool, typer.Option("--full", help="8 tasks and 3 seeds instead of 4 and 1.")] = False,
    test: Annotated[int | None, typer.Option(help="At most so many test examples a task.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls at once.")] = 8,
    minutes: Annotated[float, typer.Option(help="That a peer may take for one search.")] = 60,
    json_file: Annotated[Path | None, typer.Option("--json", help="Rows; the same command goes on with it.")] = None,
) -> None:
    """Run all methods on all tasks at the same budget, score what they found on test, and print the table."""
    rows = Rows(json_file)
    bench = _Bench(
        {"optimizer": endpoint(optimizer), "scorer": endpoint(scorer)},
        {"scorer": scorer_calls, "optimizer": optimizer_calls},
        test,
        concurrency,
        minutes,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a peer that runs is ended too
    names = _known(tasks, FULL if full else QUICK, None)
    usual = tuple(peer for peer in PEERS if full or peer not in SHOTS)
    known, failed = len(rows.rows), False
    chosen = [*_known(methods, tuple(OWN), OWN), *_known(peers, usual, PEERS)]
    try:
        with Proxy(cache_folder() / "benchmarks" / "scorer.sqlite") as proxy:
            for seed in range(seeds or (3 if full else 1)):
                for name in names:
                    for method in chosen:
                        failed |= not bench.add(rows, proxy, name, method, seed)
    except KeyboardInterrupt:
        print("interrupted; finished rows are kept", file=sys.stderr)
        raise typer.Exit(130) from None
    finally:
        show(rows.like(bench.key("", "", 0)))
    if failed and len(rows.rows) == known:
        raise typer.Exit(1)


def _known(given: str, default: tuple[str, ...], known: Any) -> list[str]:
    if given == "none":
        return []
    names = [each.strip() for each in given.split(",") if each.strip()] or list(default)
    for name in names:
        if known is not None and name not in known:
            raise UsageError(f"unknown method {name!r}: there are {', '.join(known)}")
    return names


@dataclass(frozen=True)
class _Bench:
    """What is the same for all runs of a start."""

    models: dict[Role, Endpoint]
    limits: dict[Role, int]
    test: int | None
    concurrency: int
    minutes: float

    def add(self, rows: Rows, proxy: Proxy, name: str, method: str, seed: int) -> bool:
        """Run a method on a task, unless there is a row of it; what fails is said, and left to the next start.

        Returns:
            Whether there is a row of it now.
        """
        key = self.key(name, method, seed)
        if rows.done(key):
            return True
        begun = time.monotonic()
        try:
            row = self._run(proxy, name, method, seed)
        except DataError as error:
            print(f"{name} {method} seed {seed}: left out: {error}", file=sys.stderr, flush=True)
            return False
        except OptipromptError as error:
            print(f"{name} {method} seed {seed}: failed: {error}", file=sys.stderr, flush=True)
            return False
        row["seconds"] = round(time.monotonic() - begun, 1)
        rows.add({**key, **row})
        text = f"{row['test']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
        calls = f"{row['scorer_calls']}+{row['optimizer_calls']} calls, {row['seconds']:.0f} s"
        print(f"{name} {method} seed {seed}: {text}, {calls}: {row['prompt'][:80]!r}", flush=True)
        return True

    def key(self, name: str, method: str, seed: int) -> Row:
        """What tells this run from others in the file."""
        return {
            "task": name,
            "method": method,
            "seed": seed,
            "optimizer": self.models["optimizer"].model,
            "scorer": self.models["scorer"].model,
            "budget": [self.limits["scorer"], self.limits["optimizer"]],
            "test_limit": self.test,
            "version": PEERS[method].requirement if method in PEERS else f"optiprompt {code_version()}",
        }

    def _run(self, proxy: Proxy, name: str, method: str, seed: int) -> Row:
        task = cut(prompt_task(name), self.test)
        examples = material(task, seed, self.limits["scorer"])
        limits: dict[Role, int] = dict.fromkeys(self.limits, 10**9) if method in FREE else self.limits
        account = Account(task, examples.pool, self.models, limits, single=method in OWN)
        with tempfile.TemporaryDirectory(prefix="optiprompt-") as folder:
            job = Job(name, task, examples, account, proxy.open(account), seed, self.concurrency, folder)
            found = OWN[method](job) if method in OWN else run_peer(PEERS[method], job, self.minutes)
        structure = STRUCTURES.get(method, Structure())
        if method in STRUCTURES:
            structure.give(task)
        return {**self._scored(job, found), "ended": found.ended, "shots": structure.shots > 0 or method in SHOTS}

    def _scored(self, job: Job, found: Found) -> Row:
        """The instruction on the test split, outside the budget."""
        model = self.models["scorer"]
        backend = op.backend(f"openai:{model.model}@{model.url}", op.BackendOptions(concurrency=self.concurrency))
        used = dict(job.account.used)
        with tempfile.TemporaryDirectory(prefix="optiprompt-") as folder:
            [measured] = op.evaluate(job.task, found.prompt, scorer=backend, run_dir=folder).candidates
        if measured.score is None or measured.interval is None:
            raise OptipromptError(f"the test could not be scored: {measured.evaluation.reason}")
        low, high = measured.interval
        return {
            "scorer_calls": used["scorer"],
            "optimizer_calls": used["optimizer"],
            "train": found.train,
            "test": measured.score,
            "low": low,
            "high": high,
            "n": len(measured.graded),
            "prompt": found.prompt,
        }


if __name__ == "__main__":
    try:
        typer.run(main)
    except OptipromptError as error:
        sys.exit(f"error: {error}")

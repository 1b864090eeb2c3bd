"""The command: see the package. Ctrl-C keeps what is done; the same command with the same --json goes on."""

import json
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.architectures._pool import run_all
from benchmarks.architectures._pooled import pooled
from benchmarks.architectures._rows import Arm, arms, rows_of, searches, show
from benchmarks.architectures._searches import CHAT_CONTROL, CONTROL, Finished, Job
from optiprompt.errors import OptipromptError
from optiprompt.tasks.loader import field_names, load_task

QUICK = tuple(f"nasbench201/{name}" for name in ("cifar10", "cifar100", "imagenet16"))
QUICK += tuple(f"nasbenchgraph/{name}" for name in ("cora", "pubmed", "arxiv", "photo"))
FULL = (*QUICK, *(f"nasbenchgraph/{name}" for name in ("citeseer", "cs", "physics", "computers", "proteins")))
FULL += ("hpolib/protein:3209", *(f"hpolib/{name}" for name in ("protein", "naval", "parkinsons", "slice")))
ALGORITHMS = "random,evolution,local-search,opro"
SEEDS, FULL_SEEDS = 8, 20  # 8 take half an hour on two cores: a search with SmolLM2 about 30 s of one
Names = Annotated[str, typer.Option(help="Separated by commas.")]


def main(
    json_file: Annotated[Path, typer.Option("--json", help="Rows; the same command goes on with it.")],
    tasks: Names = "",
    algorithms: Names = ALGORITHMS,
    optimizer: Annotated[list[str] | None, typer.Option(help="smollm2 (default) or another; several times.")] = None,
    seeds: Annotated[int, typer.Option(min=0, help=f"For a model; {SEEDS}, or {FULL_SEEDS} with --full.")] = 0,
    evaluations: Annotated[int, typer.Option(min=1, help="Unique ones a search, starting candidates included.")] = 50,
    workers: Annotated[int, typer.Option(min=1, help="Searches at once, each in a process with its own model.")] = 2,
    full: Annotated[bool, typer.Option("--full", help=f"{len(FULL)} data sets instead of {len(QUICK)}.")] = False,
) -> None:
    """Search with all algorithms on all tasks, keep the rows, and print the tables."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the workers end with this process
    names = tuple(dict.fromkeys(map(_full_name, _listed(tasks)))) or (FULL if full else QUICK)
    count = seeds or (FULL_SEEDS if full else SEEDS)
    # Also makes sure that all of them can be read, before anything runs.
    read = {name: Job(name, "random", None, False, 1, 0).plan().search().task for name in names}
    compared: dict[str, list[Arm]] = {}
    for name in names:
        blind = "blind" in field_names(name.partition(":")[0])
        compared[name] = arms(name, _listed(algorithms), optimizer or ["smollm2"], evaluations, count, blind)
    kept = json_file.with_name(f"{json_file.stem}-partial.jsonl")
    finished = Finished(kept)
    json_file.parent.mkdir(parents=True, exist_ok=True)
    jobs = dict.fromkeys(job for found in compared.values() for arm in found for job in arm.jobs())
    try:
        run_all(sorted((job for job in jobs if finished.get(job) is None), key=_turn), finished, workers)
    except KeyboardInterrupt:
        finished = Finished(kept)  # the last one may be in the file only
        print("interrupted; finished searches are kept", file=sys.stderr)
        raise typer.Exit(130) from None
    finally:
        found = {name: searches(own, finished) for name, own in compared.items()}
        rows = {name: rows_of(own) for name, own in found.items()}
        together = pooled(found, {name: task.direction == "maximize" for name, task in read.items()})
        json_file.write_text(json.dumps([*(row for own in rows.values() for row in own), *together], indent=1) + "\n")
        for name, own in rows.items():
            show(own, f"best {read[name].measured}")
        show(together, "gain, in standard deviations of local search,")


def _listed(names: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in names.split(",") if each.strip())


def _full_name(name: str) -> str:
    """With the data set that is meant where none is named: `nasbench201` is `nasbench201/cifar10`."""
    benchmark, colon, most = name.partition(":")
    task = load_task(benchmark).name
    return f"{task}{colon}{most}" if task.startswith(f"{benchmark}/") else name


def _turn(job: Job) -> tuple[int, int]:
    """First what is quick; then all tasks with the first seed, with the second: so that what there is can be used."""
    return (0 if job.optimizer is None else 1 if job.optimizer in (CONTROL, CHAT_CONTROL) else 2), job.seed


if __name__ == "__main__":
    try:
        typer.run(main)
    except OptipromptError as error:
        sys.exit(f"error: {error}")

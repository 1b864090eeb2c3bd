"""What optiprompt adds to the HTTP calls of an evaluation, beside a bare aiohttp client and the openai SDK.

python -m benchmarks.overhead [--examples 200] [--latency 0.05] [--rounds 7] [--json FILE]

One prompt is evaluated on the examples against a local server in a process of its own. All of them open their
connections anew and take turns in each round; of all rounds the best counts. optiprompt evaluates as a search does: it
grades each answer and writes every reply to disk before it uses it. The others only read the answers' text.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import optiprompt as op
from benchmarks._latency_server import ANSWER, serving
from optiprompt.backends._cached import GroupedCache
from optiprompt.backends._inner import inner
from optiprompt.backends._recorded import Recorded
from optiprompt.cache import ReplyCache
from optiprompt.journal import Journal
from optiprompt.meter import Meter, metering

INSTRUCTION = "Think step by step."
QUESTION = "A baker fills 9 trays with 8 rolls each, and 24 rolls are eaten. How many rolls are left?"
CONCURRENCY = (16, 32, 64, 128, 256)

Prompts = Sequence[str]


@dataclass(frozen=True)
class Took:
    """Seconds on the clock, and of the processor."""

    seconds: float
    cpu: float


async def bare(url: str, questions: Prompts, concurrency: int) -> Took:
    """An aiohttp session, a semaphore, and json."""
    import aiohttp

    slots = asyncio.Semaphore(concurrency)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(question: str) -> str:
            async with slots, session.post(f"{url}/chat/completions", json=_body(question)) as response:
                return str((await response.json())["choices"][0]["message"]["content"])

        return await _timed(lambda: _all(ask, questions))


async def sdk(url: str, questions: Prompts, concurrency: int) -> Took:
    """The openai SDK on its aiohttp transport, behind a semaphore."""
    import openai

    slots = asyncio.Semaphore(concurrency)
    http = openai.DefaultAioHttpClient()
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=http) as client:

        async def ask(question: str) -> str:
            async with slots:
                completion = await client.chat.completions.create(**_body(question))
                return str(completion.choices[0].message.content)

        return await _timed(lambda: _all(ask, questions))


async def optiprompt(url: str, questions: Prompts, concurrency: int) -> Took:
    """A prompt task's evaluation as in a search: metered, through an empty cache and the run's journal of replies."""
    examples = tuple(op.Example(str(number), question, "48") for number, question in enumerate(questions))
    task = op.PromptTask("overhead", op.Splits(examples), op.graders.number())
    backend = op.backend(f"openai:m@{url}", op.BackendOptions(concurrency=concurrency))
    candidate = op.Candidate(INSTRUCTION, INSTRUCTION, INSTRUCTION)
    with tempfile.TemporaryDirectory() as folder, closing(ReplyCache(Path(folder) / "replies.sqlite")) as replies:
        journal = Journal(Path(folder) / "replies.jsonl")
        scorer = Recorded(inner(backend, GroupedCache(replies)), journal)

        async def evaluate() -> None:
            evaluation = await task.evaluate_on(candidate, examples, scorer)
            assert evaluation.score == 1.0, evaluation

        with metering(Meter(op.Budget(steps=1), {backend.name: None}, journal)):
            took = await _timed(evaluate)
            await scorer.aclose()
        journal.close()
    return took


CLIENTS = {"bare aiohttp": bare, "optiprompt": optiprompt, "openai SDK, aiohttp": sdk}


def main(
    examples: int = 200,
    latency: float = 0.05,
    rounds: int = 7,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure all clients at each concurrency; the first round, which loads what is needed, does not count."""
    questions = [
        f"{n}. A baker fills 9 trays with 8 rolls each; 24 are eaten. How many are left?" for n in range(examples)
    ]
    rows: list[dict[str, Any]] = []
    with serving(latency) as url:
        for client in CLIENTS.values():
            asyncio.run(client(url, questions, CONCURRENCY[-1]))
        for concurrency in CONCURRENCY:
            took: dict[str, list[Took]] = {name: [] for name in CLIENTS}
            for _ in range(rounds):
                for name, client in CLIENTS.items():
                    took[name].append(asyncio.run(client(url, questions, concurrency)))
            fastest = min(each.seconds for each in took["bare aiohttp"])
            for name, results in took.items():
                seconds = min(each.seconds for each in results)
                cpu = min(each.cpu for each in results)
                row = {"client": name, "concurrency": concurrency, "seconds": seconds, "ratio": seconds / fastest}
                rows.append({**row, "cpu_ms_a_call": 1000 * cpu / examples})
    _show(rows, examples, latency)
    if json_file:
        json_file.write_text(json.dumps(rows, indent=1) + "\n")


def _body(question: str) -> dict[str, Any]:
    message = {"role": "user", "content": f"{INSTRUCTION}\n{question}"}
    return {"model": "m", "messages": [message], "max_tokens": 512, "temperature": 0.0}


async def _all(ask: Callable[[str], Awaitable[str]], questions: Prompts) -> None:
    answers = await asyncio.gather(*map(ask, questions))
    assert answers == [ANSWER] * len(questions)


async def _timed(work: Callable[[], Awaitable[None]]) -> Took:
    seconds, cpu = time.perf_counter(), time.process_time()
    await work()
    return Took(time.perf_counter() - seconds, time.process_time() - cpu)


def _show(rows: list[dict[str, Any]], examples: int, latency: float) -> None:
    title = (
        f"1 prompt x {examples} examples, {1000 * latency:.0f} ms a reply: seconds (times bare aiohttp), CPU ms a call"
    )
    table = Table("client", title=title)
    for concurrency in CONCURRENCY:
        table.add_column(f"{concurrency} at once", justify="right")
    for name in CLIENTS:
        own = [row for row in rows if row["client"] == name]
        table.add_row(name, *(f"{r['seconds']:.3f} ({r['ratio']:.2f}) {r['cpu_ms_a_call']:.2f}" for r in own))
    Console(width=140).print(table)


if __name__ == "__main__":
    typer.run(main)

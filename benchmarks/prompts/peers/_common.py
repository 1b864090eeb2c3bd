"""What the scripts share: the job, as it comes in on standard input, and calls to the proxy. Needs only Python."""

import json
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

INPUT, INSTRUCTION = "\ue000input\ue000", "\ue000instruction\ue000"  # their places in a prompt
SECONDS = 900
OVER = threading.Event()  # no call is answered any more: some peers would go on forever


class BudgetSpent(Exception):
    """The proxy refused a call: the role has no calls left."""


@dataclass(frozen=True)
class Row:
    """An example. `row` is its name for the grader, and any of the targets is right."""

    row: int
    input: str
    targets: list[str]


@dataclass(frozen=True)
class Job:
    """What the script is to do.

    Attributes:
        method: of the peer.
        scored: examples that each candidate is scored on.
        shown: further examples.
        start: the instructions to start from.
        description: of the task.
        form: the scorer's prompt, with places for instruction and input.
        bare: the prompt without an instruction.
        url: of the proxy.
        seed: for what can be seeded.
        concurrency: calls at once.
        max_tokens: the longest answer of the scorer.
        scorer_calls: the budget.
        optimizer_calls: the budget.
    """

    method: str
    scored: list[Row]
    shown: list[Row]
    start: list[str]
    description: str
    form: str
    bare: str
    url: str
    seed: int
    concurrency: int
    max_tokens: int
    scorer_calls: int
    optimizer_calls: int

    def prompt(self, instruction: str, question: str) -> str:
        """What the scorer is asked: the form in which the final instruction is scored too."""
        form = self.form.replace(INSTRUCTION, instruction) if instruction else self.bare
        return form.replace(INPUT, question)

    def ask(self, role: str, messages: Sequence[dict[str, str]], **fields: Any) -> str:
        """One reply of the optimizer or the scorer.

        Raises:
            BudgetSpent: it has no calls left.
        """
        body = {"model": role, "messages": list(messages), **fields}
        reply = _post(f"{self.url}/{role}/v1/chat/completions", body)
        return str(reply["choices"][0]["message"]["content"] or "")

    def answers(self, prompts: Sequence[str]) -> list[str]:
        """The scorer's answers to whole prompts, several at once."""
        asked = [[{"role": "user", "content": prompt}] for prompt in prompts]
        with ThreadPoolExecutor(self.concurrency) as pool:
            return list(pool.map(lambda messages: self.ask("scorer", messages), asked))

    def grade(self, instruction: str, row: int, reply: str) -> float:
        """Whether a reply is right, 0 to 1, by the benchmark's one grader, which also keeps it for the record."""
        return float(_post(f"{self.url}/grade", {"instruction": instruction, "row": row, "reply": reply})["score"])


def main(run: Callable[[Job], str | None]) -> None:
    """Read the job, run it, and print the instruction found as one line of JSON; None where it was stopped."""
    fields = json.load(sys.stdin)
    job = Job(**{**fields, **{name: [Row(**row) for row in fields[name]] for name in ("scored", "shown")}})
    out, sys.stdout = sys.stdout, sys.stderr  # peers print as they like
    try:
        result = {"prompt": run(job)}
    except Exception as error:  # noqa: BLE001 - a peer may raise anything; the benchmark says so in its row
        result = {"prompt": None, "ended": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
    print(json.dumps(result), file=out, flush=True)


def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return dict(json.load(response))
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")
        if "budget_spent" in said:
            OVER.set()
            raise BudgetSpent(said) from None
        raise RuntimeError(f"{error.code}: {said[:300]}") from None
    except urllib.error.URLError:
        OVER.set()
        raise

"""A proxy in front of the models: it counts the calls of each role and refuses those over the budget.

It stands on 127.0.0.1 in a thread of its own. Each run of a method has base paths of its own, so that a peer that knows
nothing of budgets is counted like any other: `/RUN/scorer/v1`, `/RUN/optimizer/v1`, and `/RUN/grade` for its grades.
"""

import asyncio
import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.prompts._models import Endpoint
from optiprompt.data.examples import Example
from optiprompt.errors import OptipromptError
from optiprompt.intervals import wilson
from optiprompt.tasks.prompt import PromptTask

if TYPE_CHECKING:
    from aiohttp.web import Request, Response

Role = Literal["scorer", "optimizer"]
ROLES: tuple[Role, ...] = ("scorer", "optimizer")
SPENT = "budget_spent"  # the error's code; peers know by it that no further call will be answered
PATHS = ("chat/completions", "completions")
REPLY_TOKENS = 1024  # the longest reply of the optimizer
SECONDS = 600.0  # one call may take


@dataclass(eq=False)
class Account:
    """One run of a method: whom it may ask how often, what it has asked, and what was graded.

    Attributes:
        task: what is searched.
        examples: those that may be graded, by their place.
        models: who answers for each role.
        limits: calls by role.
        single: one sample a request, however many are asked for: for methods that then ask again, and so know what
            each sample costs them.
        used: calls so far, by role.
        refused: calls that were not sent, by role.
        grades: by instruction, the score of each example's place.
    """

    task: PromptTask
    examples: tuple[Example, ...]
    models: Mapping[Role, Endpoint]
    limits: Mapping[Role, int]
    single: bool = False
    used: dict[Role, int] = field(default_factory=lambda: dict.fromkeys(ROLES, 0))
    refused: dict[Role, int] = field(default_factory=lambda: dict.fromkeys(ROLES, 0))
    grades: dict[str, dict[int, float]] = field(default_factory=dict)

    def take(self, role: Role, calls: int) -> bool:
        """Take calls out of the budget; False, and nothing taken, where it has not as many left."""
        allowed = self.used[role] + calls <= self.limits[role]
        spent = self.used if allowed else self.refused
        spent[role] += calls
        return allowed

    def train(self, instruction: str) -> float | None:
        """The mean of an instruction's grades; None where it was not graded."""
        grades = self.grades.get(instruction)
        return sum(grades.values()) / len(grades) if grades else None

    def best(self) -> str | None:
        """The instruction whose score is surely the highest: by the lower end of its 95% interval."""

        def lowest(instruction: str) -> float:
            return wilson(self.train(instruction) or 0.0, len(self.grades[instruction]))[0]

        return max(self.grades, key=lowest, default=None)


class Proxy:
    """The server. A context manager: it listens inside the `with` block.

    Args:
        cache: a file that keeps the scorer's replies, which all methods share; a reply out of it counts all the same.
    """

    def __init__(self, cache: Path) -> None:
        self._file = cache
        self._accounts: dict[str, Account] = {}
        self._numbers = count(1)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="proxy", daemon=True)
        self._failed: BaseException | None = None
        self.port = 0

    def open(self, account: Account) -> str:
        """The URL under which this run is counted: its paths are `scorer/v1`, `optimizer/v1` and `grade`."""
        name = str(next(self._numbers))
        self._accounts[name] = account
        return f"http://127.0.0.1:{self.port}/{name}"

    def __enter__(self) -> "Proxy":
        """Start to listen on a free port."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        self._ready.wait()
        if self._failed is not None:
            raise RuntimeError(f"the proxy did not start: {self._failed}") from self._failed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; calls under way are cut."""
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=2**24)
        app.router.add_get("/{run}/{role}/v1/models", self._list)
        app.router.add_post("/{run}/grade", self._grade)
        app.router.add_post("/{run}/{role}/v1/{path:.+}", self._forward)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        timeout = ClientTimeout(total=SECONDS)
        try:
            with closing(_Replies(self._file)) as self._replies:
                async with ClientSession(timeout=timeout, connector=TCPConnector(limit=0)) as self._session:
                    await runner.setup()
                    await web.TCPSite(runner, "127.0.0.1", 0).start()
                    self.port = runner.addresses[0][1]
                    self._ready.set()
                    await self._done.wait()
        except (OSError, sqlite3.Error) as error:
            self._failed = error
        finally:
            self._ready.set()
            await runner.cleanup()

    async def _list(self, request: "Request") -> "Response":
        """The model that plays the role, under the name that the peer is told."""
        from aiohttp import web

        model = {"id": request.match_info["role"], "object": "model", "owned_by": "benchmark"}
        return web.json_response({"object": "list", "data": [model]})

    async def _grade(self, request: "Request") -> "Response":
        """Grade a reply: {"instruction": ..., "row": 3, "reply": ...} gives {"score": 1.0}."""
        from aiohttp import web

        account, asked = self._accounts[request.match_info["run"]], await request.json()
        instruction, row = str(asked["instruction"]), int(asked["row"])
        example = account.examples[row]
        target = example.target if isinstance(example.target, str) else list(example.target)
        try:
            verdict = await account.task.grader.grade(str(asked["reply"]), target, question=example.input)
        except OptipromptError as error:
            return _error(400, str(error), "grading")
        account.grades.setdefault(instruction, {})[row] = verdict.score
        return web.json_response({"score": verdict.score})

    async def _forward(self, request: "Request") -> "Response":
        """Count a call, send it on, and give back what came; what brought no reply is not counted."""
        from aiohttp import ClientError, web

        account, path = self._accounts.get(request.match_info["run"]), request.match_info["path"]
        role: Role | None = next((each for each in ROLES if each == request.match_info["role"]), None)
        if account is None or role is None or path not in PATHS:
            return _error(404, f"there is no {request.path}", "not_found")
        body = await request.json()
        if body.get("stream"):
            return _error(400, "the benchmark does not stream: set stream to false", "stream")
        if account.single:
            body.pop("n", None)
        calls = int(body.get("n") or 1)
        if not account.take(role, calls):
            limit, used = account.limits[role], account.used[role]
            return _error(403, f"{used} of {limit} {role} calls are used: {calls} more would be over the budget", SPENT)
        answered = False
        try:
            status, text = await self._ask(account, role, path, body)
            answered = status == 200
        except (ClientError, TimeoutError) as error:
            return _error(502, f"{account.models[role].url}: {type(error).__name__}: {error}", "upstream")
        finally:
            if not answered:
                account.used[role] -= calls
        return web.Response(text=text, status=status, content_type="application/json")

    async def _ask(self, account: Account, role: Role, path: str, body: dict[str, Any]) -> tuple[int, str]:
        body = fixed(account, role, body)
        endpoint = account.models[role]
        url = f"{endpoint.url}/{path}"
        key = hashlib.sha256(json.dumps([url, body], sort_keys=True).encode()).hexdigest()
        known = self._replies.get(key) if role == "scorer" else None
        if known is not None:
            return 200, known
        headers = {"Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY') or 'none'}"}
        async with self._session.post(url, json=body, headers=headers) as response:
            text = await response.text()
        if role == "scorer" and response.status == 200:
            self._replies.put(key, text)
        return response.status, text


def fixed(account: Account, role: Role, body: Mapping[str, Any]) -> dict[str, Any]:
    """The request as it is sent: what must be the same for all methods is set, whatever the method wanted.

    The scorer is the same function for all: temperature 0, the task's max_tokens and stops. An optimizer that names no
    temperature samples at 1, as at OpenAI, and none writes replies of more than 1,024 tokens.
    """
    endpoint, sent = account.models[role], dict(body)
    wanted = sent.pop("max_completion_tokens", None) or sent.get("max_tokens") or REPLY_TOKENS
    sent["model"] = endpoint.model
    if role == "scorer":
        for name in ("seed", "top_p", "top_k", "presence_penalty", "frequency_penalty", "stop"):
            sent.pop(name, None)
        sent |= {"temperature": 0.0, "max_tokens": account.task.max_tokens}
        if stop := [*account.task.asking.stop, *account.task.stop]:
            sent["stop"] = stop
    else:
        sent.setdefault("temperature", 1.0)
        sent["max_tokens"] = min(int(wanted), REPLY_TOKENS)
    return sent


class _Replies:
    """Replies by the digest of their request, in an SQLite file."""

    def __init__(self, file: Path) -> None:
        self._sql = sqlite3.connect(file, isolation_level=None, timeout=30)
        self._sql.execute("PRAGMA journal_mode=WAL")
        self._sql.execute("CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, text TEXT NOT NULL)")

    def get(self, key: str) -> str | None:
        found = self._sql.execute("SELECT text FROM replies WHERE key = ?", [key]).fetchone()
        return str(found[0]) if found else None

    def put(self, key: str, text: str) -> None:
        self._sql.execute("INSERT OR REPLACE INTO replies VALUES (?, ?)", [key, text])

    def close(self) -> None:
        self._sql.close()


def _error(status: int, message: str, code: str) -> "Response":
    """An error in the form of OpenAI's."""
    from aiohttp import web

    return web.json_response({"error": {"message": message, "type": code, "code": code}}, status=status)

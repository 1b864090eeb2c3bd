"""A local server with OpenAI's chat endpoint that answers everything alike, after a fixed time.

python -m benchmarks._latency_server SECONDS: prints its base URL, then serves until its input ends.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE, Popen

from aiohttp import web

ANSWER = "Nine trays of eight make 72 rolls; 24 of them were eaten, so 72 - 24 = 48 rolls are left. The answer is 48."
_MESSAGE = {"role": "assistant", "content": ANSWER, "refusal": None}
_BODY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "m",
        "choices": [{"index": 0, "message": _MESSAGE, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 60, "completion_tokens": 30, "total_tokens": 90},
    }
).encode()


@contextmanager
def serving(seconds: float) -> Iterator[str]:
    """The server's base URL; it runs in a process of its own until the end of the block."""
    with Popen(
        [sys.executable, "-m", "benchmarks._latency_server", str(seconds)], stdin=PIPE, stdout=PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.communicate()


async def _serve(seconds: float) -> None:
    async def reply(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(seconds)
        return web.Response(body=_BODY, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/chat/completions", reply)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))

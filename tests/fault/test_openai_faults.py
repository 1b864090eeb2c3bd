"""The backend `openai:` against a real HTTP server that misbehaves."""

import asyncio
import gc
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TypeVar

import pytest
from aiohttp import web

from optiprompt.backends._retry import RetryPolicy
from optiprompt.backends._transport import MOST_BYTES
from optiprompt.backends.base import BackendOptions, Message, Reply, Request, sample_seed
from optiprompt.backends.openai import OpenAIBackend, connect
from optiprompt.candidate import Usage
from optiprompt.errors import BackendError, FatalBackendError, UsageError
from optiprompt.grammar import JsonSchema
from optiprompt.testing import server as faulty
from optiprompt.testing.backends import check_backend
from optiprompt.testing.server import ChaosServer, Fault, every, first, in_turn, raw, status

T = TypeVar("T")

QUICK = RetryPolicy(attempts=4, connects=2, first_wait=0.01, longest_wait=2.0, total=20.0)
CHAT = Request((Message("system", "Be short."), Message("user", "Say ok.")), max_tokens=7)
SAMPLED = replace(CHAT, temperature=1.0, seed=3)
PLAIN = Request("The sky is", max_tokens=7)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_complaints(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """asyncio and aiohttp complain about what is left open in the log, and by warnings, which are errors here."""
    yield
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_open() -> Iterator[None]:
    yield
    gc.collect()


def backend_for(server: ChaosServer, model: str = "m", policy: RetryPolicy = QUICK, **options: object) -> OpenAIBackend:
    settings = BackendOptions(**{"timeout": 5.0, **options})  # type: ignore[arg-type]
    return connect(f"{model}@{server.url}", settings, policy)


def run(backend: OpenAIBackend, use: Callable[[], Awaitable[T]]) -> T:
    """Use the backend in a loop of its own; no task may be left when it is closed."""

    async def main() -> T:
        try:
            return await use()
        finally:
            await backend.aclose()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    return asyncio.run(main())


def generate(backend: OpenAIBackend, request: Request = CHAT, samples: Sequence[int] = (0,)) -> list[Reply]:
    return run(backend, lambda: backend.generate(request, samples))


# Asking


@pytest.mark.parametrize("honours_n", [True, False])
def test_it_keeps_the_contract_of_a_backend(honours_n: bool) -> None:
    with ChaosServer(honours_n=honours_n) as server:
        check_backend(backend_for(server))


def test_chat_sends_the_messages_and_gives_text_and_usage() -> None:
    with ChaosServer(lambda prompt: f"<{prompt}>") as server:
        (reply,) = generate(backend_for(server))
    assert reply == Reply("<Be short.\n\nSay ok.>", "stop", Usage(1, 5, 5))
    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Say ok."}]
    assert server.bodies == [{"model": "m", "messages": messages, "max_tokens": 7, "temperature": 0.0}]


def test_text_goes_to_plain_completions() -> None:
    with ChaosServer(lambda prompt: f"{prompt} blue") as server:
        (reply,) = generate(backend_for(server), PLAIN)
    assert reply.text == "The sky is blue"
    assert server.bodies == [{"model": "m", "prompt": "The sky is", "max_tokens": 7, "temperature": 0.0}]


def test_usage_is_estimated_where_the_server_does_not_count() -> None:
    with ChaosServer(lambda prompt: "x" * 35, counts_tokens=False) as server:
        (reply,) = generate(backend_for(server), PLAIN)
    assert reply.usage == Usage(1, 3, 10)


def test_samples_in_one_call_share_its_usage() -> None:
    with ChaosServer(lambda prompt: "eight ch") as server:
        replies = generate(backend_for(server), SAMPLED, [4, 5, 6])
    assert [reply.text for reply in replies] == ["eight ch"] * 3
    assert sum((reply.usage for reply in replies), Usage()) == Usage(1, 5, 6)
    assert [body["n"] for body in server.bodies] == [3]


@pytest.mark.parametrize("how", [{"honours_n": False}, {"rejects": {"n": ""}}])
def test_samples_come_by_repeated_calls_where_n_is_not_honoured(how: dict[str, object]) -> None:
    with ChaosServer(lambda prompt: "ok", **how) as server:  # type: ignore[arg-type]
        backend = backend_for(server)
        assert len(generate(backend, SAMPLED, range(4))) == 4
        spent = server.requests
        replies = generate(backend, SAMPLED, range(4))
    assert sum(reply.usage.calls for reply in replies) == 4 == server.requests - spent  # remembered: no n this time
    assert not any("n" in body for body in server.bodies[1:])


def test_seeds_follow_from_request_and_sample() -> None:
    with ChaosServer(honours_n=False) as server:
        backend = backend_for(server)
        generate(backend, SAMPLED, range(3))
        generate(backend, SAMPLED, [1])
        generate(backend, replace(SAMPLED, seed=4), [1])
        generate(backend, replace(SAMPLED, seed=None), [1])
    key = SAMPLED.key(backend.name)
    seeds = [body.get("seed") for body in server.bodies]
    assert set(seeds[:3]) == {sample_seed(key, sample) for sample in range(3)}
    assert seeds[3] == sample_seed(key, 1)
    assert seeds[4] not in {*seeds[:4], None}
    assert seeds[5] is None


def test_at_temperature_0_all_samples_are_one_call() -> None:
    with ChaosServer() as server:
        replies = generate(backend_for(server), replace(CHAT, seed=3), range(5))
    assert server.requests == 1
    assert not {"n", "seed"} & server.bodies[0].keys()
    assert [reply.text for reply in replies] == ["ok"] * 5
    assert [reply.usage.calls for reply in replies] == [1, 0, 0, 0, 0]


def test_no_samples_ask_nothing() -> None:
    with ChaosServer() as server:
        assert generate(backend_for(server), CHAT, []) == []
    assert server.requests == 0


def test_stop_is_sent_and_cut_where_the_server_overlooks_it() -> None:
    with ChaosServer(lambda prompt: "one\ntwo END") as server:
        (reply,) = generate(backend_for(server), replace(CHAT, stop=("END", "\n")))
    assert reply.text == "one"
    assert server.bodies[0]["stop"] == ["END", "\n"]


def test_a_schema_is_sent_until_the_server_refuses_it() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    request = replace(CHAT, grammar=JsonSchema(schema))
    with ChaosServer() as server:
        generate(backend_for(server), request)
    assert server.bodies[0]["response_format"]["json_schema"]["schema"] == schema
    with ChaosServer(rejects={"response_format": ""}) as server:
        backend = backend_for(server)
        generate(backend, request)
        generate(backend, request)
    assert ["response_format" in body for body in server.bodies] == [True, False, False]


def test_extra_fields_go_into_the_body_and_win() -> None:
    with ChaosServer() as server:
        backend = backend_for(server, extra={"top_k": 5, "max_completion_tokens": 99, "context": 4096})
        generate(backend)
    assert server.bodies[0]["top_k"] == 5
    assert server.bodies[0]["max_completion_tokens"] == 99
    assert not {"max_tokens", "context"} & server.bodies[0].keys()
    assert backend.context == 4096


# What a server does not take


def test_refused_parameters_are_left_out_and_remembered() -> None:
    rejects = {"temperature": "", "seed": "", "max_tokens": "max_completion_tokens", "stop": ""}
    with ChaosServer(rejects=rejects) as server:
        backend = backend_for(server)
        (reply,) = generate(backend, replace(SAMPLED, stop=("\n",)))
        assert reply.usage.calls == server.requests == 5
        generate(backend, SAMPLED)
    assert server.requests == 6
    assert server.bodies[-1].keys() == {"model", "messages", "max_completion_tokens"}
    assert server.bodies[-1]["max_completion_tokens"] == 7


def test_refusals_are_no_failures_to_wait_for() -> None:
    patient = RetryPolicy(attempts=1, first_wait=60.0)
    with ChaosServer(rejects={"temperature": "", "seed": ""}) as server:
        started = time.monotonic()
        generate(backend_for(server, policy=patient), SAMPLED)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("model", ["o1", "o3-mini", "openai/o4-mini", "gpt-5", "gpt-5-nano-2025-08-07"])
def test_reasoning_models_get_their_own_parameters_from_the_start(model: str) -> None:
    with ChaosServer(rejects={"temperature": "", "max_tokens": "max_completion_tokens"}) as server:
        generate(backend_for(server, model), SAMPLED)
    assert server.requests == 1
    assert server.bodies[0]["max_completion_tokens"] == 7


@pytest.mark.parametrize("model", ["gpt-4.1-mini", "olmo-2", "gpt-oss-20b", "gpt-5-chat-latest"])
def test_other_models_get_temperature_and_max_tokens(model: str) -> None:
    with ChaosServer() as server:
        generate(backend_for(server, model))
    assert {"temperature", "max_tokens"} <= server.bodies[0].keys()


@pytest.mark.parametrize(
    ("code", "words", "dropped"),
    [
        (400, "Unrecognized request argument supplied: seed", "seed"),
        (400, "Field 'n': Value must be between 1 <= value <= 1, but got 2", "n"),
        (400, "Multiple candidates is not enabled for this model: candidateCount", "n"),
        (422, "temperature: extra_forbidden: Extra inputs are not permitted", "temperature"),
        (400, "Unsupported value: 'temperature' does not support 0.7 with this model.", "temperature"),
    ],
)
def test_other_servers_words_for_a_parameter_are_understood(code: int, words: str, dropped: str) -> None:
    with ChaosServer(faults=first(1, status(code, words)), honours_n=True) as server:
        replies = generate(backend_for(server), SAMPLED, range(2))
    assert [reply.text for reply in replies] == ["ok", "ok"]
    assert dropped in server.bodies[0]
    assert dropped not in server.bodies[1]


@pytest.mark.parametrize("words", ["max_tokens is too large: 99999", "temperature must be at most 1", "Bad messages"])
def test_a_wrong_request_is_fatal_with_the_servers_words(words: str) -> None:
    with ChaosServer(faults=every(1, status(400, words))) as server, pytest.raises(FatalBackendError, match=words):
        generate(backend_for(server))
    assert server.requests == 1


@pytest.mark.parametrize(
    ("words", "context"),
    [
        ("request (3001 tokens) exceeds the available context size (2048 tokens), try increasing it", 2048),
        ("This model's maximum context length is 8192 tokens. However, you requested 9000 tokens", 8192),
    ],
)
def test_a_prompt_that_is_too_long_fails_alone_and_teaches_the_context(words: str, context: int) -> None:
    with ChaosServer(faults=first(1, status(400, words))) as server:
        backend = backend_for(server)
        assert backend.context == 128_000
        with pytest.raises(BackendError, match="too long") as caught:
            generate(backend)
        assert not isinstance(caught.value, FatalBackendError)
        assert backend.context == context
        assert generate(backend)[0].text == "ok"
    assert server.requests == 2


# Errors that asking again cannot mend


@pytest.mark.parametrize(
    ("fault", "mend"),
    [
        (status(401, "Incorrect API key provided"), "set OPENAI_API_KEY"),
        (status(402, "Insufficient Balance"), "add credit"),
        (faulty.quota, "add credit"),
        (status(403, "Project has no access"), "model 'm'"),
        (status(404, "Not Found"), "model 'm'"),
        (status(501, "Not implemented"), "status 501"),
    ],
)
def test_fatal_errors_are_one_line_and_one_request(fault: Fault, mend: str) -> None:
    with ChaosServer(faults=every(1, fault)) as server, pytest.raises(FatalBackendError, match=mend) as caught:
        generate(backend_for(server))
    assert server.requests == 1
    assert server.url in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_fatal_error_ends_all_samples() -> None:
    rejects_all_but_one = in_turn([None, *[status(401)] * 9])
    with ChaosServer(honours_n=False, faults=rejects_all_but_one) as server:
        backend = backend_for(server, concurrency=1)
        with pytest.raises(FatalBackendError, match="OPENAI_API_KEY"):
            generate(backend, SAMPLED, range(9))
    assert server.requests <= 3  # the next one may be on its way already


def test_the_key_is_sent_but_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-1")
    with ChaosServer(key="sk-right") as server:
        backend = backend_for(server)
        with pytest.raises(FatalBackendError, match="refused the key") as caught:
            generate(backend)
    assert server.headers[0]["Authorization"] == "Bearer sk-secret-1"
    assert "sk-secret-1" not in f"{caught.value} {backend.name} {vars(backend)}"


def test_an_unknown_model_is_told_with_those_there_are() -> None:
    with ChaosServer(models=["llama-3", "qwen-2"], honours_n=False) as server:
        backend = backend_for(server, "lama-3")
        calls = (backend.generate(CHAT, [0]) for _ in range(5))
        errors = run(backend, lambda: asyncio.gather(*calls, return_exceptions=True))
    assert all(isinstance(error, FatalBackendError) for error in errors)
    assert {str(error).partition("v1 ")[2].partition(" and")[0] for error in errors} == {
        "has no model 'lama-3': it has llama-3"
    }
    assert server.lookups == 1


def test_a_base_url_without_its_path_is_told() -> None:
    with ChaosServer() as server, pytest.raises(FatalBackendError, match="ends in /v1"):
        generate(connect(f"m@{server.url.removesuffix('/v1')}", BackendOptions(), QUICK))


def test_a_server_that_is_down_is_told_after_a_few_tries() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        started = time.monotonic()
        with pytest.raises(BackendError, match=rf"no server answers at {url}: is it running\?.*2 attempts") as caught:
            generate(connect(f"m@{url}", BackendOptions(), QUICK))
    assert not isinstance(caught.value, FatalBackendError)
    assert time.monotonic() - started < 2


# Errors that pass

PASSING = {
    "429": status(429),
    "500": status(500),
    "503": status(503),
    "529": status(529),
    "408": status(408),
    "html": faulty.html,
    "empty choices": faulty.empty_choices,
    "null content": faulty.null_content,
    "no text": raw('{"choices": [{"index": 0, "message": {"role": "assistant"}}]}'),
    "not an object": raw("[1]"),
    "error with status 200": raw('{"error": {"message": "Provider returned error", "code": 502}}'),
    "cut off": faulty.cut_off,
    "reset": faulty.reset,
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_it_tries_again_and_every_request_counts(fault: Fault) -> None:
    with ChaosServer(faults=first(2, fault)) as server:
        (reply,) = generate(backend_for(server))
    assert reply.text == "ok"
    assert reply.usage.calls == server.requests == 3


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_it_gives_up_after_the_last_attempt_with_the_reason(fault: Fault) -> None:
    with ChaosServer(faults=every(1, fault)) as server, pytest.raises(BackendError, match="4 attempts") as caught:
        generate(backend_for(server))
    assert not isinstance(caught.value, FatalBackendError)
    assert server.url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert server.requests == 4


def test_a_sample_that_fails_is_an_error_beside_the_others() -> None:
    faults: list[Fault | None] = [None, *[status(500)] * 4]
    with ChaosServer(honours_n=False, faults=in_turn(faults)) as server:
        ok, failed = generate(backend_for(server, concurrency=1), SAMPLED, range(2))
    assert (ok.text, ok.finish) == ("ok", "stop")
    assert failed.finish == "error"
    assert "500" in failed.error
    assert ok.usage.calls + failed.usage.calls == server.requests == 5


def test_retry_after_is_obeyed_in_seconds_and_as_a_date() -> None:
    with ChaosServer(faults=first(1, status(429, retry_after="1"))) as server:
        started = time.monotonic()
        generate(backend_for(server))
        assert 1 <= time.monotonic() - started < 1.5
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    with ChaosServer(faults=first(1, status(503, retry_after=date))) as server:
        started = time.monotonic()
        generate(backend_for(server))
        assert 0.9 <= time.monotonic() - started < 2.5


def test_a_connection_that_was_closed_while_idle_is_replaced_at_once() -> None:
    patient = RetryPolicy(first_wait=60.0)
    with ChaosServer(faults=first(1, faulty.reset)) as server:
        started = time.monotonic()
        (reply,) = generate(backend_for(server, policy=patient))
    assert reply.usage.calls == server.requests == 2
    assert time.monotonic() - started < 5


def test_an_answer_without_end_is_cut() -> None:
    with ChaosServer(faults=every(1, raw(" " * (MOST_BYTES + 1)))) as server:
        backend = backend_for(server, policy=RetryPolicy(attempts=1))
        with pytest.raises(BackendError, match="more than 32 MB"):
            generate(backend)


@pytest.mark.parametrize("fault", [faulty.drip, faulty.hang])
def test_the_deadline_cuts_a_server_that_does_not_finish(fault: Fault) -> None:
    with ChaosServer(faults=first(1, fault)) as server:
        started = time.monotonic()
        (reply,) = generate(backend_for(server, timeout=0.3))
    assert reply.text == "ok"
    assert 0.3 <= time.monotonic() - started < 1.5
    assert server.requests == 2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (faulty.content_filter, Reply("", "refused")),
        (raw('{"choices": [{"message": {"content": null, "refusal": "I cannot."}}]}'), Reply("", "refused")),
        (status(400, "The prompt triggered our policy.", code="content_filter"), Reply("", "refused")),
        (raw('{"choices": [{"message": {"content": "half"}, "finish_reason": "length"}]}'), Reply("half", "length")),
        (raw('{"choices": [{"message": {"content": null}, "finish_reason": "length"}]}'), Reply("", "length")),
        (raw('{"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}'), Reply("", "stop")),
    ],
)
def test_refused_and_cut_replies_are_told_apart(answer: Fault, expected: Reply) -> None:
    with ChaosServer(faults=every(1, answer)) as server:
        (reply,) = generate(backend_for(server))
    assert (reply.text, reply.finish) == (expected.text, expected.finish)
    assert server.requests == 1


# Many calls


def test_no_call_is_lost_or_counted_twice_among_300_with_faults() -> None:
    rota = [
        None,
        None,
        status(429),
        None,
        status(500),
        None,
        faulty.html,
        None,
        faulty.empty_choices,
        faulty.cut_off,
        None,
    ]
    policy = replace(QUICK, attempts=20)
    with ChaosServer(lambda prompt: prompt.upper(), latency=0.005, faults=in_turn(rota)) as server:
        backend = backend_for(server, policy=policy)
        prompts = [f"question {number}" for number in range(300)]
        results = run(backend, lambda: asyncio.gather(*(backend.generate(Request(text), [0]) for text in prompts)))
    assert [reply.text for (reply,) in results] == [text.upper() for text in prompts]
    assert sum(reply.usage.calls for (reply,) in results) == server.requests


def test_concurrency_falls_to_what_the_server_takes() -> None:
    with ChaosServer(lambda prompt: prompt, latency=0.01, capacity=4) as server:
        backend = backend_for(server, concurrency=32, policy=replace(QUICK, attempts=20))
        prompts = [str(number) for number in range(300)]
        results = run(backend, lambda: asyncio.gather(*(backend.generate(Request(text), [0]) for text in prompts)))
        assert [reply.text for (reply,) in results] == prompts
    refused = server.requests - 300
    assert sum(reply.usage.calls for (reply,) in results) == server.requests
    # The first wave is refused but for 4; without adapting most of the later ones would be, too.
    assert refused < 150


def test_concurrency_creeps_back_up() -> None:
    async def use(backend: OpenAIBackend) -> None:
        await backend.generate(CHAT, [0])
        await asyncio.gather(*(backend.generate(Request(str(n)), [0]) for n in range(40)))

    with ChaosServer(latency=0.01, faults=first(3, status(429))) as server:
        backend = backend_for(server, concurrency=4)
        run(backend, lambda: use(backend))
    assert server.requests == 3 + 1 + 40
    assert server.peak == 4


def test_concurrency_is_bounded() -> None:
    with ChaosServer(latency=0.01) as server:
        backend = backend_for(server, concurrency=5)
        run(backend, lambda: asyncio.gather(*(backend.generate(Request(str(n)), [0]) for n in range(40))))
    assert server.peak == 5


# The way to the server


def test_headers_are_the_sdks_own_settings_of_the_environment_included(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    with ChaosServer() as server:
        generate(backend_for(server))
    sent = server.headers[0]
    assert sent["OpenAI-Organization"] == "org-1"
    assert sent["User-Agent"].startswith("AsyncOpenAI/")
    assert sent["Content-Type"] == "application/json"


def test_a_proxy_of_the_environment_is_asked_but_not_for_those_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with ChaosServer(lambda prompt: "through the proxy") as proxy, ChaosServer() as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        far = connect("m@http://model.invalid/v1", BackendOptions(timeout=5.0), QUICK)
        assert generate(far)[0].text == "through the proxy"
        assert generate(backend_for(server))[0].text == "ok"
    assert (proxy.requests, server.requests) == (1, 1)


def test_redirects_are_followed_with_the_request() -> None:
    async def moved(request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": str(request.url)})

    with ChaosServer(lambda prompt: prompt, faults=first(1, moved)) as server:
        assert generate(backend_for(server), PLAIN)[0].text == "The sky is"


def test_a_lone_surrogate_is_sent_as_a_question_mark() -> None:
    with ChaosServer(lambda prompt: prompt) as server:
        assert generate(backend_for(server), replace(PLAIN, prompt="é \ud800"))[0].text == "é ?"


# Loops and cancelling


def test_one_backend_serves_several_loops_even_without_aclose() -> None:
    with ChaosServer() as server:
        backend = backend_for(server)
        for _ in range(2):
            (reply,) = asyncio.run(backend.generate(CHAT, [0]))
            assert reply.text == "ok"
    gc.collect()


def test_it_can_be_used_again_after_aclose() -> None:
    async def twice(backend: OpenAIBackend) -> None:
        for _ in range(2):
            await backend.generate(CHAT, [0])
            await backend.aclose()
        await backend.aclose()

    with ChaosServer() as server:
        asyncio.run(twice(backend_for(server)))
    assert server.requests == 2


@pytest.mark.parametrize("fault", [faulty.hang, faulty.drip, status(500)])
def test_cancelling_leaves_nothing_behind(fault: Fault) -> None:
    async def main(backend: OpenAIBackend) -> None:
        tasks = [asyncio.create_task(backend.generate(SAMPLED, range(3))) for _ in range(5)]
        await asyncio.sleep(0.3)
        for task in tasks:
            task.cancel()
        assert all(isinstance(r, asyncio.CancelledError) for r in await asyncio.gather(*tasks, return_exceptions=True))
        assert asyncio.all_tasks() == {asyncio.current_task()}
        # All slots are free again.
        limit = await backend._server.limit()
        assert limit._active == 0

    slow = replace(QUICK, first_wait=30.0, longest_wait=30.0, total=100.0)
    with ChaosServer(faults=every(1, fault)) as server:
        asyncio.run(main(backend_for(server, concurrency=2, policy=slow)))


# Setting up


def test_without_key_and_server_it_says_what_to_set() -> None:
    with pytest.raises(UsageError, match="set OPENAI_API_KEY"):
        connect("gpt-4.1-mini", BackendOptions())


def test_the_base_url_of_the_environment_is_asked_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with ChaosServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        backend = connect("m", BackendOptions(), QUICK)
        assert generate(backend)[0].text == "ok"
    assert backend.name == f"openai:m@{server.url}"


def test_the_name_is_the_users() -> None:
    assert connect("m@http://127.0.0.1:1/v1", BackendOptions()).name == "openai:m@http://127.0.0.1:1/v1"
    assert connect("org/m@2@https://host/v1/", BackendOptions()).name == "openai:org/m@2@https://host/v1"


@pytest.mark.parametrize(
    "rest", ["m@127.0.0.1:8000/v1", "m@", "", "@http://host/v1", "m@http://", "m@http://me:key@host/v1"]
)
def test_a_spec_that_cannot_be_meant_is_refused(rest: str) -> None:
    with pytest.raises(UsageError):
        connect(rest, BackendOptions())


@pytest.mark.parametrize("options", [BackendOptions(extra={"n": 2}), BackendOptions(concurrency=0)])
def test_options_that_cannot_work_are_refused(options: BackendOptions) -> None:
    with pytest.raises(UsageError):
        connect("m@http://127.0.0.1:1/v1", options)

"""The local backend with a real model: SmolLM2, taken the way users get it."""

import asyncio
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from optiprompt.backends import hf, smollm2
from optiprompt.backends.base import BackendOptions, Message, Reply, Request
from optiprompt.backends.hf import LocalBackend
from optiprompt.errors import BackendError, FatalBackendError
from optiprompt.grammar import Arrangement, JsonSchema, Words

CPU = BackendOptions(device="cpu", dtype="float32")
COMMON = (
    "Countries and their capitals, one on a line, in the order in which a traveller from Lisbon would come to them. "
)
PROMPTS: tuple[str | tuple[Message, ...], ...] = (
    "The capital of France is",
    "1, 2, 3, 4, 5,",
    (Message("user", "What is the capital of Italy? Answer in one sentence."),),
    f"{COMMON * 2}Spain:",
    f"{COMMON * 2}France:",
    "The days of the week are Monday, Tuesday, Wednesday, Thursday,",
)


@pytest.fixture(scope="session")
def model() -> Iterator[LocalBackend]:
    backend = smollm2.connect("", CPU)
    yield backend
    asyncio.run(backend.aclose())


@pytest.fixture(scope="session")
def reference(model: LocalBackend) -> tuple[Any, Any]:
    """The same weights and tokenizer in transformers' own hands."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = smollm2.weights()
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), AutoTokenizer.from_pretrained(folder)


def ask(model: LocalBackend, request: Request, samples: int = 1) -> list[Reply]:
    return model.generate_many([(request, range(samples))])[0]


def texts(replies: list[Reply]) -> list[str]:
    return [reply.text for reply in replies]


def test_it_knows_the_capital_of_france(model: LocalBackend) -> None:
    assert ask(model, Request("The capital of France is", max_tokens=4))[0].text.startswith(" Paris")


def test_the_likeliest_tokens_are_those_of_transformers_alone_and_in_a_batch(
    model: LocalBackend, reference: tuple[Any, Any]
) -> None:
    """Prompts of different length, chats and plain text, with and without a common start."""
    weights, tokenizer = reference
    expected = []
    for prompt in PROMPTS:
        if isinstance(prompt, str):
            inputs = tokenizer(prompt, return_tensors="pt")
        else:
            turns = [{"role": message.role, "content": message.content} for message in prompt]
            inputs = tokenizer.apply_chat_template(
                turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
        output = weights.generate(**inputs, max_new_tokens=6, do_sample=False)[0]
        expected.append(tokenizer.decode(output[inputs.input_ids.shape[1] :], skip_special_tokens=True))
    requests = [Request(prompt, max_tokens=6) for prompt in PROMPTS]
    assert [ask(model, request)[0].text for request in requests] == expected
    assert [replies[0].text for replies in model.generate_many([(request, [0]) for request in requests])] == expected
    assert [replies[0].text for replies in model.generate_many([(r, [0]) for r in requests[3:5]])] == expected[3:5]


def test_long_prompts_read_in_pieces_and_long_replies_give_the_same(
    model: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optiprompt.backends import _memory

    calls = [(Request(prompt, max_tokens=8), [0]) for prompt in PROMPTS[2:4]]
    expected = [texts(replies) for replies in model.generate_many(calls)]
    monkeypatch.setattr(_memory, "CHUNK", 16)
    monkeypatch.setattr(_memory, "ROOM", 2)
    assert [texts(replies) for replies in model.generate_many(calls)] == expected


def test_a_sample_is_the_same_alone_and_in_any_batch_and_samples_differ(model: LocalBackend) -> None:
    requests = [Request(prompt, max_tokens=6, temperature=1.0, seed=3) for prompt in PROMPTS[:4]]
    together = [texts(replies) for replies in model.generate_many([(request, range(3)) for request in requests])]
    for request, expected in zip(requests[:2], together, strict=False):
        assert [model.generate_many([(request, [sample])])[0][0].text for sample in range(3)] == expected
    assert len(set(together[0])) == 3
    again = Request(PROMPTS[0], max_tokens=6, temperature=1.0, seed=4)
    assert texts(ask(model, again, 3)) != together[0]


def test_samples_are_drawn_by_the_models_own_probabilities(model: LocalBackend, reference: tuple[Any, Any]) -> None:
    import torch

    weights, tokenizer = reference
    prompt, words, samples, temperature = "The colour of the sky is", ("blue", "red", "grey", "white"), 300, 1.5
    with torch.inference_mode():
        logits = weights(**tokenizer(prompt, return_tensors="pt")).logits[0, -1]
    ids = [tokenizer(f" {word}").input_ids[0] for word in words]
    expected = (logits[ids] / temperature).softmax(0).tolist()
    request = Request(prompt, max_tokens=5, temperature=temperature, seed=1, grammar=Words((words,)))
    drawn = Counter(texts(ask(model, request, samples)))
    for word, share in zip(words, expected, strict=True):
        error = math.sqrt(share * (1 - share) / samples)
        assert abs(drawn[f" {word}"] / samples - share) < 4 * error, (word, share, drawn)


def test_words_are_obeyed_by_every_sample(model: LocalBackend) -> None:
    """Also when a word begins another one, and when words have several tokens."""
    slots = (("conv", "conv3x3", "con"), ("skip-connection", "none"), ("7", "77", "777"))
    replies = ask(model, Request("best cells:", max_tokens=60, temperature=2.0, seed=1, grammar=Words(slots)), 20)
    for reply in replies:
        assert reply.finish == "stop"
        assert all(word in slot for word, slot in zip(reply.text[1:].split(" "), slots, strict=True)), reply.text
        assert reply.text.startswith(" ")
    assert len(set(texts(replies))) > 5


def test_an_arrangement_holds_every_word_once(model: LocalBackend) -> None:
    numbers = tuple(map(str, range(1, 13)))
    request = Request("length 9:", max_tokens=60, temperature=2.0, seed=1, grammar=Arrangement("0", numbers, ","))
    replies = ask(model, request, 20)
    for reply in replies:
        first, *others = reply.text.split(",")
        assert (first, sorted(others), reply.finish) == (" 0", sorted(numbers), "stop"), reply.text
    assert len(set(texts(replies))) == 20


def test_a_json_schema_is_obeyed_by_every_sample(model: LocalBackend) -> None:
    layer = {
        "type": "object",
        "properties": {"kind": {"enum": ["conv", "pool"]}, "width": {"type": "integer", "minimum": 1, "maximum": 64}},
        "required": ["kind", "width"],
        "additionalProperties": False,
    }
    schema = {"type": "array", "items": layer, "minItems": 1, "maxItems": 2}
    chat = (Message("user", "Write a small network as JSON."),)
    request = Request(chat, max_tokens=80, temperature=1.5, seed=1, grammar=JsonSchema(schema))
    for reply in ask(model, request, 20):
        layers = json.loads(reply.text)
        assert 1 <= len(layers) <= 2
        assert all(set(one) == {"kind", "width"} and 1 <= one["width"] <= 64 for one in layers), reply.text


def test_a_reply_ends_before_the_first_stop_string_and_its_neighbours_go_on(model: LocalBackend) -> None:
    free = Request("1, 2, 3, 4,", max_tokens=16)
    stopped = Request("1, 2, 3, 4,", max_tokens=16, stop=("9", "7,"))
    long, short = (replies[0] for replies in model.generate_many([(free, [0]), (stopped, [0])]))
    assert long.text.startswith(" 5, 6, 7, 8")
    assert (long.finish, long.usage.completion_tokens) == ("length", 16)
    assert (short.text, short.finish) == (" 5, 6, ", "stop")


def test_tokens_are_counted_as_the_tokenizer_counts_them(model: LocalBackend, reference: tuple[Any, Any]) -> None:
    tokenizer = reference[1]
    text = "Zürich, naïve, 漢字"
    assert model.count_tokens(text) == len(tokenizer(text).input_ids)
    first, second = ask(model, Request(text, max_tokens=7, temperature=1.0), 2)
    assert (first.usage.calls, first.usage.prompt_tokens) == (1, len(tokenizer(text).input_ids))
    assert (second.usage.calls, second.usage.prompt_tokens) == (0, 0)
    question = "What is the capital of Italy?"
    chat = Request((Message("user", question),), max_tokens=40)
    (reply,) = ask(model, chat)
    rendered = tokenizer.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True)
    assert reply.usage.prompt_tokens == len(rendered["input_ids"])
    assert reply.finish == "stop"
    assert reply.usage.completion_tokens == len(tokenizer(reply.text).input_ids)


def test_a_call_that_cannot_be_answered_fails_alone(model: LocalBackend) -> None:
    async def calls() -> list[list[Reply] | BaseException]:
        requests = [
            Request("The capital of France is", max_tokens=4),
            Request("word " * 8200, max_tokens=4),
            Request("x", max_tokens=4, grammar=JsonSchema({"type": "no-such-type"})),
            Request("x", max_tokens=4, grammar=Words((("a",), ()))),
            Request("half a surrogate pair \ud800", max_tokens=4),
            Request("", max_tokens=4),
        ]
        return await asyncio.gather(*(model.generate(r, [0]) for r in requests), return_exceptions=True)

    good, long, schema, words, odd, empty = asyncio.run(calls())
    assert isinstance(good, list)
    assert good[0].text.startswith(" Paris")
    assert isinstance(long, BackendError)
    assert re.search(r"8\d\d\d tokens and the reply up to 4: over the 8192 of smollm2", str(long))
    assert isinstance(schema, FatalBackendError)
    assert isinstance(words, FatalBackendError)
    assert isinstance(odd, list)
    assert isinstance(empty, list)
    assert asyncio.run(model.generate(Request("x"), [])) == []


def test_a_cancelled_call_stops_the_model_and_the_next_one_is_answered(model: LocalBackend) -> None:
    async def cancel() -> Reply:
        endless = Request("Once upon a time", max_tokens=4000, temperature=1.0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(model.generate(endless, range(4)), timeout=1)
        return (await model.generate(Request("The capital of France is", max_tokens=4), [0]))[0]

    started = time.monotonic()
    assert asyncio.run(cancel()).text.startswith(" Paris")
    assert time.monotonic() - started < 15


def test_backends_of_the_same_weights_share_the_model(model: LocalBackend) -> None:
    model.count_tokens("loaded")
    other = smollm2.connect("", CPU)
    assert other._loaded() is model._loaded()
    asyncio.run(other.aclose())
    assert model.count_tokens("still loaded") > 0


def test_a_folder_without_chat_template_continues_the_messages_as_text(tmp_path: Path) -> None:
    for file in smollm2.weights().iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).symlink_to(file)
    model = hf.connect(str(tmp_path), CPU)
    assert model.proposes == "continuation"
    chat = (Message("system", "Some facts."), Message("user", "The capital of France is"))
    plain = Request("Some facts.\n\nThe capital of France is\n\n", max_tokens=6)
    assert texts(ask(model, Request(chat, max_tokens=6))) == texts(ask(model, plain))


@pytest.mark.slow
def test_interrupting_the_program_while_the_model_writes_ends_it_cleanly() -> None:
    # A program that was started in the background may have inherited that SIGINT is ignored.
    code = """
import asyncio, signal
from optiprompt.backends.base import BackendOptions, Request
from optiprompt.backends.smollm2 import connect
signal.signal(signal.SIGINT, signal.default_int_handler)
async def main():
    model = connect("", BackendOptions(device="cpu", dtype="float32"))
    await model.generate(Request("x", max_tokens=1), [0])
    print("writing", flush=True)
    await model.generate(Request("Once upon a time", max_tokens=4000, temperature=1.0), range(4))
asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode in (-signal.SIGINT, 130)
    assert said.strip().endswith("KeyboardInterrupt")

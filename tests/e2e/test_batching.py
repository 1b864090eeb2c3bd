"""Rows that come and go, shared starts, and options: the local backend gives what its model gives to one prompt alone.

Small models with random weights keep it fast; what they say makes no sense and needs none.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt.backends import _decoding, _memory, _ranking, hf, smollm2
from optiprompt.backends.base import BackendOptions, Message, Reply, Request
from optiprompt.backends.hf import LocalBackend
from optiprompt.budget import Budget
from optiprompt.errors import BackendError
from optiprompt.events import Evaluated
from optiprompt.grammar import Words
from optiprompt.store import read_events
from optiprompt.tasks.prompt import PromptTask

CPU = BackendOptions(device="cpu", dtype="float32")
INSTRUCTIONS = (
    "Say what comes next, and only that, please.",
    "Name the animal which the sentence is about, in a word.",
)
SENTENCES = ("The cat sleeps.", "A dog barks at the mailman, who is used to it.", "Look, a horse!", "", "One bee " * 9)
QUESTIONS: tuple[str | tuple[Message, ...], ...] = (
    *((Message("user", f"{instruction}\n{sentence}"),) for instruction in INSTRUCTIONS for sentence in SENTENCES),
    *((Message("user", f"{sentence}\n{instruction}"),) for sentence in SENTENCES for instruction in INSTRUCTIONS),
    *("One bee " * 9 + end for end in ("", "and", "and a wasp", "and a wasp and a fly")),
    "x",
)


@pytest.fixture(scope="module", params=["llama", "sliding window"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBackend]:
    """A random model: one attends to all that was before, one only to the last tokens."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

    sizes: dict[str, Any] = {
        "vocab_size": 49152,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "initializer_range": 0.25,
        "max_position_embeddings": 2048,
        "eos_token_id": 2,
        "bos_token_id": 1,
    }
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    weights: Any = (
        LlamaForCausalLM(LlamaConfig(**sizes))
        if request.param == "llama"
        else MistralForCausalLM(MistralConfig(**sizes, sliding_window=12))
    )
    weights.save_pretrained(folder)
    AutoTokenizer.from_pretrained(smollm2.weights()).save_pretrained(folder)
    backend = hf.connect(str(folder), CPU)
    # With single precision the rounding of a batch's sums would choose another token now and then.
    backend._loaded().model.weights.double()
    yield backend
    asyncio.run(backend.aclose())


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows at a time and small pieces, so that rows come and go all the time."""
    monkeypatch.setattr(_decoding, "MAX_ROWS", 4)
    monkeypatch.setattr(_memory, "CHUNK", 64)
    monkeypatch.setattr(_memory, "ROOM", 3)
    monkeypatch.setattr(_ranking, "OPTION_TOKENS", 5)


def reference(model: LocalBackend) -> tuple[Any, Any]:
    loaded = model._loaded().model
    return loaded.weights, loaded.tokenizer


def whole(model: LocalBackend, prompt: str | tuple[Message, ...]) -> str:
    """A prompt as text, by the tokenizer's own template."""
    if isinstance(prompt, str):
        return prompt
    turns = [{"role": message.role, "content": message.content} for message in prompt]
    return str(reference(model)[1].apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def likelihood(model: LocalBackend, prompt: str, option: str) -> float:
    """The log-probability of an option behind a prompt, by transformers alone."""
    import torch

    weights, tokenizer = reference(model)
    before, tokens = (tokenizer(text, return_tensors="pt").input_ids[0] for text in (prompt, prompt + option))
    with torch.inference_mode():
        chances = weights(tokens[None]).logits[0].log_softmax(dim=1)
    return sum(float(chances[place - 1, tokens[place]]) for place in range(len(before), len(tokens)))


@pytest.mark.usefixtures("crowded")
def test_rows_that_come_and_go_are_written_as_transformers_writes_them_alone(model: LocalBackend) -> None:
    weights, tokenizer = reference(model)
    requests = [Request(prompt, max_tokens=3 + 5 * (place % 4)) for place, prompt in enumerate(QUESTIONS)]
    expected = []
    for request in requests:
        inputs = tokenizer(whole(model, request.prompt), return_tensors="pt")
        output = weights.generate(**inputs, max_new_tokens=request.max_tokens, do_sample=False)[0]
        expected.append(tokenizer.decode(output[inputs.input_ids.shape[1] :], skip_special_tokens=True))
    replies = model.generate_many([(request, [0]) for request in requests])
    assert [reply.text for [reply] in replies] == expected


@pytest.mark.usefixtures("crowded")
def test_samples_grammars_and_stops_do_not_depend_on_the_rows_beside_them(model: LocalBackend) -> None:
    drawn = [Request(prompt, max_tokens=9, temperature=0.12, seed=place) for place, prompt in enumerate(QUESTIONS[::3])]
    stopped = [replace(request, stop=("e", " ")) for request in drawn[:3]]
    guided = Request("cells:", 40, 1.0, grammar=Words((("conv", "convolution", "none"), ("a", "b"))), seed=3)
    requests = [*drawn, guided, *stopped]
    alone = [model.generate_many([(request, range(3))])[0] for request in requests]
    assert model.generate_many([(request, range(3)) for request in requests]) == alone


@pytest.mark.usefixtures("crowded")
def test_the_likeliest_option_is_the_same_in_any_batch(model: LocalBackend) -> None:
    choices = ("(A)", "(B)", "is it so", "so it is")
    expected = []
    for prompt in QUESTIONS:
        text, gap = whole(model, prompt).rstrip(" "), " " if isinstance(prompt, str) else ""
        scores = [likelihood(model, text, gap + option) for option in choices]
        expected.append(choices[scores.index(max(scores))])
    requests = [Request(prompt, max_tokens=1, options=choices) for prompt in QUESTIONS]
    replies = model.generate_many([(request, [0]) for request in requests])
    assert [reply.text for [reply] in replies] == expected
    assert [model.generate_many([(request, [0])])[0][0].text for request in requests] == expected
    assert len(set(expected)) > 1


def test_options_and_answers_are_asked_at_the_same_time(model: LocalBackend) -> None:
    async def work() -> list[list[Reply] | BaseException]:
        requests = [
            Request("One", max_tokens=4),
            Request("One", options=("two", "three")),
            Request("word " * 3000, options=("two", "three")),
            Request("", options=("two", "three")),
        ]
        return await asyncio.gather(*(model.generate(each, [0, 1]) for each in requests), return_exceptions=True)

    written, ranked, long, empty = asyncio.run(work())
    assert isinstance(written, list)
    assert written[0].usage.completion_tokens == 4
    assert isinstance(ranked, list)
    assert [reply.text for reply in ranked] in (["two"] * 2, ["three"] * 2)
    assert (ranked[0].usage.calls, ranked[1].usage.calls, ranked[0].usage.completion_tokens) == (1, 0, 0)
    assert isinstance(long, BackendError)
    assert isinstance(empty, list)


@pytest.mark.parametrize("chat", [False, True])
def test_likelihoods_are_those_of_transformers(chat: bool) -> None:
    """Of the real model, to a ten-thousandth; the options of a long question, of one token and of several."""
    from optiprompt.backends._ranking import Ranker, Ranking
    from optiprompt.backends._reading import Reader

    model = smollm2.connect("", CPU)
    loaded = model._loaded().model
    questions = ("What is the colour of snow?\n(A) green\n(B) white", "Is ice cold?", "Is fire cold? Think.")
    options = ("(A)", "(B)", "Yes", "No, it is not")
    reader = Reader(loaded)
    ranker, rankings = Ranker(reader), []
    for question in questions:
        prompt = (Message("user", question),) if chat else f"Q: {question}\nA:"
        rankings.append(Ranking(*loaded.with_options(prompt, options)))
        ranker.add(rankings[-1])
    ranker.step()
    for question, ranking in zip(questions, rankings, strict=True):
        prompt = (Message("user", question),) if chat else f"Q: {question}\nA:"
        gap = "" if chat else " "
        expected = [likelihood(model, whole(model, prompt), gap + option) for option in options]
        assert ranking.scores == pytest.approx(expected, abs=1e-4)


def test_what_changes_the_prompts_last_tokens_belongs_to_the_options() -> None:
    loaded = smollm2.connect("", CPU)._loaded().model
    prompt, options = loaded.with_options("The answer is ", ("yes", "no way"))
    assert loaded.tokenizer.decode(prompt) == "The answer is"
    assert [loaded.tokenizer.decode(option) for option in options] == [" yes", " no way"]


def test_a_task_by_likelihood_from_its_file_to_the_run_and_resumed(tmp_path: Path) -> None:
    words = {"up": "down", "hot": "cold", "big": "small", "wet": "dry", "old": "young", "fast": "slow"}
    rows = [
        f'{{"input": "Is {a} the opposite of {b}?", "target": "{"Yes" if words.get(a) == b else "No"}"}}\n'
        for a in words
        for b in words.values()
    ]
    (tmp_path / "rows.jsonl").write_text("".join(rows))
    (tmp_path / "t.yaml").write_text(
        "kind: prompt\ndata: {file: rows.jsonl}\nanswer: likelihood\nstart: ['Answer with Yes or No.', '']\n"
    )
    (tmp_path / "script.jsonl").write_text('"<INS>Think, then say Yes or No.</INS>"\n')
    task = op.load_task(str(tmp_path / "t.yaml"))
    assert isinstance(task, PromptTask)

    def search(budget: Budget) -> op.Result:
        optimizer = op.backend(f"scripted:{tmp_path / 'script.jsonl'}")
        return op.optimize(
            task,
            optimizer=optimizer,
            scorer=op.backend("smollm2"),
            algorithm=op.Opro(proposals=1),
            budget=budget,
            run_dir=tmp_path / "run",
        )

    assert search(Budget(steps=1)).best is not None
    events = [event for event in read_events(tmp_path / "run") if isinstance(event, Evaluated)]
    answers = {outcome.answer.lower() for event in events for outcome in event.evaluation.outcomes}
    assert answers <= {"yes", "no"}
    replies = (tmp_path / "run" / "replies.jsonl").read_bytes()
    assert b'"options":["No","Yes"]' in replies
    search(Budget(steps=1))
    assert (tmp_path / "run" / "replies.jsonl").read_bytes() == replies

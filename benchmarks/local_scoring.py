"""How fast a local model scores prompts: beside transformers' pipeline, and beside lm-eval for likelihoods.

OPTIPROMPT_DATA=FOLDER python -m benchmarks.local_scoring [--no-lm-eval] [--json FILE]

SmolLM2 in float32 answers 4 instructions x 100 questions of bbh/snarks as chats, greedily, with at most 32 new tokens.
All contenders share the weights, the tokenizer, the processor's threads (torch's default) and the run. The pipeline
with batch_size=1 is slow: it answers every tenth prompt, and its seconds are taken times ten. The package lm_eval is
fetched once into the cache folder, without its dependencies: `HFLM.loglikelihood` needs only what is here.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import optiprompt as op
from optiprompt.backends import smollm2
from optiprompt.backends.base import BackendOptions, Message, Request
from optiprompt.backends.hf import LocalBackend
from optiprompt.resources import cache_folder
from optiprompt.tasks.prompt import PromptTask

LM_EVAL = "lm_eval==0.4.13"
INSTRUCTIONS = (
    "Let's solve the problem.",
    "Let's think step by step.",
    "Answer with the letter of the sarcastic statement only.",
    "Read both statements. Which of them means the opposite of what it says? Reply (A) or (B).",
)
OPTIONS = ("(A)", "(B)")
WARM_UP = 2

Chat = tuple[Message, ...]


def main(
    examples: int = 100,
    max_new_tokens: int = 32,
    batch: int = 32,
    alone_every: Annotated[int, typer.Option(help="batch_size=1 answers every so many prompts.")] = 10,
    lm_eval: Annotated[bool, typer.Option(help="Fetch lm-eval and measure it too.")] = True,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure all contenders one after another."""
    chats = _chats(examples)
    model = smollm2.connect("", BackendOptions(device="cpu", dtype="float32"))
    model.generate_many([(Request(chat, max_tokens=2), [0]) for chat in chats[:WARM_UP]])
    write, rank = "answers written", "likelihood of options"
    few = chats[::alone_every]
    rows: list[dict[str, Any]] = []
    ours_of: dict[str, dict[Chat, str]] = {}

    def measure(what: str, who: str, asked: Sequence[Chat], answer: Callable[[Sequence[Chat]], list[str]]) -> None:
        answer(asked[:WARM_UP])
        begun = time.monotonic()
        answers = answer(asked)
        took = (time.monotonic() - begun) * len(chats) / len(asked)
        ours = ours_of.setdefault(what, dict(zip(asked, answers, strict=True)))
        same = sum(ours[chat] == answer for chat, answer in zip(asked, answers, strict=True)) / len(asked)
        rows.append({"what": what, "who": who, "measured": len(asked), "seconds": took, "same": same})
        print(f"{what}, {who}: {took:.1f} s", flush=True)

    measure(write, "optiprompt", chats, lambda asked: _written(model, asked, max_new_tokens))
    measure(write, f"pipeline, batch_size={batch}", chats, lambda asked: _piped(model, asked, batch, max_new_tokens))
    measure(write, "pipeline, batch_size=1", few, lambda asked: _piped(model, asked, 1, max_new_tokens))
    measure(rank, "optiprompt", chats, lambda asked: _ranked(model, asked))
    if lm_eval:
        harness = _lm_eval(model, batch)
        measure(rank, f"lm-eval, batch_size={batch}", chats, harness)
    for row in rows:
        row["times"] = row["seconds"] / next(each["seconds"] for each in rows if each["what"] == row["what"])
    settings = {"prompts": len(chats), "max_new_tokens": max_new_tokens, "cores": os.cpu_count()}
    _show(rows, settings)
    if json_file:
        json_file.write_text(json.dumps([{**settings, **row} for row in rows], indent=1) + "\n")


def _chats(examples: int) -> list[Chat]:
    task = op.load_task("bbh/snarks")
    assert isinstance(task, PromptTask)
    splits = task.splits
    asked = [*splits.train, *splits.dev, *splits.test][:examples]
    return [(Message("user", f"{instruction}\n{example.input}"),) for instruction in INSTRUCTIONS for example in asked]


def _written(model: LocalBackend, chats: Sequence[Chat], max_new_tokens: int) -> list[str]:
    replies = model.generate_many([(Request(chat, max_tokens=max_new_tokens), [0]) for chat in chats])
    return [reply.text for [reply] in replies]


def _ranked(model: LocalBackend, chats: Sequence[Chat]) -> list[str]:
    replies = model.generate_many([(Request(chat, max_tokens=1, options=OPTIONS), [0]) for chat in chats])
    return [reply.text for [reply] in replies]


def _piped(model: LocalBackend, chats: Sequence[Chat], batch: int, max_new_tokens: int) -> list[str]:
    from transformers import pipeline

    weights, tokenizer = _parts(model)
    tokenizer.padding_side = "left"
    answer: Any = pipeline("text-generation", model=weights, tokenizer=tokenizer)
    turns = [[{"role": message.role, "content": message.content} for message in chat] for chat in chats]
    settings: dict[str, Any] = {"max_new_tokens": max_new_tokens, "do_sample": False, "return_full_text": False}
    return [reply["generated_text"] for [reply] in answer(turns, batch_size=batch, **settings)]


def _lm_eval(model: LocalBackend, batch: int) -> Callable[[Sequence[Chat]], list[str]]:
    """The likeliest options by lm-eval's own code on the same weights and texts."""
    folder = cache_folder() / "benchmarks" / LM_EVAL.replace("==", "-")
    if not folder.is_dir():
        install = ["install", "--quiet", "--no-deps", "--target", str(folder), LM_EVAL]
        subprocess.run([sys.executable, "-m", "pip", *install], check=True)
    sys.path.append(str(folder))
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    weights, tokenizer = _parts(model)
    harness = HFLM(pretrained=weights, tokenizer=tokenizer, batch_size=batch)

    def likeliest(chats: Sequence[Chat]) -> list[str]:
        asked = []
        for chat in chats:
            turns = [{"role": message.role, "content": message.content} for message in chat]
            context = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
            asked += [Instance("loglikelihood", {}, (context, option), place) for place, option in enumerate(OPTIONS)]
        found = [likelihood for likelihood, _ in harness.loglikelihood(asked, disable_tqdm=True)]
        pairs = [found[place : place + len(OPTIONS)] for place in range(0, len(found), len(OPTIONS))]
        return [OPTIONS[pair.index(max(pair))] for pair in pairs]

    return likeliest


def _parts(model: LocalBackend) -> tuple[Any, Any]:
    """The model and the tokenizer of transformers that a backend runs."""
    loaded = model._loaded().model
    return loaded.weights, loaded.tokenizer


def _show(rows: Sequence[dict[str, Any]], settings: dict[str, Any]) -> None:
    title = "SmolLM2, float32, bbh/snarks: {prompts} prompts, at most {max_new_tokens} new tokens, {cores} cores"
    table = Table(title=title.format(**settings))
    for column in ("what", "who", "prompts run", "seconds for all", "optiprompt is faster by", "same answers"):
        table.add_column(column)
    for row in rows:
        times = "" if row["who"] == "optiprompt" else f"{row['times']:.2f} x"
        table.add_row(
            row["what"], row["who"], str(row["measured"]), f"{row['seconds']:.1f}", times, f"{row['same']:.1%}"
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    typer.run(main)

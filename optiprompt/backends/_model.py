"""A causal language model of transformers with its tokenizer, loaded when first used."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from optiprompt.backends._weights import first_line, quiet_transformers
from optiprompt.backends.base import Message
from optiprompt.errors import FatalBackendError, UsageError

if TYPE_CHECKING:
    import torch

_UNBOUNDED = 1_000_000


class Model:
    """Tokenizer and weights of one folder on one device; each is loaded at its first use, by whichever thread is first.

    Args:
        name: how the user names it, for messages.
        folder: gives the folder of the weights, fetching them if need be.
        device: `auto`, `cpu`, `cuda` or `mps`.
        dtype: `auto`, `float32`, `bfloat16` or `float16`.
    """

    def __init__(self, name: str, folder: Callable[[], Path], device: str, dtype: str) -> None:
        self.name = name
        self._folder, self._device, self._dtype = folder, device, dtype
        self._lock = RLock()

    @cached_property
    def folder(self) -> Path:
        """Where the weights are."""
        with self._lock:
            return self.__dict__.get("folder") or self._folder()

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer of transformers."""
        with self._lock:
            return self.__dict__.get("tokenizer") or self._load("AutoTokenizer")

    @cached_property
    def weights(self) -> Any:
        """The model of transformers, ready to run."""
        with self._lock:
            return self.__dict__.get("weights") or self._load_weights()

    @cached_property
    def context(self) -> int:
        """How many tokens a prompt and its reply may have together."""
        config = self._load("AutoConfig").get_text_config()
        known = getattr(config, "max_position_embeddings", None)
        return int(known or min(self.tokenizer.model_max_length, _UNBOUNDED))

    @cached_property
    def ends(self) -> frozenset[int]:
        """The tokens that end a reply: those its makers name, and marks that never stand inside a text."""
        tokenizer, named = (
            self.tokenizer,
            [self.weights.generation_config.eos_token_id, self.weights.config.eos_token_id],
        )
        marks = [tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id]
        for ids in named:
            marks += ids if isinstance(ids, list) else [ids]
        return frozenset(mark for mark in marks if mark is not None)

    @cached_property
    def vocabulary(self) -> int:
        """How many tokens the model gives a logit."""
        return int(self.weights.get_output_embeddings().weight.shape[0])

    def tokens(self, prompt: str | Sequence[Message]) -> list[int]:
        """The tokens of a prompt: messages through the chat template, plain text as the start of a document.

        Raises:
            FatalBackendError: the chat template refuses the messages.
        """
        text, marks = self._text(prompt)
        return self._encode(text, marks) or [min(self.ends)]

    def with_options(
        self, prompt: str | Sequence[Message], options: Sequence[str]
    ) -> tuple[list[int], list[list[int]]]:
        """The tokens of a prompt, and those of each option behind it; in plain text a space goes between.

        Prompt and option are cut into tokens together; where that changes the prompt's last tokens, these belong to
        the options.

        Raises:
            FatalBackendError: the chat template refuses the messages.
        """
        text, marks = self._text(prompt)
        gap = " " if isinstance(prompt, str) and not text[-1:].isspace() else ""
        alone = self._encode(text, marks) or [min(self.ends)]
        whole = [self._encode(f"{text}{gap}{option}", marks) for option in options]
        start = min(min(common_start([alone, each]), len(each) - 1) for each in whole)
        return alone[:start] or [min(self.ends)], [each[start:] for each in whole]

    def count(self, text: str) -> int:
        """How many tokens the text has, without marks at its ends."""
        return len(self._encode(text, marks=False))

    def after_text(self, text: str) -> tuple[int, ...]:
        """The tokens of a text that stands behind another one."""
        before = self._encode("a", marks=False)
        whole = self._encode(f"a{text}", marks=False)
        return tuple(whole[len(before) :] if whole[: len(before)] == before else self._encode(text, marks=False))

    def text(self, before: int, tokens: Sequence[int]) -> str:
        """The text of a reply; `before` is the prompt's last token: at a text's start some tokenizers drop a space."""
        start = self._decode([before])
        return self._decode([before, *tokens])[len(start) :]

    def _encode(self, text: str, marks: bool) -> list[int]:
        # Half surrogate pairs can come out of a server's JSON; tokenizers refuse them.
        text = text.encode("utf-8", "replace").decode()
        return list(self.tokenizer(text, add_special_tokens=marks).input_ids)

    def _decode(self, tokens: list[int]) -> str:
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _text(self, prompt: str | Sequence[Message]) -> tuple[str, bool]:
        """The text of a prompt, and whether marks of a document belong around it."""
        if isinstance(prompt, str):
            return prompt, True
        if self.tokenizer.chat_template is not None:
            return self._chat(prompt), False
        return "\n\n".join([*(message.content for message in prompt), ""]), True

    def _chat(self, messages: Sequence[Message]) -> str:
        from jinja2 import TemplateError

        turns = [{"role": message.role, "content": message.content} for message in messages]
        try:
            return self._written(turns)
        except TemplateError as error:
            # Some templates (Gemma's) know no system message: it opens the user's.
            if len(turns) > 1 and turns[0]["role"] == "system":
                opening = f"{messages[0].content}\n\n{messages[1].content}"
                return self._chat([Message("user", opening), *messages[2:]])
            raise FatalBackendError(
                f"the chat template of {self.name} refuses the messages: {first_line(error)}: use a continuation style"
            ) from error

    def _written(self, turns: list[dict[str, str]]) -> str:
        return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

    def _load(self, loader: str, **settings: Any) -> Any:
        import transformers

        folder = self.folder
        try:
            with quiet_transformers():
                return getattr(transformers, loader).from_pretrained(folder, local_files_only=True, **settings)
        except Exception as error:  # damaged files make transformers raise almost anything
            raise FatalBackendError(
                f"{self.name} cannot be loaded from {folder}: {first_line(error)}: "
                "check its files, or that transformers is new enough for it"
            ) from error

    def _load_weights(self) -> Any:
        device = pick_device(self._device)
        weights = self._load("AutoModelForCausalLM", dtype=pick_dtype(self._dtype, device), use_safetensors=True)
        return weights.to(device).eval()


def common_start(texts: Sequence[Sequence[int]]) -> int:
    """How many tokens all texts begin with."""
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*texts, strict=False)))


def pick_device(wanted: str) -> str:
    """The device to run on: `auto` takes the first of cuda, mps and cpu that is there.

    Raises:
        UsageError: the device that was asked for is not there.
    """
    import torch

    there: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    if wanted == "auto":
        return next(device for device, is_there in there.items() if is_there())
    if not there[wanted]():
        raise UsageError(f"no {wanted} device is usable here: take --device cpu, or install a torch build for {wanted}")
    return wanted


def pick_dtype(wanted: str, device: str) -> "torch.dtype":
    """The type to compute in; `auto` takes the fastest: bfloat16 only where the processor has instructions for it."""
    import torch

    if wanted != "auto":
        return getattr(torch, wanted)  # type: ignore[no-any-return]
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device == "mps":
        return torch.float16
    native = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return torch.bfloat16 if any(getattr(torch.cpu, name, bool)() for name in native) else torch.float32

"""The backend `hf:ID_FOLDER_OR_GGUF_FILE`: a model of transformers inside this process."""

import asyncio
import json
import os
import re
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from optiprompt.backends._weights import check_folder, converted, from_hub, has_chat_template, parameter_count
from optiprompt.backends.base import BackendOptions, Form, Reply, Request
from optiprompt.errors import UsageError, missing_extra

if TYPE_CHECKING:
    from optiprompt.backends._model import Model
    from optiprompt.backends._worker import Job, Worker

DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("auto", "float32", "bfloat16", "float16")
# Below so many parameters a chat model does not follow a meta-prompt written as a chat; it continues lists well.
CHATS_FROM = 1_000_000_000


def connect(rest: str, options: BackendOptions) -> "LocalBackend":
    """A model by its hub id, by the folder of its files, or by a GGUF file.

    Nothing is fetched or loaded yet; a folder or file that cannot be used is refused at once.

    Raises:
        UsageError: a missing package, no such folder or file, a device that is not there, an unknown dtype.
    """
    source, folder = _source(rest)
    return LocalBackend(f"hf:{rest}", source, folder, options)


class LocalBackend:
    """A model of transformers, as optimizer or scorer.

    It is loaded at its first use; backends of the same weights, device and dtype share it. Requests that wait at the
    same time are run together, and what their prompts begin with in common is read once. One request is one call,
    however many samples it asks for; the call and the prompt's tokens are counted with the first of them.

    Args:
        name: how the user names it.
        source: what tells its weights from others'.
        folder: gives the folder of the weights, fetching them if need be.
        options: `device` and `dtype` are read.

    Raises:
        UsageError: a missing package, a device that is not there, an unknown dtype.
    """

    decodes = True
    ranks = True

    def __init__(self, name: str, source: str, folder: Callable[[], Path], options: BackendOptions) -> None:
        for package in ("torch", "transformers", "llguidance"):
            if find_spec(package) is None:
                raise missing_extra(package, "local")
        for value, known, what in ((options.device, DEVICES, "device"), (options.dtype, DTYPES, "dtype")):
            if value not in known:
                raise UsageError(f"unknown {what} {value!r}: there are: {', '.join(known)}")
        # Threads that spin while they wait make torch many times slower where other programs use the processor too.
        # OpenMP reads this when torch is loaded, which is later, unless the program has done it already.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        if options.device not in ("auto", "cpu"):
            from optiprompt.backends._model import pick_device

            pick_device(options.device)
        self.name = name
        # Asked for more than once, and a hub may be asked each time.
        self._source, self._folder, self._options = source, cache(folder), options
        self._worker: Worker | None = None

    @cached_property
    def proposes(self) -> Form:
        """Fetches the weights, where they are not here yet, to look at their size."""
        folder = self._folder()
        return "chat" if has_chat_template(folder) and parameter_count(folder) >= CHATS_FROM else "continuation"

    def identity(self) -> str:
        """Device, dtype, and the names, sizes and times of the weights' files; fetches them where they are not here."""
        files = [(file.name, file.stat()) for file in sorted(self._folder().iterdir()) if file.is_file()]
        stamps = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in files]
        return json.dumps([self._options.device, self._options.dtype, stamps])

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        """One reply for each sample index, in their order; cancelling it stops the model at the next token.

        Raises:
            UsageError: the weights cannot be found.
            FatalBackendError: the weights cannot be loaded, or the grammar cannot be decoded.
            BackendError: the prompt is too long, or memory is short.
        """
        return await asyncio.wrap_future(self._submit(request, samples).replies)

    def generate_many(self, calls: Sequence[tuple[Request, Sequence[int]]]) -> list[list[Reply]]:
        """The same for many requests in one call, without asyncio.

        Raises:
            UsageError, FatalBackendError, BackendError: as `generate`, for the first request that fails.
        """
        jobs = [self._submit(request, samples) for request, samples in calls]
        return [job.replies.result() for job in jobs]

    def count_tokens(self, text: str) -> int:
        """How many tokens the text has."""
        return self._loaded().model.count(text)

    @property
    def context(self) -> int:
        """How many tokens a prompt and its reply may have together."""
        return self._loaded().model.context

    async def aclose(self) -> None:
        """Let go of the model; it is freed when no other backend uses it."""
        self._worker = None

    def _submit(self, request: Request, samples: Sequence[int]) -> "Job":
        from optiprompt.backends._worker import make_job

        job = make_job(request, request.key(self.name), samples)
        self._loaded().submit(job)
        return job

    def _loaded(self) -> "Worker":
        if self._worker is None:
            from optiprompt.backends._worker import shared_worker

            self._worker = shared_worker((self._source, self._options.device, self._options.dtype), self._model)
        return self._worker

    def _model(self) -> "Model":
        from optiprompt.backends._model import Model

        return Model(self.name, self._folder, self._options.device, self._options.dtype)


def _source(rest: str) -> tuple[str, Callable[[], Path]]:
    """What names the weights, and how to get their folder."""
    path = Path(rest).expanduser()
    if path.is_file():
        if path.suffix.lower() != ".gguf":
            raise UsageError(f"{path} is no GGUF file: give a folder, a file that ends in .gguf, or a hub id")
        return str(path.resolve()), lambda: converted(path)
    if rest and path.is_dir():
        check_folder(path)
        return str(path.resolve()), lambda: path
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w.-]+)?", rest) or path.suffix.lower() == ".gguf":
        raise UsageError(f"no model at {rest!r}: no such folder or GGUF file, and not a hub id such as ORG/NAME")
    return rest, lambda: from_hub(rest)

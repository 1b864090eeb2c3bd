"""The backend `uniform`: no model at all, but even chances inside the grammar of a request.

The control of an ablation: with it everything in a search is as it was, only that what the model would have written is
drawn at random from all that is valid. What a search with a model reaches above it is what the model contributes.
"""

import random
from collections.abc import Sequence

from optiprompt.backends.base import Backend, BackendOptions, Form, Reply, Request
from optiprompt.candidate import Usage
from optiprompt.errors import FatalBackendError, UsageError
from optiprompt.grammar import Arrangement, Paths, Words

_CHARACTERS_PER_TOKEN = 4


def connect(rest: str, options: BackendOptions) -> Backend:
    """The control; `uniform` takes nothing behind its name.

    Raises:
        UsageError: there is something.
    """
    if rest:
        raise UsageError(f"uniform takes no name behind it, not {rest!r}")
    return UniformBackend()


class UniformBackend:
    """Each sample is drawn by itself: every word with the same chance, fixed by the request and the sample's index."""

    name = "uniform"
    proposes: Form = "continuation"
    decodes = True
    context = 128_000

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        """One draw for each sample.

        Raises:
            FatalBackendError: the request has no grammar of words.
        """
        key = request.key(self.name)
        texts = [self._drawn(request, random.Random(f"{key}/{sample}")) for sample in samples]
        tokens = self.count_tokens(request.prompt if isinstance(request.prompt, str) else "")
        first = Usage(calls=1, prompt_tokens=tokens)
        return [
            Reply(text, usage=(Usage() if place else first) + Usage(completion_tokens=self.count_tokens(text)))
            for place, text in enumerate(texts)
        ]

    def _drawn(self, request: Request, rng: random.Random) -> str:
        match request.grammar:
            case Words(slots=slots):
                return "".join(f" {rng.choice(slot)}" for slot in slots)
            case Paths(places=places):
                text, place = "", 0
                while places[place]:
                    word, place = rng.choice(places[place])
                    text += f" {word}"
                return text
            case Arrangement(first=first, others=others, between=between):
                return f" {between.join([first, *rng.sample(others, len(others))])}"
        raise FatalBackendError(
            "uniform only draws inside a grammar of words: take a task of cells, numbers, choices or tours, leave out "
            "--preset reference and --style chat, and give the numbers of choices larger steps where they have more "
            "than 20,000 values together"
        )

    def count_tokens(self, text: str) -> int:
        """How many tokens the text has, roughly."""
        return -(-len(text) // _CHARACTERS_PER_TOKEN)

    async def aclose(self) -> None:
        """Nothing is held."""

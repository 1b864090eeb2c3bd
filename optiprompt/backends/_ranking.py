"""How likely each of some options is as the reply to a prompt, without writing one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from optiprompt.backends._decoding import MAX_ROWS, MAX_TOKENS, GivenUp
from optiprompt.backends._memory import Memory
from optiprompt.backends._reading import Piece, Reader
from optiprompt.errors import BackendError

# Tokens of options run through the model at once; each has logits for the whole vocabulary.
OPTION_TOKENS = 512


@dataclass(eq=False, slots=True)
class Ranking:
    """The options of one prompt.

    Attributes:
        prompt: the prompt's tokens, at least one.
        options: the tokens of each option, at least one.
        given_up: whether nobody waits for it any more.
        scores: the sum of the log-probabilities of each option's tokens behind the prompt, or None.
        error: why there are none.
    """

    prompt: list[int]
    options: list[list[int]]
    given_up: Callable[[], bool] = lambda: False
    scores: list[float] | None = None
    error: Exception | None = None


class Ranker:
    """Finds likelihoods; a prompt is read once for all its options. Not for two threads at once."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._waiting: list[Ranking] = []

    @property
    def busy(self) -> bool:
        """Whether there is something to rank."""
        return bool(self._waiting)

    def add(self, ranking: Ranking) -> None:
        """Have options ranked: `step` does it until each ranking has `scores` or an `error`, or is given up."""
        self._waiting.append(ranking)

    @torch.inference_mode()
    def step(self) -> None:
        """Rank one batch of those that wait."""
        batch = self._next()
        if not batch:
            return

        def check() -> None:
            if all(ranking.given_up() for ranking in batch):
                raise GivenUp

        try:
            self._rank(batch, check)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it; the others go on
            if isinstance(error, torch.OutOfMemoryError):
                self._reader.forget()
                error = BackendError("the device has too little memory for the prompts: shorten them or use a cpu")
            for ranking in batch:
                ranking.error = error

    def _rank(self, batch: Sequence[Ranking], check: Callable[[], None]) -> None:
        if not self._reader.plain:
            for ranking in batch:
                ranking.scores = [self._reader.score(ranking.prompt, option, check) for option in ranking.options]
            return
        groups: dict[tuple[int, ...], list[Ranking]] = {}
        for ranking in batch:
            groups.setdefault(tuple(ranking.prompt), []).append(ranking)
        alike = list(groups.values())
        for piece in self._reader.read([list(prompt) for prompt in groups], check):
            _score(piece, [alike[prompt] for prompt in piece.prompts], check)

    def _next(self) -> list[Ranking]:
        waiting = [ranking for ranking in self._waiting if not ranking.given_up()]
        waiting.sort(key=lambda ranking: (len(ranking.prompt).bit_length(), ranking.prompt))
        batch: list[Ranking] = []
        longest = 0
        for ranking in waiting[:MAX_ROWS]:
            longest = max(longest, len(ranking.prompt))
            if batch and (len(batch) + 1) * longest > MAX_TOKENS:
                break
            batch.append(ranking)
        self._waiting = waiting[len(batch) :]
        return batch


def _score(piece: Piece, rankings: Sequence[Sequence[Ranking]], check: Callable[[], None]) -> None:
    """Give scores to the rankings of each row of a piece."""
    asked = [(row, *option) for row, those in enumerate(rankings) for each in those for option in each.options]
    options = list(dict.fromkeys(asked))
    first = piece.logits.log_softmax(dim=1)
    scores = {option: float(first[option[0], option[1]]) for option in options}
    for batch in _batches(sorted((option for option in options if len(option) > 2), key=len)):
        for option, rest in zip(batch, _rest(piece.memory, batch, check), strict=True):
            scores[option] += rest
    for row, those in enumerate(rankings):
        for ranking in those:
            ranking.scores = [scores[row, *option] for option in ranking.options]


def _batches(options: Sequence[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
    batch: list[tuple[int, ...]] = []
    for option in options:
        if batch and (len(batch) + 1) * len(option) > OPTION_TOKENS:
            yield batch
            batch = []
        batch.append(option)
    if batch:
        yield batch


def _rest(memory: Memory, options: Sequence[tuple[int, ...]], check: Callable[[], None]) -> list[float]:
    """The log-probability of each option, a row and its tokens, without that of its first token."""
    texts = [option[1:-1] for option in options]
    width = max(map(len, texts))
    logits = memory.rows([row for row, *_ in options]).follow(texts, width, check)
    wanted = torch.tensor([[-1] * (width - len(option) + 2) + list(option[2:]) for option in options])
    found = logits.log_softmax(dim=2).gather(2, wanted.clamp(min=0)[:, :, None])[:, :, 0]
    return [float(total) for total in found.where(wanted >= 0, 0.0).sum(dim=1)]

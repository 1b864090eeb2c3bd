"""One reply in the making: a row with its own chance, grammar, length and stops."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch

from optiprompt.backends._grammar import Follower
from optiprompt.backends._model import Model
from optiprompt.errors import BackendError, FatalBackendError
from optiprompt.grammar import Grammar


@dataclass(eq=False, slots=True)
class Row:
    """One reply in the making.

    Attributes:
        prompt: the prompt's tokens, at least one.
        max_tokens: the longest reply.
        temperature: 0 takes the likeliest token.
        stop: the reply ends before the first of these strings.
        grammar: what the reply may look like.
        seed: fixes the row's chance.
        given_up: whether nobody waits for the reply any more; looked at before every token.
        tokens: the reply so far, without the end token.
        text: the reply's text, complete once it is finished.
        finish: why it is finished, or None.
        error: why it never will be.
    """

    prompt: list[int]
    max_tokens: int
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    grammar: Grammar | None = None
    seed: int = 0
    given_up: Callable[[], bool] = lambda: False
    tokens: list[int] = field(default_factory=list)
    text: str = ""
    finish: Literal["stop", "length"] | None = None
    error: Exception | None = None


class Writer:
    """Writes one row token by token."""

    def __init__(self, row: Row, model: Model, follower: Follower | None) -> None:
        self.row, self.follower = row, follower
        self.fresh = [0]
        self._model, self._random = model, random.Random(row.seed)
        if follower is not None:
            row.tokens += follower.forced()
            self._end(complete=follower.complete)

    @property
    def active(self) -> bool:
        """Whether the row needs more tokens."""
        return self.row.finish is None and self.row.error is None and not self.row.given_up()

    def chance(self) -> float:
        """The row's next random number from [0, 1); none is used up where nothing is drawn."""
        return self._random.random() if self.active and self.row.temperature > 0 else 0.0

    def mask(self, logits: torch.Tensor) -> None:
        """Leave only the tokens that the grammar allows, in place."""
        if self.follower is None or not self.active:
            return
        try:
            logits.masked_fill_(~self.follower.allowed(len(logits)), -math.inf)
        except FatalBackendError as error:
            self.row.error = error

    def take(self, token: int, jump: bool) -> None:
        """Append a token, with `jump` all that a grammar forces after it too; ends the row where it must end."""
        if not self.active:
            return
        if token in self._model.ends:
            self._end(complete=True)
            return
        self.fresh = [token]
        if self.follower is not None:
            try:
                self.follower.take(token)
                self.fresh += self.follower.forced() if jump else []
            except FatalBackendError as error:
                self.row.error = error
                return
        self.row.tokens += self.fresh
        self._end(complete=self.follower is not None and self.follower.complete)

    def _end(self, complete: bool) -> None:
        row = self.row
        if len(row.tokens) > row.max_tokens:
            del row.tokens[row.max_tokens :]
            complete = False
        if complete or len(row.tokens) == row.max_tokens:
            row.finish = "stop" if complete else "length"
        if row.finish or row.stop:
            row.text = self._model.text(row.prompt[-1], row.tokens)
        places = [place for place in map(row.text.find, row.stop) if place >= 0]
        if places:
            row.text, row.finish = row.text[: min(places)], "stop"


def draw(logits: torch.Tensor, writers: Sequence[Writer]) -> list[int]:
    """The next token of each row, by the inverse of the cumulative distribution at the row's random number.

    Args:
        logits: of shape (rows, vocabulary); changed in place.
        writers: one a row; those for whom nothing can be drawn get an error.
    """
    if any(writer.follower for writer in writers):
        for row, writer in zip(logits, writers, strict=True):
            writer.mask(row)
    best, choice = logits.max(dim=1)
    for place in (~best.isfinite()).nonzero()[:, 0].tolist():
        writers[place].row.error = BackendError("the model gives no finite probabilities: use --dtype float32")
    warm = [place for place, writer in enumerate(writers) if writer.active and writer.row.temperature > 0]
    if warm:
        temperatures = torch.tensor([[writers[place].row.temperature] for place in warm])
        chances = torch.tensor([[writers[place].chance()] for place in warm], dtype=torch.float64)
        summed = ((logits[warm] - best[warm, None]) / temperatures).softmax(dim=1).cumsum(dim=1, dtype=torch.float64)
        # Strictly below the whole sum, so that rounding never reaches a token of probability 0 at the end.
        aims = torch.minimum(chances * summed[:, -1:], summed[:, -1:].nextafter(torch.zeros(1, dtype=torch.float64)))
        choice[warm] = torch.searchsorted(summed, aims, right=True)[:, 0]
    return [int(token) for token in choice]

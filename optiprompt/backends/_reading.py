"""Prompts are read into a model: what several of them begin with is read once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

from optiprompt.backends import _memory
from optiprompt.backends._memory import Memory, joined
from optiprompt.backends._model import Model, common_start

# A shorter start that prompts share is not worth a run of its own.
WORTH_SHARING = 16


@dataclass(frozen=True, eq=False)
class Piece:
    """Prompts that were read together.

    Attributes:
        memory: one row a prompt.
        logits: of what follows each prompt, of shape (rows, vocabulary).
        prompts: the place of each row's prompt among those that were asked for.
    """

    memory: Memory
    logits: torch.Tensor
    prompts: list[int]


@dataclass(frozen=True, eq=False)
class _Open:
    """Prompts with a common start that is read already.

    Attributes:
        memory: holds that start in one of its rows.
        row: which one.
        members: the places of the prompts, in the order of their tokens.
        done: how many tokens the start has.
    """

    memory: Memory
    row: int
    members: list[int]
    done: int


class Reader:
    """Reads prompts; remembers the last one that it read alone, or the last start that all prompts shared."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._last: tuple[list[int], Memory] | None = None

    @property
    def plain(self) -> bool:
        """Whether the model's memories are plain: see `Memory.plain`."""
        return Memory(self._model.weights).plain

    def read(self, prompts: Sequence[list[int]], given_up: Callable[[], None]) -> list[Piece]:
        """Read different prompts, at least one, each of at least one token.

        Prompts are read in pieces of like length. Their memories may be joined if they are plain; otherwise it is one
        piece.

        Args:
            prompts: the tokens of each.
            given_up: called now and then; what it raises ends the reading.
        """
        if len(prompts) == 1:
            memory, logits = self._alone(prompts[0], given_up)
            return [Piece(memory, logits, [0])]
        if not self.plain:
            memory = Memory(self._model.weights, len(prompts))
            return [Piece(memory, memory.read(prompts, given_up), list(range(len(prompts))))]
        order = sorted(range(len(prompts)), key=prompts.__getitem__)
        shared = _common(prompts, order)
        if shared < WORTH_SHARING:
            shared, memory = 0, Memory(self._model.weights)
        else:
            memory, _ = self._alone(prompts[0][:shared], given_up)
        leaves, level = [], [_Open(memory, 0, order, shared)]
        while level:
            inner = []
            for start in level:
                for members in _alike(prompts, start):
                    done = start.done if len(members) == 1 else _common(prompts, members)
                    part = _Open(start.memory, start.row, members, done)
                    if len(members) == 1:
                        leaves.append(part)
                    else:
                        inner.append((part, prompts[members[0]][start.done : done]))
            level = self._inner(inner, given_up)
        texts = [prompts[leaf.members[0]][leaf.done :] for leaf in leaves]
        return [
            Piece(memory, logits, [leaves[place].members[0] for place in places])
            for memory, logits, places in self._pieces(leaves, texts, given_up)
        ]

    def score(self, prompt: list[int], option: list[int], given_up: Callable[[], None]) -> float:
        """The log-probability of an option behind a prompt, both read together: for models that are not plain."""
        memory = Memory(self._model.weights)
        logits = memory.follow([[*prompt, *option[:-1]]], len(option), given_up)
        return float(logits[0].log_softmax(dim=1)[range(len(option)), option].sum())

    def forget(self) -> None:
        """Free what is remembered."""
        self._last = None

    def _inner(self, grown: Sequence[tuple[_Open, list[int]]], given_up: Callable[[], None]) -> list[_Open]:
        """The same starts, read on by some tokens each, in one memory."""
        if not grown:
            return []
        pieces = self._pieces([start for start, _ in grown], [text for _, text in grown], given_up)
        memory = joined([(memory, range(len(places))) for memory, _, places in pieces])
        order = [place for _, _, places in pieces for place in places]
        return [_Open(memory, row, grown[place][0].members, grown[place][0].done) for row, place in enumerate(order)]

    def _pieces(
        self, starts: Sequence[_Open], texts: Sequence[list[int]], given_up: Callable[[], None]
    ) -> list[tuple[Memory, torch.Tensor, list[int]]]:
        """Read a text behind each start, those of like length together; the last item says which are in a piece."""
        memories: dict[int, int] = {}
        ranks = [memories.setdefault(id(start.memory), len(memories)) for start in starts]
        order = sorted(range(len(starts)), key=lambda place: (ranks[place], len(texts[place])))
        cut: list[list[int]] = []
        for place in order:
            fits = cut and (len(cut[-1]) + 1) * len(texts[place]) <= _memory.CHUNK
            if fits and starts[cut[-1][0]].memory is starts[place].memory:
                cut[-1].append(place)
            else:
                cut.append([place])
        pieces = []
        for places in cut:
            memory = starts[places[0]].memory.rows([starts[place].row for place in places])
            pieces.append((memory, memory.read([texts[place] for place in places], given_up), places))
        return pieces

    def _alone(self, prompt: list[int], given_up: Callable[[], None]) -> tuple[Memory, torch.Tensor]:
        """The memory and logits of one prompt; the start it shares with the one before is not read again.

        The memory is kept: it must not be read on, only rows of it.
        """
        memory, shared = Memory(self._model.weights), 0
        if self._last is not None:
            shared = min(common_start([self._last[0], prompt]), len(prompt) - 1)
            if shared >= WORTH_SHARING:
                memory = self._last[1].prefix(shared)
            else:
                shared = 0
        self._last = None
        logits = memory.read([prompt[shared:]], given_up)
        if memory.plain:
            self._last = (prompt, memory)
        return memory, logits


def _common(prompts: Sequence[list[int]], members: Sequence[int]) -> int:
    """How many tokens the prompts share, which are in the order of their tokens; each keeps one to be read."""
    first, last = prompts[members[0]], prompts[members[-1]]
    return min(common_start([first, last]), *(len(prompts[member]) - 1 for member in members))


def _alike(prompts: Sequence[list[int]], start: _Open) -> list[list[int]]:
    """Those behind a start in groups that go on alike long enough; the others by themselves."""
    ahead = start.done + WORTH_SHARING

    def next_ones(member: int) -> tuple[bool, list[int]]:
        return len(prompts[member]) > ahead, prompts[member][start.done : ahead]

    groups: list[list[int]] = []
    for (enough, _), alike in groupby(start.members, next_ones):
        members = list(alike)
        groups += [members] if enough else [[member] for member in members]
    return groups

"""What a model remembers of a batch of texts while it goes on with them: the key-value cache, grown in place."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

# Tokens run through the model at once: bounds its memory, and how long a run goes on after it was given up.
CHUNK = 1024
# Free places kept behind each text. Without them every new token copies the whole cache: half the time of a step.
ROOM = 128


class Memory:
    """A batch of texts inside a model: its key-value cache, which places hold tokens, and how long each text is.

    Texts of different length stand in one rectangle: places without a token are masked out, wherever they are.
    """

    def __init__(self, model: Any, rows: int = 1) -> None:
        self._model = model
        self._cache: Any = DynamicCache(config=model.config)
        roomy: Any = _RoomyLayer
        self._cache.layers = [roomy() if type(layer) is DynamicLayer else layer for layer in self._cache.layers]
        self._filled = torch.zeros(rows, 0, dtype=torch.long, device=model.device)
        self._lengths = torch.zeros(rows, dtype=torch.long, device=model.device)

    @property
    def plain(self) -> bool:
        """Whether all layers attend to all tokens and nothing else.

        Otherwise (sliding windows, recurrent states) `prefix` and `joined` do not work, and places without a token do
        harm unless they stand before a text.
        """
        layers = self._cache.layers
        return bool(layers) and all(isinstance(layer, _RoomyLayer) for layer in layers)

    def read(self, texts: Sequence[Sequence[int]], given_up: Callable[[], None]) -> torch.Tensor:
        """Append at least one token to each row.

        Args:
            texts: the tokens to append to each row.
            given_up: called now and then; what it raises ends the reading.

        Returns:
            The logits of what comes next: float32 on the CPU, of shape (rows, vocabulary).
        """
        return self.follow(texts, 1, given_up)[:, 0]

    def follow(self, texts: Sequence[Sequence[int]], last: int, given_up: Callable[[], None]) -> torch.Tensor:
        """The same, with the logits behind each of the last tokens.

        Args:
            texts: the tokens to append to each row.
            last: behind how many tokens; at most as many as the longest text has.
            given_up: called now and then; what it raises ends the reading.

        Returns:
            The logits: float32 on the CPU, of shape (rows, last, vocabulary); shorter texts fill the end.
        """
        width = max(map(len, texts))
        tokens = torch.tensor([[0] * (width - len(text)) + list(text) for text in texts])
        filled = torch.tensor([[0] * (width - len(text)) + [1] * len(text) for text in texts])
        kept = []
        columns = max(1, CHUNK // len(texts))
        for start in range(0, width, columns):
            given_up()
            part = slice(start, min(width, start + columns))
            wanted = part.stop - max(part.start, width - last)
            logits = self._step(
                tokens[:, part].to(self._model.device), filled[:, part].to(self._model.device), max(1, wanted)
            )
            if wanted > 0:
                kept.append(logits.float().cpu())
        return kept[0] if len(kept) == 1 else torch.cat(kept, dim=1)

    def rows(self, chosen: Sequence[int]) -> "Memory":
        """A memory of the chosen rows, each as often as it is named. This one stays as it is, if it is plain."""
        if self.plain:
            return joined([(self, chosen)])
        index = torch.tensor(chosen, device=self._model.device)
        other = self._copy()
        other._cache.reorder_cache(index)
        other._filled, other._lengths = self._filled[index], self._lengths[index]
        return other

    def prefix(self, length: int) -> "Memory":
        """A memory of the first tokens of one text. This one must not be read on afterwards."""
        other = self._copy()
        for layer in other._cache.layers:
            layer.keys, layer.values = layer.keys[:, :, :length], layer.values[:, :, :length]
        other._filled, other._lengths = self._filled[:, :length], torch.full_like(self._lengths, length)
        return other

    def _copy(self) -> "Memory":
        other = copy.copy(self)
        other._cache = copy.copy(self._cache)
        other._cache.layers = [copy.copy(layer) for layer in self._cache.layers]
        return other

    def _step(self, tokens: torch.Tensor, filled: torch.Tensor, last: int) -> torch.Tensor:
        positions = (self._lengths[:, None] + filled.cumsum(1) - 1).clamp(min=0)
        self._filled = torch.cat([self._filled, filled], dim=1)
        self._lengths = self._lengths + filled.sum(1)
        answer = self._model(
            input_ids=tokens,
            attention_mask=self._filled,
            position_ids=positions,
            past_key_values=self._cache,
            logits_to_keep=last,
        )
        return cast(torch.Tensor, answer.logits)


def joined(parts: Sequence[tuple[Memory, Sequence[int]]]) -> Memory:
    """One memory of chosen rows of several plain memories, which stay as they are.

    All texts end at the same place; places before all of them are dropped.
    """
    model = parts[0][0]._model
    picked = []
    for memory, rows in parts:
        index = torch.tensor(rows, dtype=torch.long, device=model.device)
        filled = memory._filled[index]
        used = filled.any(0).nonzero()
        picked.append((memory, index, int(used[0]) if len(used) else filled.shape[1]))
    width = max(memory._filled.shape[1] - start for memory, _, start in picked)
    result = Memory(model, sum(len(rows) for _, rows in parts))
    result._filled = result._filled.new_zeros(len(result._filled), width)
    result._lengths = torch.cat([memory._lengths[index] for memory, index, _ in picked])
    row = 0
    for memory, index, start in picked:
        end = row + len(index)
        result._filled[row:end, width - memory._filled.shape[1] + start :] = memory._filled[index, start:]
        row = end
    if width:
        for place, layer in enumerate(result._cache.layers):
            layer.fill([(memory._cache.layers[place], index, start) for memory, index, start in picked], width)
    return result


class _RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values of one layer, (rows, heads, places, dimensions), as the front part of larger tensors."""

    keys: Any
    values: Any
    _stores: tuple[torch.Tensor, ...] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the new states; gives all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if self._stores is None or self._stores[0].shape[-2] < end:
            old = (self.keys, self.values) if start else (key_states[:, :, :0], value_states[:, :, :0])
            self._stores = (_roomy(old[0], end + ROOM), _roomy(old[1], end + ROOM))
        for store, states in zip(self._stores, (key_states, value_states), strict=True):
            store[:, :, start:end] = states
        self.keys, self.values = (store[:, :, :end] for store in self._stores)
        return self.keys, self.values

    def fill(self, sources: "Sequence[tuple[_RoomyLayer, torch.Tensor, int]]", width: int) -> None:
        """Take rows of other layers from a place on, so that all end at the same place."""
        used = [(layer, index, start) for layer, index, start in sources if layer.is_initialized]
        first, rows = used[0][0], sum(len(index) for _, index, _ in sources)
        self.lazy_initialization(first.keys, first.values)
        stores = []
        for name in ("keys", "values"):
            _, heads, _, dimensions = getattr(first, name).shape
            store = getattr(first, name).new_empty(rows, heads, width + ROOM, dimensions)
            row = 0
            for layer, index, start in sources:
                part = store[row : row + len(index), :, :width]
                row += len(index)
                if not layer.is_initialized:
                    part.zero_()
                    continue
                states = getattr(layer, name)[:, :, start:]
                # What is masked must be finite all the same: zero times infinity is no number.
                part[:, :, : width - states.shape[2]] = 0
                part[:, :, width - states.shape[2] :] = states[index]
            stores.append(store)
        self._stores = tuple(stores)
        self.keys, self.values = (store[:, :, :width] for store in stores)


def _roomy(states: torch.Tensor, places: int) -> torch.Tensor:
    rows, heads, length, dimensions = states.shape
    store = states.new_empty(rows, heads, places, dimensions)
    store[:, :, :length] = states
    return store

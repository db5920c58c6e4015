"""Plain decoding through the library's own cache, for models that cannot take flat rows (recurrent layers, say).

The store holds tokens, not keys: when the wanted context continues what the library's cache has seen, only the new rows
are computed; otherwise everything is computed again. Slow on forks, never wrong.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch

from guidedgen.models.base import Rows

_MOST_STEPS = 16  # rows computed one by one before computing everything again is cheaper
_SLOT_BYTES = 64  # a token and its bookkeeping; the library's own cache holds one sequence at a time


class TokenStore:
    """Tokens by slot, and the library's cache of the last sequence."""

    def __init__(self, capacity: int, device: torch.device) -> None:
        self.tokens = torch.zeros(capacity, dtype=torch.int64, device=device)
        self.seen = self.tokens[:0]  # the tokens that `cache` has taken in
        self.cache: Any = None

    @property
    def capacity(self) -> int:
        """Number of slots that exist."""
        return int(self.tokens.shape[0])

    @property
    def slot_bytes(self) -> int:
        """Bytes that one slot takes."""
        return _SLOT_BYTES

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` slots; existing ones keep their content."""
        if capacity > self.capacity:
            wider = self.tokens.new_zeros(capacity)
            wider[: self.capacity] = self.tokens
            self.tokens = wider

    def move(self, old: torch.Tensor, new: torch.Tensor) -> None:
        """Copy tokens of slots to others."""
        self.tokens[new] = self.tokens[old]


class LibraryPlain:
    """A `Backend` for one chain of rows at a time.

    Args:
        model: a causal language model of the library.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._device = model.device
        names = inspect.signature(model.forward).parameters
        self._cache_name = "past_key_values" if "past_key_values" in names else "cache_params"

    def new_store(self, capacity: int) -> TokenStore:
        """An empty store with `capacity` slots."""
        return TokenStore(capacity, self._device)

    @torch.inference_mode()
    def forward(self, rows: Rows, store: TokenStore) -> torch.Tensor:
        """Logits of the wanted rows, [W, logits_size].

        Raises:
            ValueError: for several segments or a tree; `ModelInfo` says that neither is possible.
        """
        if len(rows.segments) != 1 or rows.segments[0].ancestors is not None:
            raise ValueError("this model computes one sequence at a time: give one segment without a tree mask")
        store.tokens[rows.slots] = rows.tokens
        context = store.tokens[rows.segments[0].context]
        known, store.cache = store.cache, None  # an interrupted forward leaves no half-updated cache behind
        if known is not None and rows.tokens.shape[0] <= _MOST_STEPS and torch.equal(store.seen, context):
            logits, cache = self._continue(rows.tokens, known)
        else:
            logits, cache = self._compute(torch.cat((context, rows.tokens)), None)
        store.seen, store.cache = torch.cat((context, rows.tokens)), cache
        return logits[rows.wanted + (logits.shape[0] - rows.tokens.shape[0])]

    def _continue(self, tokens: torch.Tensor, cache: Any) -> tuple[torch.Tensor, Any]:
        """One token at a time: several at once restart recurrent layers in some families."""
        parts = []
        for index in range(tokens.shape[0]):
            logits, cache = self._compute(tokens[index : index + 1], cache)
            parts.append(logits)
        return torch.cat(parts), cache

    def _compute(self, tokens: torch.Tensor, cache: Any) -> tuple[torch.Tensor, Any]:
        output = self._model(input_ids=tokens[None], use_cache=True, **{self._cache_name: cache})
        return output.logits[0], getattr(output, self._cache_name, None)

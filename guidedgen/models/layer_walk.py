"""LayerWalk: what one forward does at each layer (which run, what enters, what is tapped). Knows no model."""

from __future__ import annotations

import torch

from guidedgen.errors import ModelError
from guidedgen.models.base import Rows


class LayerWalk:
    """The way of some rows through the layers.

    Args:
        rows: with plan, taps and embeddings.
        count: layers that the model has.

    Attributes:
        layers: those that run, ascending.
        hidden: by tapped layer what the wanted rows were after it, [W, E].

    Raises:
        ModelError: a plan or a tap that this model cannot do.
    """

    def __init__(self, rows: Rows, count: int) -> None:
        self.layers = rows.plan.running(count)
        self.hidden: dict[int, torch.Tensor] = {}
        self._without = frozenset(rows.plan.without_attention), frozenset(rows.plan.without_mlp)
        self._taps = frozenset(rows.taps)
        self._wanted = rows.wanted
        self._embeddings = rows.embeddings
        idle = sorted(self._taps.difference(self.layers))
        if idle:
            raise ModelError(f"layers {idle} are tapped but do not run. Running: {list(self.layers)}.")
        if self._embeddings is not None and self._embeddings.shape[0] != rows.tokens.shape[0]:
            raise ModelError(f"{self._embeddings.shape[0]} embeddings were given for {rows.tokens.shape[0]} rows.")

    def enter(self, hidden: torch.Tensor) -> torch.Tensor:
        """What enters the first layer that runs: the rows' embeddings, or `hidden` [R, E] where they have none."""
        return hidden if self._embeddings is None else self._embeddings

    def runs(self, layer: int) -> bool:
        """Whether a layer runs."""
        return layer in self.layers

    def attends(self, layer: int) -> bool:
        """Whether the attention of a layer that runs does."""
        return layer not in self._without[0]

    def feeds(self, layer: int) -> bool:
        """Whether the feed-forward part of a layer that runs does."""
        return layer not in self._without[1]

    def after(self, layer: int, hidden: torch.Tensor) -> None:
        """Note hidden states [R, E] behind a layer that ran; a copy, so that nothing that follows can change it."""
        if layer in self._taps:
            self.hidden[layer] = hidden.index_select(0, self._wanted)

"""SlotStore: keys and values of every layer by slot, in tensors that grow. Knows nothing about sequences."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from guidedgen.models.base import Change


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """What one attention layer keeps for one token."""

    heads: int  # key/value heads
    key_dim: int
    value_dim: int

    @property
    def elements(self) -> int:
        """Numbers per slot."""
        return self.heads * (self.key_dim + self.value_dim)


class SlotStore:
    """Keys and values of all layers; row s of every tensor belongs to slot s.

    Memory is zeroed, so that a slot that was never written holds finite numbers: masked scores stay finite too.

    Args:
        shapes: one per attention layer.
        capacity: number of slots to begin with.
        dtype: of keys and values.
        device: where the tensors live.
    """

    def __init__(
        self, shapes: tuple[LayerShape, ...], *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.shapes = shapes
        self.dtype = dtype
        self.device = device
        self.keys = [self._zeros(capacity, shape.heads, shape.key_dim) for shape in shapes]
        self.values = [self._zeros(capacity, shape.heads, shape.value_dim) for shape in shapes]
        self.positions = torch.zeros(capacity, dtype=torch.int64, device=device)  # of the token in each slot
        self.uneven: torch.Tensor | None = None  # [N, L], once a slot holds another token in each layer

    def _zeros(self, *size: int) -> torch.Tensor:
        return torch.zeros(size, dtype=self.dtype, device=self.device)

    @property
    def capacity(self) -> int:
        """Number of slots that exist."""
        return int(self.positions.shape[0])

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.shapes)

    @property
    def slot_bytes(self) -> int:
        """Bytes that one slot takes over all layers."""
        return sum(shape.elements for shape in self.shapes) * self.dtype.itemsize

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` slots; existing ones keep their content."""
        if capacity <= self.capacity:
            return
        self.keys = [_grown(tensor, capacity) for tensor in self.keys]
        self.values = [_grown(tensor, capacity) for tensor in self.values]
        if self.uneven is not None:
            self.uneven = _grown(self.uneven, capacity)
        self.positions = _grown(self.positions, capacity)

    def move(self, old: torch.Tensor, new: torch.Tensor) -> None:
        """Copy the content of slots `old` [M] to slots `new` [M]; what is indexed is copied before it is written."""
        for tensor in (*self.keys, *self.values, *self._places()):
            tensor[new] = tensor[old]

    def place(self, slots: torch.Tensor, positions: torch.Tensor) -> None:
        """Note the positions [R] of the tokens whose rows go to `slots` [R]."""
        self.positions[slots] = positions
        if self.uneven is not None:
            self.uneven[slots] = positions[:, None]

    def positions_in(self, layer: int) -> torch.Tensor:
        """By slot the position of the token that a layer holds there, [N]."""
        return self.positions if self.uneven is None else self.uneven[:, layer]

    def positions_of(self, layer: int, slots: torch.Tensor) -> torch.Tensor:
        """Positions of the tokens that a layer holds in slots [M]."""
        return self.positions_in(layer)[slots]

    def gather(
        self, sources: list[torch.Tensor], slots: torch.Tensor, change: Change = lambda layer, keys, values: None
    ) -> None:
        """Copy, in each layer, what `change` makes of `sources[layer]` [M] to slots [M]; the two may overlap."""
        if self.uneven is None:
            self.uneven = self.positions[:, None].repeat(1, self.layers)
        for layer, source in enumerate(sources):
            keys, values = self.keys[layer][source], self.values[layer][source]
            changed = change(layer, keys, values)
            self.write(layer, slots, *(changed or (keys, values)))
            self.uneven[slots, layer] = self.uneven[source, layer]

    def _places(self) -> list[torch.Tensor]:
        return [self.positions] if self.uneven is None else [self.positions, self.uneven]

    def write(self, layer: int, slots: torch.Tensor | slice, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Put keys [R, KV, D] and values [R, KV, Dv] of one layer into their slots."""
        self.keys[layer][slots] = keys
        self.values[layer][slots] = values


def _grown(tensor: torch.Tensor, capacity: int) -> torch.Tensor:
    if tensor.shape[0] >= capacity:  # an earlier call was interrupted half-way
        return tensor
    wider = tensor.new_zeros((capacity, *tensor.shape[1:]))
    wider[: tensor.shape[0]] = tensor
    return wider

"""CodedStore: keys and values in eight bits. A head's numbers are codes around 0, and behind them stands their scale.

Each token's keys and values are rounded by themselves when they are written, so what a slot holds depends on nothing
else: law CACHE holds as exactly as without rounding. Only the native forward reads and writes such a store.
"""

from __future__ import annotations

import torch

from guidedgen.models.base import Change
from guidedgen.models.store import LayerShape, SlotStore

_SCALE_BYTES = 4  # a float32 behind the codes
_LARGEST = 127


class CodedStore(SlotStore):
    """A `SlotStore` of bytes: [slots, heads, dim + 4] for keys and for values of each layer.

    Args:
        shapes: one per attention layer, in numbers as the model has them.
        capacity: number of slots to begin with.
    """

    def __init__(self, shapes: tuple[LayerShape, ...], *, capacity: int) -> None:
        wider = tuple(
            LayerShape(
                heads=shape.heads, key_dim=shape.key_dim + _SCALE_BYTES, value_dim=shape.value_dim + _SCALE_BYTES
            )
            for shape in shapes
        )
        super().__init__(wider, capacity=capacity, dtype=torch.uint8, device=torch.device("cpu"))

    def gather(
        self, sources: list[torch.Tensor], slots: torch.Tensor, change: Change = lambda layer, keys, values: None
    ) -> None:
        """See `SlotStore.gather`; `change` sees numbers, and what it makes of them is rounded anew."""

        def on_codes(layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
            changed = change(layer, decoded(keys), decoded(values))
            return None if changed is None else (encoded(changed[0]), encoded(changed[1]))

        super().gather(sources, slots, on_codes)


def encoded(numbers: torch.Tensor) -> torch.Tensor:
    """Numbers [..., D] as bytes [..., D + 4]: codes of -127 to 127, and their scale."""
    numbers = numbers.float()
    scales = numbers.abs().amax(-1, keepdim=True) / _LARGEST
    codes = torch.where(scales > 0, numbers / scales, 0.0).round().to(torch.int8)
    return torch.cat((codes.view(torch.uint8), scales.contiguous().view(torch.uint8)), -1)


def decoded(kept: torch.Tensor) -> torch.Tensor:
    """The numbers [..., D] of bytes [..., D + 4], float32."""
    codes, scales = kept[..., :-_SCALE_BYTES], kept[..., -_SCALE_BYTES:]
    return codes.contiguous().view(torch.int8).float() * scales.contiguous().view(torch.float32)

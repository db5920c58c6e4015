"""Weight matrices by format: the one place where a model's matrices meet rows. Add a format here, nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from guidedgen.models.packed import packed_linear
from guidedgen.models.quantised import Int4Linear, Int8Linear


class Linear(Protocol):
    """A weight matrix [out, in] in some format."""

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """[R, in] -> [R, out]. Each row's result must not depend on the other rows."""


class DenseLinear:
    """A matrix in a floating-point format, used as it is.

    Args:
        weight: [out, in].
        bias: [out], or None.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        self._weight = weight
        self._bias = bias

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """[R, in] -> [R, out]."""
        return F.linear(rows, self._weight, self._bias)


LinearFormat = Callable[[torch.Tensor, torch.Tensor | None], Linear]


def _four_bits(weight: torch.Tensor, bias: torch.Tensor | None) -> Linear:
    return Int4Linear(weight, bias) if Int4Linear.fits(weight) else Int8Linear(weight, bias)


def _four_bits_rounded(weight: torch.Tensor) -> torch.Tensor:
    return Int4Linear.rounded(weight) if Int4Linear.fits(weight) else Int8Linear.rounded(weight)


FORMATS: dict[str, LinearFormat] = {
    "dense": DenseLinear,
    "int8": Int8Linear,
    "int4": _four_bits,
    **{f"packed {name}": partial(packed_linear, name) for name in ("dense", "int8", "int4")},
}
"""How matrices are kept, by name; the packed ones are the native kernel's."""

ROUNDED: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "dense": lambda weight: weight,
    "int8": Int8Linear.rounded,
    "int4": _four_bits_rounded,
}
"""By format: a matrix [out, in] to the values that are in fact used."""

HEAD_FORMATS = {
    "dense": "dense",
    "int8": "int8",
    "int4": "int8",
    "packed dense": "packed dense",
    "packed int8": "packed int8",
    "packed int4": "packed int8",
}
"""By format of the layers: that of the output head, where four bits cost more quality than they save time."""


def fused(format_name: str, weights: list[torch.Tensor], biases: list[torch.Tensor | None]) -> Linear:
    """Several matrices over the same input as one: their outputs lie side by side."""
    present = [bias for bias in biases if bias is not None]
    weight = torch.cat(weights) if len(weights) > 1 else weights[0].contiguous()
    if not present:
        return FORMATS[format_name](weight, None)
    filled = [weights[i].new_zeros(weights[i].shape[0]) if bias is None else bias for i, bias in enumerate(biases)]
    return FORMATS[format_name](weight, torch.cat(filled))

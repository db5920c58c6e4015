"""Weight-only quantised matrices for CPUs, on the kernels that torch ships. Activations stay bfloat16.

A row's result depends on no other row: scales belong to weights alone. (Scales of activations would have to be by row;
one scale for a whole batch lets an outlier in one row coarsen all others.)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

_GROUP = 32  # weights that share a scale and an offset: as in GGUF's Q4_0 and Q4_1
_LEVELS = 15
_MIDDLE = 8  # the kernel's code for an offset: weight = (code - 8) * scale + zero
_WIDE = 8  # rows from which the dense product of the same weights is faster


class Int8Linear:
    """Eight bits a weight, one scale for each output.

    Args:
        weight: [out, in].
        bias: [out], or None.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        self._scales, self._codes = _eight_bits(weight)
        self._bias = None if bias is None else bias.bfloat16()

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """[R, in] -> [R, out]."""
        product = torch._weight_int8pack_mm(rows, self._codes, self._scales)
        return product if self._bias is None else product + self._bias

    @staticmethod
    def rounded(weight: torch.Tensor) -> torch.Tensor:
        """The weights that are in fact used, in the format of `weight`."""
        scales, codes = _eight_bits(weight)
        return (codes.float() * scales.float()[:, None]).to(weight.dtype)


def _eight_bits(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scales [out] bfloat16 and codes [out, in] int8."""
    values = weight.detach().float()
    scales = (values.abs().amax(1) / 127).clamp_min(1e-12).bfloat16()
    codes = (values / scales.float()[:, None]).round().clamp(-127, 127).to(torch.int8)
    return scales, codes.contiguous()


class Int4Linear:
    """Four bits a weight, a scale and an offset for each 32 of them.

    Weights that came from GGUF's Q4_0 or Q4_1 keep their values but for the rounding of scales. Many rows at once are
    multiplied with the same weights in bfloat16, which are kept beside.

    Args:
        weight: [out, in]; `in` a multiple of 32, `out` of 16 (`fits`).
        bias: [out], or None.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        codes, scales, zeros = _four_bits(weight)
        self._packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1)
        self._scales = torch.stack((scales, zeros), -1).transpose(0, 1).contiguous()  # [in / 32, out, 2]
        self._dense = _from_four_bits(codes, scales, zeros).bfloat16()
        self._bias = None if bias is None else bias.bfloat16()

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """[R, in] -> [R, out]."""
        if rows.shape[0] >= _WIDE:
            return F.linear(rows, self._dense, self._bias)
        product: torch.Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(
            rows.contiguous(), self._packed, _GROUP, self._scales
        )
        return product if self._bias is None else product + self._bias

    @staticmethod
    def fits(weight: torch.Tensor) -> bool:
        """Whether a matrix has a shape that the kernel takes."""
        return weight.shape[1] % _GROUP == 0 and weight.shape[0] % 16 == 0

    @staticmethod
    def rounded(weight: torch.Tensor) -> torch.Tensor:
        """The weights that are in fact used, in the format of `weight`."""
        return _from_four_bits(*_four_bits(weight)).to(weight.dtype)


def _four_bits(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Codes [out, in] int32 of 0 to 15, and scales and zeros [out, in / 32] bfloat16."""
    values = weight.detach().float()
    groups = values.view(values.shape[0], -1, _GROUP)
    low, high = groups.amin(-1), groups.amax(-1)
    scales = ((high - low) / _LEVELS).clamp_min(1e-12).bfloat16()
    zeros = (low + _MIDDLE * scales.float()).bfloat16()
    codes = ((groups - zeros.float()[..., None]) / scales.float()[..., None]).round() + _MIDDLE
    return codes.clamp(0, _LEVELS).to(torch.int32).view(values.shape).contiguous(), scales, zeros


def _from_four_bits(codes: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor) -> torch.Tensor:
    groups = codes.view(codes.shape[0], -1, _GROUP).float() - _MIDDLE
    return (groups * scales.float()[..., None] + zeros.float()[..., None]).view(codes.shape)

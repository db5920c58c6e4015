"""Views that keep keys and values in few bits. Simulated: they hold the values that the bits stand for, so they show
what coarse keys and values cost in quality and how well a drafter does with them, and save no memory.

Rows of the newest, unfinished block stay as they are, so drafts and what may be taken back are never rounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


class Rounding:
    """A view that keeps every row and changes it."""

    threshold = 0
    scored = False

    def left(self, rows: int) -> int:
        """See `View.left`."""
        return rows

    def keep(self, positions: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        """See `View.keep`."""
        return torch.arange(positions.shape[0], device=positions.device)


@dataclass(frozen=True)
class Quantised(Rounding):
    """Keys by channel over the tokens of a block, values by token: asymmetric, between the smallest and the largest.

    Source: Liu et al. 2024, "KIVI" (which axis), and Tiwari et al. 2025, "QuantSpec", section 4 (blocks of 128 tokens,
    and 8 bits as two times 4). The upper four bits of `bits=8` are what `bits=4` gives.

    Args:
        bits: 8, 4 or 2 for a number.
        block: tokens that share a scale in a channel of the keys.

    Raises:
        ValueError: another number of bits, or no block.
    """

    bits: int = 4
    block: int = 128

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.bits not in (2, 4, 8) or self.block < 1:
            raise ValueError(f"{self} is no view: bits are 8, 4 or 2, and a block has at least one token")

    def change(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `View.change`."""
        blocks = keys.float().view(-1, self.block, *keys.shape[1:])  # [N, block, KV, D]
        rounded = rounded_between(blocks, 1, self.bits).flatten(0, 1)
        return rounded.to(keys.dtype), rounded_between(values.float(), -1, self.bits).to(values.dtype)


@dataclass(frozen=True)
class Gear(Rounding):
    """Quantised, with the largest and smallest numbers kept exactly and the error approximated by a low rank.

    Source: Kang et al. 2024, "GEAR", sections 3 and 4: outliers by channel of the keys and by token of the values, and
    for each head a matrix of rank r from power iterations on what rounding left over.

    Args:
        bits: 8, 4 or 2 for a number.
        block: tokens that are compressed together.
        outliers: share of the numbers that are kept as they are, half of it at each end.
        rank: of the correction, 0 for none.

    Raises:
        ValueError: another number of bits, no block, an impossible share or rank.
    """

    bits: int = 4
    block: int = 128
    outliers: float = 0.02
    rank: int = 4

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.bits not in (2, 4, 8) or self.block < 1 or not 0 <= self.outliers < 1 or self.rank < 0:
            raise ValueError(f"{self} is no view: see its arguments")

    def change(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `View.change`."""
        return (
            torch.cat([self._compressed(part.float(), 0) for part in torch.split(keys, self.block)]).to(keys.dtype),
            torch.cat([self._compressed(part.float(), -1) for part in torch.split(values, self.block)]).to(
                values.dtype
            ),
        )

    def _compressed(self, numbers: torch.Tensor, axis: int) -> torch.Tensor:
        """One block [B, KV, D]; numbers along `axis` share a scale."""
        count = int(numbers.shape[axis] * self.outliers / 2)
        exact = torch.zeros_like(numbers, dtype=torch.bool)
        if count:
            for largest in (True, False):
                exact.scatter_(axis, numbers.topk(count, axis, largest=largest).indices, True)
        middle = numbers.masked_fill(exact, float("nan"))
        low, high = middle.nan_to_num(float("inf")).amin(axis, True), middle.nan_to_num(float("-inf")).amax(axis, True)
        rounded = _rounded(numbers, low, high, self.bits)
        rest = torch.where(exact, 0.0, numbers - rounded)
        corrected = rounded + _low_rank(rest.transpose(0, 1), self.rank).transpose(0, 1)
        return torch.where(exact, numbers, corrected)


def rounded_between(numbers: torch.Tensor, axis: int, bits: int) -> torch.Tensor:
    """Numbers rounded to 2^bits values between the smallest and the largest along an axis.

    Eight bits are four and four more for what these left: error at most a 32nd of the step of four bits.
    """
    low, high = numbers.amin(axis, keepdim=True), numbers.amax(axis, keepdim=True)
    return _rounded(numbers, low, high, bits)


def _rounded(numbers: torch.Tensor, low: torch.Tensor, high: torch.Tensor, bits: int) -> torch.Tensor:
    upper = min(bits, 4)
    step = ((high - low) / (2**upper - 1)).clamp_min(1e-12)
    rounded: torch.Tensor = low + ((numbers - low) / step).round().clamp(0, 2**upper - 1) * step
    if bits == 8:
        rounded += ((numbers - rounded) / (step / 16)).round().clamp(-8, 8) * (step / 16)
    return rounded


def _low_rank(matrices: torch.Tensor, rank: int) -> torch.Tensor:
    """The best approximation of rank `rank` of each matrix [KV, B, D], by two power iterations."""
    if rank == 0:
        return torch.zeros_like(matrices)
    generator = torch.Generator().manual_seed(rank)
    start = torch.randn(matrices.shape[-1], min(rank, *matrices.shape[-2:]), generator=generator)
    right = start.to(matrices.device).expand(matrices.shape[0], -1, -1)  # [KV, D, r]
    for _ in range(2):
        left = torch.linalg.qr(matrices @ right).Q  # [KV, B, r]
        right = torch.linalg.qr(matrices.mT @ left).Q
    best: torch.Tensor = torch.matmul(matrices @ right, right.transpose(-1, -2))
    return best

"""The Triton kernel of `device_masks`; imported only where the triton package is there."""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl


@triton.jit  # type: ignore[untyped-decorator,unused-ignore]
def expand(words: Any, out: Any, width: Any, count: Any, BLOCK: tl.constexpr) -> None:  # noqa: N803 - Triton's convention
    """One program writes BLOCK columns of one row: out[row, column] = 0 or minus infinity by its bit of words."""
    row = tl.program_id(0)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    word = tl.load(words + row * count + column // 32, mask=column < count * 32, other=0)
    allowed = (word >> (column % 32)) & 1
    tl.store(out + row * width + column, tl.where(allowed == 1, 0.0, float("-inf")), mask=column < width)

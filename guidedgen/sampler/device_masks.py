"""The bias of packed masks on a device: 32 tokens a word travel there, one kernel makes 0 or minus infinity of them.

The kernel is Triton's, where that package is there (it comes with torch for CUDA); `expand_words` in plain torch is its
twin and what else runs.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from typing import Any

import torch

_BLOCK = 1024  # columns that one program writes


def expand_words(words: torch.Tensor, width: int) -> torch.Tensor:
    """0 for allowed tokens and minus infinity for others, float32 [B, width]; columns beyond the words are forbidden.

    Args:
        words: packed masks int32 [B, W] on any device, lowest bit first.
        width: number of logits.
    """
    shifts = torch.arange(32, dtype=torch.int32, device=words.device)
    allowed = (words[..., None] >> shifts & 1).flatten(1)[:, :width] == 1  # [B, width or fewer]
    bias = torch.full((words.shape[0], width), float("-inf"), device=words.device)
    return bias.masked_fill_(torch.nn.functional.pad(allowed, (0, width - allowed.shape[1])), 0.0)


def expand_words_by_kernel(words: torch.Tensor, width: int) -> torch.Tensor:
    """The same by the Triton kernel. Needs the triton package, and a CUDA device or Triton's interpreter."""
    out = torch.empty(words.shape[0], width, device=words.device)
    grid = (words.shape[0], -(-width // _BLOCK))
    _kernel()[grid](words.contiguous(), out, width, words.shape[1], BLOCK=_BLOCK)
    return out


def has_kernel() -> bool:
    """Whether the triton package is there."""
    return importlib.util.find_spec("triton") is not None


@cache
def _kernel() -> Any:
    return importlib.import_module("guidedgen.sampler.triton_masks").expand

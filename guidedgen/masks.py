"""Token masks: one bit a token, int32 words, LSB first; the layout that xgrammar, llguidance and vLLM share."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.int32]  # [ceil(V / 32)], bit t % 32 of word t // 32


def mask_words(vocab_size: int) -> int:
    """Number of int32 words in a mask."""
    return (vocab_size + 31) // 32


def check_mask(out: Mask, vocab_size: int) -> None:
    """Raise ValueError where `out` is not writable contiguous int32 [ceil(V / 32)]."""
    words = mask_words(vocab_size)
    if not isinstance(out, np.ndarray):
        raise ValueError(f"a mask must be an int32 array of {words} words, not {type(out).__name__}.")
    if out.dtype != np.int32 or out.shape != (words,) or not out.flags.c_contiguous or not out.flags.writeable:
        raise ValueError(
            f"a mask must be a writable contiguous int32 array of {words} words, not {out.dtype} {list(out.shape)}. "
            f"Make one with numpy.empty({words}, numpy.int32)."
        )


def allowed_tokens(mask: Mask) -> NDArray[np.int64]:
    """The token ids whose bits are set, ascending."""
    return np.flatnonzero(np.unpackbits(mask.astype("<i4").view(np.uint8), bitorder="little"))


def mask_of(allowed: NDArray[np.bool_]) -> Mask:
    """A mask from one truth value a token, [V]."""
    bits = np.zeros(mask_words(len(allowed)) * 32, dtype=np.bool_)
    bits[: len(allowed)] = allowed
    return np.packbits(bits, bitorder="little").view("<i4").astype(np.int32)


class _Scratch(threading.local):
    """Buffers of one thread by number of words: a stack each, since a part may itself need one while it is filled."""

    def __init__(self) -> None:
        self.free: dict[int, list[Mask]] = {}


_scratch = _Scratch()


def borrow(words: int) -> Mask:
    """A buffer of this thread with undefined content; hand it back with `give_back`."""
    free = _scratch.free.get(words)
    return free.pop() if free else np.empty(words, dtype=np.int32)


def give_back(buffer: Mask) -> None:
    """Return a borrowed buffer for the next use in this thread."""
    _scratch.free.setdefault(len(buffer), []).append(buffer)

"""Random streams without state: (seed, sample, position) gives a number, whatever was drawn before or beside it.

So a sample does not depend on its batch, and running a prefix again draws the same tokens again.
"""

from __future__ import annotations

import hashlib
import struct

import torch

_MASK64 = (1 << 64) - 1
_SCALE = 2.0**-53


def fresh_seed() -> int:
    """A seed from torch's global generator, so that `torch.manual_seed` makes unseeded runs repeatable."""
    return int(torch.randint(1 << 62, ()).item())


def uniform(seed: int, sample: int, position: int, draw: int = 0) -> float:
    """A number in [0, 1) with 53 random bits: BLAKE2b as a keyed counter (RFC 7693).

    Args:
        seed: of the prompt.
        sample: number of the sample among those of the same prompt.
        position: index of the token in its sequence, prompt included.
        draw: number of the draw at that position, for strategies that need several.
    """
    counter = struct.pack("<QQQQ", seed & _MASK64, sample & _MASK64, position, draw)
    digest = hashlib.blake2b(counter, digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) * _SCALE

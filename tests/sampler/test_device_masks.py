"""Masks expanded on a device: torch's twin against numpy's, Triton's kernel (in its interpreter) against the twin."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from guidedgen.sampler.device_masks import expand_words, has_kernel
from guidedgen.sampler.masks import expand

BY_KERNEL = """
import torch
from guidedgen.sampler.device_masks import expand_words, expand_words_by_kernel
words = torch.randint(-2**31, 2**31 - 1, (3, 70), dtype=torch.int64).int()
for width in (1, 31, 32, 1023, 1024, 1025, 2240, 2300):
    assert torch.equal(expand_words_by_kernel(words, width), expand_words(words, width)), width
"""


@pytest.mark.parametrize("width", [1, 31, 32, 33, 64, 90, 96, 100, 130])
def test_the_twin_expands_as_the_cpu_does(width: int) -> None:
    words = np.random.default_rng(1).integers(-(2**31), 2**31, (5, 3), dtype=np.int64).astype(np.int32)
    expected = torch.from_numpy(expand(words, width))
    assert torch.equal(expand_words(torch.from_numpy(words), width), expected)
    assert 0 < int(torch.isfinite(expected).sum()) < expected.numel()


@pytest.mark.skipif(not has_kernel(), reason="needs the triton package")
def test_the_kernel_does_what_its_twin_does() -> None:
    """In a process of its own: the interpreter has to be asked for before Triton is imported."""
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    subprocess.run([sys.executable, "-c", BY_KERNEL], env=environment, check=True, timeout=100)

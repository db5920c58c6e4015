"""Few bits for keys and values: bounds of the errors, and views that read them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.errors import ModelError
from guidedgen.models import tiny
from guidedgen.sampler.quantised import Gear, Quantised, rounded_between
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.views import View
from tests.sampler.tokens import reads_whole_blocks


def some(seed: int, count: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys with strong channels, as real ones have, and values."""
    generator = torch.Generator().manual_seed(seed)
    keys, values = torch.randn(2, count, 2, 16, generator=generator)
    keys[:, :, 3] += 20
    return keys, values


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("axis", [0, -1])
@given(seed=st.integers(0, 2**20))
def test_errors_are_within_half_a_step(bits: int, axis: int, seed: int) -> None:
    numbers, _ = some(seed)
    step = (numbers.amax(axis, keepdim=True) - numbers.amin(axis, keepdim=True)) / (2 ** min(bits, 4) - 1)
    bound = step / (32 if bits == 8 else 2)
    assert bool(((rounded_between(numbers, axis, bits) - numbers).abs() <= bound * 1.001 + 1e-6).all())


def test_so_many_bits_give_so_many_values() -> None:
    keys, values = some(1, 64)
    for bits in (2, 4):
        seen, kept = Quantised(bits, 64).change(0, keys, values)
        assert max(len(seen[:, 0, channel].unique()) for channel in range(16)) == 2**bits
        assert max(len(row.unique()) for row in kept.flatten(0, 1)) <= 2**bits


def test_blocks_have_scales_of_their_own() -> None:
    keys, values = some(2, 16)
    both, _ = Quantised(4, 8).change(0, keys, values)
    for start in (0, 8):
        alone, _ = Quantised(4, 8).change(0, keys[start : start + 8], values[start : start + 8])
        assert torch.equal(both[start : start + 8], alone)


def test_the_upper_half_of_eight_bits_is_four_bits() -> None:
    """QuantSpec's hierarchy: eight bits never move further from four than the residual's reach."""
    keys, values = some(3)
    coarse, fine = (Quantised(bits, 8).change(0, keys, values)[0] for bits in (4, 8))
    step = (keys.amax(0) - keys.amin(0)) / 15
    assert bool(((fine - coarse).abs() <= step / 2 * 1.001 + 1e-6).all())
    assert float((fine - keys).abs().max()) < float((coarse - keys).abs().max()) / 8


def test_gear_is_closer_than_rounding_alone_and_exact_at_full_rank() -> None:
    keys, values = some(4, 64)
    plain = Gear(2, 64, outliers=0, rank=0).change(0, keys, values)
    assert all(
        torch.allclose(a, b, atol=1e-5) for a, b in zip(plain, Quantised(2, 64).change(0, keys, values), strict=True)
    )
    errors = []
    for settings in ((0.0, 0), (0.0, 4), (0.2, 0), (0.2, 4), (0.0, 16)):
        changed = Gear(2, 64, outliers=settings[0], rank=settings[1]).change(0, keys, values)
        errors.append([float((a - b).norm()) for a, b in zip(changed, (keys, values), strict=True)])
    for axis in (0, 1):
        none, ranked, exact, both, full = (error[axis] for error in errors)
        assert both < min(ranked, exact) < max(ranked, exact) < none
        assert full < 1e-3


@pytest.mark.parametrize("family", ["llama", "gemma2"])
@pytest.mark.parametrize("view", [Quantised(4, 4), Gear(4, 4, rank=1)], ids=str)
def test_a_view_reads_whole_blocks_in_few_bits(family: str, view: View) -> None:
    reads_whole_blocks(tiny.load(family), view)


def test_what_saves_no_memory_is_no_cache() -> None:
    with pytest.raises(ModelError, match="saves no memory"):
        Sampler(tiny.load("llama"), cache=Quantised())


@pytest.mark.parametrize("wrong", [lambda: Quantised(3), lambda: Quantised(4, 0), lambda: Gear(rank=-1)])
def test_impossible_settings_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="is no view"):
        wrong()

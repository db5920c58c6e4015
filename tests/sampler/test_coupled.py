"""Coupled quantisation: against k-means by hand, against single channels, and as a view of a model's cache."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from guidedgen.errors import ModelError
from guidedgen.models import tiny
from guidedgen.sampler.coupled import Coupled, codebooks, coded
from guidedgen.sampler.sampler import Sampler
from guidedgen.toy import ToyModel
from tests.sampler.tokens import reads_whole_blocks, some_tokens


def entangled(seed: int, count: int = 300) -> torch.Tensor:
    """Numbers [N, 2, 8] whose neighbouring channels depend on each other."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(count, 2, 4, generator=generator).repeat_interleave(2, -1)
    return base + 0.3 * torch.randn(count, 2, 8, generator=generator)


def error(numbers: torch.Tensor, channels: int, bits: int) -> float:
    return float((coded(numbers, codebooks(numbers, channels, bits)) - numbers).square().mean())


def test_single_channels_are_scalar_quantisation() -> None:
    """One channel with four values in four heaps: the heaps' means, and each number goes to its heap."""
    heaps = torch.tensor([-3.0, -1.0, 0.5, 2.0])
    numbers = (heaps[:, None] + torch.linspace(-0.1, 0.1, 25)).flatten()[:, None, None]
    books = codebooks(numbers, 1, 2)
    assert torch.allclose(books.flatten().sort().values, heaps, atol=1e-5)
    assert torch.allclose(coded(numbers, books).flatten(), heaps.repeat_interleave(25), atol=1e-5)


@pytest.mark.parametrize(("channels", "bits"), [(2, 2), (2, 4), (4, 4), (4, 8), (8, 8)])
@pytest.mark.parametrize("seed", range(3))
def test_coupling_is_never_worse_than_single_channels_at_equal_bits(channels: int, bits: int, seed: int) -> None:
    numbers = entangled(seed)
    assert error(numbers, channels, bits) <= error(numbers, 1, bits // channels) * (1 + 1e-5)


def test_coupling_gains_where_channels_depend_on_each_other() -> None:
    numbers = entangled(7, 2000)
    assert error(numbers, 2, 4) < 0.8 * error(numbers, 1, 2)


def test_every_number_goes_to_the_nearest_word_of_its_group() -> None:
    numbers = entangled(3, 50)
    books = codebooks(numbers, 2, 4)
    found = coded(numbers, books)
    for row in range(50):
        for head in range(2):
            for group in range(4):
                point = numbers[row, head, 2 * group : 2 * group + 2]
                words = books[head, group]
                nearest = words[(words - point).norm(dim=-1).argmin()]
                assert torch.equal(found[row, head, 2 * group : 2 * group + 2], nearest)


def test_a_view_reads_whole_blocks_as_words_of_the_codebooks() -> None:
    """Each layer by codebooks of its own."""
    model: Any = tiny.load("llama")
    view = Coupled.calibrated(model, some_tokens(80), channels=2, bits=4, block=4)
    assert not torch.equal(view.keys[0], view.keys[1])
    numbers = entangled(4, 8)
    for layer in range(2):
        keys, values = view.change(layer, numbers, numbers + 1)
        assert torch.equal(keys, coded(numbers, view.keys[layer]))
        assert torch.equal(values, coded(numbers + 1, view.values[layer]))
    reads_whole_blocks(model, view)


def test_it_saves_no_memory_and_is_no_cache() -> None:
    model = tiny.load("llama")
    with pytest.raises(ModelError, match="saves no memory"):
        Sampler(model, cache=Coupled.calibrated(model, [5] * 20, channels=2, bits=2))


@pytest.mark.parametrize("wrong", [{"bits": 6}, {"channels": 0}, {"block": 0}, {"bits": 8}, {"channels": 3, "bits": 3}])
def test_impossible_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"bits|channels|tokens"):
        Coupled.calibrated(tiny.load("llama"), [5, 6, 7] * 30, **wrong)


def test_a_cache_of_another_form_is_refused() -> None:
    with pytest.raises(ModelError, match="form of its own"):
        Coupled.calibrated(ToyModel(), [1] * 300)

"""Random streams: pure functions of seed, sample, position and draw, uniform and independent."""

from __future__ import annotations

import numpy as np
import torch

from guidedgen.sampler.streams import fresh_seed, uniform


def test_same_arguments_same_number() -> None:
    assert uniform(7, 1, 20) == uniform(7, 1, 20)


def test_every_argument_matters() -> None:
    numbers = {
        uniform(7, 1, 20, 3),
        uniform(8, 1, 20, 3),
        uniform(7, 2, 20, 3),
        uniform(7, 1, 21, 3),
        uniform(7, 1, 20, 4),
    }
    assert len(numbers) == 5


def test_any_integer_is_a_seed() -> None:
    assert all(0 <= uniform(seed, 0, 0) < 1 for seed in (-1, 0, 2**64 + 5, -(2**70)))


def test_numbers_are_uniform() -> None:
    numbers = np.array([uniform(0, 0, position) for position in range(20_000)])
    counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
    statistic = ((counts - 1000) ** 2 / 1000).sum()
    assert statistic < 43.8  # chi-square, 19 degrees of freedom, p = 0.001


def test_neighbouring_streams_are_uncorrelated() -> None:
    numbers = np.array([[uniform(seed, 0, position) for position in range(5000)] for seed in range(3)])
    samples = np.array([[uniform(0, sample, position) for position in range(5000)] for sample in range(3)])
    for block in (numbers, samples):
        assert np.abs(np.corrcoef(block) - np.eye(3)).max() < 0.05


def test_fresh_seeds_follow_torch_and_differ() -> None:
    torch.manual_seed(5)
    first = [fresh_seed(), fresh_seed()]
    torch.manual_seed(5)
    assert [fresh_seed(), fresh_seed()] == first
    assert first[0] != first[1]

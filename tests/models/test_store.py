"""The slot store: growing keeps content, also after a growth that was interrupted half-way."""

from __future__ import annotations

import torch

from guidedgen.models.store import LayerShape, SlotStore


def make() -> SlotStore:
    shape = LayerShape(heads=1, key_dim=2, value_dim=3)
    return SlotStore((shape, shape), capacity=2, dtype=torch.float32, device=torch.device("cpu"))


def test_growing_keeps_the_content_and_never_shrinks() -> None:
    store = make()
    store.write(1, torch.tensor([1]), torch.ones(1, 1, 2), torch.ones(1, 1, 3))
    store.grow(5)
    store.grow(3)
    assert store.capacity == 5
    assert store.keys[1][:, 0, 0].tolist() == [0, 1, 0, 0, 0]
    assert store.slot_bytes == 2 * 5 * 4


def test_a_growth_that_was_interrupted_can_be_repeated_smaller() -> None:
    store = make()
    store.keys = [tensor.new_zeros(8, 1, 2) for tensor in store.keys]  # as far as it came
    store.grow(4)
    assert store.capacity == 4
    assert [len(tensor) for tensor in store.keys] == [8, 8]
    assert [len(tensor) for tensor in store.values] == [4, 4]

"""Slots of a store: consecutive where there is room, none handed out twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.sampler.slots import SlotAllocator


def test_a_branch_grows_straight_on() -> None:
    allocator = SlotAllocator(256)
    slots = allocator.take(10, -1)
    for _ in range(20):
        slots += allocator.take(1, slots[-1])
    assert slots == list(range(slots[0], slots[0] + 30))


def test_a_second_branch_starts_on_a_free_page_and_leaves_the_first_room_to_grow() -> None:
    allocator = SlotAllocator(256)
    prompt = allocator.take(10, -1)
    first = allocator.take(1, prompt[-1])
    second = allocator.take(1, prompt[-1])
    assert first == [prompt[-1] + 1]
    assert second[0] % 64 == 0
    assert allocator.take(3, first[-1]) == [first[0] + 1, first[0] + 2, first[0] + 3]


def test_a_long_prompt_gets_one_stretch_where_there_is_one() -> None:
    allocator = SlotAllocator(640)
    allocator.take(1, -1)
    allocator.take(1, 191)  # page 3
    assert allocator.take(200, -1) == list(range(256, 456))


def test_every_slot_can_be_had_when_nothing_is_consecutive() -> None:
    allocator = SlotAllocator(100)
    everything = allocator.take(100, -1)
    allocator.release(everything[::2])
    assert sorted(allocator.take(50, 7)) == sorted(everything[::2])
    assert allocator.available == 0


def test_reset_takes_exactly_what_is_used() -> None:
    allocator = SlotAllocator(70)
    allocator.take(33, -1)
    allocator.reset([5, 69])
    assert allocator.available == 68
    taken = allocator.take(68, 4)
    assert sorted([*taken, 5, 69]) == list(range(70))


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(-1, 199), st.booleans()), max_size=30))
def test_no_slot_is_handed_out_twice(steps: list[tuple[int, int, bool]]) -> None:
    allocator = SlotAllocator(100)
    held: list[int] = []
    for count, after, release in steps:
        if release:
            allocator.release(held[:count])
            held = held[count:]
        elif count <= allocator.available:
            held += allocator.take(count, after)
        elif allocator.capacity < 200:
            allocator.grow(200)
        assert len(set(held)) == len(held)
        assert allocator.available == allocator.capacity - len(held)


def test_more_than_is_free_is_refused_and_nothing_taken() -> None:
    allocator = SlotAllocator(70)
    with pytest.raises(RuntimeError, match="71 slots are wanted and 70 are free"):
        allocator.take(71, -1)
    assert allocator.available == 70

"""The mask layout: 32 tokens a word, least significant bit first."""

from __future__ import annotations

import numpy as np
import pytest

from guidedgen.masks import allowed_tokens, borrow, check_mask, give_back, mask_of, mask_words


@pytest.mark.parametrize(("size", "words"), [(1, 1), (32, 1), (33, 2), (128256, 4008)])
def test_number_of_words(size: int, words: int) -> None:
    assert mask_words(size) == words
    check_mask(np.empty(words, np.int32), size)


def test_layout() -> None:
    allowed = np.zeros(70, dtype=bool)
    allowed[[0, 5, 31, 32, 69]] = True
    mask = mask_of(allowed)
    assert (mask.dtype, mask.tolist()) == (np.int32, [1 | 32 | -(2**31), 1, 32])
    assert allowed_tokens(mask).tolist() == [0, 5, 31, 32, 69]


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros(2, np.int32),
        np.zeros(4, np.int32),
        np.zeros((3, 1), np.int32),
        np.zeros(3, np.uint32),
        np.zeros(3, np.int64),
        np.zeros(6, np.int32)[::2],
        np.frombuffer(bytes(12), np.int32),
    ],
    ids=["short", "long", "shape", "unsigned", "wide", "strided", "read-only"],
)
def test_other_arrays_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="int32 array of 3 words"):
        check_mask(wrong, 96)


def test_a_borrowed_buffer_is_not_lent_twice_but_used_again() -> None:
    first, second = borrow(3), borrow(3)
    assert first is not second
    give_back(first)
    assert borrow(3) is first
    give_back(first)
    give_back(second)


def test_what_is_no_array_is_refused() -> None:
    with pytest.raises(ValueError, match="not list"):
        check_mask([0, 0, 0], 96)  # type: ignore[arg-type]

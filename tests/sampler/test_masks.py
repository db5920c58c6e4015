"""Masks of a batch: end-of-sequence bits in one place, and a fast bias that equals the slow one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guidedgen.masks import allowed_tokens
from guidedgen.sampler.masks import MaskBuffer, expand, open_endings, set_bits
from guidedgen.sampler.sequence import Sequence
from guidedgen.toy import OneOf

EOS = frozenset({7})


def at(members: list[tuple[int, ...]], tokens: tuple[int, ...], size: int = 8) -> Sequence:
    """A sequence after one prompt token and `tokens`."""
    node = Sequence.prompt([0], OneOf(members, size).start())
    for token in tokens:
        state = node.state.advance(token)
        assert state is not None
        node = node.extend(token, state)
    return node


def allowed(sequence: Sequence, min_tokens: int = 0) -> tuple[list[int], bool]:
    words = sequence.state.mask()[None]
    exhausted = open_endings(words, [sequence], EOS, min_tokens)
    return allowed_tokens(words[0]).tolist(), bool(exhausted[0])


def test_the_end_is_open_exactly_where_the_text_is_complete() -> None:
    members = [(1,), (1, 2), (3, 4)]
    assert allowed(at(members, ())) == ([1, 3], False)
    assert allowed(at(members, (1,))) == ([2, 7], False)
    assert allowed(at(members, (3,))) == ([4], False)
    assert allowed(at(members, (3, 4))) == ([7], True)


def test_min_tokens_keeps_the_end_closed_unless_nothing_else_is_left() -> None:
    members = [(1,), (1, 2)]
    assert allowed(at(members, (1,)), min_tokens=2) == ([2], False)
    assert allowed(at(members, (1,)), min_tokens=1) == ([2, 7], False)
    assert allowed(at(members, (1, 2)), min_tokens=9) == ([7], True)


def test_a_constraint_cannot_open_the_end() -> None:
    assert allowed(at([(7, 1), (2,)], ())) == ([2], False)


def test_a_dead_end_is_reported_and_stays_empty() -> None:
    assert allowed(at([], ())) == ([], True)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(1, 200), st.integers(1, 230), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_bias_is_minus_infinity_exactly_where_forbidden(size: int, width: int, rows: int, seed: int) -> None:
    bits = np.random.default_rng(seed).integers(0, 2, (rows, size)).astype(np.uint8)
    padded = np.zeros((rows, -(-size // 32) * 32), np.uint8)
    padded[:, :size] = bits
    words = np.packbits(padded, axis=1, bitorder="little").view(np.int32)
    expected = np.full((rows, width), -np.inf, np.float32)
    for row, token in np.argwhere(bits[:, :width]):
        expected[row, token] = 0
    np.testing.assert_array_equal(expand(words, width), expected)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 95)), st.lists(st.integers(0, 95)), st.integers(0, 2**32 - 1))
def test_set_bits(opened: list[int], closed: list[int], seed: int) -> None:
    words = np.random.default_rng(seed).integers(-(2**31), 2**31, 2).astype(np.int32)
    expected = (set(allowed_tokens(words).tolist()) | {token for token in opened if token < 64}) - set(closed)
    set_bits(words, opened, allowed=True)
    set_bits(words, closed, allowed=False)
    assert set(allowed_tokens(words).tolist()) == expected


def buffer(logits_size: int) -> MaskBuffer:
    return MaskBuffer(vocabulary_size=40, logits_size=logits_size, eos=frozenset({39}))


def test_columns_beyond_the_vocabulary_are_forbidden() -> None:
    masks = buffer(70)
    words, exhausted = masks.fill([at([(1,), (38,)], (), 40)])
    assert torch.isfinite(masks.bias(words)[0]).nonzero()[:, 0].tolist() == [1, 38]
    assert exhausted.tolist() == [False]


def test_tokens_without_a_logit_are_forbidden() -> None:
    masks = buffer(30)
    words, exhausted = masks.fill([at([(1,), (38,)], (), 40), at([(38,)], (), 40)])
    assert torch.isfinite(masks.bias(words)[0]).nonzero()[:, 0].tolist() == [1]
    assert exhausted.tolist() == [False, True]


def test_forbidden_tokens_are_taken_out_before_the_rows_are_judged() -> None:
    masks = buffer(40)
    start = at([(1,), (2,)], (), 40)
    words, exhausted = masks.fill([start, start], [[1], [1, 2]])
    assert [allowed_tokens(row).tolist() for row in words] == [[2], []]
    assert exhausted.tolist() == [False, True]


def test_memory_is_reused_and_leaves_no_trace_of_larger_batches() -> None:
    masks = buffer(40)
    one, two = at([(1,)], (), 40), at([(2,)], (), 40)
    first = masks.bias(masks.fill([one, two, two])[0])
    second = masks.bias(masks.fill([two])[0])
    assert second.data_ptr() == first.data_ptr()
    assert torch.isfinite(second).nonzero().tolist() == [[0, 2]]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_bias_on_a_device_equals_the_one_on_the_cpu() -> None:
    for width in (30, 40, 70):
        here = MaskBuffer(vocabulary_size=40, logits_size=width, eos=frozenset({39}))
        there = MaskBuffer(vocabulary_size=40, logits_size=width, eos=frozenset({39}), device="cuda")
        words, _ = here.fill([at([(1,), (38,)], (), 40), at([(2,)], (2,), 40)])
        assert torch.equal(there.bias(words).cpu(), here.bias(words))

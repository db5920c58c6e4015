"""Sequences: immutable, shared, and cheap to read at any length."""

from __future__ import annotations

import dataclasses
import gc
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.toy import OneOf

STATE = OneOf([(0,)], 8).start()


def grow(sequence: Sequence, tokens: list[int]) -> Sequence:
    for token in tokens:
        sequence = sequence.extend(token, STATE)
    return sequence


def test_prompt_node() -> None:
    prompt = Sequence.prompt([3, 1, 4], STATE)
    assert (prompt.tokens(), prompt.generated(), prompt.length, prompt.token) == ((3, 1, 4), (), 3, 4)
    assert prompt.parent is None
    assert prompt.prompt_node is prompt
    assert prompt.records() == ()


def test_empty_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one token"):
        Sequence.prompt([], STATE)


def test_extending_leaves_the_original_alone_and_shares_the_prompt_node() -> None:
    prompt = Sequence.prompt([3, 1], STATE)
    left, right = prompt.extend(5, STATE), prompt.extend(6, STATE)
    assert (prompt.tokens(), left.tokens(), right.tokens()) == ((3, 1), (3, 1, 5), (3, 1, 6))
    assert left.prompt_node is right.prompt_node is prompt
    assert left.parent is prompt
    assert (left.length, left.prompt_length, left.generated()) == (3, 2, (5,))


def test_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Sequence.prompt([1], STATE).token = 2  # type: ignore[misc]


def test_compares_by_identity() -> None:
    prompt = Sequence.prompt([1], STATE)
    assert prompt.extend(2, STATE) != prompt.extend(2, STATE)
    assert len({prompt.extend(2, STATE), prompt.extend(2, STATE)}) == 2


def test_records_are_in_order_of_generation() -> None:
    records = [TokenRecord(token=token, proposal_logprob=-0.5) for token in (4, 5)]
    prompt = Sequence.prompt([1], STATE)
    assert prompt.extend(4, STATE, records[0]).extend(5, STATE, records[1]).records() == tuple(records)


def test_dropped_sequences_are_freed() -> None:
    prompt = Sequence.prompt([1], STATE)
    child = weakref.ref(grow(prompt, [2, 3]))
    gc.collect()
    assert child() is None


def test_long_chains_are_freed_without_recursion() -> None:
    assert grow(Sequence.prompt([1], STATE), [0] * 100_000).length == 100_001
    gc.collect()


def test_only_few_nodes_keep_their_tokens() -> None:
    node = Sequence.prompt([1], STATE)
    for token in range(2000):
        node = node.extend(token, STATE)
        assert node.tokens()[-1] == token
    assert sum(step._tokens is not None for step in node.nodes()) == 2000 // 256


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.lists(st.booleans(), max_size=700), st.data())
def test_tokens_equal_a_plain_list(prompt: list[int], reads: list[bool], data: st.DataObject) -> None:
    node, expected = Sequence.prompt(prompt, STATE), list(prompt)
    seen = [(node, list(expected))]
    for number, read in enumerate(reads):
        node, expected = node.extend(number, STATE), [*expected, number]
        if read:
            assert list(node.tokens()) == expected
            seen.append((node, list(expected)))
    for earlier, tokens in seen:
        assert (list(earlier.tokens()), list(earlier.generated())) == (tokens, tokens[len(prompt) :])

"""Penalties against transformers and the definitions; forced tokens do not count."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import NoRepeatNGramLogitsProcessor, RepetitionPenaltyLogitsProcessor

from guidedgen.sampler import penalties
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.settings import Penalties, Sampling
from guidedgen.toy import OneOf

STATE = OneOf([(0,)], 20).start()


def penalise(scores: torch.Tensor, sequences: list[Sequence], settings: Penalties) -> torch.Tensor:
    return penalties.penalise(scores, sequences, torch.zeros_like(scores), settings)


TOKENS = st.lists(st.integers(0, 19), max_size=12)


def sequence(prompt: list[int], generated: list[int], forced: frozenset[int] = frozenset()) -> Sequence:
    """`forced` names positions in `generated`."""
    node = Sequence.prompt(prompt, STATE)
    for index, token in enumerate(generated):
        node = node.extend(token, STATE, TokenRecord(token=token, proposal_logprob=0.0, forced=index in forced))
    return node


def logits(rows: int = 1) -> torch.Tensor:
    return torch.randn(rows, 20, generator=torch.Generator().manual_seed(1)) * 2


@settings(max_examples=60)
@given(TOKENS.filter(bool), TOKENS, st.floats(0.3, 3.0))
def test_repetition_equals_transformers(prompt: list[int], generated: list[int], penalty: float) -> None:
    ours = penalise(logits(), [sequence(prompt, generated)], Sampling(repetition_penalty=penalty))
    theirs = RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([[*prompt, *generated]]), logits())
    torch.testing.assert_close(ours, theirs)


@settings(max_examples=60)
@given(TOKENS.filter(bool), TOKENS, st.floats(-2, 2), st.floats(-2, 2))
def test_presence_and_frequency_by_their_definition(
    prompt: list[int], generated: list[int], presence: float, frequency: float
) -> None:
    settings = Sampling(presence_penalty=presence, frequency_penalty=frequency)
    expected = logits()
    for token in range(20):
        count = generated.count(token)
        expected[0, token] -= presence * (count > 0) + frequency * count
    torch.testing.assert_close(penalise(logits(), [sequence(prompt, generated)], settings), expected)


def test_forced_tokens_do_not_count() -> None:
    every = Sampling(repetition_penalty=1.5, presence_penalty=0.5, frequency_penalty=0.25)
    with_forced = sequence([1], [2, 3, 3, 4], frozenset({1, 3}))
    without = sequence([1], [2, 3])
    assert torch.equal(penalise(logits(), [with_forced], every), penalise(logits(), [without], every))


def test_every_row_has_its_own_prefix_and_the_input_is_not_changed() -> None:
    scores = logits(2)
    before = scores.clone()
    penalised = penalise(scores, [sequence([1], [2]), sequence([3], [])], Sampling(presence_penalty=1.0))
    assert torch.equal(scores, before)
    assert (penalised != before).nonzero().tolist() == [[0, 2]]


def test_nothing_is_copied_where_no_penalty_is_on() -> None:
    scores = logits()
    assert penalise(scores, [sequence([1], [2])], Sampling()) is scores


def test_tokens_beyond_the_logits_are_ignored() -> None:
    narrow = logits()[:, :5]
    both = Sampling(repetition_penalty=2.0, presence_penalty=1.0)
    penalised = penalise(narrow, [sequence([1, 19], [18, 2])], both)
    assert (penalised != narrow).nonzero()[:, 1].tolist() == [1, 2]


def test_a_window_forgets_what_is_further_back() -> None:
    every = {"repetition_penalty": 1.5, "presence_penalty": 0.5, "frequency_penalty": 0.25}
    text = sequence([1, 2], [3, 4, 5])
    for window, kept in ((2, sequence([0], [4, 5])), (3, sequence([0], [3, 4, 5])), (4, sequence([2], [3, 4, 5]))):
        recent = penalise(logits(), [text], Sampling(repetition_window=window, **every))  # type: ignore[arg-type]
        whole = penalise(logits(), [kept], Sampling(exempt=frozenset({0}), **every))  # type: ignore[arg-type]
        assert torch.equal(recent, whole)
    assert torch.equal(
        penalise(logits(), [text], Sampling(repetition_window=99, **every)),  # type: ignore[arg-type]
        penalise(logits(), [text], Sampling(**every)),  # type: ignore[arg-type]
    )


def test_exempt_tokens_are_left_alone() -> None:
    every = {"repetition_penalty": 1.5, "presence_penalty": 0.5, "frequency_penalty": 0.25, "no_repeat_ngram": 2}
    text = sequence([1], [2, 3, 2])
    changed = penalise(logits(), [text], Sampling(exempt=frozenset({2, 3}), **every)) != logits()  # type: ignore[arg-type]
    assert changed[0].nonzero().flatten().tolist() == [1]


@settings(max_examples=60)
@given(st.lists(st.integers(0, 3), max_size=12), st.integers(2, 4))
def test_no_ngram_comes_twice_as_transformers_has_it(generated: list[int], size: int) -> None:
    ours = penalise(logits(), [sequence([9], generated)], Sampling(no_repeat_ngram=size))
    theirs = NoRepeatNGramLogitsProcessor(size)(torch.tensor([generated or [9]]), logits())
    torch.testing.assert_close(ours, theirs)


def test_an_ngram_may_come_again_where_nothing_else_is_allowed() -> None:
    text = sequence([9], [1, 2, 1])
    alone = torch.full((1, 20), float("-inf"))
    alone[0, 2] = 0
    assert torch.equal(penalties.penalise(logits(), [text], alone, Sampling(no_repeat_ngram=2)), logits())
    alone[0, 3] = 0
    assert penalties.penalise(logits(), [text], alone, Sampling(no_repeat_ngram=2))[0, 2] == float("-inf")

"""The logits pipeline: order of the phases, exact zeros, greedy ties, inversion, and what is recorded."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guidedgen.errors import ModelError
from guidedgen.sampler.pipeline import choose, first_argmax, logits_to_probabilities, propose, sample
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf
from guidedgen.toy_laws import reference_distribution

PROMPT = Sequence.prompt([0], OneOf([(0,)], 16).start())

SAMPLING = st.builds(
    Sampling,
    temperature=st.just(0.0) | st.floats(0.2, 2.5),
    top_k=st.none() | st.integers(1, 20),
    top_p=st.none() | st.floats(0.05, 1.0),
    min_p=st.none() | st.floats(0.0, 1.0),
    repetition_penalty=st.sampled_from([1.0, 1.4]),
    presence_penalty=st.sampled_from([0.0, 0.7]),
    frequency_penalty=st.sampled_from([0.0, 0.3]),
)


def bias_of(*allowed: list[int], width: int = 16) -> torch.Tensor:
    bias = torch.full((len(allowed), width), -math.inf)
    for row, tokens in zip(bias, allowed, strict=True):
        row[tokens] = 0
    return bias


def extended(tokens: list[int]) -> Sequence:
    node = PROMPT
    for token in tokens:
        node = node.extend(token, node.state)
    return node


def random_logits(seed: int, rows: int = 1) -> torch.Tensor:
    return torch.randn(rows, 16, generator=torch.Generator().manual_seed(seed)) * 2


@settings(max_examples=200)
@given(
    st.integers(0, 2**31),
    st.sets(st.integers(0, 15), min_size=1),
    st.lists(st.integers(0, 15), max_size=6),
    SAMPLING,
)
def test_equal_to_the_reference(seed: int, allowed: set[int], generated: list[int], sampling: Sampling) -> None:
    logits, tokens = random_logits(seed), sorted(allowed)
    ours = logits_to_probabilities(logits, [extended(generated)], bias_of(tokens), sampling)[0]
    expected = reference_distribution(logits[0].tolist(), tokens, sampling, prompt=[0], chosen=generated)
    reference = torch.zeros(16)
    for token, chance in expected.items():
        reference[token] = chance
    torch.testing.assert_close(ours, reference, atol=2e-6, rtol=1e-4)
    assert ours.sum() == pytest.approx(1.0, abs=1e-5)
    assert set(ours.nonzero()[:, 0].tolist()) <= allowed


def test_rows_do_not_influence_each_other() -> None:
    sampling = Sampling(temperature=0.8, top_p=0.7, repetition_penalty=1.2, frequency_penalty=0.1)
    logits, bias = random_logits(4, rows=3), bias_of([1, 2, 3], [4], list(range(16)))
    sequences = [extended([1]), extended([]), extended([5, 5])]
    together = logits_to_probabilities(logits, sequences, bias, sampling)
    for row in range(3):
        alone = logits_to_probabilities(logits[row : row + 1], sequences[row : row + 1], bias[row : row + 1], sampling)
        torch.testing.assert_close(together[row], alone[0], atol=1e-7, rtol=1e-6)


def test_cuts_happen_after_the_mask() -> None:
    """The model's nucleus and its best k are all forbidden here: cutting first would leave nothing."""
    logits = torch.zeros(1, 16)
    logits[0, :3] = 20
    for sampling in (
        Sampling(temperature=1.0, top_p=0.9),
        Sampling(temperature=1.0, top_k=2),
        Sampling(temperature=1.0, min_p=0.5),
    ):
        chances = logits_to_probabilities(logits, [PROMPT], bias_of([7, 8]), sampling)[0]
        assert chances[[7, 8]].tolist() == [0.5, 0.5]


def test_penalties_come_before_the_mask_and_temperature_after_them() -> None:
    logits = torch.tensor([[2.0, 1.0] + [0.0] * 14])
    sampling = Sampling(temperature=0.5, presence_penalty=1.5)
    chances = logits_to_probabilities(logits, [extended([0])], bias_of([0, 1]), sampling)[0]
    assert chances[0].item() == pytest.approx(1 / (1 + math.exp((1.0 - 0.5) / 0.5)))


def test_mix_sees_the_mask_and_comes_before_the_penalties() -> None:
    seen: list[torch.Tensor] = []

    def double(logits: torch.Tensor, sequences: object, bias: torch.Tensor) -> torch.Tensor:
        seen.append(bias)
        return logits * 2

    logits, bias = torch.tensor([[1.0, 0.5] + [0.0] * 14]), bias_of([0, 1])
    sampling = Sampling(temperature=1.0, presence_penalty=1.0)
    (chances,) = logits_to_probabilities(logits, [extended([0])], bias, sampling, [double])
    assert torch.equal(seen[0], bias)
    assert chances[0].item() == pytest.approx(0.5)  # 2 * 1.0 - 1 == 2 * 0.5


def test_mix_does_not_change_what_is_recorded_of_the_model() -> None:
    def flip(logits: torch.Tensor, sequences: object, bias: torch.Tensor) -> torch.Tensor:
        return -logits

    logits = random_logits(3)
    plain = propose(logits, [PROMPT], bias_of([1, 2]), Sampling())
    mixed = propose(logits, [PROMPT], bias_of([1, 2]), Sampling(), [flip])
    assert torch.equal(plain.model, mixed.model)
    assert torch.equal(plain.log_mass, mixed.log_mass)
    assert first_argmax(plain.scores).tolist() != first_argmax(mixed.scores).tolist()


def test_greedy_takes_the_lowest_of_equal_tokens() -> None:
    logits = torch.tensor([[1.0, 3.0, 3.0, 3.0] + [0.0] * 12])
    for allowed, best in (([0, 1, 2, 3], 1), ([0, 2, 3], 2), ([0, 5], 0)):
        (record,) = choose(logits, [PROMPT], bias_of(allowed), Sampling(), [])
        assert (record.token, record.proposal_logprob) == (best, 0.0)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.7, top_k=2)])
def test_records_are_about_the_model_without_mask_and_temperature(sampling: Sampling) -> None:
    chances = torch.tensor([[0.4, 0.3, 0.2, 0.1]])
    (record,) = choose(chances.log(), [PROMPT], bias_of([1, 3], width=4), sampling, [0.0])
    assert record.token == 1
    assert record.logprob == pytest.approx(math.log(0.3), abs=1e-6)
    assert record.log_mass == pytest.approx(math.log(0.3 + 0.1), abs=1e-6)
    assert record.margin == pytest.approx(math.log(0.4 / 0.3), abs=1e-6)
    heated = 1.0 if sampling.greedy else 3 ** (1 / 0.7) / (3 ** (1 / 0.7) + 1)
    assert record.proposal_logprob == pytest.approx(math.log(heated), abs=1e-6)


def test_without_penalty_or_warp_the_proposal_is_the_model_over_the_mass() -> None:
    for number in range(20):
        logits, allowed = random_logits(number), sorted({number % 16, 3, 9})
        (record,) = choose(logits, [PROMPT], bias_of(allowed), Sampling(temperature=1.0), [number / 20])
        assert record.logprob is not None
        assert record.log_mass is not None
        assert record.proposal_logprob == pytest.approx(record.logprob - record.log_mass, abs=1e-5)


def test_inputs_are_not_changed() -> None:
    logits, bias = random_logits(1), bias_of([1, 2])
    before = logits.clone(), bias.clone()
    choose(logits, [extended([1])], bias, Sampling(temperature=0.5, top_p=0.5, repetition_penalty=2.0), [0.5])
    assert torch.equal(logits, before[0])
    assert torch.equal(bias, before[1])


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0)])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_logits_that_are_not_finite_are_an_error(sampling: Sampling, value: float) -> None:
    logits = random_logits(0)
    logits[0, 5] = value
    with pytest.raises(ModelError, match="not finite"):
        choose(logits, [PROMPT], bias_of([1, 2]), sampling, [0.5])


def test_a_model_that_rules_out_all_allowed_tokens_is_an_error() -> None:
    logits = random_logits(0)
    logits[0, [1, 2]] = -math.inf
    for sampling in (Sampling(), Sampling(temperature=1.0)):
        with pytest.raises(ModelError, match="not finite"):
            choose(logits, [PROMPT], bias_of([1, 2]), sampling, [0.5])


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0)])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_mix_that_makes_no_numbers_is_an_error_and_never_a_forbidden_token(sampling: Sampling, value: float) -> None:
    def broken(logits: torch.Tensor, sequences: object, bias: torch.Tensor) -> torch.Tensor:
        return logits + value

    with pytest.raises(ModelError, match="MIX phase"):
        choose(random_logits(0), [PROMPT], bias_of([1, 2]), sampling, [0.5], [broken])


def test_a_mass_below_single_precision_is_still_recorded() -> None:
    logits = torch.zeros(1, 16)
    logits[0, 0] = 500.0
    (record,) = choose(logits, [PROMPT], bias_of([1, 2]), Sampling(temperature=1.0), [0.3])
    assert record.log_mass == pytest.approx(math.log(2) - 500)
    assert record.proposal_logprob == pytest.approx(math.log(0.5))


@settings(max_examples=100)
@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0]), min_size=1, max_size=8).filter(any),
    st.sampled_from([1, 40, 64]),
    st.floats(0, 0.9999999),
)
def test_inversion(weights: list[float], repeat: int, number: float) -> None:
    """Over one block of tokens and several: the same token as one long sum gives, up to rounding at its edges."""
    chances = torch.tensor([weights * repeat])
    chances /= chances.sum()
    (token,) = sample(chances, [number]).tolist()
    edges = np.cumsum(chances[0].double().numpy())
    assert chances[0, token] > 0
    assert edges[token] > number * edges[-1] - 1e-6
    assert token == 0 or edges[token - 1] <= number * edges[-1] + 1e-6


def test_inversion_never_leaves_the_support_at_its_edges() -> None:
    chances = torch.tensor([[0.0, 0.25, 0.75, 0.0]])
    assert sample(chances.repeat(3, 1), [0.0, 0.25, 1 - 2**-53]).tolist() == [1, 2, 2]


def test_draws_from_a_large_vocabulary_follow_the_distribution() -> None:
    chances = torch.zeros(1, 5000)
    support = [0, 127, 128, 300, 4999]
    chances[0, support] = torch.tensor([0.1, 0.2, 0.3, 0.25, 0.15])
    drawn = sample(chances.repeat(2000, 1), [(number + 0.5) / 2000 for number in range(2000)])
    assert [int((drawn == token).sum()) for token in support] == [200, 400, 600, 500, 300]


@pytest.mark.parametrize("sampling", [Sampling(presence_penalty=0.5), Sampling(temperature=1.0, top_k=20, seed=1)])
def test_large_batches_in_groups_of_rows_give_what_each_row_gives(sampling: Sampling) -> None:
    width = 30_000
    logits = torch.randn(5, width, generator=torch.Generator().manual_seed(0)) * 2
    bias = torch.where(torch.rand(5, width, generator=torch.Generator().manual_seed(1)) < 0.5, 0.0, -math.inf)
    sequences = [extended([number]) for number in range(5)]
    numbers = [0.1, 0.3, 0.5, 0.7, 0.9]
    together = choose(logits, sequences, bias, sampling, numbers)
    for row in range(5):
        one = slice(row, row + 1)
        assert choose(logits[one], sequences[one], bias[one], sampling, numbers[one]) == [together[row]]

"""Choices by the native kernel against their twin, the pipeline in torch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from guidedgen.errors import ModelError
from guidedgen.masks import mask_words
from guidedgen.models import packed
from guidedgen.sampler import choice
from guidedgen.sampler.choice import choose_masked, log_sums
from guidedgen.sampler.masks import MaskBuffer
from guidedgen.sampler.pipeline import choose, logits_to_probabilities
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf

if packed.native() is None:
    pytest.skip("the native kernel is not built", allow_module_level=True)

KERNELS: list[str] = packed.native().row_kernels()  # type: ignore[union-attr]
PROMPT = Sequence.prompt([0], OneOf([(0,)], 16).start())
WIDTHS = st.sampled_from([1, 15, 32, 33, 128, 300, 1000])
SAMPLING = st.builds(
    Sampling,
    temperature=st.just(0.0) | st.floats(0.2, 2.5),
    top_k=st.none() | st.integers(1, 1100),
    top_p=st.none() | st.floats(0.05, 1.0),
    min_p=st.none() | st.floats(0.0, 1.0),
)


def words_of(allowed: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Packed masks of booleans [B, V]."""
    rows, width = allowed.shape
    padded = np.zeros((rows, mask_words(width) * 32), np.uint8)
    padded[:, :width] = allowed
    return np.packbits(padded, axis=1, bitorder="little").view(np.int32)


def buffer(width: int) -> MaskBuffer:
    return MaskBuffer(vocabulary_size=width, logits_size=width, eos=frozenset())


def chosen(
    logits: torch.Tensor, words: NDArray[np.int32], sampling: Sampling, uniforms: list[float]
) -> list[TokenRecord]:
    return choose_masked(logits, [PROMPT] * len(logits), words, buffer(logits.shape[1]), sampling, uniforms)


def random_rows(seed: int, rows: int, width: int, share: float) -> tuple[torch.Tensor, NDArray[np.bool_]]:
    random = np.random.default_rng(seed)
    allowed = random.random((rows, width)) < share
    allowed[np.arange(rows), random.integers(0, width, rows)] = True
    return torch.from_numpy(random.normal(0, random.choice([0.3, 3, 20]), (rows, width)).astype(np.float32)), allowed


@settings(max_examples=150)
@given(st.integers(0, 2**31), WIDTHS, st.sampled_from([0.0, 0.02, 0.5, 1.0]), SAMPLING)
def test_equal_to_the_pipeline(seed: int, width: int, share: float, sampling: Sampling) -> None:
    """The same tokens but where a uniform number falls on an edge, and the same records up to rounding."""
    logits, allowed = random_rows(seed, 3, width, share)
    words, uniforms = words_of(allowed), np.random.default_rng(seed).random(3).tolist()
    bias = buffer(width).bias(words).clone()
    expected = choose(logits, [PROMPT] * 3, bias, sampling, uniforms)
    chances = logits_to_probabilities(logits, [PROMPT] * 3, bias, sampling)
    if not sampling.greedy:
        edges = chances.double().cumsum(-1) - torch.tensor(uniforms, dtype=torch.float64)[:, None]
        assume(bool((edges.abs() > 1e-5).all()))
    for ours, theirs in zip(chosen(logits, words, sampling, uniforms), expected, strict=True):
        assert ours.token == theirs.token
        for name in ("proposal_logprob", "logprob", "log_mass", "margin"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=3e-5)


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_chooses_alike(kernel: str) -> None:
    logits, allowed = random_rows(5, 4, 1003, 0.3)
    words, uniforms = words_of(allowed), np.array([0.0, 0.3, 0.7, 0.999])
    native = packed.native()
    assert native is not None
    best, drawn = np.empty((4, 5)), np.empty((4, 5))
    native.take_best(logits.numpy(), words, best, kernel)
    native.draw_rows(logits.numpy(), words, uniforms, 0.8, 50, 0.9, 0.01, drawn, kernel)
    expected = chosen(logits, words, Sampling(), [])
    assert best[:, 0].tolist() == [record.token for record in expected]
    expected = chosen(logits, words, Sampling(temperature=0.8, top_k=50, top_p=0.9, min_p=0.01), uniforms.tolist())
    assert drawn[:, 0].tolist() == [record.token for record in expected]
    assert drawn[:, 3] == pytest.approx([record.log_mass for record in expected], abs=1e-5)


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    logits, allowed = random_rows(6, 5, 700, 0.4)
    words, sampling, uniforms = words_of(allowed), Sampling(temperature=1.3, top_p=0.8), [0.1, 0.9, 0.5, 0.3, 0.7]
    alone = [chosen(logits[row : row + 1], words[row : row + 1], sampling, uniforms[row : row + 1]) for row in range(5)]
    assert chosen(logits, words, sampling, uniforms) == [record for (record,) in alone]


def test_the_lowest_of_equal_tokens_is_taken_in_any_block() -> None:
    logits = torch.zeros(1, 600)
    logits[0, [300, 301, 599]] = 2.0
    for open_to, best in (([0, 300, 599], 300), ([0, 301, 599], 301), ([599, 5], 599), ([7, 5, 400], 5)):
        allowed = np.zeros((1, 600), bool)
        allowed[0, open_to] = True
        (record,) = chosen(logits, words_of(allowed), Sampling(), [])
        assert (record.token, record.proposal_logprob) == (best, 0.0)


def test_everything_allowed_has_all_of_the_mass() -> None:
    logits, _ = random_rows(3, 1, 700, 1.0)
    (record,) = chosen(logits, words_of(np.ones((1, 700), bool)), Sampling(), [])
    assert (record.log_mass, record.margin) == (0.0, 0.0)


def test_a_mass_too_small_for_float32_is_still_known() -> None:
    logits = torch.zeros(1, 40)
    logits[0, :3] = torch.tensor([500.0, 0.0, -20.0])
    allowed = np.zeros((1, 40), bool)
    allowed[0, 1:3] = True
    (record,) = chosen(logits, words_of(allowed), Sampling(temperature=1.0), [0.5])
    assert record.token == 1
    assert record.log_mass == pytest.approx(-500.0)
    assert record.margin == pytest.approx(500.0)


def test_draws_follow_the_distribution() -> None:
    """Evenly spread uniform numbers hit each token in proportion to its chance."""
    logits, allowed = random_rows(8, 1, 200, 0.3)
    logits /= 3
    words, sampling, count = words_of(allowed), Sampling(temperature=1.5, top_p=0.9), 4000
    many = logits.repeat(count, 1), np.repeat(words, count, 0)
    records = chosen(*many, sampling, [(number + 0.5) / count for number in range(count)])
    drawn = np.bincount([record.token for record in records], minlength=200) / count
    expected = logits_to_probabilities(logits, [PROMPT], buffer(200).bias(words), sampling)[0].numpy()
    assert np.abs(drawn - expected).max() <= 1.5 / count
    assert not drawn[~allowed[0]].any()


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.7)])
@pytest.mark.parametrize("spoilt", [math.nan, math.inf])
def test_logits_that_are_not_numbers_are_refused(sampling: Sampling, spoilt: float) -> None:
    logits = torch.zeros(1, 64)
    logits[0, 40] = spoilt
    with pytest.raises(ModelError, match="not finite"):
        chosen(logits, words_of(np.ones((1, 64), bool)), sampling, [0.5])


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.7, top_p=0.5)])
def test_a_model_that_rules_out_everything_allowed_is_refused(sampling: Sampling) -> None:
    logits = torch.zeros(1, 64)
    logits[0, :2] = -math.inf
    allowed = np.zeros((1, 64), bool)
    allowed[0, :2] = True
    with pytest.raises(ModelError, match="not finite"):
        chosen(logits, words_of(allowed), sampling, [0.5])


def test_masks_shorter_than_the_logits_forbid_the_rest() -> None:
    logits = torch.zeros(1, 100)
    logits[0, 80] = 9.0
    words = words_of(np.ones((1, 32), bool))
    (record,) = chosen(logits, words, Sampling(), [])
    assert record.token == 0


def test_what_is_not_its_own_goes_to_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Penalties, rarer cuts and MIX phases: the kernel is not asked."""
    asked: list[Sampling] = []

    def spy(*given: object) -> list[TokenRecord]:
        asked.append(given[3])  # type: ignore[arg-type]
        return choose(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(choice, "choose", spy)
    logits, allowed = random_rows(1, 1, 64, 1.0)
    for sampling in (
        Sampling(temperature=1.0),
        Sampling(temperature=1.0, mirostat=3.0),
        Sampling(presence_penalty=1.0),
    ):
        chosen(logits, words_of(allowed), sampling, [0.5])
    assert [sampling.temperature for sampling in asked] == [1.0, 0.0]
    choose_masked(
        logits, [PROMPT], words_of(allowed), buffer(64), Sampling(), [], [lambda logits, sequences, bias: -logits]
    )
    assert len(asked) == 3


def test_sums_of_rows() -> None:
    logits, _ = random_rows(2, 3, 333, 1.0)
    sums, best = log_sums(logits)
    torch.testing.assert_close(sums, logits.double().logsumexp(-1), atol=1e-5, rtol=0)
    assert best.tolist() == logits.amax(-1).tolist()

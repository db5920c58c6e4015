"""Warps against transformers' own, and the laws that theirs do not promise."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from guidedgen.sampler.settings import Sampling
from guidedgen.sampler.warps import top_p_floor, warp

MAYBE_K = st.none() | st.integers(1, 60)
MAYBE_P = st.none() | st.floats(0.01, 1.0)


def logits(seed: int, rows: int = 3, width: int = 50, spread: float = 3.0) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)) * spread


def theirs(scores: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    chain = LogitsProcessorList([TemperatureLogitsWarper(sampling.temperature)])
    if sampling.top_k is not None:
        chain.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p is not None:
        chain.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p is not None:
        chain.append(MinPLogitsWarper(sampling.min_p))
    if sampling.typical_p is not None and sampling.typical_p < 1:
        chain.append(TypicalLogitsWarper(sampling.typical_p))
    if sampling.epsilon_cutoff is not None:
        chain.append(EpsilonLogitsWarper(sampling.epsilon_cutoff))
    if sampling.eta_cutoff is not None:
        chain.append(EtaLogitsWarper(sampling.eta_cutoff))
    return chain(torch.zeros(len(scores), 1, dtype=torch.int64), scores).softmax(-1)


@settings(max_examples=150)
@given(st.integers(0, 2**31), st.floats(0.1, 3.0), MAYBE_K, MAYBE_P, MAYBE_P)
def test_equal_to_transformers(
    seed: int, temperature: float, top_k: int | None, top_p: float | None, min_p: float | None
) -> None:
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    scores = logits(seed)
    torch.testing.assert_close(warp(scores, sampling), theirs(scores, sampling), atol=1e-6, rtol=1e-4)


@settings(max_examples=150)
@given(st.integers(0, 2**31), st.floats(0.5, 3.0), MAYBE_K, MAYBE_P, st.none() | st.floats(1e-4, 0.2), st.booleans())
def test_cuts_by_entropy_equal_transformers(
    seed: int, temperature: float, top_k: int | None, typical: float | None, cutoff: float | None, eta: bool
) -> None:
    cuts = {"eta_cutoff" if eta else "epsilon_cutoff": cutoff}
    sampling = Sampling(temperature=temperature, top_k=top_k, typical_p=typical, **cuts)  # type: ignore[arg-type]
    scores = logits(seed)
    torch.testing.assert_close(warp(scores, sampling), theirs(scores, sampling), atol=1e-6, rtol=1e-4)


@settings(max_examples=60)
@given(st.integers(0, 2**31), st.floats(0.1, 4.0), st.floats(0.2, 3.0))
def test_top_n_sigma_by_its_definition(seed: int, count: float, temperature: float) -> None:
    scores = logits(seed, rows=1)
    scores[0, ::3] = -math.inf
    finite = [float(score) for score in scores[0] if score > -math.inf]
    mean = sum(finite) / len(finite)
    sigma = math.sqrt(sum((score - mean) ** 2 for score in finite) / len(finite))
    kept = warp(scores, Sampling(temperature=temperature, top_n_sigma=count))[0] > 0
    edge = max(finite) - count * sigma
    assert all(
        bool(keep) == (float(score) >= edge) or abs(float(score) - edge) < 1e-5
        for keep, score in zip(kept, scores[0], strict=True)
    )


def test_mirostat_cuts_surprises_beyond_its_bound() -> None:
    scores = torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log()
    sampling = Sampling(temperature=1.0, mirostat=1.0)
    assert warp(scores, sampling, torch.tensor([[2.0]]))[0].tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert warp(scores, sampling, torch.tensor([[0.5]]))[0].tolist() == [1.0, 0.0, 0.0, 0.0]  # the best one stays


@settings(max_examples=80)
@given(st.integers(0, 2**31), MAYBE_K, MAYBE_P, MAYBE_P, st.integers(1, 50))
def test_the_best_allowed_token_survives_and_forbidden_ones_stay_at_zero(
    seed: int, top_k: int | None, top_p: float | None, min_p: float | None, count: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    allowed = torch.randperm(50, generator=generator)[:count]
    scores = torch.full((1, 50), -math.inf)
    scores[0, allowed] = logits(seed)[0, allowed]
    warped = warp(scores, Sampling(temperature=0.8, top_k=top_k, top_p=top_p, min_p=min_p))[0]
    assert warped[scores[0].argmax()] > 0
    assert warped.sum() == pytest.approx(1.0, abs=1e-5)
    assert warped[scores[0] == -math.inf].count_nonzero() == 0


def test_a_nucleus_larger_than_the_first_guess_is_found() -> None:
    flat = logits(3, rows=2, width=5000, spread=0.1)
    ours = warp(flat, Sampling(temperature=1.0, top_p=0.9)) > 0
    chances, order = flat.softmax(-1).double().sort(descending=True)
    kept = (chances.cumsum(-1) - chances < 0.9).sum(-1)
    assert (ours.sum(-1) - kept).abs().max() <= 1  # rounding may move the last one
    assert all(ours[row, order[row, : kept[row] - 1]].all() for row in range(2))
    assert kept.min() > 4000


def test_nothing_depends_on_the_order_of_ids() -> None:
    scores = torch.tensor([[1.0, 2.0, 2.0, 2.0, 0.0]])
    assert warp(scores, Sampling(temperature=1.0, top_k=2))[0].tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0])
    assert warp(scores, Sampling(temperature=1.0, top_p=0.3))[0].tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0])


def test_the_nucleus_is_computed_after_top_k() -> None:
    scores = torch.tensor([[0.4, 0.3, 0.2, 0.1]]).log()
    both = warp(scores, Sampling(temperature=1.0, top_k=2, top_p=0.55))
    assert both.tolist() == [[1.0, 0.0, 0.0, 0.0]]  # 0.4 / 0.7 = 0.57
    alone = warp(scores, Sampling(temperature=1.0, top_p=0.55))
    assert alone[0].tolist() == pytest.approx([4 / 7, 3 / 7, 0, 0])


def test_a_tiny_temperature_is_finite_and_points_at_the_best() -> None:
    scores = torch.tensor([[40.0, 39.0, -math.inf]])
    assert warp(scores, Sampling(temperature=1e-30)).tolist() == [[1.0, 0.0, 0.0]]


@pytest.mark.parametrize(("temperature", "best"), [(1e-300, 1.0), (1e-40, 1.0), (1e300, 0.25)])
def test_temperatures_beyond_single_precision(temperature: float, best: float) -> None:
    chances = warp(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), Sampling(temperature=temperature))
    assert float(chances[0, 1]) == pytest.approx(best)


def test_top_p_floor_of_rows_of_different_width() -> None:
    chances = torch.tensor([[0.9, 0.05, 0.05], [0.5, 0.3, 0.2]])
    assert torch.equal(top_p_floor(chances, 0.7), chances.gather(-1, torch.tensor([[0], [1]])))

"""Stochastic beams: ordered draws without replacement, by enumeration; the conditional values by hand."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch

from guidedgen.constraint import AllOf, MaxTokens
from guidedgen.decoders import StochasticBeam
from guidedgen.decoders.mix import Contrast
from guidedgen.decoders.search.stochastic import conditioned
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf, ToyModel
from guidedgen.toy_laws import check_strategy, exact_outcomes, fit, replay
from tests.decoders.search.toy_world import MODEL, PROMPT, ranked, texts_of

FEW = OneOf([(0, 0), (0, 1, 2), (1,), (1, 1, 1), (2, 3), (3, 3, 3, 0), (3, 3, 3, 1)], 8)


@pytest.mark.parametrize(
    "sampling", [Sampling(temperature=1.0), Sampling(temperature=0.8, top_p=0.9, repetition_penalty=1.5)]
)
def test_ordered_pairs_are_draws_without_replacement(sampling: Sampling) -> None:
    """P(a first, b second) = p(a) p(b) / (1 - p(a)), with p what plain decoding draws from."""
    chances = exact_outcomes(MODEL, PROMPT, FEW.start(), sampling)
    pairs = {
        (*first, *second): chances[first] * chances[second] / (1 - chances[first])
        for first, second in itertools.permutations(chances, 2)
    }
    torch.manual_seed(3)  # prompts without a seed each get one of their own
    prompts = [Sequence.prompt(PROMPT, FEW.start()) for _ in range(800)]
    twice = [prompt for prompt in prompts for _ in range(2)]
    found = replay(list(StochasticBeam(width=2).run(Sampler(MODEL), twice, sampling)), twice)
    counts = Counter((*first, *second) for first, second in zip(found[::2], found[1::2], strict=True))
    distance, chance = fit(counts, pairs)  # type: ignore[arg-type]
    assert chance > 1e-3
    noise = sum(math.sqrt(p * (1 - p) / len(prompts)) for p in pairs.values()) / 2
    assert distance < 1.5 * noise + 0.005


def test_none_comes_twice_and_all_come_in_the_end() -> None:
    warm = Sampling(temperature=1.0, seed=5)
    found = texts_of(StochasticBeam(width=40), 38, sampling=warm)
    assert {text for text, finish in found if finish == "stop"} == set(ranked())
    assert [finish for _, finish in found].count("dead_end") == 2


def test_values_are_conditioned_on_their_maximum() -> None:
    """Truncated inversion: with u = F(g) / F(max), the new value is the one that has u under the new maximum."""
    values = np.array([0.3, -2.0, 1.7, 1.7 - 1e-9])
    largest = -0.5
    with np.errstate(divide="ignore"):
        expected = -np.log(np.exp(-largest) - np.exp(-values.max()) + np.exp(-values))
    assert conditioned(values, largest) == pytest.approx(expected)
    assert conditioned(values, largest).max() == pytest.approx(largest)
    assert conditioned(np.array([4.0]), 1.0) == pytest.approx([1.0])
    extreme = conditioned(np.array([-900.0, 0.0]), -2.0)
    assert np.isfinite(extreme).all()


def test_the_laws_of_strategies() -> None:
    check_strategy(StochasticBeam(width=8), settings=(Sampling(temperature=1.0, seed=1),), exact=False)


def test_budgets_and_mixing() -> None:
    warm = Sampling(temperature=1.0, seed=2)
    short = AllOf([FEW, MaxTokens(2, MODEL.vocabulary)])
    assert {finish for _, finish in texts_of(StochasticBeam(width=4), 4, short, warm)} <= {"stop", "length"}
    mixed = StochasticBeam(width=4, mix=(Contrast(amateur=ToyModel(seed=5), plausible=0.5),))
    assert {text for text, _ in texts_of(mixed, 4, FEW, warm)} <= {*FEW.members, ()}


def test_bad_settings_are_named() -> None:
    with pytest.raises(ValueError, match="width"):
        StochasticBeam(width=0)
    with pytest.raises(ValueError, match="temperature"):
        texts_of(StochasticBeam(), 1)
    with pytest.raises(ValueError, match="wider"):
        texts_of(StochasticBeam(width=2), 3, sampling=Sampling(temperature=1.0))

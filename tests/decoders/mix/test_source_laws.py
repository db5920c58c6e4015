"""What the sources of MIX methods promise at the ends of their settings: equal contexts, no weight, all weight."""

from __future__ import annotations

import math
from typing import Any

import pytest

from guidedgen.constraint import AllOf, AnyText, MaxTokens
from guidedgen.decoders import Plain, Strategy
from guidedgen.decoders.mix import (
    AgainstRepetition,
    BayesAttribute,
    Contrast,
    EndingFloor,
    EndingPenalty,
    Integrative,
    LayerContrast,
    LayerCorrection,
    LayerFusion,
    MixMethod,
    Momentum,
    NoisyInstruction,
    SafetyMix,
    WithNGrams,
)
from guidedgen.decoders.mix.contexts import Prompts
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import ToyModel
from guidedgen.toy_laws import replay, toy_constraint
from tests.decoders.mix.test_methods import CASES, EOS, MODEL, log_chances, normalised, other, shares

ITSELF: Prompts = lambda prompt: (prompt.tokens(),)
TWICE: Prompts = lambda prompt: (prompt.tokens(), prompt.tokens())


def texts(strategy: Strategy, sampling: Sampling) -> Any:
    constraint = toy_constraint(8)
    prompts = [Sequence.prompt(start, constraint.start()) for start in ((0, 1), (1, 0), (2, 2))]
    return replay(list(strategy.run(Sampler(MODEL), prompts, sampling)), prompts)


NOTHING: list[MixMethod] = [
    NoisyInstruction(prompts=other((5, 5)), strength=0.0),
    Integrative(prompts=lambda prompt: (prompt.tokens(),) * 4),
    SafetyMix(prompts=other((6, 6)), bias=1e9),
    SafetyMix(prompts=ITSELF, bias=-1e9),
    BayesAttribute(prompts=other((5, 5), (6, 6)), strength=0.0),
    BayesAttribute(prompts=TWICE, strength=20.0),
    Contrast(amateur=ToyModel(seed=5, padding=2), strength=0.0, plausible=1e-9),
    Contrast(amateur=ToyModel(spread=0.0, padding=2), strength=1.0, form="difference", plausible=1e-9),
    LayerContrast(layers=(0, 1), strength=0.0, plausible=1e-9),
    LayerCorrection(layers=(3, 4), strength=0.0),
    EndingFloor(epsilon=0.0),
    EndingPenalty(amount=0.0),
    WithNGrams(weight=0.0),
    AgainstRepetition(alpha=0.0, top_k=8),
]


@pytest.mark.parametrize("method", NOTHING, ids=lambda method: type(method).__name__)
def test_without_weight_it_is_the_model(method: MixMethod) -> None:
    for text, allowed in CASES:
        assert shares(method, text, allowed) == pytest.approx(normalised(log_chances(text, allowed)), abs=1e-4)
    for sampling in (Sampling(), Sampling(temperature=1.0, seed=6)):
        assert texts(Plain(mix=(method,)), sampling) == texts(Plain(), sampling)


GREEDY_ALIKE: list[MixMethod] = [
    NoisyInstruction(prompts=ITSELF, strength=0.3),  # (1 - s) log p
    Momentum(alpha=0.0),
    Contrast(amateur=MODEL, strength=0.5),  # the ratio of equal models is one
]


@pytest.mark.parametrize("method", GREEDY_ALIKE, ids=lambda method: type(method).__name__)
def test_equal_contexts_leave_greedy_texts_as_they_are(method: MixMethod) -> None:
    assert texts(Plain(mix=(method,)), Sampling()) == texts(Plain(), Sampling())


def test_all_weight_is_the_other_context() -> None:
    """Safety mixing with w = 1 says what the cautious context says; an attribute that is sure decides alone."""
    for text, allowed in CASES:
        cautious = normalised(log_chances((6, 6, *text[2:]), allowed))
        assert shares(SafetyMix(prompts=other((6, 6)), bias=-1e9), text, allowed) == pytest.approx(cautious, abs=1e-5)


def test_strong_routes_that_equal_weak_ones_are_plain_sampling_behind_the_cut() -> None:
    for text, allowed in CASES:
        own = log_chances(text, allowed)
        floor = max(own.values()) + math.log(0.1)
        kept = normalised({token: chance for token, chance in own.items() if chance >= floor})
        expected = {token: kept.get(token, 0.0) for token in allowed}
        assert shares(Contrast(amateur=MODEL, strength=0.5), text, allowed) == pytest.approx(expected, abs=1e-5)
        equal = LayerFusion(prompts=ITSELF, weight=1.0)  # differences of nothing: even shares behind the cut
        found = shares(equal, text, allowed)
        assert {token for token, share in found.items() if share > 0} == set(kept)
        assert max(found.values()) == pytest.approx(1 / len(kept), abs=1e-5)


def test_only_candidates_change_their_rank_under_layer_correction() -> None:
    text, allowed = (0, 1, 3, 2, 2), [0, 1, 2, 3, 4, 5, 6, EOS]
    own, found = (
        normalised(log_chances(text, allowed)),
        shares(LayerCorrection(layers=(3, 4), top_k=3, strength=5.0), text, allowed),
    )
    ranked = sorted(allowed, key=lambda token: -own[token])
    others = ranked[3:]
    assert sorted(others, key=lambda token: -found[token]) == others
    assert max(found[token] for token in others) <= min(found[token] for token in ranked[:1])


class Looping(ToyModel):
    """Writes 0 1 2 0 1 2, over and over; 3 is its second choice, and 4 the third."""

    def logits_after(self, tokens: Any, plan: Any = None) -> Any:
        logits = super().logits_after(tokens, plan) * 0
        after = {0: 1, 1: 2, 2: 0}.get(tokens[-1], 0)
        logits[after], logits[3], logits[4] = 5.0, 4.9, 4.8
        logits[EOS] = -5.0
        return logits


def test_momentum_breaks_loops() -> None:
    """rep-n falls."""
    model = Looping()
    constraint = AllOf([AnyText(model.vocabulary), MaxTokens(40, model.vocabulary, complete=False)])
    prompt = Sequence.prompt((0,), constraint.start())

    def repeated(strategy: Plain) -> float:
        (*_, chunk) = strategy.run(Sampler(model), [prompt], Sampling())
        text = chunk.sequence.generated()
        runs = [text[at : at + 4] for at in range(len(text) - 3)]
        return 1 - len(set(runs)) / len(runs)

    assert repeated(Plain()) > 0.8
    assert repeated(Plain(mix=(Momentum(alpha=0.0),))) == repeated(Plain())
    assert repeated(Plain(mix=(Momentum(alpha=0.2),))) < repeated(Plain()) - 0.3


def test_a_floor_ends_every_text() -> None:
    """The end's probability climbs to one."""
    method = EndingFloor(epsilon=0.05)
    chances = [method.raised(1e-6, count) for count in range(400)]
    assert chances == sorted(chances)
    assert chances[0] == pytest.approx(1e-6)
    assert chances[-1] > 1 - 1e-6

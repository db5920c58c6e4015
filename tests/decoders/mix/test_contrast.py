"""Contrastive decoding against its definition, enumerated on toy models; the same under speculation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence as ListOf
from typing import Any

import pytest
import torch

from guidedgen.decoders import Plain, Speculative, Strategy
from guidedgen.decoders.drafters import ModelDrafter
from guidedgen.decoders.mix import Contrast
from guidedgen.decoders.mix.contrast import contrasted
from guidedgen.errors import ModelError
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf, ToyModel, toy_vocabulary
from guidedgen.toy_laws import Mixed, check_strategy, exact_outcomes, replay, toy_constraint

SETTINGS = (Sampling(temperature=1.0), Sampling(temperature=0.7, top_k=3, repetition_penalty=1.5))
EXPERT = ToyModel(padding=2)
AMATEUR = ToyModel(seed=5)


def log_softmax(logits: torch.Tensor, allowed: ListOf[int]) -> dict[int, float]:
    total = math.log(sum(math.exp(logits[token]) for token in allowed))
    return {token: float(logits[token]) - total for token in allowed}


def by_definition(
    prompt: tuple[int, ...], tokens: tuple[int, ...], allowed: ListOf[int], settings: Contrast
) -> Mapping[int, float]:
    seen = (*prompt, *tokens) if settings.prompt else (prompt[-1], *tokens)
    good = log_softmax(EXPERT.logits_after((*prompt, *tokens)), allowed)
    bad = log_softmax(AMATEUR.logits_after(seen) / settings.temperature, allowed)
    floor = max(good.values()) + math.log(settings.plausible)
    floor = min(floor, sorted(good.values())[-min(settings.least, len(good))])
    own = 1 + settings.strength if settings.form == "ratio" else 1.0
    return {
        token: own * good[token] - settings.strength * bad[token] if good[token] >= floor else -math.inf
        for token in allowed
    }


def reference(settings: Contrast) -> Mixed:
    return lambda prompt, tokens, allowed: by_definition(prompt, tokens, allowed, settings)


VARIANTS = [
    Contrast(amateur=AMATEUR),
    Contrast(amateur=AMATEUR, form="difference", strength=1.0, temperature=0.5, plausible=0.3),
    Contrast(amateur=Sampler(AMATEUR), prompt=False, strength=0.8),
    Contrast(amateur=AMATEUR, plausible=0.9, least=2),
]


@pytest.mark.parametrize("contrast", VARIANTS, ids=["ratio", "difference", "without the prompt", "at least two"])
@pytest.mark.parametrize("drafter", [None, "recycle", ModelDrafter(model=AMATEUR, widths=(2, 1))])
def test_the_laws_with_and_without_speculation(contrast: Contrast, drafter: Any) -> None:
    verifier = "recursive" if isinstance(drafter, ModelDrafter) else "point-mass"
    plain = Plain(mix=(contrast,))
    strategy = Speculative(drafter=drafter, verifier=verifier, mix=(contrast,)) if drafter else plain
    check_strategy(
        strategy,
        model=EXPERT,
        settings=SETTINGS,
        samples=800 if drafter is None else 300,
        mixed=reference(contrast),
    )


def test_the_reference_differs_from_the_plain_distribution() -> None:
    state = toy_constraint(8).start()
    plain = exact_outcomes(EXPERT, (0, 1), state, SETTINGS[0])
    mixed = exact_outcomes(
        EXPERT,
        (0, 1),
        state,
        SETTINGS[0],
        lambda prompt, tokens, allowed: by_definition(prompt, tokens, allowed, VARIANTS[0]),
    )
    assert sum(abs(plain[text] - mixed.get(text, 0.0)) for text in plain) / 2 > 0.1


def scores(expert: torch.Tensor, amateur: torch.Tensor, settings: Contrast) -> torch.Tensor:
    return contrasted(expert, amateur, torch.zeros_like(expert), settings).log_softmax(-1)


def test_limits_of_the_formula() -> None:
    torch.manual_seed(0)
    expert, amateur = torch.randn(5, 8), torch.randn(5, 8)
    everything = 1e-9  # a cut that keeps all tokens
    off = Contrast(amateur=AMATEUR, strength=0.0, plausible=everything)
    assert torch.allclose(scores(expert, amateur, off), expert.log_softmax(-1), atol=1e-6)
    difference = Contrast(amateur=AMATEUR, strength=1.0, form="difference", plausible=everything)
    assert torch.allclose(scores(expert, torch.zeros(5, 8), difference), expert.log_softmax(-1), atol=1e-6)
    assert torch.allclose(scores(expert, expert, difference), torch.full((5, 8), -math.log(8)), atol=1e-5)
    shifted = contrasted(expert + 3, amateur - 7, torch.zeros(5, 8), VARIANTS[0])
    assert torch.allclose(shifted, contrasted(expert, amateur, torch.zeros(5, 8), VARIANTS[0]), atol=1e-4)


def test_the_cut_looks_at_allowed_tokens_only() -> None:
    """The expert's favourite is forbidden, and is ten thousand times as probable as what is allowed."""
    expert = torch.tensor([[10.0, 0.0, -0.1, -9.0]])
    bias = torch.tensor([[-math.inf, 0.0, 0.0, 0.0]])
    kept = contrasted(expert, torch.zeros(1, 4), bias, Contrast(amateur=AMATEUR)) > -math.inf
    assert (kept & (bias == 0)).tolist() == [[False, True, True, False]]


def test_drafter_and_amateur_may_share_a_sampler() -> None:
    """Speculative contrastive decoding: the amateur drafts, and its rows are in the cache when it is asked again."""
    shared = Sampler(AMATEUR)
    contrast = Contrast(amateur=shared)
    prompts = [Sequence.prompt((0, 1), toy_constraint(8).start())]
    strategies: list[Strategy] = [
        Plain(mix=(contrast,)),
        Speculative(drafter=ModelDrafter(model=AMATEUR), mix=(contrast,)),
    ]
    texts = [replay(list(each.run(Sampler(EXPERT), prompts, Sampling())), prompts) for each in strategies]
    assert texts[0] == texts[1]
    assert shared.cached_tokens > 0


def test_bad_settings_are_named() -> None:
    for wrong in ({"strength": -1.0}, {"plausible": 0.0}, {"temperature": 0.0}, {"form": "both"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Contrast(amateur=AMATEUR, **wrong)
    other = ToyModel(vocabulary=toy_vocabulary(9))
    prompt = Sequence.prompt((0, 1), OneOf([(2,), (3,)], 8).start())
    with pytest.raises(ModelError, match="same family"):
        list(Plain(mix=(Contrast(amateur=other),)).run(Sampler(EXPERT), [prompt], Sampling()))

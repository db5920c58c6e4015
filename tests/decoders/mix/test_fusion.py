"""Contrast at two layers against its formula in plain numbers, and where it is plain contrast."""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf

import pytest

from guidedgen.decoders import Plain, Speculative
from guidedgen.decoders.mix import Contrast, LayerFusion
from guidedgen.errors import ModelError
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import ToyModel
from guidedgen.toy_laws import check_strategy, toy_constraint
from tests.decoders.mix.test_methods import CASES, MODEL, log_chances, normalised, other, shares

WRONG, TRUE = (5, 5), (6, 1)


def by_definition(
    text: ListOf[int], allowed: ListOf[int], layer: int, weight: float, refocus: float, start: int = 2
) -> dict[int, float]:
    after = tuple(text[start:])
    own, amateur = log_chances(text, allowed), log_chances((*WRONG, *after), allowed)
    early, amateur_early = log_chances(text, allowed, layer), log_chances((*WRONG, *after), allowed, layer)
    truthful = log_chances((*TRUE, *after), allowed)
    floor = max(own.values()) + math.log(0.1)
    return {
        token: own[token] - amateur[token] + weight * (early[token] - amateur_early[token]) + refocus * truthful[token]
        if own[token] >= floor
        else -math.inf
        for token in allowed
    }


@pytest.mark.parametrize(("text", "allowed"), CASES)
@pytest.mark.parametrize(("layer", "weight", "refocus"), [(2, 0.5, 0.0), (3, 1.0, 0.7), (None, 0.0, 0.4)])
def test_scores_are_those_of_the_formula(
    text: tuple[int, ...], allowed: list[int], layer: int | None, weight: float, refocus: float
) -> None:
    expected = normalised(by_definition(text, allowed, 3 if layer is None else layer, weight, refocus))
    prompts = other(WRONG, TRUE) if refocus else other(WRONG)
    method = LayerFusion(prompts=prompts, layer=layer, weight=weight, refocus=refocus)
    assert shares(method, text, allowed) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("text", "allowed"), CASES)
def test_without_the_lower_layer_it_is_contrast_and_at_the_last_one_twice_that(
    text: tuple[int, ...], allowed: list[int]
) -> None:
    """The amateur as a model of its own: the same one whose prompt is another."""

    class Wrong(ToyModel):
        def logits_after(self, tokens: ListOf[int], plan: object = None) -> object:  # type: ignore[override]
            return MODEL.logits_after((*WRONG, *tokens[2:]))

    amateur = Wrong(order=None, padding=2)
    contrast = Contrast(amateur=amateur, form="difference", strength=1.0)
    alone = LayerFusion(prompts=other(WRONG), weight=0.0)
    assert shares(alone, text, allowed) == pytest.approx(shares(contrast, text, allowed), abs=1e-5)
    twice = LayerFusion(prompts=other(WRONG), weight=1.0, layer=MODEL.info.layers - 1)
    squared = {token: share**2 for token, share in shares(contrast, text, allowed).items()}
    total = sum(squared.values())
    expected = {token: share / total for token, share in squared.items()}
    assert shares(twice, text, allowed) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("strategy", [Plain, Speculative], ids=["plain", "speculative"])
def test_samples_follow_the_definition(strategy: type[Plain] | type[Speculative]) -> None:
    method = LayerFusion(prompts=other(WRONG, TRUE), layer=2, weight=0.5, refocus=0.3)
    check_strategy(
        strategy(mix=(method,)),
        model=MODEL,
        settings=(Sampling(temperature=1.0),),
        samples=300,
        mixed=lambda prompt, tokens, allowed: by_definition(
            (*prompt, *tokens), allowed, 2, 0.5, 0.3, start=len(prompt)
        ),
    )


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(ModelError, match="which has 6"):
        LayerFusion(prompts=other(WRONG), layer=6).open(Sampler(MODEL))
    prompt = Sequence.prompt((0, 1), toy_constraint(8).start())
    with pytest.raises(ValueError, match="needs 2"):
        list(Plain(mix=(LayerFusion(prompts=other(WRONG), refocus=1.0),)).run(Sampler(MODEL), [prompt], Sampling()))
    for wrong in ({"weight": -1.0}, {"refocus": math.nan}, {"plausible": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            LayerFusion(prompts=other(WRONG), **wrong)  # type: ignore[arg-type]

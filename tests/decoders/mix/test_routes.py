"""Self-contrast of experts: rank-k routes against the library's own forward, and the contrast over them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from guidedgen.decoders import Plain, Speculative
from guidedgen.decoders.drafters import ModelDrafter
from guidedgen.decoders.mix import Contrast, RouteContrast
from guidedgen.errors import ModelError
from guidedgen.models import tiny
from guidedgen.models.routes import KNOWN_ROUTERS, rerouted
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf, ToyModel
from guidedgen.toy_laws import replay, toy_constraint

FAMILIES = ["mixtral", "gpt_oss"]
TEXT = (5, 9, 12, 7, 7, 30, 5, 21, 3, 40, 8)


@contextmanager
def only(model: Any, rank: int) -> Iterator[None]:
    """The oracle: every router's own forward replaced by one that sorts, so that one expert has all the weight."""
    routers = [module for module in model.modules() if type(module).__name__ in KNOWN_ROUTERS]
    assert routers

    def forward(router: Any, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        hidden = hidden.reshape(-1, router.hidden_dim)
        logits = hidden @ router.weight.T + getattr(router, "bias", 0.0)
        expert = logits.argsort(-1, descending=True)[:, rank - 1 : rank]
        return logits, torch.ones(len(hidden), 1), expert

    for router in routers:
        router.forward = lambda hidden, router=router: forward(router, hidden)
    try:
        yield
    finally:
        for router in routers:
            del router.forward


LETTERS = OneOf([[token + 4 for token in text] for text in toy_constraint(8).members], tiny.VOCABULARY_SIZE)


def sequence(tokens: tuple[int, ...]) -> Sequence:
    return Sequence.prompt(tokens, LETTERS.start())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_route_is_what_the_library_computes_with_that_expert(family: str, rank: int) -> None:
    library = tiny.library_model(family)
    with torch.inference_mode(), only(library, rank):
        expected = library(input_ids=torch.tensor([TEXT]), use_cache=False).logits[0, -1]
    model = tiny.load(family)
    weak = Sampler(rerouted(model, rank))
    assert torch.allclose(weak.logits([sequence(TEXT)])[0], expected, atol=1e-4)
    usual = Sampler(model).logits([sequence(TEXT)])[0]
    with torch.inference_mode():
        whole = library(input_ids=torch.tensor([TEXT]), use_cache=False).logits[0, -1]
    assert torch.allclose(usual, whole, atol=1e-4)  # the usual route is as it was
    assert not torch.allclose(usual, expected, atol=1e-2)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_contrast_is_that_of_the_two_routes(family: str) -> None:
    model = tiny.load(family)
    sampler = Sampler(model)
    row = sequence(TEXT)
    bias = torch.zeros(1, model.info.logits_size)
    bias[0, 20:] = -math.inf
    good = (sampler.logits([row]) + bias).log_softmax(-1)[0].tolist()
    bad = (Sampler(rerouted(model, 2)).logits([row]) + bias).log_softmax(-1)[0].tolist()
    found = RouteContrast().open(sampler)(sampler.logits([row]), [row], bias)[0].tolist()
    for token in range(20):
        kept = good[token] >= max(good) + math.log(0.1)
        expected = 1.5 * good[token] - 0.5 * bad[token] if kept else -math.inf
        assert found[token] == pytest.approx(expected, abs=1e-3)


def test_drafts_change_nothing() -> None:
    model = tiny.load("mixtral")
    prompts = [Sequence.prompt(start, LETTERS.start()) for start in ((4, 5, 6), (7, 7))]
    method = RouteContrast(strength=1.0)
    texts = [
        replay(list(strategy.run(Sampler(model), prompts, Sampling())), prompts)
        for strategy in (Plain(mix=(method,)), Speculative(drafter="recycle", mix=(method,)))
    ]
    assert texts[0] == texts[1]
    cut_alone = Plain(mix=(RouteContrast(strength=0.0, plausible=1e-9),))
    plain = replay(list(Plain().run(Sampler(model), prompts, Sampling())), prompts)
    assert replay(list(cut_alone.run(Sampler(model), prompts, Sampling())), prompts) == plain


def test_the_weak_route_can_draft_too() -> None:
    """The same amateur in both roles, as in speculative contrastive decoding."""
    model = tiny.load("mixtral")
    prompt = Sequence.prompt((4, 5, 6), LETTERS.start())
    weak = rerouted(model, 2)
    drafter = ModelDrafter(model=weak)
    strategies = (
        Plain(mix=(RouteContrast(),)),
        Plain(mix=(Contrast(amateur=Sampler(weak)),)),
        Speculative(drafter=drafter, mix=(RouteContrast(),)),
    )
    texts = [replay(list(each.run(Sampler(model), [prompt], Sampling())), [prompt]) for each in strategies]
    assert texts[0] == texts[1] == texts[2]


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_models_without_experts_are_refused(family: str) -> None:
    for model in (tiny.load(family), ToyModel()):
        with pytest.raises(ModelError, match="no experts"):
            RouteContrast().open(Sampler(model))
    with pytest.raises(ModelError, match="has 4 experts"):
        RouteContrast(rank=5).open(Sampler(tiny.load("mixtral")))


def test_bad_settings_are_named() -> None:
    for wrong in ({"rank": 0}, {"strength": -1.0}, {"plausible": 2.0}, {"temperature": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            RouteContrast(**wrong)  # type: ignore[arg-type]

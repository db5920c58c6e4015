"""Views that read only a part of the full cache: against a slow twin, and harmless to the cache itself."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

from guidedgen.errors import ModelError
from guidedgen.models import tiny
from guidedgen.models.base import LayerPlan
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.views import Regions, SinkWindow, TopTokens
from tests.sampler.thinned import Thinned, View
from tests.sampler.tokens import close, extend, prompt, some_tokens

FAMILIES = ["llama", "gemma2", "gpt_oss"]
VIEWS: list[View] = [SinkWindow(2, 5, 4), TopTokens(6, 4), TopTokens(3, 1), Regions(4, 3, 2, 4)]


@cache
def model_of(family: str) -> Any:
    return tiny.load(family)


@cache
def twin_of(family: str) -> Thinned:
    return Thinned(family)


@pytest.mark.parametrize("view", VIEWS, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_drafts_see_what_the_view_leaves_of_the_prefix(family: str, view: View) -> None:
    sampler = Sampler(model_of(family))
    drafter = sampler.view(attention=view)
    base = prompt(*some_tokens(19))
    sampler.logits([base])
    drafts = [extend(base, 5, 6), extend(base, 5, 7), extend(base, 8)]
    for row, draft in zip(drafter.logits(drafts), drafts, strict=True):
        close(row, twin_of(family).logits(draft.tokens(), view, whole=19)[-1])
    assert drafter.trace.snapshot().total("rows") == 4 + view.scored  # one more where attention is asked for
    longer = extend(drafts[0], 9, 10, 11)
    close(drafter.logits([longer])[0], twin_of(family).logits(longer.tokens(), view, whole=19)[-1])
    assert drafter.trace.snapshot().steps[-1].rows == 3
    full = Sampler(model_of(family))
    close(sampler.logits([longer]), full.logits([longer]))
    sampler.discard([], base=base, keep=longer)
    after = extend(longer, 12)
    close(drafter.logits([after])[0], twin_of(family).logits(after.tokens(), view, whole=24)[-1])


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_short_prefixes_are_read_whole(view: View) -> None:
    sampler = Sampler(model_of("llama"))
    base = prompt(*some_tokens(view.threshold, seed=2))
    sampler.logits([base])
    after = extend(base, 5)
    close(sampler.view(attention=view).logits([after]), sampler.logits([after]))


def test_layers_and_attention_together() -> None:
    """Layers that do not run have no say; the base is scored by the whole model."""
    model = tiny.load("llama", layers=4)
    sampler = Sampler(model)
    base = prompt(*some_tokens(18, seed=3))
    sampler.logits([base])
    after = extend(base, 5, 6)
    plan = LayerPlan(layers=(0, 3))
    narrow = sampler.view(plan=plan, attention=TopTokens(6, 4)).logits([after])
    assert not torch.allclose(narrow, sampler.view(plan=plan).logits([after]), atol=1e-3)
    wide = sampler.view(plan=plan, attention=TopTokens(18, 4)).logits([after])
    close(wide, sampler.view(plan=plan).logits([after]))


def test_a_view_gives_its_slots_back_and_makes_room() -> None:
    model = model_of("llama")
    sampler = Sampler(model, cache_bytes=40 * model.new_store(0).slot_bytes)
    drafter = sampler.view(attention=TopTokens(6, 4))
    base = prompt(*some_tokens(20, seed=4))
    sampler.logits([base])
    drafter.logits([extend(base, 5, 6)])
    other = prompt(*some_tokens(38, seed=5))
    close(sampler.logits([other]), Sampler(model).logits([other]))
    after = extend(base, 5, 6, 7)
    expected = twin_of("llama").logits(after.tokens(), TopTokens(6, 4), whole=20)[-1]
    sampler.logits([base])
    close(drafter.logits([after])[0], expected)
    del drafter
    sampler.logits([base])
    allocator = sampler._engine.allocator
    assert allocator.capacity - allocator.available == sampler.cached_tokens


def test_only_one_view_of_attention_at_a_time() -> None:
    with pytest.raises(ModelError, match="already"):
        Sampler(model_of("llama"), cache=TopTokens(6, 4)).view(attention=SinkWindow())
    with pytest.raises(ModelError, match="library's own form"):
        Sampler(tiny.load("mamba")).view(attention=SinkWindow())

"""Views of a sampler: what they compute, what they read, and that nothing of it reaches the full cache."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import pytest
import torch

from guidedgen.errors import ModelError
from guidedgen.models import tiny
from guidedgen.models.base import LayerPlan, Rows
from guidedgen.sampler.sampler import Sampler
from guidedgen.toy import ToyModel
from tests.sampler.tokens import close, extend, mixed, prompt

LAYERS = 4
SKIPPING = LayerPlan(layers=(0, 3))
NONE = torch.empty(0, dtype=torch.int64)


@pytest.fixture(scope="module", params=["llama", "gemma3", "gpt2"])
def model(request: pytest.FixtureRequest) -> Any:
    return tiny.load(request.param, layers=LAYERS)


def test_a_view_reads_the_cached_prefix_and_computes_the_rest_its_own_way(model: Any) -> None:
    sampler = Sampler(model)
    view = sampler.view(plan=SKIPPING)
    base = prompt(5, 6, 7, 8, 9)
    sampler.logits([base])
    draft = extend(base, 10, 11)
    close(view.logits([draft])[0], mixed(model, draft.tokens(), 5, SKIPPING))
    step = view.trace.snapshot().steps[-1]
    assert (step.forwards, step.rows) == (1, 2)
    longer = extend(draft, 12)
    close(view.logits([longer])[0], mixed(model, longer.tokens(), 5, SKIPPING))
    assert view.trace.snapshot().steps[-1].rows == 1  # its own rows are kept
    assert view.cached_tokens == 3


def test_the_last_row_is_always_the_views_own(model: Any) -> None:
    """Also where the full cache has it, and it stays as it was there."""
    sampler = Sampler(model)
    base = prompt(5, 6, 7, 8, 9)
    expected = sampler.logits([base])[0]
    view = sampler.view(plan=SKIPPING)
    for _ in range(2):
        close(view.logits([base])[0], mixed(model, base.tokens(), 4, SKIPPING))
    after = extend(base, 10)
    close(sampler.logits([after])[0], mixed(model, after.tokens(), 6, LayerPlan()))
    close(sampler.logits([base])[0], expected)


def test_nothing_of_a_view_becomes_part_of_the_cache(model: Any) -> None:
    sampler = Sampler(model)
    view = sampler.view(plan=LayerPlan(exit=0))
    drafts = [extend(prompt(5, 6, 7), 8, token) for token in (9, 10)]
    view.logits(drafts)
    assert sampler.cached_tokens == 0
    for draft in drafts:
        close(sampler.logits([draft])[0], mixed(model, draft.tokens(), 5, LayerPlan()))


def test_a_view_follows_the_full_cache(model: Any) -> None:
    """What was drafted and then computed by the whole model is read from there."""
    sampler = Sampler(model)
    view = sampler.view(plan=SKIPPING)
    base = prompt(5, 6, 7)
    sampler.logits([base])
    draft = extend(base, 8, 9)
    view.logits([base, draft])
    sampler.logits([draft])
    after = extend(draft, 10)
    close(view.logits([after])[0], mixed(model, after.tokens(), 5, SKIPPING))
    assert view.cached_tokens == 1  # the rows below the old prefix are forgotten


def test_a_view_notices_that_its_prefix_was_moved_or_evicted(model: Any) -> None:
    sampler = Sampler(model)
    view = sampler.view(plan=SKIPPING)
    base = prompt(5, 6, 7)
    drafts = [extend(base, token) for token in (8, 9, 10)]
    sampler.logits([base, *drafts])
    kept = drafts[2]
    ahead = extend(kept, 11)
    view.logits([ahead])
    sampler.discard(drafts, base=base, keep=kept)  # the kept draft moves to the slot behind the prompt
    sampler.logits([extend(base, 12), extend(base, 13), extend(base, 14)])  # others take what became free
    close(view.logits([ahead])[0], mixed(model, ahead.tokens(), 4, SKIPPING))
    sampler.clear()
    close(view.logits([ahead])[0], mixed(model, ahead.tokens(), 0, SKIPPING))


def test_views_give_way_where_memory_is_short(model: Any) -> None:
    sampler = Sampler(model, cache_bytes=20 * model.new_store(0).slot_bytes)
    view = sampler.view(plan=SKIPPING)
    base = prompt(*range(5, 13))
    sampler.logits([base])
    draft = extend(base, *range(20, 28))
    view.logits([draft])
    assert view.cached_tokens == 8
    other = prompt(*range(30, 40))
    close(sampler.logits([other])[0], mixed(model, other.tokens(), 10, LayerPlan()))
    assert (view.cached_tokens, sampler.cached_tokens) == (0, 18)  # those of idle views go first
    close(view.logits([draft])[0], mixed(model, draft.tokens(), 8, SKIPPING))


def test_the_slots_of_a_view_come_back_with_it(model: Any) -> None:
    sampler = Sampler(model)
    view = sampler.view(plan=SKIPPING)
    draft = extend(prompt(5, 6, 7), 8, 9)
    view.logits([draft])
    allocator = sampler._engine.allocator
    assert allocator.capacity - allocator.available == 5
    del view
    gc.collect()
    assert sampler.cached_tokens == 0
    assert allocator.available == allocator.capacity


def test_discarded_drafts_are_forgotten(model: Any) -> None:
    sampler = Sampler(model)
    view = sampler.view(plan=SKIPPING)
    base = prompt(5, 6, 7)
    sampler.logits([base])
    first, second = extend(base, 8), extend(base, 9)
    below = extend(first, 10)
    view.logits([first, second, below])
    view.discard([first, second, below], base=base, keep=first)
    assert view.cached_tokens == 1
    close(view.logits([below])[0], mixed(model, below.tokens(), 3, SKIPPING))


def test_several_views_at_once_and_a_failure_in_one(model: Any) -> None:
    class Failing:
        info, vocabulary, new_store = model.info, model.vocabulary, model.new_store
        failures = 0

        def forward(self, rows: Rows, store: Any) -> torch.Tensor:
            logits: torch.Tensor = model.forward(rows, store)
            if self.failures:
                self.failures -= 1
                raise MemoryError("no memory for activations")
            return logits

    failing = Failing()
    sampler = Sampler(failing)
    base = prompt(5, 6, 7)
    sampler.logits([base])
    views = [sampler.view(plan=plan) for plan in (SKIPPING, LayerPlan(exit=1))]
    ahead = extend(base, 8, 9)
    for view in views:
        view.logits([ahead])
    failing.failures = 1
    with pytest.raises(MemoryError):
        views[0].logits([extend(ahead, 10)])
    allocator = sampler._engine.allocator
    assert sampler.cached_tokens == 3 == allocator.capacity - allocator.available  # views start anew
    for view, plan in zip(views, (SKIPPING, LayerPlan(exit=1)), strict=True):
        after = extend(ahead, 11)
        close(view.logits([after])[0], mixed(model, after.tokens(), 3, plan))


def test_reading_gives_logits_and_hidden_states_in_the_order_asked_for(model: Any) -> None:
    sampler = Sampler(model)
    asked = [prompt(5, 6, 7, 8), prompt(9), prompt(5, 6), prompt(9)]
    sampler.logits([asked[0]])  # so that some rows are cached
    for _ in range(2):
        reading = sampler.read(asked, taps=(1, 3))
        close(reading.logits, torch.cat([Sampler(model).logits([one]) for one in asked]))
        close(model.head(reading.hidden[3]), reading.logits)
        for row, one in zip(reading.hidden[1], asked, strict=True):
            close(row, Sampler(model).read([one], taps=(1,)).hidden[1][0])


def test_reading_through_a_view(model: Any) -> None:
    view = Sampler(model).view(plan=LayerPlan(exit=1))
    reading = view.read([prompt(5, 6, 7)], taps=(1,))
    close(model.head(reading.hidden[1]), reading.logits)
    with pytest.raises(ModelError, match="do not run"):
        view.read([prompt(5, 6, 7)], taps=(2,))


def test_embeddings_after_a_sequence(model: Any) -> None:
    sampler = Sampler(model)
    base, tokens = prompt(5, 6, 7), [8, 9, 10]
    embeddings = model.embed(torch.tensor(tokens), torch.arange(3, 6))
    for _ in range(2):
        logits = sampler.logits_of(embeddings, base=base)
        close(logits, torch.cat([sampler.logits([extend(base, *tokens[: n + 1])]) for n in range(3)]))
        sampler.clear()
    sampler.logits_of(embeddings, base=base)
    assert sampler.cached_tokens == 3
    allocator = sampler._engine.allocator
    assert allocator.capacity - allocator.available == 3


def test_wrong_layers_are_refused_when_the_view_is_made(model: Any) -> None:
    with pytest.raises(ModelError, match="does not have"):
        Sampler(model).view(plan=LayerPlan(exit=LAYERS))
    flat = type("Flat", (), {"info": replace(model.info, layers=0), "new_store": model.new_store})()
    for action in (
        lambda: Sampler(flat).view(plan=SKIPPING),
        lambda: Sampler(flat).read([prompt(5)], taps=(0,)),
        lambda: Sampler(flat).logits_of(torch.zeros(1, 32), base=prompt(5)),
    ):
        with pytest.raises(ModelError, match="cannot be told apart"):
            action()


def test_the_toy_model_takes_views() -> None:
    toy = ToyModel(order=None, layers=3)
    sampler = Sampler(toy)
    base = prompt(3, 1, 4)
    sampler.logits([base])
    draft = extend(base, 1, 5)
    plan = LayerPlan(layers=(0, 2))
    assert torch.equal(sampler.view(plan=plan).logits([draft])[0], toy.logits_after(draft.tokens(), plan))
    assert torch.equal(sampler.logits([draft])[0], toy.logits_after(draft.tokens()))

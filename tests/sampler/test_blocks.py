"""Caches that forget: what the view leaves is what a slow twin leaves, whatever happened before, in bounded memory."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from guidedgen.errors import LimitExceeded, ModelError
from guidedgen.models import tiny
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.views import Regions, SinkWindow, TopTokens
from tests.sampler.thinned import Thinned, View
from tests.sampler.tokens import close, extend, prompt, some_tokens

FAMILIES = ["llama", "gemma2", "gpt_oss", "gpt2"]
VIEWS: list[View] = [
    SinkWindow(2, 9, 4),
    SinkWindow(0, 6, 1),
    TopTokens(7, 4),
    TopTokens(5, 1),
    TopTokens(12, 5),
    Regions(5, 6, 2, 4),
]


@cache
def model_of(family: str) -> Any:
    return tiny.load(family)


@cache
def twin_of(family: str) -> Thinned:
    return Thinned(family)


@pytest.mark.parametrize("view", VIEWS, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_kept_is_what_the_slow_twin_keeps(family: str, view: View) -> None:
    tokens = some_tokens(30)
    expected = twin_of(family).logits(tuple(tokens), view)
    assert float((expected[-1] - twin_of(family).logits(tuple(tokens), SinkWindow(0, 99, 9))[-1]).abs().max()) > 1e-2
    for chunk in (3, 512):
        sampler = Sampler(model_of(family), cache=view, chunk=chunk)
        close(sampler.logits([prompt(*tokens)])[0], expected[-1])
        assert sampler.trace.snapshot().total("rows") == len(tokens)
        step = sampler.logits([extend(prompt(*tokens[:-1]), tokens[-1])])  # found again by its tokens
        close(step[0], expected[-1])
        assert sampler.trace.snapshot().steps[-1].rows <= 1 + view.block


@pytest.mark.parametrize("way", ["native", "lean"])
def test_every_forward_says_what_it_attends_to(way: str) -> None:
    model = tiny.load("llama", native=way == "native")
    if model.backend != way:
        pytest.skip("the native kernel is not built")
    view, tokens = TopTokens(7, 4), some_tokens(30)
    expected = twin_of("llama").logits(tuple(tokens), view)[-1]
    others = [prompt(*some_tokens(17, seed=8)), prompt(*some_tokens(23, seed=9))]  # several segments, not all watched
    close(Sampler(model, cache=view).logits([*others, prompt(*tokens)])[2], expected)


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_all_ancestors_at_once_and_token_by_token(view: View) -> None:
    tokens = some_tokens(26, seed=2)
    expected = twin_of("llama").logits(tuple(tokens), view)
    chain = [prompt(tokens[0])]
    for token in tokens[1:]:
        chain.append(extend(chain[-1], token))
    close(Sampler(model_of("llama"), cache=view).logits(chain), expected)
    sampler = Sampler(model_of("llama"), cache=view)
    for row, sequence in zip(expected, chain, strict=True):
        close(sampler.logits([sequence])[0], row)


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_budgets_beyond_the_length_change_nothing(view: View) -> None:
    tokens = some_tokens(view.threshold, seed=3)
    full = Sampler(model_of("llama")).logits([prompt(*tokens)])
    close(Sampler(model_of("llama"), cache=view).logits([prompt(*tokens)]), full)


def test_branches_below_a_base_share_it() -> None:
    view = SinkWindow(2, 6, 4)
    base = prompt(*some_tokens(16, seed=4))
    branches = [extend(base, token, 9) for token in (5, 6, 7)]
    sampler = Sampler(model_of("llama"), cache=view)
    sampler.logits([base])
    sampler.trace.snapshot()
    logits = sampler.logits(branches)
    assert sampler.trace.snapshot().steps[-1].rows == 6
    for row, branch in zip(logits, branches, strict=True):
        close(row, twin_of("llama").logits(branch.tokens(), view)[-1])


def test_memory_is_bounded_by_the_view_not_by_the_text() -> None:
    view = TopTokens(8, 4)
    model = model_of("llama")
    slots = 2 * (8 + 4)
    sampler = Sampler(model, cache=view, cache_bytes=slots * model.new_store(0).slot_bytes)
    tokens = some_tokens(120, seed=5)
    sequence = prompt(*tokens[:40])
    for token in tokens[40:]:
        logits = sampler.logits([sequence])
        sequence = extend(sequence, token)
    assert sampler._engine.store.capacity <= slots
    close(logits[0], twin_of("llama").logits(tuple(tokens[:-1]), view)[-1])
    with pytest.raises(LimitExceeded, match="cache_bytes"):
        Sampler(model, cache_bytes=slots * model.new_store(0).slot_bytes).logits([sequence])


def test_a_base_that_was_evicted_is_made_again() -> None:
    view = TopTokens(6, 4)
    tokens = some_tokens(18, seed=6)
    sampler = Sampler(model_of("llama"), cache=view)
    first = prompt(*tokens)
    sampler.logits([first])
    cache_of = sampler._tree.cache
    bases = [node for node in cache_of.root.children.values() if node.token > 1 << 63]
    assert len(bases) == 3  # at 8, 12 and 16
    for base in bases:
        cache_of.fell(base)
        cache_of.discard(base)
    close(sampler.logits([first])[0], twin_of("llama").logits(first.tokens(), view)[-1])


def test_models_without_slots_of_keys_refuse_views() -> None:
    with pytest.raises(ModelError, match="library's own form"):
        Sampler(tiny.load("mamba"), cache=SinkWindow())


@pytest.mark.parametrize(
    "wrong", [lambda: SinkWindow(-1), lambda: SinkWindow(window=0), lambda: TopTokens(0), lambda: Regions(recent=999)]
)
def test_views_without_room_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="is no view"):
        wrong()

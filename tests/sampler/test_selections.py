"""Selections against a slow twin that picks one row and one head at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.errors import ModelError
from guidedgen.models import tiny
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.selections import Channels, Pages, Selection
from guidedgen.sampler.sequence import Sequence
from tests.sampler.tokens import close, some_tokens

FAMILIES = ["llama", "gemma2", "gpt_oss"]
CHANNELS = (((0, 3, 5), (1, 2, 7)), ((4, 5, 6), (0, 1, 2)))  # by layer and key head
VIEWS: list[Channels | Pages] = [
    Channels(CHANNELS, budget=5, block=4),
    Pages(budget=8, page=4, parts=2, block=8),
    Pages(budget=4, page=2, parts=1, block=4, streaming=((1,), (0,)), sinks=2, window=3),
]


@cache
def model_of(family: str) -> Any:
    return tiny.load(family, native=False)


class Twin:
    """A library model whose attention picks as a selection says, computed from the first token."""

    def __init__(self, family: str, *, layers: int = 2) -> None:
        from transformers import AttentionInterface

        self._model = tiny.library_model(family, layers=layers)
        name = f"picking {family} {layers}"
        AttentionInterface.register(name, self._attention)
        self._model.set_attn_implementation(name)

    @torch.inference_mode()
    def logits(self, tokens: ListOf[int], view: Selection, whole: int = 0) -> torch.Tensor:
        """Logits after every token, [n, logits_size]. The first `whole` tokens see everything before them."""
        self.view, self.whole = view, whole
        places = torch.arange(len(tokens))[None]
        logits: torch.Tensor = self._model(
            input_ids=torch.tensor([list(tokens)]), position_ids=places, use_cache=False
        ).logits[0]
        return logits

    def _attention(self, module: Any, query: Any, key: Any, value: Any, mask: Any = None, **how: Any) -> Any:
        scale = how.get("scaling") or 1 / math.sqrt(query.shape[3])
        window, softcap, sinks = how.get("sliding_window"), how.get("softcap"), how.get("s_aux")
        groups, count = query.shape[1] // key.shape[1], query.shape[2]
        output = torch.zeros(1, count, query.shape[1], value.shape[3])
        for row in range(count):
            for head in range(query.shape[1]):
                kv = head // groups
                own = [query[0, kv * groups + other, row] for other in range(groups)]
                old = 0 if row < self.whole else row - row % self.view.block
                picked = self._picked(module.layer_idx, kv, own, key[0, kv, :old], scale)
                seen = [*(range(old) if window else picked), *range(old, row + 1)]
                seen = [place for place in seen if window is None or row - place < window]
                scores = key[0, kv, seen] @ query[0, head, row] * scale
                if softcap is not None:
                    scores = softcap * torch.tanh(scores / softcap)
                extra = sinks[head : head + 1] if sinks is not None else scores[:0]
                weights = torch.cat((scores, extra)).softmax(0)[: len(seen)]
                output[0, row, head] = weights @ value[0, kv, seen]
        return output, None

    def _picked(self, layer: int, kv: int, queries: list[Any], keys: Any, scale: float) -> list[int]:
        view, count = self.view, len(keys)
        if isinstance(view, Channels):
            if count <= view.budget:
                return list(range(count))
            some = list(view.channels[layer][kv])
            worth = sum(
                (keys[:, some] @ one[some] * scale * math.sqrt(keys.shape[1] / len(some))).softmax(0) for one in queries
            )
            return sorted(range(count), key=lambda place: -float(worth[place]))[: view.budget]  # type: ignore[index]
        assert isinstance(view, Pages)
        if view.streaming and kv in view.streaming[layer]:
            return [place for place in range(count) if place < view.sinks or place >= count - view.window]
        if count <= view.budget:
            return list(range(count))
        pages = [list(range(first, first + view.page)) for first in range(0, count, view.page)]
        pages.sort(key=lambda page: -max(self._bound(one, keys[page], view) for one in queries))
        return sorted(place for page in pages[: view.budget // view.page] for place in page)

    def _bound(self, query: Any, keys: Any, view: Pages) -> float:
        size = view.page // view.parts
        bounds = []
        for first in range(0, view.page, size):
            part = keys[first : first + size]
            bounds.append(
                sum(
                    max(float(q * low), float(q * high))
                    for q, low, high in zip(query, part.amin(0), part.amax(0), strict=True)
                )
            )
        return max(bounds)


@cache
def twin_of(family: str) -> Twin:
    return Twin(family)


def prompt(tokens: list[int]) -> Sequence:
    return Sequence.prompt(tokens, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("view", VIEWS, ids=["channels", "pages", "streaming"])
@pytest.mark.parametrize("family", FAMILIES)
def test_rows_attend_to_what_the_slow_twin_picks(family: str, view: Channels | Pages) -> None:
    tokens = some_tokens(21)
    expected = twin_of(family).logits(tokens, view)
    chain = [prompt(tokens[:1])]
    for token in tokens[1:]:
        chain.append(chain[-1].extend(token, None))  # type: ignore[arg-type]
    close(Sampler(model_of(family), cache=view).logits(chain), expected)
    assert float((Sampler(model_of(family)).logits(chain) - expected).abs().max()) > 1e-2
    stepwise = Sampler(model_of(family), cache=view, chunk=3)
    for row, sequence in zip(expected[-6:], chain[-6:], strict=True):
        close(stepwise.logits([sequence])[0], row)
    assert stepwise.trace.snapshot().approximate == str(view)


@pytest.mark.parametrize("view", VIEWS[:2], ids=["channels", "pages"])
def test_drafts_pick_from_the_full_cache(view: Channels | Pages) -> None:
    """In one layer keys depend on tokens alone, so drafts are what a whole run under the view gives."""
    model = tiny.load("llama", layers=1, native=False)
    tokens = some_tokens(19, seed=2)
    sampler = Sampler(model)
    sampler.logits([prompt(tokens)])
    drafts = [prompt(tokens).extend(token, None).extend(5, None) for token in (6, 7)]  # type: ignore[arg-type]
    whole = Sampler(model, cache=view).logits(drafts)
    close(sampler.view(attention=view).logits(drafts), whole)
    assert not torch.allclose(whole, sampler.logits(drafts), atol=1e-3)


@pytest.mark.parametrize("view", [Channels(CHANNELS, budget=24, block=4), Pages(budget=24, page=4, block=8)])
def test_budgets_beyond_the_length_change_nothing(view: Channels | Pages) -> None:
    sequence = prompt(some_tokens(24, seed=3))
    close(Sampler(model_of("llama"), cache=view).logits([sequence]), Sampler(model_of("llama")).logits([sequence]))


@given(seed=st.integers(0, 2**20), parts=st.sampled_from([1, 2, 4]))
def test_no_key_exceeds_the_bound_of_its_page(seed: int, parts: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    query, keys = torch.randn(3, 4, 8, generator=generator), torch.randn(16, 2, 8, generator=generator)
    bounds = Pages(page=4, parts=parts, block=4).bounds(query, keys)  # [n, KV, P]
    products = torch.einsum("nkgd,mkd->nkgm", query.view(3, 2, 2, 8), keys).amax(2).view(3, 2, 4, 4).amax(-1)
    assert bool((bounds >= products - 1e-5).all())


def test_calibration_finds_the_channels_that_matter() -> None:
    """Channels that are silent in queries and keys are never chosen; those that dominate always are."""
    model = tiny.library_model("llama", layers=1)
    attention = model.model.layers[0].self_attn
    with torch.no_grad():
        for matrix, heads in ((attention.q_proj.weight, 4), (attention.k_proj.weight, 2)):
            by_head = matrix.view(heads, 8, -1)
            by_head[:, [2, 6]] *= 30  # a rotary pair: rotation mixes a channel with the one half a head away
            by_head[:, [0, 4]] = 0
    wrapped = tiny.TransformersModel.wrap(model, None, model_of("llama").vocabulary, name="loud", native=False)
    view = Channels.calibrated(wrapped, some_tokens(40), share=0.25, budget=9, block=4)
    assert view.channels == (((2, 6), (2, 6)),)
    assert (view.budget, view.block) == (9, 4)


def test_calibration_lets_the_narrower_half_of_the_heads_stream() -> None:
    view = Pages.calibrated(model_of("llama"), some_tokens(40), sinks=2, window=4)
    assert [len(heads) for heads in view.streaming] == [1, 1]
    sequence = prompt(some_tokens(80, seed=4))
    assert torch.isfinite(Sampler(model_of("llama"), cache=view).logits([sequence])).all()


def test_models_that_do_not_show_their_attention_refuse_selections() -> None:
    with pytest.raises(ModelError, match="views of the cache"):
        Sampler(tiny.load("mamba"), cache=Pages())
    with pytest.raises(ModelError, match="cannot take selections"):
        Pages.calibrated(tiny.load("mamba"), some_tokens(40))
    with pytest.raises(ValueError, match="is no view"):
        Pages(page=12)

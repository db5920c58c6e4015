"""Keys and values in eight bits: what the kernel writes and reads, what it costs, and that nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import guidedgen as gg
from guidedgen.errors import ModelError
from guidedgen.models import packed, tiny
from guidedgen.models.base import Rows, Segment
from guidedgen.models.coded_store import CodedStore, decoded, encoded
from guidedgen.models.native_llama import NativeLlama
from guidedgen.models.transformers_adapter import TransformersModel
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.toy import OneOf
from tests.models.wide import wide_model
from tests.sampler.thinned import Thinned

if packed.native() is None:
    pytest.skip("the native kernel is not built", allow_module_level=True)

KERNELS: list[str] = packed.native().row_kernels()  # type: ignore[union-attr]
IDS = torch.randint(3, tiny.VOCABULARY_SIZE, (30,), generator=torch.Generator().manual_seed(1))


def chain(ids: torch.Tensor, first: int) -> Rows:
    count = ids.shape[0]
    own = torch.arange(first, first + count)
    segment = Segment(start=0, stop=count, context=torch.arange(first))
    return Rows(tokens=ids, positions=own, slots=own, segments=(segment,), wanted=torch.arange(count))


def coded(model: object, **settings: str) -> NativeLlama:
    backend = NativeLlama(model, **settings)
    backend.coded = True
    return backend


def test_codes_keep_numbers_to_half_a_step() -> None:
    numbers = torch.randn(5, 3, 64) * torch.tensor([1e-3, 1.0, 300.0])[:, None]
    kept = encoded(numbers)
    assert (kept.dtype, kept.shape) == (torch.uint8, (5, 3, 68))
    steps = numbers.abs().amax(-1, keepdim=True) / 127
    assert ((decoded(kept) - numbers).abs() <= 0.501 * steps).all()
    assert not decoded(encoded(torch.zeros(2, 8))).any()


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_kernel_writes_what_its_twin_does(kernel: str) -> None:
    model = wide_model()
    exact, rounded = NativeLlama(model, kernels=kernel), coded(model, kernels=kernel)
    stores = exact.new_store(30), rounded.new_store(30)
    for backend, store in zip((exact, rounded), stores, strict=True):
        backend.forward(chain(IDS, 0), store)
    for kept, numbers in ((stores[1].keys, stores[0].keys), (stores[1].values, stores[0].values)):
        expected = encoded(numbers[0])
        away = kept[0][..., :-4].view(torch.int8).int() - expected[..., :-4].contiguous().view(torch.int8).int()
        assert away.abs().max() <= 1
        assert (away != 0).float().mean() < 0.01  # halves, rounded to either side
        torch.testing.assert_close(decoded(kept[0]), numbers[0], atol=float(numbers[0].abs().max()) / 120, rtol=0)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("family", ["llama", "wide"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_logits_are_nearly_those_of_the_whole_cache(dtype: torch.dtype, family: str, kernel: str) -> None:
    model = wide_model(dtype) if family == "wide" else tiny.library_model(family, dtype=dtype)
    exact, rounded = NativeLlama(model, kernels=kernel), coded(model, kernels=kernel)
    found = [backend.forward(chain(IDS, 0), backend.new_store(30)) for backend in (exact, rounded)]
    assert 0 < float((found[1] - found[0]).abs().mean() / found[0].std()) < 0.02


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_row_is_the_same_bit_for_bit_in_any_company(kernel: str) -> None:
    """Law CACHE without a tolerance: what a slot holds is a function of its own token's row."""
    backend = coded(wide_model(torch.bfloat16), kernels=kernel)
    store = backend.new_store(64)
    alone = torch.cat([backend.forward(chain(IDS[i : i + 1], i), store) for i in range(30)])
    assert torch.equal(backend.forward(chain(IDS, 0), backend.new_store(64)), alone)
    store = backend.new_store(64)
    pieces = [backend.forward(chain(IDS[a:b], a), store) for a, b in ((0, 17), (17, 30))]
    assert torch.equal(torch.cat(pieces), alone)


def test_it_saves_memory() -> None:
    model = wide_model(torch.bfloat16)
    exact, rounded = NativeLlama(model).new_store(64), coded(model).new_store(64)
    assert (exact.slot_bytes, rounded.slot_bytes) == (2 * 2 * 2 * 64 * 2, 2 * 2 * 2 * 68)
    assert sum(part.nbytes for part in (*rounded.keys, *rounded.values)) == 64 * rounded.slot_bytes


def test_slots_grow_move_and_are_changed_as_numbers() -> None:
    backend = coded(wide_model())
    store = backend.new_store(30)
    assert isinstance(store, CodedStore)
    backend.forward(chain(IDS, 0), store)
    before = decoded(store.keys[1]).clone()
    store.grow(64)
    store.move(torch.tensor([3, 4]), torch.tensor([40, 41]))
    assert torch.equal(decoded(store.keys[1])[40:42], before[3:5])
    places = [torch.tensor([5, 6])] * 2
    store.gather(places, torch.tensor([50, 51]))
    assert torch.equal(decoded(store.keys[1])[50:52], before[5:7])
    store.gather(places, torch.tensor([52, 53]), lambda layer, keys, values: (keys * 2, values))
    torch.testing.assert_close(decoded(store.keys[1])[52:54], 2 * before[5:7])


def wrapped(family: str = "llama", kept: str = "int8") -> TransformersModel:
    model = tiny.library_model(family)
    return TransformersModel.wrap(model, None, tiny.load("llama").vocabulary, name="tiny", kept=kept)


def test_the_trace_says_so_and_more_tokens_fit() -> None:
    prompt = Sequence.prompt(IDS.tolist(), OneOf([(0,)], tiny.VOCABULARY_SIZE).start())
    samplers = [Sampler(wrapped(kept=kept), cache_bytes=100_000) for kept in ("model", "int8")]
    logits = [sampler.logits([prompt]) for sampler in samplers]
    assert [sampler.trace.approximate for sampler in samplers] == [None, "keys and values in eight bits"]
    assert 0 < float((logits[1] - logits[0]).abs().max()) < 0.1
    assert samplers[1]._engine.limit > 1.5 * samplers[0]._engine.limit
    with pytest.raises(ModelError, match="Pages"):
        samplers[1].view(attention=gg.Pages(16))


@pytest.mark.parametrize("family", ["llama", "qwen3", "mistral"])
@pytest.mark.parametrize("view", [gg.SinkWindow(2, 9, 4), gg.TopTokens(10, 4), gg.Regions(4, 8, 3, 4)], ids=str)
def test_with_views_that_drop(view: gg.SinkWindow | gg.TopTokens | gg.Regions, family: str) -> None:
    """Against the library's model that forgets and rounds, and bit for bit against itself token by token."""
    tokens = tuple(IDS.tolist())
    sampler = Sampler(wrapped(family), cache_bytes=100_000, cache=view)
    root = Sequence.prompt(list(tokens), OneOf([(0,)], tiny.VOCABULARY_SIZE).start())
    logits = sampler.logits([root])[0]
    expected = Thinned(family, coded=True).logits(tokens, view)[-1]
    torch.testing.assert_close(logits, expected, atol=2e-3, rtol=0)  # a code may be rounded to either side
    exact = Thinned(family).logits(tokens, view)[-1]
    assert float((exact - expected).abs().max()) > 5e-3
    if family != "mistral":  # whose own window is shorter
        whole = Thinned(family, coded=True).logits(tokens, gg.SinkWindow(0, 1000))[-1]
        assert float((whole - expected).abs().max()) > 0.05
    assert sampler.trace.approximate == f"{view} with keys and values in eight bits"
    one_by_one = Sampler(wrapped(family), cache_bytes=100_000, cache=view, chunk=1)
    assert torch.equal(one_by_one.logits([root])[0], logits)


@pytest.mark.parametrize("cache", [("int8", gg.SinkWindow(4, 60, 8)), ("int8", None), "int8"], ids=str)
def test_load_takes_both(cache: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guidedgen.models.load", lambda name, *, kept, **_: wrapped(kept=kept))
    model = gg.load("any", cache=cache, cache_bytes=40_000)
    result = model.generate("ABC", gg.Regex("[A-F]{150}"), max_tokens=160, describe="none")
    view = cache[1] if isinstance(cache, tuple) else None
    expected = "keys and values in eight bits" if view is None else f"{view} with keys and values in eight bits"
    assert result.trace.approximate == expected


def test_load_refuses_views_that_select_in_eight_bits() -> None:
    with pytest.raises(ModelError, match="Pages"):
        gg.load(cache=("int8", gg.Pages(16)))  # type: ignore[arg-type]


def test_other_models_refuse() -> None:
    with pytest.raises(ModelError, match="native forward"):
        wrapped("gpt2")


def test_a_text_that_is_no_format_is_refused() -> None:
    for wrong in ("int9", ("int9", gg.SinkWindow()), ("int8", "int8"), ("int8", gg.SinkWindow(), 3)):
        with pytest.raises(ValueError, match="int8"):
            gg.load(cache=wrong)  # type: ignore[arg-type]

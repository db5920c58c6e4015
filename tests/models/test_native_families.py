"""The native forward on Mistral, Qwen2 and Qwen3 of random shapes: as the library's own modules, and as itself alone.

Windows reach over several tiles of slots, end within one, or hide nothing; texts are longer than they are.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
import torch

from guidedgen.models import packed, tiny
from guidedgen.models.base import Rows, Segment, Watch
from guidedgen.models.lean_llama import LeanLlama, windows_of
from guidedgen.models.library_rows import LibraryRows
from guidedgen.models.native_llama import NativeLlama, hidden_by
from guidedgen.models.self_test import Backend
from guidedgen.models.transformers_adapter import TransformersModel

if packed.native() is None:
    pytest.skip("the native kernel is not built", allow_module_level=True)

KERNELS: list[str] = packed.native().row_kernels()  # type: ignore[union-attr]
WINDOWS = [1, 3, 8, 16, 17, 40, 100]
EMPTY = torch.empty(0, dtype=torch.int64)


def model_of(family: str, seed: int, dtype: torch.dtype = torch.float32, **settings: Any) -> Any:
    """A random model of a family, with a head of 8 or 64 numbers and windows in some of its layers."""
    import transformers

    chance = random.Random(seed)
    heads, window = chance.choice([1, 2]), chance.choice(WINDOWS)
    kinds = [chance.choice(["sliding_attention", "full_attention"]) for _ in range(3)]
    own: dict[str, Any] = {"use_sliding_window": True, "layer_types": kinds} if "Qwen" in family else {}
    model_class = getattr(transformers, f"{family}ForCausalLM")
    config = model_class.config_class(
        **{
            "vocab_size": tiny.VOCABULARY_SIZE,
            "hidden_size": 48,
            "intermediate_size": 40,
            "num_hidden_layers": 3,
            "num_attention_heads": heads * chance.choice([1, 2, 3]),
            "num_key_value_heads": heads,
            "head_dim": chance.choice([8, 64]),
            "sliding_window": window,
            **own,
            **settings,
        }
    )
    torch.manual_seed(seed)
    model = model_class(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.2 if parameter.dim() > 1 else 0.3) + (parameter == 1))
    return model.eval().to(dtype)


class Texts:
    """Two texts that grow, in scattered slots; each step adds a chain or a tree to one or to both."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.free = list(range(400))
        self.chance.shuffle(self.free)
        self.slots: list[list[int]] = [[], []]

    def step(self) -> Rows:
        chance = self.chance
        tokens: list[int] = []
        positions: list[int] = []
        slots: list[int] = []
        segments: list[Segment] = []
        for text in chance.choice([[0], [1], [0, 1]]):
            own, count = self.slots[text], chance.choice([1, 1, 2, 5, 19, 33])
            start, places = len(tokens), [self.free.pop() for _ in range(count)]
            parents = [chance.choice([row - 1, chance.randrange(-1, row) if row else -1]) for row in range(count)]
            chain = chance.random() < 0.5
            seen = torch.eye(count, dtype=torch.bool)
            for row, parent in enumerate(parents):
                if parent >= 0:
                    seen[row] |= seen[parent]
            depth = list(range(count)) if chain else [int(row.sum()) - 1 for row in seen]
            tokens += [chance.randrange(3, tiny.VOCABULARY_SIZE) for _ in range(count)]
            positions += [len(own) + deep for deep in depth]
            slots += places
            context = torch.tensor(own, dtype=torch.int64)
            segments.append(
                Segment(start=start, stop=start + count, context=context, ancestors=None if chain else seen)
            )
            kept = range(count) if chain else torch.nonzero(seen[-1]).flatten().tolist()
            self.slots[text] = own + [places[row] for row in kept]
        return Rows(
            tokens=torch.tensor(tokens),
            positions=torch.tensor(positions),
            slots=torch.tensor(slots),
            segments=tuple(segments),
            wanted=torch.arange(len(tokens)),
        )


@pytest.mark.parametrize("family", ["Mistral", "Qwen2", "Qwen3"])
@pytest.mark.parametrize("seed", range(5))
def test_it_computes_what_the_library_does(family: str, seed: int) -> None:
    model = model_of(family, seed)
    kernel = KERNELS[seed % len(KERNELS)]
    native, lean = NativeLlama(model, kernels=kernel), LeanLlama(model)
    library = LibraryRows(model)
    backends: tuple[Backend, ...] = (native, lean, library)
    stores = [backend.new_store(400) for backend in backends]
    texts = Texts(seed)
    for _ in range(9):
        step = texts.step()
        found, twin, expected = (backend.forward(step, store) for backend, store in zip(backends, stores, strict=True))
        torch.testing.assert_close(twin, expected, atol=1e-3, rtol=0)
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("family", ["Mistral", "Qwen3"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_row_is_the_same_bit_for_bit_in_any_company(family: str, dtype: torch.dtype, kernel: str) -> None:
    """One by one, as one chain, and as the last branch of a tree beside another text; windows of 3, 17 and 40."""
    for window, coded in ((3, False), (17, False), (40, dtype == torch.bfloat16)):
        model = model_of(family, window, dtype, sliding_window=window, head_dim=64)
        native = NativeLlama(model, kernels=kernel)
        native.coded = coded
        ids = torch.randint(3, tiny.VOCABULARY_SIZE, (70,), generator=torch.Generator().manual_seed(window))
        store = native.new_store(140)
        alone = torch.cat([native.forward(chain(ids[i : i + 1], torch.arange(i), i), store) for i in range(70)])
        store = native.new_store(140)
        assert torch.equal(native.forward(chain(ids, EMPTY, 0), store), alone)
        store = native.new_store(140)
        native.forward(chain(ids[:50], EMPTY, 0), store)
        seen = torch.zeros(35, 35, dtype=torch.bool)
        seen[:15, :15] = torch.ones(15, 15).tril()
        seen[15:, 15:] = torch.ones(20, 20).tril()
        tree = Rows(
            tokens=torch.cat((ids[:15], ids[50:], ids[:30])),
            positions=torch.cat((torch.arange(50, 65), torch.arange(50, 70), torch.arange(30))),
            slots=torch.arange(50, 115),
            segments=(
                Segment(start=0, stop=35, context=torch.arange(50), ancestors=seen),
                Segment(start=35, stop=65, context=EMPTY),
            ),
            wanted=torch.arange(15, 65),
        )
        assert torch.equal(native.forward(tree, store), torch.cat((alone[50:], alone[:30])))


def chain(ids: torch.Tensor, context: torch.Tensor, first: int) -> Rows:
    count = ids.shape[0]
    places = torch.arange(first, first + count)
    segment = Segment(start=0, stop=count, context=context)
    return Rows(tokens=ids, positions=places, slots=places, segments=(segment,), wanted=torch.arange(count))


def test_windows_matter() -> None:
    """What stands before the window changes nothing in a model all of whose layers have one, however deep, of 1."""
    model = model_of("Mistral", 3, sliding_window=1)
    native = NativeLlama(model)
    logits = [native.forward(chain(torch.tensor([first, 7, 8]), EMPTY, 0), native.new_store(3))[2] for first in (5, 6)]
    assert torch.equal(logits[0], logits[1])
    wide = NativeLlama(model_of("Mistral", 3, sliding_window=3))
    logits = [wide.forward(chain(torch.tensor([first, 7, 8]), EMPTY, 0), wide.new_store(3))[2] for first in (5, 6)]
    assert not torch.equal(logits[0], logits[1])


@pytest.mark.parametrize("kernel", KERNELS)
def test_what_is_watched_through_a_window_is_what_the_twin_saw(kernel: str) -> None:
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    model = model_of("Qwen3", 1, sliding_window=20, layer_types=kinds)
    found = []
    for backend in (NativeLlama(model, kernels=kernel), LeanLlama(model)):
        store, watch = backend.new_store(64), Watch([0])
        ids = torch.arange(50) % 40 + 3
        backend.forward(chain(ids[:45], EMPTY, 0), store)
        backend.forward(replace(chain(ids[45:], torch.arange(45), 45), watch=watch), store)
        found.append(watch.weights[0])
    assert windows_of(model) == [20, None, 20]
    for layer in range(3):
        torch.testing.assert_close(found[0][layer], found[1][layer], atol=1e-4, rtol=0)
        hidden = found[0][layer][:30]
        assert bool((hidden == 0).all()) == (layer != 1)


def test_a_context_that_is_not_in_order_is_left_to_the_twin() -> None:
    model = model_of("Mistral", 2, sliding_window=4)
    both = NativeLlama(model), LeanLlama(model)
    found = []
    for backend in both:
        store = backend.new_store(16)
        backend.forward(chain(torch.arange(9) + 3, EMPTY, 0), store)
        step = chain(torch.tensor([20, 21]), torch.tensor([8, 3, 7, 6, 0, 1, 2, 4, 5]), 9)
        found.append(backend.forward(step, store))
        assert hidden_by([4, None], step, store) is None
    torch.testing.assert_close(found[0], found[1], atol=1e-3, rtol=0)


def test_it_is_what_these_families_get_on_a_cpu() -> None:
    assert {tiny.load(family).info.forward for family in ("mistral", "qwen2", "qwen3", "qwen3_window")} == {"native"}
    assert tiny.load("gemma3").info.forward == "rows"


@pytest.mark.parametrize("weights", ["int8", "int4"])
@pytest.mark.parametrize("family", ["mistral", "qwen3_window"])
def test_few_bits_and_keys_of_eight_bits(family: str, weights: str) -> None:
    vocabulary = tiny.load("llama").vocabulary
    model = tiny.library_model(family)
    loaded = TransformersModel.wrap(model, None, vocabulary, name="tiny", weights=weights, kept="int8")
    assert (loaded.info.forward, loaded.info.dtype) == ("native", weights)
    store = loaded.new_store(32)
    logits = loaded.forward(chain(torch.arange(20) + 3, EMPTY, 0), store)
    with torch.inference_mode():
        expected = model(input_ids=torch.arange(20)[None] + 3, use_cache=False).logits[0]  # rounded weights by now
    assert float((logits - expected).abs().mean() / expected.std()) < 0.1

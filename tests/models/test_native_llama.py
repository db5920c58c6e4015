"""The native forward against its readable twin, the lean forward in torch, and against itself in other company."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

import pytest
import torch

from guidedgen.models import packed, tiny
from guidedgen.models.base import LayerPlan, Rows, Segment, Watch
from guidedgen.models.lean_llama import LeanLlama
from guidedgen.models.native_llama import NativeLlama, round_weights
from guidedgen.models.transformers_adapter import TransformersModel
from tests.models.wide import wide_model

if packed.native() is None:
    pytest.skip("the native kernel is not built, or before it had row kernels", allow_module_level=True)

KERNELS: list[str] = packed.native().row_kernels()  # type: ignore[union-attr]
EMPTY = torch.empty(0, dtype=torch.int64)
OWN = ["llama", "llama_bias", "llama3_rope", "qwen2", "qwen3", "qwen3_window", "mistral"]


def tokens(count: int, seed: int = 1) -> torch.Tensor:
    return torch.randint(3, tiny.VOCABULARY_SIZE, (count,), generator=torch.Generator().manual_seed(seed))


def rows(ids: torch.Tensor, positions: torch.Tensor, slots: torch.Tensor, *segments: Segment) -> Rows:
    return Rows(tokens=ids, positions=positions, slots=slots, segments=segments, wanted=torch.arange(ids.shape[0]))


def chain(ids: torch.Tensor, context: torch.Tensor, slots: torch.Tensor) -> Rows:
    count, first = ids.shape[0], context.shape[0]
    segment = Segment(start=0, stop=count, context=context)
    return rows(ids, torch.arange(first, first + count), slots, segment)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("family", [*OWN, "wide"])
def test_it_computes_what_the_lean_forward_does(family: str, kernel: str) -> None:
    """Scattered slots, a prefill of two sequences, then a tree below one of them beside a step of the other."""
    model = wide_model() if family == "wide" else tiny.library_model(family)
    both = NativeLlama(model, kernels=kernel), LeanLlama(model)
    stores = [backend.new_store(96) for backend in both]
    slots = torch.randperm(96, generator=torch.Generator().manual_seed(3))
    first = rows(
        tokens(40),
        torch.cat((torch.arange(21), torch.arange(3000, 3019))),
        slots[:40],
        Segment(start=0, stop=21, context=EMPTY),
        Segment(start=21, stop=40, context=EMPTY),
    )
    tree = torch.tensor([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 0, 1, 0, 0], [1, 1, 0, 1, 0], [0, 0, 0, 0, 1]]).bool()
    second = rows(
        tokens(6, 2),
        torch.tensor([21, 22, 22, 23, 21, 3019]),
        slots[40:46],
        Segment(start=0, stop=5, context=slots[:21], ancestors=tree),
        Segment(start=5, stop=6, context=slots[21:40]),
    )
    for step in (first, second):
        logits = [backend.forward(step, store) for backend, store in zip(both, stores, strict=True)]
        torch.testing.assert_close(logits[0], logits[1], atol=2e-4, rtol=0)
    for left, right in zip((*stores[0].keys, *stores[0].values), (*stores[1].keys, *stores[1].values), strict=True):
        torch.testing.assert_close(left, right, atol=1e-4, rtol=0)
    assert torch.equal(stores[0].positions, stores[1].positions)


@pytest.mark.parametrize("kernel", KERNELS)
def test_bfloat16_is_closer_to_the_exact_model_than_torch_is(kernel: str) -> None:
    """Between products everything is float32 here."""
    model = wide_model(torch.bfloat16)
    step = chain(tokens(24), EMPTY, torch.arange(24))
    native, lean = NativeLlama(model, kernels=kernel), LeanLlama(model)
    logits = [backend.forward(step, backend.new_store(24)).float() for backend in (native, lean)]
    exact_model = model.float()
    exact = LeanLlama(exact_model)
    expected = exact.forward(step, exact.new_store(24))
    errors = [float((found - expected).abs().mean() / expected.std()) for found in logits]
    assert errors[0] < 0.02
    assert errors[0] < 1.2 * errors[1]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_quantised_weights_give_what_their_values_give(weights: str, kernel: str) -> None:
    model = wide_model()
    native = NativeLlama(model, weights=weights, kernels=kernel)
    step = chain(tokens(24), EMPTY, torch.arange(24))
    logits = native.forward(step, native.new_store(24))
    round_weights(model, weights)
    exact = LeanLlama(model)
    expected = exact.forward(step, exact.new_store(24))
    assert (
        float((logits - expected).abs().mean() / expected.std()) < 0.05
    )  # activations of eight bits, keys of bfloat16


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("weights", ["dense", "bfloat16", "int8", "int4"])
def test_a_row_is_the_same_bit_for_bit_in_any_company(weights: str, kernel: str) -> None:
    """One by one; as one chain; in a tree with another branch; beside another sequence. Law CACHE without tolerance."""
    dtype = torch.bfloat16 if weights == "bfloat16" else torch.float32
    native = NativeLlama(wide_model(dtype), weights="dense" if weights == "bfloat16" else weights, kernels=kernel)
    ids, other = tokens(20), tokens(9, 5)
    store = native.new_store(64)
    alone = torch.cat(
        [native.forward(chain(ids[i : i + 1], torch.arange(i), torch.tensor([i])), store) for i in range(20)]
    )

    store = native.new_store(64)
    at_once = native.forward(chain(ids, EMPTY, torch.arange(20)), store)
    assert torch.equal(at_once, alone)

    store = native.new_store(64)
    native.forward(chain(ids[:12], EMPTY, torch.arange(12)), store)
    seen = torch.zeros(17, 17, dtype=torch.bool)
    seen[:9, :9] = torch.ones(9, 9).tril()
    seen[9:, 9:] = torch.ones(8, 8).tril()
    tree = rows(
        torch.cat((other, ids[12:])),
        torch.cat((torch.arange(12, 21), torch.arange(12, 20))),
        torch.arange(12, 29),
        Segment(start=0, stop=17, context=torch.arange(12), ancestors=seen),
    )
    assert torch.equal(native.forward(tree, store)[9:], alone[12:])

    store = native.new_store(64)
    scattered = torch.arange(63, 43, -1)
    beside = rows(
        torch.cat((other, ids)),
        torch.cat((torch.arange(9), torch.arange(20))),
        torch.cat((torch.arange(9), scattered)),
        Segment(start=0, stop=9, context=EMPTY),
        Segment(start=9, stop=29, context=EMPTY),
    )
    assert torch.equal(native.forward(beside, store)[9:], alone)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sequences_that_begin_alike_are_as_if_alone(dtype: torch.dtype, kernel: str) -> None:
    """Samples of a prompt, a chain and a tree behind it; one that shares less, another prompt, a long chain."""
    backend = NativeLlama(wide_model(dtype), kernels=kernel)
    store = backend.new_store(400)
    slots = torch.randperm(400, generator=torch.Generator().manual_seed(7))
    backend.forward(chain(tokens(180, 3), EMPTY, slots[:180]), store)
    tree = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 0, 1]]).bool()
    contexts = [
        (torch.cat((slots[:50], slots[60 + 9 * sample : 60 + 9 * sample + length])), count, seen)
        for sample, (length, count, seen) in enumerate(
            [(0, 1, None), (1, 1, None), (9, 1, None), (4, 2, None), (7, 3, tree), (9, 1, None)]
        )
    ] + [(slots[:37], 1, None), (slots[100:150], 1, None), (slots[:50], 40, None)]
    segments, positions, start = [], [], 0
    for context, count, seen in contexts:
        segments.append(Segment(start=start, stop=start + count, context=context, ancestors=seen))
        positions += [context.shape[0] + row for row in range(count)]
        start += count
    together = rows(tokens(start, 5), torch.tensor(positions), slots[200 : 200 + start], *segments)
    expected = backend.forward(together, store)
    for segment in segments:
        own = slice(segment.start, segment.stop)
        one = replace(segment, start=0, stop=segment.stop - segment.start)
        alone = rows(together.tokens[own], together.positions[own], together.slots[own], one)
        assert torch.equal(backend.forward(alone, store), expected[own])


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(threads: int) -> None:
    native = NativeLlama(wide_model())
    step = chain(tokens(30), EMPTY, torch.arange(30))
    expected = native.forward(step, native.new_store(30))
    torch.set_num_threads(threads)
    try:
        for _ in range(20):
            assert torch.equal(native.forward(step, native.new_store(30)), expected)
    finally:
        torch.set_num_threads(1)


def test_many_small_loops_come_to_an_end() -> None:
    """Helpers that still look for pieces of one loop while the next is laid out take none of it, and lose none."""
    native = NativeLlama(tiny.library_model("llama", layers=6))
    step = chain(tokens(24), EMPTY, torch.arange(24))
    store = native.new_store(24)
    expected = native.forward(step, store)
    torch.set_num_threads(2)
    try:
        assert all(torch.equal(native.forward(step, store), expected) for _ in range(300))
    finally:
        torch.set_num_threads(1)


def test_callers_on_several_threads_do_not_disturb_each_other() -> None:
    native = NativeLlama(wide_model())
    steps = [chain(tokens(10 + 7 * number, number), EMPTY, torch.arange(10 + 7 * number)) for number in range(3)]
    expected = [native.forward(step, native.new_store(40)) for step in steps]
    torch.set_num_threads(2)
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(10):
            if not torch.equal(native.forward(steps[number], native.new_store(40)), expected[number]):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        torch.set_num_threads(1)
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_computes_by_itself() -> None:
    """The helpers of its parent's pool do not exist in it."""
    native = NativeLlama(wide_model())
    step = chain(tokens(12), EMPTY, torch.arange(12))
    torch.set_num_threads(2)
    try:
        expected = native.forward(step, native.new_store(12))
        child = os.fork()
        if child == 0:
            same = torch.equal(native.forward(step, native.new_store(12)), expected)
            os._exit(0 if same else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        torch.set_num_threads(1)


def test_a_store_that_grew_is_looked_at_anew() -> None:
    native = NativeLlama(wide_model())
    store = native.new_store(8)
    native.forward(chain(tokens(8), EMPTY, torch.arange(8)), store)
    store.grow(16)
    after = native.forward(chain(tokens(3, 2), torch.arange(8), torch.arange(8, 11)), store)
    fresh = native.new_store(16)
    whole = native.forward(chain(torch.cat((tokens(8), tokens(3, 2))), EMPTY, torch.arange(11)), fresh)
    assert torch.equal(after, whole[8:])


def test_plans_taps_and_embeddings_are_those_of_the_lean_forward() -> None:
    model = wide_model()
    both = NativeLlama(model), LeanLlama(model)
    step = chain(tokens(6), EMPTY, torch.arange(6))
    asked = replace(step, plan=LayerPlan(layers=(1,)), taps=(1,), wanted=torch.tensor([2, 5]))
    readings = [backend.read(asked, backend.new_store(8)) for backend in both]
    torch.testing.assert_close(readings[0].logits, readings[1].logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(readings[0].hidden[1], readings[1].hidden[1], atol=1e-4, rtol=0)
    mixed = both[0].embed(step.tokens, step.positions) * 0.5
    entered = [backend.forward(replace(step, embeddings=mixed), backend.new_store(8)) for backend in both]
    torch.testing.assert_close(entered[0], entered[1], atol=1e-4, rtol=0)
    kept = mixed.clone()
    both[0].forward(replace(step, embeddings=mixed), both[0].new_store(8))
    assert torch.equal(mixed, kept)  # computed in place, but not in the caller's memory


def test_slots_that_do_not_exist_are_refused() -> None:
    native = NativeLlama(wide_model())
    store = native.new_store(8)
    with pytest.raises((ValueError, IndexError)):
        native.forward(chain(tokens(2), EMPTY, torch.tensor([7, 8])), store)
    with pytest.raises(ValueError, match="does not have"):
        native.forward(chain(tokens(2), torch.tensor([0, 9]), torch.tensor([1, 2])), store)


def test_what_it_accepts() -> None:
    accepted = {name for name in tiny.FAMILIES if NativeLlama.accepts(tiny.library_model(name))}
    assert accepted == set(OWN)
    half = tiny.library_model("llama", dtype=torch.float16)
    assert not NativeLlama.accepts(half)
    assert NativeLlama.accepts(half, "int8")


def test_without_the_native_kernel_torch_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guidedgen.models.native_llama.native", lambda: None)
    assert tiny.load("llama").backend == "lean"
    vocabulary = tiny.load("llama").vocabulary
    few = TransformersModel.wrap(tiny.library_model("llama"), None, vocabulary, name="tiny", weights="int8")
    assert (few.backend, few.info.dtype) == ("lean", "int8")


@pytest.mark.parametrize("weights", ["dense", "int8", "int4"])
def test_it_is_what_a_model_on_a_cpu_gets(weights: str) -> None:
    vocabulary = tiny.load("llama").vocabulary
    model = TransformersModel.wrap(tiny.library_model("llama"), None, vocabulary, name="tiny", weights=weights)
    assert (model.backend, model.info.tree, model.info.batch, model.info.layers) == ("native", True, True, 2)
    assert (model.info.watches, model.info.selects) == (True, True)


class HidesTheFirst:
    """Nobody attends to the oldest slot."""

    def hide(self, layer: int, query: torch.Tensor, keys: torch.Tensor, scale: float) -> torch.Tensor:
        hidden = torch.zeros(keys.shape[1], query.shape[0], keys.shape[0], dtype=torch.bool)
        hidden[..., 0] = True
        return hidden


def test_rows_that_look_are_computed_by_the_twin() -> None:
    model = wide_model()
    both = NativeLlama(model), LeanLlama(model)
    found = []
    for backend in both:
        store, watch = backend.new_store(16), Watch([0])
        backend.forward(chain(tokens(8), EMPTY, torch.arange(8)), store)
        step = chain(tokens(2, 2), torch.arange(8), torch.arange(8, 10))
        plain = backend.forward(step, store)
        segment = replace(step.segments[0], old=8)
        logits = backend.forward(replace(step, segments=(segment,), watch=watch, look=HidesTheFirst()), store)
        assert float((logits - plain).abs().max()) > 1e-3  # hiding matters
        found.append((logits, watch.weights[0][1]))
    torch.testing.assert_close(found[0][0], found[1][0], atol=2e-4, rtol=0)
    torch.testing.assert_close(found[0][1], found[1][1], atol=1e-4, rtol=0)


def test_the_twin_uses_the_same_matrices() -> None:
    """Quantised as they are: rows that look get the same model."""
    native = NativeLlama(wide_model(), weights="int4")
    step = chain(tokens(12), EMPTY, torch.arange(12))
    alone = native.forward(step, native.new_store(12))
    looking = native.forward(replace(step, look=HidesTheFirst()), native.new_store(12))  # `old` is 0: nothing to hide
    assert float((alone - looking).abs().mean() / alone.std()) < 0.03  # both round to bfloat16, each in its own way

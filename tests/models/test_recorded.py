"""Recorded steps against their twin. A tape stands for the CUDA graph: it replays operations on the memory they saw."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from guidedgen.models import tiny
from guidedgen.models.base import LayerPlan, Rows, Segment
from guidedgen.models.lean_llama import LeanLlama
from guidedgen.models.recorded import RecordedLlama, Step
from guidedgen.models.self_test import Abilities, SelfTest

TOLERANCE = 1e-4
CAPACITY = 600


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes every operation with the tensors that it read and made, as a graph does."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._operations: list[tuple[Any, Any, Any, list[torch.Tensor]]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        outputs = [out for out in (made if isinstance(made, tuple | list) else [made]) if isinstance(out, torch.Tensor)]
        self._operations.append((function, args, kwargs or {}, outputs))
        return made

    def replay(self) -> None:
        """The same operations over the same memory; what they make goes where it went."""
        for function, args, kwargs, outputs in self._operations:
            made = function(*args, **kwargs)
            again = [
                out for out in (made if isinstance(made, tuple | list) else [made]) if isinstance(out, torch.Tensor)
            ]
            for old, new in zip(outputs, again, strict=True):
                if old.data_ptr() != new.data_ptr():  # a view, or in place
                    old.copy_(new)


def taped(step: Step) -> Step:
    with Tape() as tape:
        logits = step()

    def replay() -> torch.Tensor:
        tape.replay()
        return logits

    return replay


@pytest.fixture(scope="module")
def library() -> Any:
    return tiny.library_model("llama")


@pytest.fixture(scope="module")
def twin(library: Any) -> LeanLlama:
    return LeanLlama(library)


def chain(tokens: list[int], slots: list[int], context: list[int], ancestors: torch.Tensor | None = None) -> Rows:
    count = len(tokens)
    return Rows(
        tokens=torch.tensor(tokens),
        positions=torch.arange(len(context), len(context) + count),
        slots=torch.tensor(slots),
        segments=(Segment(start=0, stop=count, context=torch.tensor(context, dtype=torch.int64), ancestors=ancestors),),
        wanted=torch.arange(count),
    )


def beside(*parts: Rows) -> Rows:
    """Several rows in one forward."""
    starts = [sum(len(part.tokens) for part in parts[:number]) for number in range(len(parts))]
    segments = [
        Segment(
            start=start + part.segments[0].start, stop=start + part.segments[0].stop, context=part.segments[0].context
        )
        for start, part in zip(starts, parts, strict=True)
    ]
    return Rows(
        tokens=torch.cat([part.tokens for part in parts]),
        positions=torch.cat([part.positions for part in parts]),
        slots=torch.cat([part.slots for part in parts]),
        segments=tuple(segments),
        wanted=torch.arange(sum(len(part.tokens) for part in parts)),
    )


def test_everything_the_self_test_asks_for(library: Any) -> None:
    with torch.inference_mode():
        check = SelfTest(
            lambda tokens: library(input_ids=tokens, use_cache=False).logits,
            logits_size=tiny.VOCABULARY_SIZE,
            device=torch.device("cpu"),
        )
        recorded = RecordedLlama(library, taped)
        assert check.run(recorded, torch.float32) == Abilities(plain=True, batch=True, tree=True)
        assert check.layers(recorded, torch.float32) == recorded.layers


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), steps=st.lists(st.integers(1, 9), min_size=2, max_size=8))
def test_replayed_steps_equal_the_twin(library: Any, twin: LeanLlama, seed: int, steps: list[int]) -> None:
    """Two texts side by side in scattered slots, in steps of any size, each replayed over other rows than recorded."""
    generator = torch.Generator().manual_seed(seed)
    recorded = RecordedLlama(library, taped)
    stores = recorded.new_store(CAPACITY), twin.new_store(CAPACITY)
    free = torch.randperm(CAPACITY, generator=generator).tolist()
    known: list[list[int]] = [[], []]
    for count in steps:
        parts = []
        for text in known:
            tokens = torch.randint(3, tiny.VOCABULARY_SIZE, (count,), generator=generator).tolist()
            slots = [free.pop() for _ in range(count)]
            parts.append(chain(tokens, slots, text))
            text += slots
        rows = beside(*parts)
        logits, expected = recorded.forward(rows, stores[0]), twin.forward(rows, stores[1])
        torch.testing.assert_close(logits, expected, atol=TOLERANCE, rtol=0)
    for ours, theirs in zip(stores[0].keys + stores[0].values, stores[1].keys + stores[1].values, strict=True):
        torch.testing.assert_close(ours, theirs, atol=TOLERANCE, rtol=0)
    assert recorded.recorded <= 8  # 2, 4, 8, 16, 32 rows; at most two sizes of the store's part


def test_a_tree_and_only_the_wanted_rows(library: Any, twin: LeanLlama) -> None:
    recorded = RecordedLlama(library, taped)
    stores = recorded.new_store(CAPACITY), twin.new_store(CAPACITY)
    tree = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 1, 1]], dtype=torch.bool)
    first, second = chain([5, 6, 7], [300, 20, 9], []), chain([8, 9, 10], [11, 13, 12], [300, 20, 9], tree)
    asked = Rows(
        tokens=second.tokens,
        positions=torch.tensor([3, 3, 4]),
        slots=second.slots,
        segments=second.segments,
        wanted=torch.tensor([2, 0]),
    )
    for rows in (first, asked, asked):
        logits, expected = recorded.forward(rows, stores[0]), twin.forward(rows, stores[1])
        assert logits.shape == expected.shape
        torch.testing.assert_close(logits, expected, atol=TOLERANCE, rtol=0)


def test_a_store_that_grew_is_recorded_again(library: Any, twin: LeanLlama) -> None:
    recorded = RecordedLlama(library, taped)
    stores = recorded.new_store(64), twin.new_store(64)
    one, two = chain([5], [0], []), chain([6], [1], [0])
    for rows in (one, two):
        recorded.forward(rows, stores[0])
        twin.forward(rows, stores[1])
    assert recorded.recorded == 1
    for store in stores:
        store.grow(128)
    after = chain([7], [100], [0, 1])
    torch.testing.assert_close(
        recorded.forward(after, stores[0]), twin.forward(after, stores[1]), atol=TOLERANCE, rtol=0
    )
    assert recorded.recorded == 2


def test_logits_stay_those_of_their_step(library: Any) -> None:
    recorded = RecordedLlama(library, taped)
    store = recorded.new_store(64)
    first = recorded.forward(chain([5], [0], []), store)
    kept = first.clone()
    recorded.forward(chain([6], [1], [0]), store)
    assert torch.equal(first, kept)


@pytest.mark.parametrize("limits", [{"most_rows": 2}, {"most_slots": 32}])
def test_what_is_too_large_is_the_twins(library: Any, twin: LeanLlama, limits: dict[str, int]) -> None:
    recorded = RecordedLlama(library, taped, **limits)
    stores = recorded.new_store(64), twin.new_store(64)
    rows = chain([5, 6, 7], [40, 41, 42], [])
    assert torch.equal(recorded.forward(rows, stores[0]), twin.forward(rows, stores[1]))
    assert recorded.recorded == 0


def test_layers_are_the_twins(library: Any, twin: LeanLlama) -> None:
    recorded = RecordedLlama(library, taped)
    stores = recorded.new_store(64), twin.new_store(64)
    rows = chain([5, 6], [0, 1], [])
    short = Rows(
        tokens=rows.tokens,
        positions=rows.positions,
        slots=rows.slots,
        segments=rows.segments,
        wanted=rows.wanted,
        plan=LayerPlan(exit=0),
    )
    assert torch.equal(recorded.forward(short, stores[0]), twin.forward(short, stores[1]))
    assert recorded.recorded == 0


def test_a_processor_without_graphs_is_left_to_others(library: Any) -> None:
    assert not RecordedLlama.accepts(library)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_cuda_graph_equals_the_twin() -> None:
    model = tiny.library_model("llama").to("cuda")
    recorded, lean = RecordedLlama(model), LeanLlama(model)
    stores = recorded.new_store(CAPACITY), lean.new_store(CAPACITY)
    for place in range(12):
        rows = chain([5 + place], [place], list(range(place)))
        moved = Rows(
            tokens=rows.tokens.cuda(),
            positions=rows.positions.cuda(),
            slots=rows.slots.cuda(),
            segments=(Segment(start=0, stop=1, context=rows.segments[0].context.cuda()),),
            wanted=rows.wanted.cuda(),
        )
        logits, expected = recorded.forward(moved, stores[0]), lean.forward(moved, stores[1])
        torch.testing.assert_close(logits, expected, atol=TOLERANCE, rtol=0)
    assert recorded.recorded == 1

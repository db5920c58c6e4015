"""Attention over slots against a slow twin that looks at one row and one head at a time."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.models.attention import AttentionPlan
from guidedgen.models.base import Rows, Segment
from guidedgen.models.store import LayerShape, SlotStore

HEADS, KV_HEADS, DIM = 4, 2, 8


def slow_twin(
    query: torch.Tensor,
    store: SlotStore,
    rows: Rows,
    *,
    window: int | None,
    softcap: float | None,
    sinks: torch.Tensor | None,
) -> torch.Tensor:
    output = torch.zeros(query.shape[0], HEADS, DIM)
    for segment in rows.segments:
        for row in range(segment.start, segment.stop):
            own = range(segment.start, segment.stop)
            if segment.ancestors is None:
                seen = [other for other in own if other <= row]
            else:
                seen = [other for other in own if segment.ancestors[row - segment.start, other - segment.start]]
            slots = [*segment.context.tolist(), *(int(rows.slots[other]) for other in seen)]
            if window is not None:
                slots = [slot for slot in slots if int(rows.positions[row]) - int(store.positions[slot]) < window]
            for head in range(HEADS):
                kv = head * KV_HEADS // HEADS
                scores = [float(query[row, head] @ store.keys[0][slot, kv]) / math.sqrt(DIM) for slot in slots]
                if softcap is not None:
                    scores = [softcap * math.tanh(score / softcap) for score in scores]
                weights = [math.exp(score) for score in scores]
                total = sum(weights) + (0.0 if sinks is None else math.exp(float(sinks[head])))
                for weight, slot in zip(weights, slots, strict=True):
                    output[row, head] += weight / total * store.values[0][slot, kv]
    return output


@st.composite
def cases(draw: st.DrawFn) -> tuple[Rows, torch.Tensor]:
    """Segments with contexts of random, sometimes consecutive, slots; chains and random trees."""
    capacity = 40
    order = list(range(capacity)) if draw(st.booleans()) else draw(st.permutations(range(capacity)))
    tokens, positions, slots, segments, taken = 0, [], [], [], 0
    stored = torch.zeros(capacity, dtype=torch.int64)
    for _ in range(draw(st.integers(1, 3))):
        context, count = draw(st.integers(0, 6)), draw(st.integers(1, 5))
        stored[order[taken : taken + context]] = torch.arange(context)
        ancestors = None
        places = list(range(context, context + count))
        if draw(st.booleans()):
            ancestors = torch.eye(count, dtype=torch.bool)
            for row in range(1, count):
                parent = draw(st.integers(-1, row - 1))
                places[row] = context if parent < 0 else places[parent] + 1
                if parent >= 0:
                    ancestors[row] |= ancestors[parent]
            places[0] = context
        seen = torch.tensor(order[taken : taken + context], dtype=torch.int64)
        segments.append(Segment(start=tokens, stop=tokens + count, context=seen, ancestors=ancestors))
        slots += order[taken + context : taken + context + count]
        positions += places
        tokens, taken = tokens + count, taken + context + count
    rows = Rows(
        tokens=torch.zeros(tokens, dtype=torch.int64),
        positions=torch.tensor(positions),
        slots=torch.tensor(slots),
        segments=tuple(segments),
        wanted=torch.arange(tokens),
    )
    return rows, stored


@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("sinks", [False, True])
@given(case=cases(), window=st.sampled_from([None, 1, 3]))
def test_attention_equals_its_slow_twin(
    sinks: bool, softcap: float | None, case: tuple[Rows, torch.Tensor], window: int | None
) -> None:
    rows, stored = case
    generator = torch.Generator().manual_seed(4)
    shape = LayerShape(heads=KV_HEADS, key_dim=DIM, value_dim=DIM)
    store = SlotStore((shape,), capacity=40, dtype=torch.float32, device=torch.device("cpu"))
    store.keys[0].normal_(generator=generator)
    store.values[0].normal_(generator=generator)
    store.positions.copy_(stored)
    count = rows.tokens.shape[0]
    query = torch.randn(count, HEADS, DIM, generator=generator)
    key, value = torch.randn(2, count, KV_HEADS, DIM, generator=generator)
    extra = torch.randn(HEADS, generator=generator) if sinks else None
    plan = AttentionPlan(rows, store, dtype=torch.float32)
    settings = {"window": window, "softcap": softcap, "sinks": extra}
    fast = plan.attend(0, query, key, value, scale=DIM**-0.5, **settings)
    torch.testing.assert_close(fast, slow_twin(query, store, rows, **settings), atol=1e-5, rtol=0)

"""Every family: batches of segments and trees over one store give what separate plain forwards of the library give.

Tolerance: 1e-4 absolute in float32, for logits whose spread is about 1 (measured: below 1e-5).
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from guidedgen.models import tiny
from guidedgen.models.base import Rows, Segment
from guidedgen.models.transformers_adapter import TransformersModel

TOLERANCE = 1e-4
LONG = 3 * tiny.WINDOW  # beyond every sliding window


@pytest.fixture(scope="module", params=tiny.FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def model(family: str) -> TransformersModel:
    return tiny.load(family)


@pytest.fixture(scope="module")
def library(family: str) -> Any:
    return tiny.library_model(family)  # a second instance: the first one's attention has been replaced


@torch.inference_mode()
def expected(library: Any, tokens: list[int]) -> torch.Tensor:
    logits: torch.Tensor = library(input_ids=torch.tensor([tokens]), use_cache=False).logits[0]
    return logits


def some_tokens(count: int, seed: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, tiny.VOCABULARY_SIZE, (count,), generator=generator).tolist()


def rows(*segments: tuple[list[int], list[int], list[int], list[int], torch.Tensor | None]) -> Rows:
    """Segments of (tokens, positions, slots, context slots, ancestors); all logits wanted."""
    tokens, positions, slots, parts = [], [], [], []
    for ids, places, own, context, ancestors in segments:
        start = len(tokens)
        tokens += ids
        positions += places
        slots += own
        seen = torch.tensor(context, dtype=torch.int64)
        parts.append(Segment(start=start, stop=len(tokens), context=seen, ancestors=ancestors))
    return Rows(
        tokens=torch.tensor(tokens),
        positions=torch.tensor(positions),
        slots=torch.tensor(slots),
        segments=tuple(parts),
        wanted=torch.arange(len(tokens)),
    )


def chain(ids: list[int], first: int, slots: list[int], context: list[int]) -> Any:
    return ids, list(range(first, first + len(ids))), slots, context, None


def test_the_probe_is_not_vacuous(library: Any) -> None:
    tokens = some_tokens(LONG, 1)
    logits = expected(library, tokens)
    changed = expected(library, [tokens[0] % 40 + 4, *tokens[1:]])
    assert float(logits.std()) > 0.2
    assert float((logits - changed)[1 : tiny.WINDOW - 1].abs().max()) > 100 * TOLERANCE


def test_prefill_and_steps_beyond_the_window_equal_a_plain_forward(model: TransformersModel, library: Any) -> None:
    tokens = some_tokens(LONG, 2)
    store = model.new_store(64)
    slots = list(range(5, 5 + LONG))
    cut = LONG - 4
    parts = [model.forward(rows(chain(tokens[:cut], 0, slots[:cut], [])), store)]
    for index in range(cut, LONG):
        parts.append(model.forward(rows(chain([tokens[index]], index, [slots[index]], slots[:index])), store))
    torch.testing.assert_close(torch.cat(parts), expected(library, tokens), atol=TOLERANCE, rtol=0)


def test_segments_of_different_length_do_not_disturb_each_other(model: TransformersModel, library: Any) -> None:
    first, second, third = some_tokens(LONG, 3), some_tokens(5, 4), some_tokens(1, 5)
    store = model.new_store(128)
    scattered = torch.randperm(100, generator=torch.Generator().manual_seed(6)).tolist()
    slots = [scattered[: len(first)], scattered[40:45], [101]]
    logits = model.forward(
        rows(chain(first, 0, slots[0], []), chain(second, 0, slots[1], []), chain(third, 0, slots[2], [])), store
    )
    wanted = torch.cat([expected(library, tokens) for tokens in (first, second, third)])
    torch.testing.assert_close(logits, wanted, atol=TOLERANCE, rtol=0)


def test_two_branches_of_a_tree_equal_two_separate_forwards(model: TransformersModel, library: Any) -> None:
    trunk, left, right = some_tokens(LONG, 7), some_tokens(4, 8), some_tokens(3, 9)
    store = model.new_store(64)
    context = list(range(LONG))
    model.forward(rows(chain(trunk, 0, context, [])), store)
    count = len(left) + len(right)
    ancestors = torch.ones(count, count, dtype=torch.bool).tril()
    ancestors[len(left) :, : len(left)] = False
    positions = [LONG + depth for depth in (*range(len(left)), *range(len(right)))]
    slots = list(range(LONG, LONG + count))
    logits = model.forward(rows((left + right, positions, slots, context, ancestors)), store)
    wanted = torch.cat([expected(library, trunk + branch)[LONG:] for branch in (left, right)])
    torch.testing.assert_close(logits, wanted, atol=TOLERANCE, rtol=0)


def test_a_tree_beside_a_chain_with_interleaved_rows(model: TransformersModel, library: Any) -> None:
    """Rows of two branches alternate, so that ancestors are not neighbours; another sequence rides along."""
    trunk, left, right, other = some_tokens(9, 10), some_tokens(3, 11), some_tokens(3, 12), some_tokens(6, 13)
    store = model.new_store(64)
    context = list(range(20, 29))
    model.forward(rows(chain(trunk, 0, context, [])), store)
    tokens = [token for pair in zip(left, right, strict=True) for token in pair]
    positions = [9 + index // 2 for index in range(6)]
    ancestors = torch.tensor([[i % 2 == j % 2 and j <= i for j in range(6)] for i in range(6)])
    logits = model.forward(
        rows((tokens, positions, [40, 3, 41, 7, 50, 8], context, ancestors), chain(other, 0, list(range(30, 36)), [])),
        store,
    )
    wanted = [expected(library, trunk + branch)[9:] for branch in (left, right)]
    torch.testing.assert_close(logits[0:6:2], wanted[0], atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(logits[1:6:2], wanted[1], atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(logits[6:], expected(library, other), atol=TOLERANCE, rtol=0)


def test_only_wanted_rows_come_back_and_a_grown_store_keeps_its_content(model: TransformersModel, library: Any) -> None:
    tokens = some_tokens(10, 14)
    store = model.new_store(9)
    everything = rows(chain(tokens[:9], 0, list(range(9)), []))
    none = model.forward(
        Rows(
            tokens=everything.tokens,
            positions=everything.positions,
            slots=everything.slots,
            segments=everything.segments,
            wanted=torch.empty(0, dtype=torch.int64),
        ),
        store,
    )
    assert none.shape == (0, tiny.VOCABULARY_SIZE)
    store.grow(200)
    assert store.capacity == 200
    logits = model.forward(rows(chain(tokens[9:], 9, [150], list(range(9)))), store)
    torch.testing.assert_close(logits, expected(library, tokens)[9:], atol=TOLERANCE, rtol=0)


def test_store_knows_its_size(model: TransformersModel) -> None:
    store = model.new_store(10)
    assert store.slot_bytes * 10 == sum(t.numel() * t.element_size() for t in (*store.keys, *store.values))
    assert store.slot_bytes > 0


def test_logits_may_be_changed_in_place(model: TransformersModel) -> None:
    logits = model.forward(rows(chain([5], 0, [0], [])), model.new_store(1))
    logits[0, 0] = float("-inf")
    assert logits.dtype == torch.float32

"""The toy model: deterministic, and strict about what its rows may see."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from guidedgen.errors import ModelError
from guidedgen.masks import allowed_tokens
from guidedgen.models.base import LayerPlan, Rows, Segment
from guidedgen.sampler.sequence import Sequence
from guidedgen.testing import check_constraint
from guidedgen.toy import FreshSampler, OneOf, ToyModel, ToyStore, toy_vocabulary

NONE = torch.empty(0, dtype=torch.int64)
MODEL = ToyModel(order=None)


def rows(
    tokens: list[int], positions: list[int], slots: list[int], segments: tuple[Segment, ...], wanted: list[int]
) -> Rows:
    return Rows(
        tokens=torch.tensor(tokens),
        positions=torch.tensor(positions),
        slots=torch.tensor(slots),
        segments=segments,
        wanted=torch.tensor(wanted, dtype=torch.int64),
    )


def prefilled() -> ToyStore:
    """3 1 4 at slots 5 0 2."""
    store = MODEL.new_store(8)
    MODEL.forward(rows([3, 1, 4], [0, 1, 2], [5, 0, 2], (Segment(start=0, stop=3, context=NONE),), [2]), store)
    return store


def test_vocabulary() -> None:
    vocabulary = toy_vocabulary(5)
    assert (vocabulary.size, vocabulary.eos) == (5, frozenset({4}))
    assert [vocabulary.token_bytes(token) for token in range(5)] == [b"a", b"b", b"c", b"d", b""]


def test_only_the_last_tokens_matter_up_to_the_order() -> None:
    short = ToyModel(order=2)
    assert torch.equal(short.logits_after([1, 2, 3]), short.logits_after([5, 2, 3]))
    assert not torch.equal(short.logits_after([1, 2, 3]), short.logits_after([1, 5, 3]))
    assert not torch.equal(MODEL.logits_after([1, 2, 3]), MODEL.logits_after([5, 2, 3]))
    assert not torch.equal(short.logits_after([1, 2]), ToyModel(order=2, seed=1).logits_after([1, 2]))


def test_padding_is_what_an_unmasked_argmax_would_take() -> None:
    assert int(ToyModel(padding=2).logits_after([1, 2]).argmax()) >= 8


def test_rows_see_their_context_and_a_chain() -> None:
    chain = rows([1, 5], [3, 4], [1, 7], (Segment(start=0, stop=2, context=torch.tensor([5, 0, 2])),), [0, 1])
    logits = MODEL.forward(chain, prefilled())
    assert torch.equal(logits[0], MODEL.logits_after([3, 1, 4, 1]))
    assert torch.equal(logits[1], MODEL.logits_after([3, 1, 4, 1, 5]))


def test_rows_of_a_tree_see_their_ancestors_only() -> None:
    ancestors = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 0, 1]]).bool()
    segment = Segment(start=0, stop=3, context=torch.tensor([5, 0, 2]), ancestors=ancestors)
    logits = MODEL.forward(rows([1, 2, 6], [3, 3, 4], [1, 3, 4], (segment,), [1, 2]), prefilled())
    assert torch.equal(logits[0], MODEL.logits_after([3, 1, 4, 2]))
    assert torch.equal(logits[1], MODEL.logits_after([3, 1, 4, 1, 6]))


@pytest.mark.parametrize(
    ("context", "position"),
    [([5, 0], 3), ([5, 0, 2, 2], 3), ([5, 0, 3], 3), ([5, 0, 2], 4), ([5, 0, 2], 2)],
    ids=["gap", "twice", "never written", "position too high", "position too low"],
)
def test_a_wrong_view_is_refused(context: list[int], position: int) -> None:
    segment = Segment(start=0, stop=1, context=torch.tensor(context))
    with pytest.raises(ModelError, match="sees the positions"):
        MODEL.forward(rows([1], [position], [1], (segment,), [0]), prefilled())


def test_a_row_without_a_segment_is_refused() -> None:
    segment = Segment(start=0, stop=1, context=NONE)
    with pytest.raises(ModelError, match="cover"):
        MODEL.forward(rows([1, 2], [0, 1], [0, 1], (segment,), [1]), MODEL.new_store(2))


def test_nothing_wanted() -> None:
    segment = Segment(start=0, stop=1, context=NONE)
    assert MODEL.forward(rows([1], [0], [0], (segment,), []), MODEL.new_store(1)).shape == (0, 8)


def test_a_store_keeps_its_content_when_it_grows() -> None:
    store = prefilled()
    store.grow(100)
    assert store.capacity == 100
    follow = rows([1], [3], [99], (Segment(start=0, stop=1, context=torch.tensor([5, 0, 2])),), [0])
    assert torch.equal(MODEL.forward(follow, store)[0], MODEL.logits_after([3, 1, 4, 1]))


def test_layers_add_up_and_can_be_left_out_tapped_and_gone_on_from() -> None:
    model = ToyModel(order=None, layers=3)
    chain = rows([3, 1, 4], [0, 1, 2], [0, 1, 2], (Segment(start=0, stop=3, context=NONE),), [1, 2])
    reading = model.read(replace(chain, taps=(0, 1, 2)), model.new_store(3))
    assert torch.equal(reading.logits[1], model.logits_after([3, 1, 4]))
    assert torch.equal(model.head(reading.hidden[2]), reading.logits)
    assert torch.equal(model.head(reading.hidden[0])[1], MODEL.logits_after([3, 1, 4]))
    skipping = LayerPlan(layers=(0, 2))
    logits = model.forward(replace(chain, plan=skipping), model.new_store(3))
    assert torch.equal(logits[1], model.logits_after([3, 1, 4], skipping))
    assert not torch.equal(logits, reading.logits)
    states = torch.zeros(3, 8)
    states[1:] = reading.hidden[1]
    upper = replace(chain, plan=LayerPlan(layers=(2,)), embeddings=states)
    assert torch.equal(model.forward(upper, model.new_store(3)), reading.logits)


def test_fresh_sampler() -> None:
    prompt = Sequence.prompt([3, 1], OneOf([(1,)], 8).start())
    logits = FreshSampler(MODEL).logits([prompt.extend(4, prompt.state), prompt])
    assert torch.equal(logits, torch.stack([MODEL.logits_after([3, 1, 4]), MODEL.logits_after([3, 1])]))


def test_one_of_walks_its_members() -> None:
    constraint = OneOf([(1, 2, 3), (1, 2), (4, 5, 6)], 40)
    start = constraint.start()
    assert allowed_tokens(start.mask()).tolist() == [1, 4]
    assert (start.forced(), start.accepting, start.advance(2)) == ((), False, None)
    one, four = start.advance(1), start.advance(4)
    assert one is not None
    assert four is not None
    assert (one.forced(), four.forced()) == ((2,), (5, 6))
    two = one.advance(2)
    assert two is not None
    assert (two.accepting, two.forced(), two.done) == (True, (), None)


def test_one_of_keeps_the_laws_of_constraints() -> None:
    check_constraint(OneOf([(1, 2, 3), (1, 2), (4, 5, 6), (4, 1)], 8), toy_vocabulary())

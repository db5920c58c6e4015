"""What tests of the sampler say often: sequences without a constraint, random tokens, and two plain computations."""

from __future__ import annotations

from typing import Any

import torch

from guidedgen.models.base import LayerPlan, Rows, Segment
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.views import View


def prompt(*tokens: int) -> Sequence:
    """A prompt node."""
    return Sequence.prompt(tokens, None)  # type: ignore[arg-type]


def extend(sequence: Sequence, *tokens: int) -> Sequence:
    """The sequence with more tokens."""
    for token in tokens:
        sequence = sequence.extend(token, None)  # type: ignore[arg-type]
    return sequence


def some_tokens(count: int, seed: int = 1) -> list[int]:
    """Random ids of a tiny model's vocabulary, special ones left out."""
    return torch.randint(3, 48, (count,), generator=torch.Generator().manual_seed(seed)).tolist()


def close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    """Equal but for rounding."""
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=0)


def mixed(model: Any, tokens: tuple[int, ...], whole: int, plan: LayerPlan) -> torch.Tensor:
    """The plain way: `whole` tokens through all layers, the others through those of the plan; logits of the last."""
    store = model.new_store(len(tokens))
    places = torch.arange(len(tokens))
    logits = torch.zeros(0)
    for start, stop, part in ((0, whole, LayerPlan()), (whole, len(tokens), plan)):
        if start < stop:
            rows = Rows(
                tokens=torch.tensor(tokens[start:stop]),
                positions=places[start:stop],
                slots=places[start:stop],
                segments=(Segment(start=0, stop=stop - start, context=places[:start]),),
                wanted=torch.tensor([stop - start - 1]),
                plan=part,
            )
            logits = model.forward(rows, store)
    return logits[0]


def reads_whole_blocks(model: Any, view: View) -> None:
    """Assert that a view with blocks of four sees the rows of a model whose store was changed by hand."""
    base = prompt(*some_tokens(11, 5))
    ahead = extend(base, 5, 6)
    sampler = Sampler(model)
    expected = sampler.logits([base])
    actual = sampler.view(attention=view).logits([ahead])
    by_hand = Sampler(model)
    by_hand.logits([base])
    store: Any = by_hand._engine.store
    slots = by_hand._tree.locate(base)[0].slots()[:8]
    for layer in range(2):
        changed = view.change(layer, store.keys[layer][slots], store.values[layer][slots])
        assert changed is not None
        store.write(layer, torch.from_numpy(slots), *changed)
    close(actual, by_hand.logits([ahead]))
    assert not torch.allclose(actual, sampler.logits([ahead]), atol=1e-3)
    torch.testing.assert_close(sampler.logits([base]), expected)

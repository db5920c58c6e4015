"""What tests of the sampler say often: sequences without a constraint, random tokens, and two plain computations."""

from __future__ import annotations

from typing import Any

import torch

from guidedgen.models.base import LayerPlan, Rows, Segment
from guidedgen.sampler.sequence import Sequence


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

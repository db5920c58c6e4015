"""What a MIX method is: frozen settings that open a *phase* over one sampler, for the length of one run.

A phase changes logits as a pure function of a row's prefix, so it is valid at any node of a token tree, and composes
with speculation, search and penalties. What it has to know beside the model's logits (the same text under another
prompt, another model) it says beforehand, so that a step asks for everything together; what it was not given, it asks
for itself, so preparing is a matter of speed alone.
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from typing import Protocol, TypeAlias, runtime_checkable

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.sampler.pipeline import Mix as Reweigh
from guidedgen.sampler.sequence import Sequence


class Phase(Protocol):
    """A MIX method at work on one sampler. Not thread-safe; belongs to one run."""

    def contexts(self, sequences: ListOf[Sequence]) -> list[Sequence]:
        """What it wants to know of the *same* sampler for these rows: sequences whose logits it will be given."""

    def accept(self, sequences: ListOf[Sequence], logits: torch.Tensor) -> None:
        """The logits [n, V] after `contexts(sequences)`; what was accepted before may be forgotten."""

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """New logits [B, V]; `bias` [B, V] is 0 for allowed tokens and minus infinity for the others."""


@runtime_checkable
class MixMethod(Protocol):
    """Frozen settings of a MIX method."""

    def open(self, sampler: LogitsSource) -> Phase:
        """The phase over a sampler.

        Raises:
            ModelError: the method needs something that the model, or the other one, does not have.
        """


Mix: TypeAlias = MixMethod | Reweigh
"""What a strategy's `mix` takes: a method, or a plain function of logits, sequences and bias."""


class Phases:
    """The opened MIX phases of one run, in order.

    Args:
        mix: methods and functions.
        sampler: what is decoded with.
    """

    def __init__(self, mix: ListOf[Mix] = (), sampler: LogitsSource | None = None) -> None:
        self._opened: list[Phase] = []
        self.calls: list[Reweigh] = []
        for method in mix:
            if isinstance(method, MixMethod):
                assert sampler is not None
                phase = method.open(sampler)
                self._opened.append(phase)
                self.calls.append(phase)
            else:
                self.calls.append(method)

    def logits(self, sampler: LogitsSource, forced: ListOf[Sequence], tips: ListOf[Sequence]) -> torch.Tensor:
        """Logits after all given sequences [F + T, V] in one forward, with what the phases want to know of the tips."""
        beside = [phase.contexts(tips) for phase in self._opened] if tips else []
        wanted = [*forced, *tips, *(context for contexts in beside for context in contexts)]
        logits = sampler.logits(wanted)
        start = len(forced) + len(tips)
        for phase, contexts in zip(self._opened, beside, strict=False):
            phase.accept(tips, logits[start : start + len(contexts)])
            start += len(contexts)
        return logits[: len(forced) + len(tips)]

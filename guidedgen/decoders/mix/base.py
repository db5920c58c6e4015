"""What a MIX method is: frozen settings that open a *phase* over one sampler, for the length of one run.

A phase changes logits as a pure function of a row's prefix, so it is valid at any node of a token tree, and composes
with speculation, search and penalties. What it has to know beside the model's logits (the same text under another
prompt, another model) it says beforehand, so that a step asks for everything together; what it was not given, it asks
for itself, so preparing is a matter of speed alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence as ListOf
from typing import Protocol, TypeAlias, cast, runtime_checkable

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.errors import ModelError
from guidedgen.models.base import Reading
from guidedgen.sampler.pipeline import Mix as Reweigh
from guidedgen.sampler.sequence import Sequence


class Phase(Protocol):
    """A MIX method at work on one sampler. Not thread-safe; belongs to one run."""

    @property
    def taps(self) -> tuple[int, ...]:
        """Layers whose hidden states it wants to know for every row."""

    def contexts(self, sequences: ListOf[Sequence]) -> list[Sequence]:
        """What it wants to know of the *same* sampler for these rows: sequences whose logits it will be given."""

    def accept(self, sequences: ListOf[Sequence], logits: torch.Tensor, hidden: Mapping[int, torch.Tensor]) -> None:
        """What it wanted to know; what was accepted before may be forgotten.

        Args:
            sequences: B rows.
            logits: after `contexts(sequences)` [n, V].
            hidden: by layer in `taps`, the hidden states of the rows [B, E].
        """

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """New logits [B, V]; `bias` [B, V] is 0 for allowed tokens and minus infinity for the others."""


class Alone:
    """The part of a phase that wants to know nothing beside the logits."""

    taps: tuple[int, ...] = ()

    def contexts(self, sequences: ListOf[Sequence]) -> list[Sequence]:
        """See `Phase.contexts`."""
        return []

    def accept(self, sequences: ListOf[Sequence], logits: torch.Tensor, hidden: Mapping[int, torch.Tensor]) -> None:
        """See `Phase.accept`."""


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
        taps = tuple(sorted({layer for phase in self._opened for layer in phase.taps})) if tips else ()
        hidden: dict[int, torch.Tensor] = {}
        if taps:
            reading = reader(sampler).read(wanted, taps=taps)
            logits, hidden = reading.logits, reading.hidden
        else:
            logits = sampler.logits(wanted)
        start, stop = len(forced), len(forced) + len(tips)
        after = stop
        for phase, contexts in zip(self._opened, beside, strict=False):
            own = {layer: hidden[layer][start:stop] for layer in phase.taps}
            phase.accept(tips, logits[after : after + len(contexts)], own)
            after += len(contexts)
        return logits[:stop]


class Reader(Protocol):
    """A sampler that shows hidden states too."""

    def read(self, sequences: list[Sequence], *, taps: tuple[int, ...]) -> Reading:
        """See `Sampler.read`."""


def reader(sampler: LogitsSource) -> Reader:
    """The sampler itself.

    Raises:
        ModelError: it shows no hidden states.
    """
    if not hasattr(sampler, "read") or not sampler.model.info.layers:
        raise ModelError(
            f"{sampler.model.info.name} does not show what its layers say, which this method needs. "
            f"{sampler.model.info.reason or 'Load the model itself, not a wrapper.'}"
        )
    return cast(Reader, sampler)


def allowed_log_chances(logits: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Log-probabilities among allowed tokens [B, V], minus infinity elsewhere.

    Padding columns of a vocabulary and forbidden tokens then do not shift scores, which a multiplicative repetition
    penalty would notice; and what is computed from them (entropies, best tokens) is about tokens that can be chosen.
    """
    return (logits + bias).log_softmax(-1)


def logarithms(shares: torch.Tensor) -> torch.Tensor:
    """Logarithms that keep the order: above a tiny share as usual, below it in steps of their distance from it."""
    least = 1e-6
    return torch.where(shares > least, shares.clamp(min=least).log(), math.log(least) + (shares - least) * 10)


def best(log_chances: torch.Tensor, count: int) -> torch.Tensor:
    """The best tokens of each row [B, V] bool, ties with the last one too; never forbidden ones."""
    floor = log_chances.topk(min(count, log_chances.shape[-1]), -1).values[:, -1:]
    return (log_chances >= floor) & (log_chances > -math.inf)

"""What a strategy is: frozen settings with a `run` that yields chunks, and what it may ask of the sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch

from guidedgen.models.base import LanguageModel
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.settings import Sampling
from guidedgen.sampler.trace import TraceRecorder

Finish = Literal["stop", "length", "dead_end", "cancelled"]
Cancelled = Callable[[], bool]  # polled once a step, for example threading.Event().is_set


@runtime_checkable
class LogitsSource(Protocol):
    """The part of the sampler that strategies use; they never see its cache."""

    @property
    def model(self) -> LanguageModel:
        """The model behind it; strategies read its vocabulary."""

    @property
    def trace(self) -> TraceRecorder:
        """Collects the counts of the running request."""

    def logits(self, sequences: list[Sequence]) -> torch.Tensor:
        """Logits after the last token of each sequence, float32 [B, logits_size]."""

    def discard(self, drafts: ListOf[Sequence], *, base: Sequence, keep: Sequence) -> None:
        """Forget drafts below `base` that are not on the way to `keep`; never changes an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """What one step did to one sequence.

    Args:
        index: which of the sequences given to `run`.
        sequence: the sequence after this step; never contains an end-of-sequence token.
        tokens: tokens appended in this step, chosen and forced ones.
        retracted: how many tokens of earlier chunks are taken back *before* `tokens` are appended (after a dead end).
        finish: why the sequence ended: "stop" (complete, or a stop rule that ends texts), "length" (a budget ran out),
            "dead_end", "cancelled"; None while it goes on. The last chunk of a sequence, and only that one, has it.
        ending: the record of the end-of-sequence token where one was chosen; its log-probability belongs to the text's.
    """

    index: int
    sequence: Sequence
    tokens: tuple[int, ...] = ()
    retracted: int = 0
    finish: Finish | None = None
    ending: TokenRecord | None = None


class Strategy(Protocol):
    """Frozen settings plus a loop over the sampler."""

    def run(
        self,
        sampler: LogitsSource,
        sequences: ListOf[Sequence],
        sampling: Sampling,
        *,
        cancelled: Cancelled | None = None,
    ) -> Iterator[Chunk]:
        """Continue all sequences together until each has finished.

        A sequence may be given several times: its k-th occurrence is the k-th sample of that prompt and draws from its
        own random stream, so that a sample does not depend on what else is in the batch (beyond the rounding of the
        model's products, which may turn near-ties in 16-bit formats).
        Closing the iterator, or an exception in it, leaves the sampler usable.
        """

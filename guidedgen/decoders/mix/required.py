"""Required content: the text may not end while items of the prompt are missing in it."""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.inspection.spans import (
    Looks,
    Span,
    Thresholds,
    attention,
    judge,
    looks_of,
    spans_of,
    written_at,
)
from guidedgen.decoders.mix.base import Alone, allowed_log_chances
from guidedgen.sampler.sequence import Sequence


@dataclass(frozen=True, kw_only=True)
class RequiredContent:
    """Refuse the end of the text while something that is required is missing, where the text could go on.

    After SEA-GuiDe (Juraska and Walker 2021), which ranks finished beams by what they lack. Whether an item is there is
    seen in the text, and where `thresholds` are given in the attention on it too (see `Model.inspect_spans`): that
    finds items in other words, and costs a row for each token of the text, once.

    Args:
        items: texts that have to be mentioned; for attention they must stand in the prompt.
        thresholds: for attention; None looks at the text alone.
        patience: tokens after which the end is allowed whatever is missing: a model that does not get to it would
            write on to its budget.

    Raises:
        ValueError: there are no items, an empty one, or the patience is negative.
    """

    items: tuple[str, ...]
    thresholds: Thresholds | None = None
    patience: int = 256

    def __post_init__(self) -> None:
        """Check items and patience."""
        if not self.items or not all(self.items):
            raise ValueError(f"items={self.items!r} must be texts that are not empty")
        if self.patience < 0:
            raise ValueError(f"patience={self.patience!r} must be at least 0")

    def open(self, sampler: LogitsSource) -> RequiredPhase:
        """See `MixMethod.open`. Raises ModelError where attention is asked for and the model does not show it."""
        return RequiredPhase(self, sampler)


class RequiredPhase(Alone):
    """`RequiredContent` at work."""

    def __init__(self, settings: RequiredContent, sampler: LogitsSource) -> None:
        self._settings = settings
        self._sampler = sampler
        self._eos = sorted(sampler.model.vocabulary.eos)
        self._spans: WeakKeyDictionary[Sequence, list[tuple[Span, ...]]] = WeakKeyDictionary()
        self._looks: WeakKeyDictionary[Sequence, Looks] = WeakKeyDictionary()

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """See `Phase.__call__`."""
        scores = allowed_log_chances(logits, bias)
        for row, sequence in zip(scores, sequences, strict=True):
            ending = row[self._eos]
            others = row.clone()
            others[self._eos] = -math.inf
            if bool((ending > -math.inf).any()) and bool((others > -math.inf).any()) and self.missing(sequence):
                row[self._eos] = -math.inf
        return scores

    def missing(self, sequence: Sequence) -> tuple[str, ...]:
        """The items that the text lacks; none when the patience is over."""
        settings = self._settings
        if sequence.length - sequence.prompt_length >= settings.patience:
            return ()
        vocabulary = self._sampler.model.vocabulary
        pieces = [vocabulary.decode_bytes(sequence.generated())]
        lacking = tuple(item for item in settings.items if written_at(pieces, item) is None)
        if not lacking or settings.thresholds is None:
            return lacking
        judged = dict(zip(settings.items, self._judged(sequence, settings.thresholds), strict=True))
        return tuple(item for item in lacking if not judged[item])

    def _judged(self, sequence: Sequence, thresholds: Thresholds) -> list[bool]:
        """Whether each item is mentioned by attention."""
        prompt = sequence.prompt_node
        if prompt not in self._spans:
            named = {item: item for item in self._settings.items}
            self._spans[prompt] = list(spans_of(prompt, named, self._sampler.model.vocabulary).values())
        rows = [*(node.parent for node in sequence.nodes() if node.parent is not None)][::-1]
        wanted = [node for node in (*rows, sequence) if node not in self._looks]
        for node, weights in zip(wanted, attention(self._sampler, wanted), strict=True):
            self._looks[node] = looks_of(weights, self._spans[prompt], prompt.length)
        looks = [self._looks[node] for node in rows]
        judged = judge(looks, len(self._settings.items), thresholds, end=self._looks[sequence])
        return [at is not None for at, _ in judged]

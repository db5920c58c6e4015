"""Methods that compare the last layer with earlier ones, read through the same norm and head."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import cast

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.mix.base import Alone, allowed_log_chances, reader
from guidedgen.decoders.mix.contrast import check_contrast, plausible
from guidedgen.errors import ModelError
from guidedgen.models.base import LayeredModel
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.warps import top_p_floor


class LayerPhase(Alone):
    """A phase that reads layers of the same model, in the same forward."""

    def __init__(self, sampler: LogitsSource, layers: tuple[int, ...]) -> None:
        self._reader = reader(sampler)
        self._model = cast(LayeredModel, sampler.model)
        self.taps = layers
        self._known: dict[Sequence, torch.Tensor] = {}  # row -> [L, V]

    def accept(self, sequences: ListOf[Sequence], logits: torch.Tensor, hidden: Mapping[int, torch.Tensor]) -> None:
        """See `Phase.accept`."""
        rows = torch.stack([self._model.head(hidden[layer]) for layer in self.taps], 1)
        self._known = dict(zip(sequences, rows, strict=True))

    def early(self, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """What the layers say, as log-probabilities among allowed tokens [B, L, V]."""
        missing = [sequence for sequence in sequences if sequence not in self._known]
        if missing:
            known = self._known
            hidden = self._reader.read(missing, taps=self.taps).hidden
            self.accept(missing, torch.empty(0), hidden)
            self._known |= known
        return allowed_log_chances(torch.stack([self._known[own] for own in sequences]), bias[:, None])


def layers_of(sampler: LogitsSource, wanted: tuple[int, ...] | None, start: float, stop: float) -> tuple[int, ...]:
    """The wanted layers, or every second one between two shares of the depth.

    Raises:
        ModelError: the model has no such layer.
    """
    count = sampler.model.info.layers
    layers = tuple(range(int(start * count), int(stop * count), 2)) if wanted is None else wanted
    if not layers or min(layers) < 0 or max(layers) >= count:
        raise ModelError(f"layers {layers} of {sampler.model.info.name}, which has {count}. Name some that it has.")
    return layers


@dataclass(frozen=True, kw_only=True)
class LayerContrast:
    """Contrast the last layer with the earlier one that differs most from it.

    Chuang et al. 2024, "DoLa": the layer with the largest Jensen-Shannon divergence to the last is the amateur; the
    score is log p - strength * log p_layer among tokens with at least `plausible` times the best one's probability.

    Args:
        layers: candidates; None is every second layer of the lower half ("low"), where factual texts are meant.
        strength: of the subtraction; 1 in the paper. 0 leaves the last layer as it is.
        plausible: see `Contrast`.

    Raises:
        ValueError: a number is out of its range.
    """

    layers: tuple[int, ...] | None = None
    strength: float = 1.0
    plausible: float = 0.1

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_contrast(self.strength, self.plausible)

    def open(self, sampler: LogitsSource) -> LayerContrastPhase:
        """See `MixMethod.open`. Raises ModelError where the model does not show its layers."""
        return LayerContrastPhase(self, sampler)


class LayerContrastPhase(LayerPhase):
    """`LayerContrast` at work."""

    def __init__(self, settings: LayerContrast, sampler: LogitsSource) -> None:
        super().__init__(sampler, layers_of(sampler, settings.layers, 0.0, 0.5))
        self._settings = settings

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """See `Phase.__call__`."""
        last = allowed_log_chances(logits, bias)
        early = self.early(sequences, bias)
        farthest = divergence(last, early).argmax(-1)
        amateur = early[torch.arange(len(early), device=early.device), farthest]
        scores = last - self._settings.strength * amateur
        return scores.masked_fill(~plausible(last, self._settings.plausible), -math.inf)


def divergence(last: torch.Tensor, early: torch.Tensor) -> torch.Tensor:
    """Jensen-Shannon divergence of each layer to the last, in nats [B, L].

    Args:
        last: log-probabilities [B, V].
        early: log-probabilities [B, L, V].
    """
    p, q = last.exp()[:, None], early.exp()
    mean = (p + q) / 2
    entropy = torch.special.entr
    divergences: torch.Tensor = entropy(mean).sum(-1) - (entropy(p).sum(-1) + entropy(q).sum(-1)) / 2
    return divergences


@dataclass(frozen=True, kw_only=True)
class LayerCorrection:
    """Add back the middle layer that is surest of one of the candidates.

    Wang et al. 2025, "DeCo" (dynamic correction): candidates are the last layer's top-k within its nucleus; of the
    layers in an interval the one that gives a candidate the largest probability is added, strength times that
    probability times its logits. Only candidates change their scores, and none falls: logits are counted from the
    lowest candidate's, so that their unit of measure does not matter.

    Args:
        layers: the interval; None is every second layer from 60 % to 90 % of the depth.
        strength: alpha; 0.6 in the paper. 0 changes nothing.
        top_k: candidates at most.
        nucleus: mass of the nucleus they are taken from.

    Raises:
        ValueError: a number is out of its range.
    """

    layers: tuple[int, ...] | None = None
    strength: float = 0.6
    top_k: int = 20
    nucleus: float = 0.9

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not (math.isfinite(self.strength) and self.strength >= 0):
            raise ValueError(f"strength={self.strength!r} must be a finite number of at least 0")
        if self.top_k < 1 or not 0 < self.nucleus <= 1:
            raise ValueError(f"top_k={self.top_k!r} must be at least 1 and nucleus={self.nucleus!r} a share above 0")

    def open(self, sampler: LogitsSource) -> LayerCorrectionPhase:
        """See `MixMethod.open`. Raises ModelError where the model does not show its layers."""
        return LayerCorrectionPhase(self, sampler)


class LayerCorrectionPhase(LayerPhase):
    """`LayerCorrection` at work."""

    def __init__(self, settings: LayerCorrection, sampler: LogitsSource) -> None:
        super().__init__(sampler, layers_of(sampler, settings.layers, 0.6, 0.9))
        self._settings = settings

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """See `Phase.__call__`."""
        last = allowed_log_chances(logits, bias)
        early = self.early(sequences, bias)
        candidates = self._candidates(last.exp())
        sureness = early.exp().masked_fill(~candidates[:, None], 0.0).amax(-1)  # [B, L]
        best, layer = sureness.max(-1)
        added = early[torch.arange(len(early), device=early.device), layer]
        lowest = added.masked_fill(~candidates | (added == -math.inf), math.inf).amin(-1, keepdim=True)
        raised = (added - lowest).clamp(min=0.0)
        return torch.where(candidates, last + self._settings.strength * best[:, None] * raised, last)

    def _candidates(self, chances: torch.Tensor) -> torch.Tensor:
        """Which tokens are candidates [B, V] bool."""
        best = chances.topk(min(self._settings.top_k, chances.shape[-1]), -1).values[:, -1:]
        return (chances >= best) & (chances >= top_p_floor(chances, self._settings.nucleus)) & (chances > 0)

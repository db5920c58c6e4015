"""Contrast at two depths: the last layer and a lower one, each against an amateur that is asked to be wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf
from dataclasses import dataclass

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.mix.base import allowed_log_chances
from guidedgen.decoders.mix.contexts import Prompts, SideContexts
from guidedgen.decoders.mix.contrast import check_contrast, plausible
from guidedgen.decoders.mix.layers import LayerPhase, layers_of
from guidedgen.sampler.sequence import Sequence


@dataclass(frozen=True, kw_only=True)
class LayerFusion:
    """Contrast with an amateur at the last layer and at a lower one, fused; and lean towards a truthful prompt.

    Chen et al. 2024, "Lower Layer Matters" (LOL): with p the model, a the amateur, l a lower layer read through the
    same norm and head, and t what the model says under a prompt that stresses truth,

        (log p - log a) + weight (log p_l - log a_l) + refocus log t,

    among tokens with at least `plausible` times the probability of the best allowed one. The paper's amateur is tuned
    on hallucinated texts; here a prompt that asks for wrong answers makes one of the same model. With `weight` and
    `refocus` 0 it is `Contrast(form="difference")`. The paper searches its weights: the defaults are but a start.

    Args:
        prompts: gives one amateur's prompt for each prompt, and behind it one truthful prompt where `refocus` is not 0.
        layer: the lower one; None is the one in the middle.
        weight: lambda, of the lower layer; 0 leaves it out.
        refocus: mu, of the truthful prompt; 0 leaves it out.
        plausible: see `Contrast`.

    Raises:
        ValueError: a number is out of its range.
    """

    prompts: Prompts
    layer: int | None = None
    weight: float = 0.5
    refocus: float = 0.0
    plausible: float = 0.1

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_contrast(0.0, self.plausible)
        for name in ("weight", "refocus"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name}={value!r} must be a finite number of at least 0")

    def open(self, sampler: LogitsSource) -> LayerFusionPhase:
        """See `MixMethod.open`. Raises ModelError where the model does not show its layers."""
        return LayerFusionPhase(self, sampler)


class LayerFusionPhase(LayerPhase):
    """`LayerFusion` at work. The side contexts need a forward of their own: they too are read at the lower layer."""

    def __init__(self, settings: LayerFusion, sampler: LogitsSource) -> None:
        middle = sampler.model.info.layers // 2
        layer = middle if settings.layer is None else settings.layer
        super().__init__(sampler, layers_of(sampler, (layer,), 0.0, 1.0))
        self._settings = settings
        self._beside = SideContexts(sampler, settings.prompts, width=sampler.model.info.logits_size)

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """See `Phase.__call__`."""
        own, early = allowed_log_chances(logits, bias), self.early(sequences, bias)[:, 0]
        contexts = self._beside.flat(sequences)
        wanted = 2 if self._settings.refocus else 1
        if len(contexts) != wanted * len(sequences):
            raise ValueError(
                f"prompts gives {len(contexts) // max(1, len(sequences))} prompts where LayerFusion needs {wanted}: "
                "the amateur's, and behind it a truthful one where refocus is not 0."
            )
        reading = self._reader.read(contexts, taps=self.taps)
        last = reading.logits.view(len(sequences), wanted, -1)
        lower = self._model.head(reading.hidden[self.taps[0]]).view(len(sequences), wanted, -1)
        amateur, amateur_early = (allowed_log_chances(rows[:, 0], bias) for rows in (last, lower))
        scores = own - amateur + self._settings.weight * (early - amateur_early)
        if self._settings.refocus:
            scores = scores + self._settings.refocus * allowed_log_chances(last[:, 1], bias)
        return scores.masked_fill(~plausible(own, self._settings.plausible), -math.inf)

"""Contrastive decoding: what an expert says more than an amateur, among tokens that the expert finds plausible.

Li et al. 2023, "Contrastive Decoding: Open-ended Text Generation as Optimization" (difference), and the form of
O'Brien and Lewis 2023 (ratio), which goes back to the expert as its strength goes to 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import Literal

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.mix.base import Alone, allowed_log_chances, best
from guidedgen.decoders.mix.contexts import SideContexts, same_prompt
from guidedgen.errors import ModelError
from guidedgen.models.base import LanguageModel
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Subtract an amateur's log-probabilities from the model's.

    Args:
        amateur: a smaller model with the same vocabulary, or a sampler of one (to share a drafter's cache).
        strength: w of `difference`, beta of `ratio`.
        plausible: alpha: a token stays if the expert gives it at least this share of the best *allowed* token's
            probability. The cut looks at allowed tokens alone: under a mask the expert's favourites may be forbidden.
        temperature: of the amateur.
        least: so many of the expert's best tokens stay whatever the cut says; 1 is the best one alone. Beams need 2
            (Li et al.), or a hypothesis might have one continuation where its neighbours have many.
        form: "ratio": (1 + beta) log e - beta log a; "difference": log e - w log a.
        prompt: whether the amateur sees the prompt; without it it sees its last token and what is generated.

    Raises:
        ValueError: a number is out of its range.
    """

    amateur: LanguageModel | LogitsSource
    strength: float = 0.5
    plausible: float = 0.1
    temperature: float = 1.0
    least: int = 1
    form: Literal["ratio", "difference"] = "ratio"
    prompt: bool = True

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_contrast(self.strength, self.plausible, self.temperature)
        if self.least < 1:
            raise ValueError(f"least={self.least!r} must be at least 1")
        if self.form not in ("ratio", "difference"):
            raise ValueError(f"form={self.form!r} must be 'ratio' or 'difference'")

    def open(self, sampler: LogitsSource) -> ContrastPhase:
        """See `MixMethod.open`. Raises ModelError where the vocabularies differ."""
        source = self.amateur if isinstance(self.amateur, LogitsSource) else Sampler(self.amateur)
        model, other = sampler.model, source.model
        if model.vocabulary.fingerprint != other.vocabulary.fingerprint:
            raise ModelError(
                f"the amateur {other.info.name} has another vocabulary than {model.info.name}. "
                "Use a model of the same family."
            )
        prompts = same_prompt if self.prompt else _last_token
        return ContrastPhase(self, SideContexts(source, prompts, width=model.info.logits_size))


def check_contrast(strength: float, plausible: float, temperature: float = 1.0) -> None:
    """Raise ValueError where a number is out of its range, for every method of this kind."""
    if not (math.isfinite(strength) and strength >= 0):
        raise ValueError(f"strength={strength!r} must be a finite number of at least 0")
    if not 0 < plausible <= 1:
        raise ValueError(f"plausible={plausible!r} must be above 0 and at most 1")
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature={temperature!r} must be a finite number above 0")


def _last_token(prompt: Sequence) -> ListOf[ListOf[int]]:
    return ((prompt.token,),)


class ContrastPhase(Alone):
    """`Contrast` at work."""

    def __init__(self, settings: Contrast, amateur: SideContexts) -> None:
        self._settings = settings
        self._amateur = amateur

    def contexts(self, sequences: ListOf[Sequence]) -> list[Sequence]:
        """See `Phase.contexts`: nothing of the same sampler, but the amateur computes all rows together now."""
        self._amateur.prepare(sequences)
        return []

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """See `Phase.__call__`."""
        amateur = self._amateur.logits(sequences)[:, 0].to(logits.device)
        return contrasted(logits, amateur, bias, self._settings)


def contrasted(expert: torch.Tensor, amateur: torch.Tensor, bias: torch.Tensor, settings: Contrast) -> torch.Tensor:
    """Contrasted logits [B, V]: minus infinity outside the plausible tokens.

    Args:
        expert: logits [B, V].
        amateur: logits [B, V].
        bias: 0 or minus infinity [B, V].
        settings: strength, cut, form.
    """
    good = allowed_log_chances(expert, bias)
    bad = allowed_log_chances(amateur / settings.temperature, bias)
    scores = good - settings.strength * bad
    if settings.form == "ratio":
        scores = scores + settings.strength * good
    kept = plausible(good, settings.plausible)
    if settings.least > 1:
        kept |= best(good, settings.least)
    return scores.masked_fill(~kept, -math.inf)


def plausible(allowed: torch.Tensor, share: float) -> torch.Tensor:
    """Which tokens have at least a share of the best one's probability [B, V] bool.

    Args:
        allowed: masked log-probabilities [B, V].
        share: above 0, at most 1.
    """
    return allowed >= allowed.amax(-1, keepdim=True) + math.log(share)

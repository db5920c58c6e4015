"""Sampling settings: what changes a distribution or draws from it. Validated when they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass


def _require(valid: bool, name: str, value: object, wanted: str) -> None:
    if not valid:
        raise ValueError(f"{name} must be {wanted}, not {value!r}")


@dataclass(frozen=True, kw_only=True)
class Penalties:
    """Penalties against repetition; forced tokens are exempt (nobody chose them).

    Args:
        repetition_penalty: > 0, 1 is off. Over prompt and generated tokens (Keskar et al. 2019, CTRL, section 4.1).
        presence_penalty: subtracted once from every token that was generated before; 0 is off.
        frequency_penalty: subtracted once per earlier occurrence among the generated tokens; 0 is off.
    """

    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0

    def __post_init__(self) -> None:
        value = self.repetition_penalty
        _require(math.isfinite(value) and value > 0, "repetition_penalty", value, "a finite number above 0")
        for name in ("presence_penalty", "frequency_penalty"):
            value = getattr(self, name)
            _require(math.isfinite(value), name, value, "a finite number")

    @property
    def penalised(self) -> bool:
        """Whether any penalty is on."""
        return self.repetition_penalty != 1.0 or self.presence_penalty != 0.0 or self.frequency_penalty != 0.0


@dataclass(frozen=True, kw_only=True)
class Sampling(Penalties):
    """How the next token is drawn.

    Args:
        temperature: 0 takes the most probable allowed token (lowest id on ties), exactly; > 0 divides the logits.
        top_k: keep the k most probable allowed tokens (ties with the last one are kept); None is off.
        top_p: keep the smallest set of most probable tokens whose mass reaches p (Holtzman et al. 2020); None is off.
        min_p: keep tokens with at least min_p times the probability of the best one (Nguyen et al. 2024); None is off.
        seed: two runs with one seed give the same tokens; None draws a seed from torch's global generator.
        min_tokens: the text may end only after so many tokens, unless it cannot go on.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    seed: int | None = None
    min_tokens: int = 0

    def __post_init__(self) -> None:
        Penalties.__post_init__(self)
        heat, top_k, top_p, min_p = self.temperature, self.top_k, self.top_p, self.min_p
        _require(math.isfinite(heat) and heat >= 0, "temperature", heat, "a finite number of at least 0")
        _require(top_k is None or top_k >= 1, "top_k", top_k, "at least 1, or None")
        _require(top_p is None or 0 < top_p <= 1, "top_p", top_p, "above 0 and at most 1, or None")
        _require(min_p is None or 0 <= min_p <= 1, "min_p", min_p, "between 0 and 1, or None")
        _require(self.min_tokens >= 0, "min_tokens", self.min_tokens, "at least 0")

    @property
    def greedy(self) -> bool:
        """Whether the most probable token is taken."""
        return self.temperature == 0.0

    @property
    def warped(self) -> bool:
        """Whether top-k, top-p or min-p is on."""
        return any(value is not None for value in (self.top_k, self.top_p, self.min_p))

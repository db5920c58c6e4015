"""Sampling settings: what changes a distribution or draws from it. Validated when they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass


def _require(valid: bool, name: str, value: object, wanted: str) -> None:
    if not valid:
        raise ValueError(f"{name} must be {wanted}, not {value!r}")


@dataclass(frozen=True, kw_only=True)
class Penalties:
    """Penalties against repetition.

    Forced tokens are exempt: nobody chose them, and a brace that the grammar dictates ten times says nothing about the
    tenth choice of a word. So are tokens in `exempt`; the API puts the punctuation of JSON there for typed outputs,
    since a penalty on commas and quotes would end lists and strings early.

    Args:
        repetition_penalty: > 0, 1 is off. Over prompt and generated tokens (Keskar et al. 2019, CTRL, section 4.1).
        repetition_window: only the last so many tokens count for the three penalties ("forgetting"; Zhu et al. 2023,
            "Penalty Decoding", use about 100); None is all.
        presence_penalty: subtracted once from every token that was generated before; 0 is off.
        frequency_penalty: subtracted once per earlier occurrence among the generated tokens; 0 is off.
        no_repeat_ngram: no n-gram of so many chosen tokens comes twice, where another token is allowed; 0 is off.
        exempt: tokens that are never penalised.
    """

    repetition_penalty: float = 1.0
    repetition_window: int | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    no_repeat_ngram: int = 0
    exempt: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        value = self.repetition_penalty
        _require(math.isfinite(value) and value > 0, "repetition_penalty", value, "a finite number above 0")
        for name in ("presence_penalty", "frequency_penalty"):
            value = getattr(self, name)
            _require(math.isfinite(value), name, value, "a finite number")
        window, ngram = self.repetition_window, self.no_repeat_ngram
        _require(window is None or window >= 1, "repetition_window", window, "at least 1, or None")
        _require(ngram == 0 or ngram >= 2, "no_repeat_ngram", ngram, "0, or at least 2")

    @property
    def repeating(self) -> bool:
        """Whether tokens that came before are penalised."""
        return self.repetition_penalty != 1.0 or self.presence_penalty != 0.0 or self.frequency_penalty != 0.0

    @property
    def penalised(self) -> bool:
        """Whether any penalty is on."""
        return self.repeating or self.no_repeat_ngram > 0


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """What leaves out improbable tokens. Each looks at allowed tokens alone, and at what those before it have left.

    Args:
        top_k: keep the k most probable allowed tokens (ties with the last one are kept); None is off.
        top_p: keep the smallest set of most probable tokens whose mass reaches p (Holtzman et al. 2020); None is off.
        min_p: keep tokens with at least min_p times the probability of the best one (Nguyen et al. 2024); None is off.
        top_n_sigma: keep tokens whose logit is at most so many standard deviations of all allowed tokens' logits below
            the best (Tang et al. 2024; they use 1); None is off.
        typical_p: keep the tokens whose surprise is nearest to the entropy, until their mass reaches p (Meister et al.
            2023; 0.95 and 0.2 in their tables); None is off.
        epsilon_cutoff: keep tokens with at least this probability (Hewitt et al. 2022; 3e-4); None is off.
        eta_cutoff: the same with min(eta, sqrt(eta) exp(-entropy)) (Hewitt et al. 2022; 3e-4); None is off.
        mirostat: keep tokens whose surprise is below a bound that follows this target, in bits (Basu et al. 2021, in
            the later form without Zipf's law; 3 is common); None is off.
        mirostat_rate: how fast that bound moves.
    """

    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    top_n_sigma: float | None = None
    typical_p: float | None = None
    epsilon_cutoff: float | None = None
    eta_cutoff: float | None = None
    mirostat: float | None = None
    mirostat_rate: float = 0.1

    def __post_init__(self) -> None:
        top_k, top_p, min_p = self.top_k, self.top_p, self.min_p
        _require(top_k is None or top_k >= 1, "top_k", top_k, "at least 1, or None")
        _require(top_p is None or 0 < top_p <= 1, "top_p", top_p, "above 0 and at most 1, or None")
        _require(min_p is None or 0 <= min_p <= 1, "min_p", min_p, "between 0 and 1, or None")
        typical = self.typical_p
        _require(typical is None or 0 < typical <= 1, "typical_p", typical, "above 0 and at most 1, or None")
        for name in ("epsilon_cutoff", "eta_cutoff"):
            value = getattr(self, name)
            _require(value is None or 0 < value < 1, name, value, "between 0 and 1, or None")
        for name in ("top_n_sigma", "mirostat"):
            value = getattr(self, name)
            _require(value is None or (math.isfinite(value) and value > 0), name, value, "a number above 0, or None")
        _require(self.mirostat_rate > 0, "mirostat_rate", self.mirostat_rate, "above 0")

    @property
    def warped(self) -> bool:
        """Whether anything is cut."""
        return any(getattr(self, name) is not None for name in CUTS)


CUTS = ("top_n_sigma", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff", "mirostat")
"""The cuts by name, in the order in which they are made."""


@dataclass(frozen=True, kw_only=True)
class Sampling(Cuts, Penalties):
    """How the next token is drawn.

    Args:
        temperature: 0 takes the most probable allowed token (lowest id on ties), exactly; > 0 divides the logits.
        seed: two runs with one seed give the same tokens; None draws a seed from torch's global generator.
        min_tokens: the text may end only after so many tokens, unless it cannot go on.

    The other settings are those of `Cuts` and `Penalties`.
    """

    temperature: float = 0.0
    seed: int | None = None
    min_tokens: int = 0

    def __post_init__(self) -> None:
        Penalties.__post_init__(self)
        Cuts.__post_init__(self)
        heat = self.temperature
        _require(math.isfinite(heat) and heat >= 0, "temperature", heat, "a finite number of at least 0")
        _require(self.min_tokens >= 0, "min_tokens", self.min_tokens, "at least 0")
        _require(self.seed is None or isinstance(self.seed, int), "seed", self.seed, "an integer, or None")

    @property
    def greedy(self) -> bool:
        """Whether the most probable token is taken."""
        return self.temperature == 0.0

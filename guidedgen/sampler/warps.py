"""Warps: temperature, top-k, top-p, min-p, in this order, from masked scores to the distribution that is drawn from.

Each cut is a threshold on the probabilities, so tokens that tie with the last kept one are kept too and nothing depends
on the order of ids. The best allowed token always survives. On a CPU, comparing into a float tensor and multiplying is
twenty times faster than selecting with a boolean one.
"""

from __future__ import annotations

import math

import torch

from guidedgen.sampler.settings import Sampling

_FIRST_GUESS = 64  # most nuclei are smaller; a guess that falls short is enlarged
_GROWTH = 16


def heat(scores: torch.Tensor, temperature: float | torch.Tensor) -> torch.Tensor:
    """Scores [B, V] over the temperature (> 0, one or [B, 1]), shifted so that each row's largest is 0; any is safe."""
    numbers = torch.finfo(scores.dtype)
    if isinstance(temperature, torch.Tensor):
        return (scores - scores.amax(-1, keepdim=True)) / temperature.clamp(numbers.tiny, numbers.max)
    return (scores - scores.amax(-1, keepdim=True)) / min(max(temperature, numbers.tiny), numbers.max)


def top_k_floor(chances: torch.Tensor, k: int) -> torch.Tensor:
    """The k-th largest value of each row [B, 1]; 0 where fewer than k tokens are allowed."""
    return chances.topk(min(k, chances.shape[-1])).values[:, -1:]


def top_p_floor(chances: torch.Tensor, p: float) -> torch.Tensor:
    """The smallest kept value of each row [B, 1]: tokens are kept while the better ones have less than p of the mass.

    Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", section 3.1. Sorting only as many tokens as
    the nucleus needs is 50 times cheaper than sorting a vocabulary. Rows need not sum to 1.
    """
    width = chances.shape[-1]
    wanted = p * chances.sum(-1, keepdim=True)
    count = min(_FIRST_GUESS, width)
    while True:
        best = chances.topk(count).values  # [B, count], descending
        mass = best.cumsum(-1)
        if count == width or bool((mass[:, -1:] >= wanted).all()):
            break
        count = min(count * _GROWTH, width)
    better = mass.roll(1, -1)
    better[:, 0] = 0
    kept = (better < wanted).sum(-1, keepdim=True).clamp(min=1)
    return best.gather(-1, kept - 1)


def min_p_floor(chances: torch.Tensor, p: float) -> torch.Tensor:
    """p times the best token's probability [B, 1] (Nguyen et al. 2024, "Turning Up the Heat", section 3)."""
    return chances.amax(-1, keepdim=True) * p


def epsilon_floor(chances: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Epsilon times the row's mass [B, 1] (Hewitt et al. 2022, "Truncation Sampling as Language Model Desmoothing")."""
    return epsilon * chances.sum(-1, keepdim=True)


def eta_floor(chances: torch.Tensor, eta: float) -> torch.Tensor:
    """The same with min(eta, sqrt(eta) exp(-entropy)) [B, 1]."""
    mass = chances.sum(-1, keepdim=True)
    spread = (-_entropy(chances / mass)).exp() * math.sqrt(eta)
    floor: torch.Tensor = spread.clamp(max=eta) * mass
    return floor


def typical(chances: torch.Tensor, p: float) -> torch.Tensor:
    """Which tokens are kept [B, V] bool: nearest to the entropy in surprise, until the others have at most 1 - p.

    Meister et al. 2023, "Locally Typical Sampling", section 4. Tokens of probability 0 are never among them.
    """
    shares = chances / chances.sum(-1, keepdim=True)
    distance = (-shares.log() - _entropy(shares)).abs()  # infinite for what is cut off already
    near, order = torch.sort(distance, -1)
    mass = shares.gather(-1, order).cumsum(-1)
    last = (mass < p).sum(-1, keepdim=True).clamp(max=shares.shape[-1] - 1)
    kept: torch.Tensor = distance <= near.gather(-1, last)
    return kept


def _entropy(shares: torch.Tensor) -> torch.Tensor:
    """Entropy of each row in nats [B, 1]."""
    entropy: torch.Tensor = -torch.special.xlogy(shares, shares).sum(-1, keepdim=True)
    return entropy


def sigma_floor(scores: torch.Tensor, count: float) -> torch.Tensor:
    """The lowest kept score [B, 1]: the best less `count` standard deviations of the allowed ones.

    Tang et al. 2024, "Top-n-sigma: Not All Logits Are You Need". Does not depend on the temperature.
    """
    allowed = scores > -math.inf
    number = allowed.sum(-1, keepdim=True)
    finite = scores.masked_fill(~allowed, 0.0)
    mean = finite.sum(-1, keepdim=True) / number
    variance = ((finite - mean).square() * allowed).sum(-1, keepdim=True) / number
    return scores.amax(-1, keepdim=True) - count * variance.sqrt()


def warp(
    scores: torch.Tensor,
    settings: Sampling,
    surprises: torch.Tensor | None = None,
    heats: torch.Tensor | None = None,
) -> torch.Tensor:
    """WARP and renormalise: masked scores [B, V] to probabilities [B, V], exactly 0 where masked or cut off.

    Args:
        scores: masked [B, V].
        settings: temperature and cuts.
        surprises: the most bits of surprise of each row [B, 1], for Mirostat.
        heats: the temperature of each row [B, 1]; None: that of the settings.
    """
    chances = heat(scores, settings.temperature if heats is None else heats).softmax(-1)
    if not settings.warped:
        return chances
    if settings.top_n_sigma is not None:
        chances.mul_(scores >= sigma_floor(scores, settings.top_n_sigma))
    if settings.top_k is not None:
        _cut(chances, top_k_floor(chances, settings.top_k))
    if settings.top_p is not None and settings.top_p < 1:
        _cut(chances, top_p_floor(chances, settings.top_p))
    if settings.min_p is not None:
        _cut(chances, min_p_floor(chances, settings.min_p))
    if settings.typical_p is not None and settings.typical_p < 1:
        chances.mul_(typical(chances, settings.typical_p))
    if settings.epsilon_cutoff is not None:
        _cut(chances, epsilon_floor(chances, settings.epsilon_cutoff))
    if settings.eta_cutoff is not None:
        _cut(chances, eta_floor(chances, settings.eta_cutoff))
    if surprises is not None:
        _cut(chances, torch.exp2(-surprises) * chances.sum(-1, keepdim=True))
    return chances.div_(chances.sum(-1, keepdim=True))


def _cut(chances: torch.Tensor, floor: torch.Tensor) -> None:
    """Zero what is below the floor, in place; the best token stays."""
    floor = torch.minimum(floor, chances.amax(-1, keepdim=True))
    chances.mul_(torch.ge(chances, floor, out=torch.empty_like(chances)))

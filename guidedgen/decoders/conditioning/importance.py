"""Particles chosen by weight: once at the end, or on the way as well (sequential Monte Carlo).

Sequential: Lew et al. 2023, "Sequential Monte Carlo Steering of Large Language Models using Probabilistic Programs";
systematic resampling: Kitagawa 1996. Forks cost nothing: copies share their sequence, and so its keys and values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf

from guidedgen.decoders.conditioning.particles import Particle
from guidedgen.sampler.streams import uniform

_CHOICE = 1 << 62  # number of the draw that chooses among particles, beyond those of the particles
_RESAMPLING = 1 << 61


def shares(particles: ListOf[Particle]) -> list[float]:
    """Normalised weights; all zero where no particle has any."""
    best = max(particle.log_weight for particle in particles)
    if best == -math.inf:
        return [0.0] * len(particles)
    weights = [math.exp(particle.log_weight - best) for particle in particles]
    total = sum(weights)
    return [weight / total for weight in weights]


def effective(particles: ListOf[Particle]) -> float:
    """The effective sample size, 1 / sum of squared shares; 0 where no particle has any weight."""
    squares = sum(share * share for share in shares(particles))
    return 1 / squares if squares else 0.0


def chosen(particles: ListOf[Particle]) -> Particle:
    """One particle, drawn by weight; the first where none has any."""
    first = particles[0]
    point = uniform(first.seed, first.sample, first.tip.prompt_length, _CHOICE)
    for particle, share in zip(particles, shares(particles), strict=True):
        point -= share
        if point < 0:
            return particle
    return max(particles, key=lambda particle: particle.log_weight)


def resampled(particles: ListOf[Particle], *, generation: int) -> list[Particle]:
    """As many particles, drawn by weight from one uniform number, all with the same weight: the mean of the old ones.

    Args:
        particles: with weights.
        generation: how often these particles have been resampled before; their draws have to be new ones.
    """
    count = len(particles)
    first = particles[0]
    start = uniform(first.seed, first.sample, first.tip.prompt_length, _RESAMPLING + generation)
    best = max(particle.log_weight for particle in particles)
    mean = best + math.log(sum(math.exp(particle.log_weight - best) for particle in particles) / count)
    fresh: list[Particle] = []
    reached = 0.0
    for particle, share in zip(particles, shares(particles), strict=True):
        reached += share
        while len(fresh) < count and (start + len(fresh)) / count < reached:
            copy = particle.copy(draw=(generation + 1) * count + len(fresh))
            copy.log_weight = mean
            fresh.append(copy)
    while len(fresh) < count:  # what rounding has left over
        fresh.append(fresh[-1].copy(draw=(generation + 1) * count + len(fresh)))
        fresh[-1].log_weight = mean
    return fresh

"""Expected future grammaticality, learned online: how much of the target's mass behind a prefix is valid.

Park et al. 2024, "Grammar-Aligned Decoding" (ASAp). Behind what was never visited all mass counts as valid, which is an
upper bound; every finished text lowers it along its way. Drawing tokens by target times bound approaches the target
conditioned on the constraint as the bounds become exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field, replace

from guidedgen.decoders.conditioning.particles import Particle
from guidedgen.sampler.pipeline import Proposal


@dataclass(slots=True)
class _Node:
    """A visited prefix: the bound of its valid mass, the allowed mass of its next token, and what was visited below."""

    bound: float = 1.0
    mass: float = 1.0
    below: dict[int, _Node] = field(default_factory=dict)
    chance: float = 1.0  # the target's probability of its token

    def update(self) -> None:
        """The allowed mass, less what is known to lead nowhere."""
        lost = math.fsum(node.chance * (1.0 - node.bound) for node in self.below.values())
        self.bound = max(0.0, self.mass - lost)


class ExpectedFuture:
    """The bounds of all visited prefixes of one prompt.

    Args:
        temperature: of the target.
    """

    def __init__(self, temperature: float) -> None:
        self._root = _Node()
        self._temperature = temperature

    @property
    def bound(self) -> float:
        """An upper bound of the valid mass of all texts."""
        return self._root.bound

    def reweigh(self, particles: ListOf[Particle], proposal: Proposal) -> Proposal:
        """See `Lookahead.reweigh`."""
        scores = proposal.scores
        changed = False
        for row, particle in enumerate(particles):
            node = self._at(particle)
            for token, after in () if node is None else node.below.items():
                if after.bound < 1.0:
                    if not changed:
                        scores, changed = scores.clone(), True
                    log_bound = math.log(after.bound) if after.bound > 0 else -math.inf
                    scores[row, token] += self._temperature * log_bound
        return replace(proposal, scores=scores) if changed else proposal

    def learn(self, particle: Particle) -> None:
        """A text has ended, well or in a dead end."""
        way = [self._root]
        for step in particle.steps:
            node = way[-1]
            node.mass = math.exp(step.log_mass)
            after = node.below.setdefault(step.token, _Node())
            after.chance = math.exp(step.log_chance)
            way.append(after)
        if particle.finish == "dead_end":
            way[-1].bound = 0.0
        for node in reversed(way[:-1]):
            node.update()

    def _at(self, particle: Particle) -> _Node | None:
        node: _Node | None = self._root
        for step in particle.steps:
            node = None if node is None else node.below.get(step.token)
        return node

"""Rules that accept more than the target's distribution allows, for speed. Their names say so: none is exact."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.decoders.verifiers.base import Draws, Target, Verdict, depth_of


@dataclass(frozen=True, kw_only=True)
class RelaxedTypical:
    """Accept a token whose probability is above min(epsilon, delta exp(-H)), H the entropy of the target there.

    The longest accepted way wins, of equal ones the first. Source: Cai et al. 2024, "Medusa", section 2.3.1 ("typical
    acceptance").

    Args:
        epsilon: in (0, 1]; most that a token must have.
        delta: above 0; factor for flat distributions.
    """

    epsilon: float = 0.09
    delta: float = 0.3
    exact = False

    def __post_init__(self) -> None:
        """Check the settings."""
        if not 0 < self.epsilon <= 1 or not self.delta > 0:
            raise ValueError(f"epsilon={self.epsilon!r} must be in (0, 1] and delta={self.delta!r} above 0")

    def verify(self, tree: DraftTree, target: Target, draws: Draws) -> Verdict:
        """See `Verifier.verify`."""

        def takes(distribution: torch.Tensor, token: int) -> bool:
            entropy = float(torch.special.entr(distribution.double()).sum())
            return float(distribution[token]) > min(self.epsilon, self.delta * math.exp(-entropy))

        return _deepest(tree, target, draws, takes)


@dataclass(frozen=True, kw_only=True)
class RelaxedTop:
    """Accept a token among the target's `count` best that is at most `gap` worse than the best (natural logarithms).

    With count 1 and gap 0 it is the greedy rule. Source: Xia et al. 2022, "Speculative decoding" (SpecDec), section
    3.2; also Sun et al. 2021.

    Args:
        count: at least 1.
        gap: at least 0.
    """

    count: int = 3
    gap: float = 1.0
    exact = False

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.count < 1 or not self.gap >= 0:
            raise ValueError(f"count={self.count!r} must be at least 1 and gap={self.gap!r} at least 0")

    def verify(self, tree: DraftTree, target: Target, draws: Draws) -> Verdict:
        """See `Verifier.verify`."""

        def takes(distribution: torch.Tensor, token: int) -> bool:
            own, best = float(distribution[token]), float(distribution.amax())
            better = int((distribution > own).sum())
            return own > 0 and better < self.count and math.log(best) - math.log(own) <= self.gap

        return _deepest(tree, target, draws, takes)


def _deepest(tree: DraftTree, target: Target, draws: Draws, takes: Callable[[torch.Tensor, int], bool]) -> Verdict:
    """The deepest node with nothing but accepted tokens on its way; the bonus token is drawn from the target there."""
    best, known = ROOT, {ROOT: target(ROOT)}
    for node, (token, parent) in enumerate(zip(tree.tokens, tree.parents, strict=True)):
        if parent in known and takes(known[parent], token):
            known[node] = target(node)
            if depth_of(tree, node) > depth_of(tree, best):
                best = node
    return Verdict(node=best, bonus=draws.pick(known[best], depth_of(tree, best)))

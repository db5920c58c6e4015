"""Rejection against the distribution that a token was drawn from: one chain, or siblings drawn without replacement.

Sources: chains by Leviathan et al. 2023, "Fast inference from transformers via speculative decoding"; siblings by Jeon
et al. 2024, "Recursive speculative decoding"; the uniform fallback by Chen et al. 2024, "Sequoia".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from guidedgen.decoders.tree import ROOT, DraftTree, after_rejection
from guidedgen.decoders.verifiers.base import Draws, Target, Verdict, child_of, depth_of


@dataclass(frozen=True, kw_only=True)
class Leviathan:
    """For chains: accept a token drawn from q with probability min(1, p/q), else draw from the positive part of p - q.

    Args:
        lenience: l in (0, 1]; tokens are accepted with probability min(1, p / (l q)). Below 1 the target's distribution
            is
            not kept (section 3.6 of the paper, "lenience").

    Raises:
        ValueError: from `verify`, for a node with two children.
    """

    lenience: float = 1.0

    def __post_init__(self) -> None:
        """Check the setting."""
        if not 0 < self.lenience <= 1:
            raise ValueError(f"lenience must be above 0 and at most 1, not {self.lenience!r}")

    @property
    def exact(self) -> bool:
        """Whether the target's distribution is kept."""
        return self.lenience == 1

    def verify(self, tree: DraftTree, target: Target, draws: Draws) -> Verdict:
        """See `Verifier.verify`."""
        branching = next((node for node, children in tree.children.items() if len(children) > 1), None)
        if branching is not None:
            raise ValueError(f"node {branching} has several children: Leviathan takes chains, use Recursive for trees")
        return _walk(tree, target, draws, self.lenience)


@dataclass(frozen=True, kw_only=True)
class Recursive:
    """For trees: children of a node are tried in the order in which they were drawn without replacement from q.

    R <- p, D <- q; each child x is accepted with probability min(1, R[x] / D[x]); after a rejection R becomes the
    positive part of R - D, D loses x, and both are normalised. Where all of q's support is rejected, D becomes uniform
    over the tokens that were not (so that a drafter with few tokens, but all of p's, is always accepted). Nodes whose
    children were not drawn are decided as by `PointMass`.
    """

    exact = True

    def verify(self, tree: DraftTree, target: Target, draws: Draws) -> Verdict:
        """See `Verifier.verify`."""
        return _walk(tree, target, draws, 1.0)


def _walk(tree: DraftTree, target: Target, draws: Draws, lenience: float) -> Verdict:
    node = ROOT
    while True:
        rest = target(node)  # what is left of p [V]
        drawn_from = tree.drawn_from.get(node)
        depth = depth_of(tree, node)
        accepted: int | None = None
        if drawn_from is not None:
            accepted, rest = _try(tree, tree.children[node], rest.double(), drawn_from, draws, depth, lenience)
        if accepted is None:
            token = draws.pick(rest, depth)
            accepted = child_of(tree, node, token) if drawn_from is None else None
            if accepted is None:
                return Verdict(node=node, bonus=token)
        node = accepted


def _try(
    tree: DraftTree,
    children: list[int],
    rest: torch.Tensor,
    drawn_from: torch.Tensor,
    draws: Draws,
    depth: int,
    lenience: float,
) -> tuple[int | None, torch.Tensor]:
    """The accepted child, if any, and what the bonus token is drawn from otherwise (not normalised)."""
    rest = rest / rest.sum()
    rejected: list[int] = []
    for child in children:
        token, current = tree.tokens[child], after_rejection(drawn_from, rejected)
        if not current[token] > 0:
            raise ValueError(f"token {token} was drafted from a distribution that gives it nothing")
        if draws.accept(float(rest[token] / (lenience * current[token])), depth):
            return child, rest
        rejected.append(token)
        left = (rest - current).clamp_(min=0.0)
        if not left.sum() > 0:  # p and q agree but for rounding: this has no probability
            return None, rest
        rest = left / left.sum()
    return None, rest

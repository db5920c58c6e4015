"""K-SEQ: siblings that were drawn independently, with replacement. Source: Sun et al. 2023, "SpecTr", section 4."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.decoders.verifiers.base import Draws, Target, Verdict, child_of, depth_of

_HALVINGS = 60


@dataclass(frozen=True, kw_only=True)
class KSequential:
    """Accept each of k independent drafts x ~ q with probability min(1, p(x) / (rho q(x))), one after another.

    With beta(rho) = sum over x of min(q(x), p(x)/rho), rho in [1, k] is the root of 1 - (1 - beta)^k = rho beta: the
    smallest for which what remains of p is nowhere negative. At k = 1 it is the rule of `Leviathan`. Siblings drawn
    without replacement are accepted more often (`Recursive`).
    """

    exact = True

    def verify(self, tree: DraftTree, target: Target, draws: Draws) -> Verdict:
        """See `Verifier.verify`."""
        node = ROOT
        while True:
            distribution = target(node)
            drawn_from = tree.drawn_from.get(node)
            depth = depth_of(tree, node)
            if drawn_from is None:
                token = draws.pick(distribution, depth)
                accepted = child_of(tree, node, token)
            else:
                order = tree.order.get(node, tuple(tree.children[node]))
                accepted, rest = _try(tree, order, distribution.double(), drawn_from.double(), draws, depth)
                token = draws.pick(rest, depth) if accepted is None else -1
            if accepted is None:
                return Verdict(node=node, bonus=token)
            node = accepted


def _try(
    tree: DraftTree, order: tuple[int, ...], p: torch.Tensor, q: torch.Tensor, draws: Draws, depth: int
) -> tuple[int | None, torch.Tensor]:
    """The accepted child, if any, and what the bonus token is drawn from otherwise (not normalised)."""
    if not order:
        return None, p
    p, q = p / p.sum(), q / q.sum()
    rho = least_rho(p, q, len(order))
    for child in order:
        token = tree.tokens[child]
        if draws.accept(float(p[token] / (rho * q[token])), depth):
            return child, p
    covered = torch.minimum(q, p / rho)
    beta = float(covered.sum())
    taken = covered * ((1 - (1 - beta) ** len(order)) / beta) if beta > 0 else torch.zeros_like(p)
    rest = (p - taken).clamp_(min=0.0)
    return None, rest if rest.sum() > 0 else p


def least_rho(p: torch.Tensor, q: torch.Tensor, count: int) -> float:
    """The root of 1 - (1 - beta(rho))^count = rho beta(rho) in [1, count], by bisection, from above."""
    low, high = 1.0, float(count)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        beta = float(torch.minimum(q, p / middle).sum())
        if 1 - (1 - beta) ** count <= middle * beta:
            high = middle
        else:
            low = middle
    return high

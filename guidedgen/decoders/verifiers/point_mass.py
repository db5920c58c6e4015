"""Sample, then match: exact for any tree of which no token was drawn from a reported distribution."""

from __future__ import annotations

from dataclasses import dataclass

from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.decoders.verifiers.base import Draws, Target, Verdict, child_of, depth_of


@dataclass(frozen=True, kw_only=True)
class PointMass:
    """Draw each token from the target as plain decoding does; go on down the tree while it has that token.

    The drafter's tokens never enter a probability, so nothing is assumed of them: copies, n-grams, top tokens, heads.
    It is recursive rejection with point masses as draft distributions. With temperature 0 it is the greedy rule. Tokens
    are those of plain decoding with the same seed, one for one.
    """

    exact = True

    def verify(self, tree: DraftTree, target: Target, draws: Draws) -> Verdict:
        """See `Verifier.verify`."""
        node = ROOT
        while True:
            token = draws.pick(target(node), depth_of(tree, node))
            child = child_of(tree, node, token)
            if child is None:
                return Verdict(node=node, bonus=token)
            node = child

"""Acceptance by rank, learned from what came of trees: the chance that the b-th sibling is the accepted one."""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from typing import TYPE_CHECKING

from guidedgen.decoders.tree import ROOT

if TYPE_CHECKING:
    from guidedgen.decoders.drafters.base import Outcome

PRIOR = (0.6, 0.15, 0.07, 0.04, 0.02, 0.02, 0.01, 0.01)


class Acceptance:
    """Counts over a prior. A sibling counts as tried only where all before it were rejected.

    So trees of any shape may be observed: a tree with one child a node says nothing about second siblings.

    Args:
        prior: the chances before anything was observed; as many ranks as are ever told apart.
        weight: observations that the prior is worth, at each rank; infinite for chances that never change.
        memory: trees after which an observation counts about a third of a new one.
    """

    def __init__(self, prior: ListOf[float] = PRIOR, *, weight: float = 8.0, memory: float = float("inf")) -> None:
        left = 1.0
        self._conditional: list[float] = []  # that a rank is accepted where all before it were not
        for chance in prior:
            self._conditional.append(min(1.0, chance / left) if left > 1e-12 else 0.0)
            left -= chance
        self._weight = weight
        self._keep = 1.0 - 1.0 / memory
        self._tried = [0.0] * len(self._conditional)
        self._accepted = [0.0] * len(self._conditional)

    def observe(self, outcome: Outcome) -> None:
        """Count the nodes that verification reached. Forced tokens are no drafts; the end of a text says nothing."""
        tree = outcome.tree
        self._tried = [count * self._keep for count in self._tried]
        self._accepted = [count * self._keep for count in self._accepted]
        way = [ROOT] if outcome.node == ROOT else [ROOT, *tree.path(outcome.node)]
        for node, following in zip(way, [*way[1:], None], strict=True):
            siblings = [child for child in tree.children[node] if child not in tree.forced]
            if following is None:
                went_on = outcome.tip.length > outcome.base.length + len(way) - 1
                if went_on and len(siblings) == len(tree.children[node]):
                    self._count(len(siblings), None)
            elif following in siblings:
                self._count(len(siblings), siblings.index(following))

    def _count(self, offered: int, accepted: int | None) -> None:
        tried = offered if accepted is None else accepted + 1
        for rank in range(min(tried, len(self._tried))):
            self._tried[rank] += 1
        if accepted is not None and accepted < len(self._accepted):
            self._accepted[accepted] += 1

    def chances(self) -> tuple[float, ...]:
        """For b = 1, 2, ...: the chance that the b-th sibling is the accepted one; they sum to at most 1."""
        left, chances = 1.0, []
        for prior, tried, accepted in zip(self._conditional, self._tried, self._accepted, strict=True):
            share = prior
            if self._weight != float("inf"):
                share = (prior * self._weight + accepted) / (self._weight + tried)
            chances.append(left * share)
            left -= chances[-1]
        return tuple(chances)

    def rounded(self, step: float = 0.02) -> tuple[float, ...]:
        """The same in steps, rounded down, so that what is computed from it can be kept."""
        return tuple(int(chance / step) * step for chance in self.chances())

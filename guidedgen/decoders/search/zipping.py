"""Making places one backwards: where two ways meet, their histories as well, as far as these are alike (`zip`).

Xu, Jonnalagadda and Durrett 2022. Which places are alike, the search says: equal last tokens, equal constraint states.
Here a lattice is folded along such pairs: what follows either place then follows both. No model.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as ListOf
from dataclasses import replace

from guidedgen.decoders.search.lattice import LatticeEdge, LatticeEnd

Edges = ListOf[ListOf[LatticeEdge]]
Ends = ListOf[LatticeEnd | None]


def zipped(
    edges: Edges, ends: Ends, pairs: Iterable[tuple[int, int]]
) -> tuple[list[list[LatticeEdge]], list[LatticeEnd | None]]:
    """Edges and ends after folding; node 0 stays the beginning, and nodes that are not reached any more drop out.

    Args:
        edges: by node those that leave it, with different first tokens.
        ends: by node.
        pairs: places to make one, the one with the better way to it first. A pair whose union would make a cycle stays
            two.
    """
    fold = _Fold(edges, ends)
    for first, second in pairs:
        fold.unite(first, second)
    return fold.result()


class _Fold:
    """Classes of nodes that are one."""

    def __init__(self, edges: Edges, ends: Ends) -> None:
        self._owner = list(range(len(edges)))
        self._edges = [{edge.tokens[0]: edge for edge in leaving} for leaving in edges]
        self._ends = list(ends)

    def unite(self, first: int, second: int) -> None:
        """Make two nodes one, and whatever follows both by the same tokens."""
        waiting = [(first, second)]
        while waiting:
            one, other = (self._find(node) for node in waiting.pop())
            if one == other or self._leads(one, other) or self._leads(other, one):
                continue
            self._owner[other] = one
            if self._ends[one] is None:
                self._ends[one] = self._ends[other]
            for token, edge in self._edges[other].items():
                known = self._edges[one].setdefault(token, replace(edge, merged=True))
                if known.tokens == edge.tokens:
                    waiting.append((known.target, edge.target))
            self._edges[other] = {}

    def result(self) -> tuple[list[list[LatticeEdge]], list[LatticeEnd | None]]:
        """What is reached from the beginning, numbered anew."""
        start = self._find(0)
        order, numbers = [start], {start: 0}
        for node in order:  # grows
            for edge in self._edges[node].values():
                target = self._find(edge.target)
                if target not in numbers:
                    numbers[target] = len(order)
                    order.append(target)
        edges = [[self._turned(edge, numbers) for edge in self._edges[node].values()] for node in order]
        return edges, [self._ends[node] for node in order]

    def _turned(self, edge: LatticeEdge, numbers: dict[int, int]) -> LatticeEdge:
        owner = self._find(edge.target)
        return replace(edge, target=numbers[owner], merged=edge.merged or owner != edge.target)

    def _find(self, node: int) -> int:
        while self._owner[node] != node:
            self._owner[node] = self._owner[self._owner[node]]
            node = self._owner[node]
        return node

    def _leads(self, start: int, goal: int) -> bool:
        """Whether a way leads from one class to another one."""
        waiting, seen = [start], {start}
        while waiting:
            for edge in self._edges[waiting.pop()].values():
                target = self._find(edge.target)
                if target == goal:
                    return True
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return False

"""Shapes that are known before drafting: the drafter's own, so many children by depth, or any tree of ranks."""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guidedgen.decoders.policies.base import Cost, Grown, Growth, Unlearned, WholeTree
from guidedgen.decoders.tree import ROOT

if TYPE_CHECKING:
    from guidedgen.decoders.drafters.base import Request


class WidthsGrowth(WholeTree):
    """So many children for every node of a depth.

    Args:
        widths: by depth of the parent, from 0.
        most: nodes in all.
    """

    def __init__(self, widths: ListOf[int], most: int) -> None:
        self._widths = widths
        self.most = most

    def wants(self, tree: Grown) -> list[tuple[int, int]]:
        """See `Growth.wants`: the level below the deepest one."""
        deepest = max(tree.depths, default=0)
        if deepest >= len(self._widths):
            return []
        return [(node, self._widths[deepest]) for node in tree.level(deepest)]


class ShapeGrowth(WholeTree):
    """A given tree: the j-th child that is drafted stands where the j-th child stands there.

    Args:
        parents: of the given tree, -1 for the root, siblings in the order of their ranks.
        most: nodes in all.
    """

    def __init__(self, parents: ListOf[int], most: int) -> None:
        self.most = min(most, len(parents))
        self._below: dict[int, list[int]] = {node: [] for node in range(ROOT, len(parents))}
        for node, parent in enumerate(parents):
            self._below[parent].append(node)

    def wants(self, tree: Grown) -> list[tuple[int, int]]:
        """See `Growth.wants`: level by level, all children of a node at once."""
        deepest = max(tree.depths, default=0)
        places = {ROOT: ROOT}
        for node, parent in enumerate(tree.parents):
            if parent in places:
                rank = tree.children[parent].index(node)
                if rank < len(self._below[places[parent]]):
                    places[node] = self._below[places[parent]][rank]
        counts = [(node, len(self._below[places[node]])) for node in tree.level(deepest) if node in places]
        return [(node, count) for node, count in counts if count]


@dataclass(frozen=True, kw_only=True)
class Widths:
    """So many children by depth: (1, 1, 1) is a chain of three, (4, 2) a tree of 4 + 8.

    With drawn drafts this is constant branching (Jeon et al. 2024, "Recursive speculative decoding", RSD-C).

    Args:
        widths: children of each node by depth.
        nodes: see `Policy.nodes`; what the widths make if not given.

    Raises:
        ValueError: no widths, or one below 1.
    """

    widths: tuple[int, ...] = (1, 1, 1, 1)
    nodes: int | None = None

    def __post_init__(self) -> None:
        """Check the widths and count the nodes."""
        check_widths(self.widths)
        if self.nodes is None:
            total, level = 0, 1
            for width in self.widths:
                level *= width
                total += level
            object.__setattr__(self, "nodes", total)

    def open(self, cost: Cost) -> _WidthsSession:
        """See `Policy.open`."""
        return _WidthsSession(self.widths)


def check_widths(widths: tuple[int, ...]) -> None:
    """Raise ValueError for widths that make no tree."""
    if not widths or min(widths) < 1:
        raise ValueError(f"widths={widths!r} must be numbers of at least 1")


class _WidthsSession(Unlearned):
    def __init__(self, widths: tuple[int, ...]) -> None:
        self._widths = widths

    def grow(self, request: Request, *, level_cost: float = 0.0) -> Growth:
        """See `PolicySession.grow`."""
        return WidthsGrowth(self._widths, request.most)

"""Trees over tables: what may follow is looked up, not computed, and nothing is drawn."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as ListOf

from guidedgen.decoders.drafters.base import Request
from guidedgen.decoders.policies.base import Grown, Growth, grow_all
from guidedgen.decoders.tree import ROOT, DraftTree

Following = Callable[[ListOf[int]], ListOf[tuple[int, float]]]


def table_tree(request: Request, growth: Growth, following: Following) -> DraftTree:
    """The tree that a growth makes of what may follow.

    Args:
        request: where drafts are wanted.
        growth: how the tree grows.
        following: for the request's last token and the drafted ones after it, what may come next, likely ones first,
            with shares that sum to at most 1.
    """
    tree = Grown()

    def extend(wanted: list[tuple[int, int, int]]) -> None:
        for _, node, count in wanted:
            tree.opened.add(node)
            before = len(tree.children[node])
            found = following([request.tip.token, *(tree.tokens[step] for step in _way(tree, node))])
            for token, share in found[before : before + count]:
                tree.add(node, token, share)
            if len(found) < before + count:
                tree.spent.add(node)

    grow_all([tree], [growth], extend)
    kept = growth.kept(tree)
    places = {ROOT: ROOT} | {node: own for own, node in enumerate(kept)}
    return DraftTree(
        tokens=tuple(tree.tokens[node] for node in kept),
        parents=tuple(places[tree.parents[node]] for node in kept),
        source=request.source,
    )


def _way(tree: Grown, node: int) -> list[int]:
    way = []
    while node != ROOT:
        way.append(node)
        node = tree.parents[node]
    return way[::-1]

"""Drafts as sequences: a drafter's tree under a lane's tip, without what the constraint does not allow."""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass

from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.sampler.sequence import Sequence, TokenRecord


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A tree whose tokens the constraint allows, and the sequence after each of its nodes.

    Args:
        base: the sequence that it was drafted for.
        tree: the tokens.
        nodes: the sequence after each node [N].
    """

    base: Sequence
    tree: DraftTree
    nodes: tuple[Sequence, ...]

    def at(self, node: int) -> Sequence:
        """The sequence after a node; the base for `ROOT`."""
        return self.base if node == ROOT else self.nodes[node]

    def follow(self, node: int, tokens: ListOf[int]) -> int | None:
        """The node that tokens lead to from another one, if they are all drafted."""
        for token in tokens:
            below = [child for child in self.tree.children[node] if self.tree.tokens[child] == token]
            if not below:
                return None
            node = below[0]
        return node


def planted(base: Sequence, proposed: DraftTree, *, most: int) -> Draft:
    """The part of a tree that the constraint allows, with the tokens that it forces on the way.

    Nothing is drafted behind a fired stop rule.

    Args:
        base: the sequence that it was drafted for.
        proposed: the drafter's tree.
        most: nodes in all, forced ones included.
    """
    grown = _Growth(base, most)
    places = {ROOT: ROOT}  # proposed node -> node
    for node, (token, parent) in enumerate(zip(proposed.tokens, proposed.parents, strict=True)):
        own = grown.child(places[parent], token) if parent in places else None
        if own is not None:
            places[node] = own
            grown.go_on(own)
    drawn_from = {places[node]: q for node, q in proposed.drawn_from.items() if node in places}
    order = {
        places[node]: tuple(places[child] for child in children if child in places)
        for node, children in proposed.order.items()
        if node in places
    }
    tree = DraftTree(
        tokens=tuple(grown.tokens),
        parents=tuple(grown.parents),
        drawn_from=drawn_from,
        order=order,
        forced=frozenset(grown.dictated),
        source=proposed.source,
    )
    return Draft(base=base, tree=tree, nodes=tuple(grown.nodes))


class _Growth:
    """The nodes of a draft so far."""

    def __init__(self, base: Sequence, most: int) -> None:
        self._base, self._most = base, most
        self.tokens: list[int] = []
        self.parents: list[int] = []
        self.nodes: list[Sequence] = []
        self.dictated: set[int] = set()
        self._known: dict[tuple[int, int], int] = {}

    def child(self, parent: int, token: int, *, forced: bool = False) -> int | None:
        """The node of a token after `parent`, made where there is none; None where it is not allowed."""
        known = self._known.get((parent, token))
        if known is not None or len(self.tokens) >= self._most:
            return known
        before = self._base if parent == ROOT else self.nodes[parent]
        state = None if before.state.done is not None else before.state.advance(token)
        if state is None:
            return None
        node = self._known[parent, token] = len(self.tokens)
        record = TokenRecord(token=token, proposal_logprob=0.0, forced=forced)
        self.nodes.append(before.extend(token, state, record))
        self.tokens.append(token)
        self.parents.append(parent)
        if forced:
            self.dictated.add(node)
        return node

    def go_on(self, node: int) -> None:
        """Append the tokens that are forced after a node, as `Lane.settle` will."""
        state = self.nodes[node].state
        for token in () if state.done is not None else state.forced():
            after = self.child(node, token, forced=True)
            if after is None:
                return
            node = after

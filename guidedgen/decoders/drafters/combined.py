"""Drafters made of drafters: the first that has something to say, or all of them in one tree."""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass, replace

from guidedgen.decoders.drafters.base import Drafter, DraftSession, Outcome, Request, Setting
from guidedgen.decoders.tree import ROOT, DraftTree


def _several(parts: tuple[Drafter, ...]) -> tuple[Drafter, ...]:
    if not parts:
        raise ValueError("give at least one drafter")
    return parts


@dataclass(frozen=True)
class Fallback:
    """The tree of the first drafter that has one.

    Args:
        parts: at least one drafter, in order.
    """

    parts: tuple[Drafter, ...]

    def __post_init__(self) -> None:
        """Check the parts."""
        object.__setattr__(self, "parts", _several(tuple(self.parts)))

    def open(self, setting: Setting) -> DraftSession:
        """See `Drafter.open`."""
        return _FallbackSession([part.open(setting) for part in self.parts])


@dataclass(frozen=True)
class Union:
    """The trees of all drafters joined: equal ways once, earlier drafters first. Joined trees count as not drawn.

    Args:
        parts: at least one drafter.
    """

    parts: tuple[Drafter, ...]

    def __post_init__(self) -> None:
        """Check the parts."""
        object.__setattr__(self, "parts", _several(tuple(self.parts)))

    def open(self, setting: Setting) -> DraftSession:
        """See `Drafter.open`."""
        return _UnionSession([part.open(setting) for part in self.parts])


class _Parts:
    """The sessions of several drafters; all of them see what came of a tree."""

    def __init__(self, parts: list[DraftSession]) -> None:
        self._parts = parts

    def observe(self, outcome: Outcome) -> None:
        """See `DraftSession.observe`."""
        for part in self._parts:
            part.observe(outcome)


class _FallbackSession(_Parts):
    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        trees: list[DraftTree] = [DraftTree(tokens=(), parents=())] * len(requests)
        waiting = list(range(len(requests)))
        for number, part in enumerate(self._parts):
            if not waiting:
                break
            asked = [_of_part(requests[index], number) for index in waiting]
            for index, request, tree in zip(waiting, asked, part.propose(asked), strict=True):
                trees[index] = replace(tree, source=tree.source or request.source)
            waiting = [index for index in waiting if not len(trees[index])]
        return trees


def _of_part(request: Request, number: int) -> Request:
    """The request as a part of a combined drafter gets it."""
    return replace(request, source=f"{request.source}{number}.")


class _UnionSession(_Parts):
    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        joined = [Trie() for _ in requests]
        for part in self._parts:
            asked = [
                replace(request, most=request.most - len(trie.tokens))
                for request, trie in zip(requests, joined, strict=True)
            ]
            if all(request.most < 1 for request in asked):
                break
            for request, tree, trie in zip(asked, part.propose(asked), joined, strict=True):
                trie.add(tree, request.most)
        return [
            DraftTree(tokens=tuple(trie.tokens), parents=tuple(trie.parents), source=request.source)
            for request, trie in zip(requests, joined, strict=True)
        ]


class Trie:
    """Ways joined at their common beginnings.

    Attributes:
        tokens: by node.
        parents: by node; parents first.
    """

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.parents: list[int] = []
        self._known: dict[tuple[int, int], int] = {}

    def add(self, tree: DraftTree, most: int) -> None:
        """Add the nodes of a tree until `most` are new."""
        places = {ROOT: ROOT}
        most += len(self.tokens)
        for node, (token, parent) in enumerate(zip(tree.tokens, tree.parents, strict=True)):
            own = self._child(places[parent], token, most) if parent in places else None
            if own is not None:
                places[node] = own

    def add_way(self, tokens: ListOf[int], most: int) -> None:
        """Add one token after another from the root, until there are `most` nodes in all."""
        node = ROOT
        for token in tokens:
            child = self._child(node, token, most)
            if child is None:
                return
            node = child

    def _child(self, parent: int, token: int, most: int) -> int | None:
        """The node of a token after another, made where there is room."""
        known = self._known.get((parent, token))
        if known is None and len(self.tokens) < most:
            known = self._known[parent, token] = len(self.tokens)
            self.tokens.append(token)
            self.parents.append(parent)
        return known

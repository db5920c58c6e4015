"""Trees: where a sequence is cached. The full tree holds what the whole model computed; an overlay is what a view of
the model (fewer layers, coarser attention) computed below prefixes of the full tree, which it reads and never writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Sequence as ListOf
from typing import Protocol
from weakref import WeakKeyDictionary

import numpy as np

from guidedgen.sampler.cache import Node, PrefixCache
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.slots import SlotAllocator

Move = Callable[[list[int], list[int]], None]


class Tree(Protocol):
    """A cache and where sequences are in it."""

    @property
    def cache(self) -> PrefixCache:
        """Nodes and slots."""

    @property
    def hints(self) -> WeakKeyDictionary[Sequence, Node]:
        """Where living sequences were computed."""

    def begin(self, sequences: Iterable[Sequence]) -> None:
        """A call for `sequences` begins."""

    def end(self) -> None:
        """The call is over."""

    def locate(self, sequence: Sequence) -> tuple[Node, tuple[int, ...]]:
        """The deepest cached node on a sequence and the tokens after it."""

    def discard(self, drafts: ListOf[Sequence], base: Sequence, keep: Sequence, move: Move) -> None:
        """Forget drafts below `base` that are not on the way to `keep`."""


class FullTree:
    """What the whole model computed."""

    def __init__(self, cache: PrefixCache) -> None:
        self.cache = cache
        self.hints: WeakKeyDictionary[Sequence, Node] = WeakKeyDictionary()

    def begin(self, sequences: Iterable[Sequence]) -> None:
        """Nothing to prepare."""

    def end(self) -> None:
        """Nothing to undo."""

    def locate(self, sequence: Sequence) -> tuple[Node, tuple[int, ...]]:
        """See `Tree.locate`. O(1) where the parent was the last call's."""
        tail: list[int] = []
        step: Sequence | None = sequence
        while step is not None:
            hint = self.hints.get(step)
            if hint is not None and hint.live:
                tail.reverse()
                node = self.cache.match(tail, hint)
                return node, tuple(tail[node.depth - hint.depth :])
            tail.append(step.token)
            step = step.parent
        tokens = sequence.tokens()
        node = self.cache.match(tokens)
        return node, tokens[node.depth :]

    def discard(self, drafts: ListOf[Sequence], base: Sequence, keep: Sequence, move: Move) -> None:
        """See `Tree.discard`; the way to `keep` then stands in consecutive slots."""
        kept = self.locate(keep)[0]
        _drop(self, drafts, kept)
        self.cache.straighten(self.locate(base)[0], kept, move)


class OverlayCache(PrefixCache):
    """Nodes below copies of nodes of another cache, by that node."""

    def __init__(self, allocator: SlotAllocator) -> None:
        super().__init__(allocator)
        self._roots: dict[Node, Node] = {}

    def below(self, anchor: Node) -> Node:
        """The root of what hangs below `anchor`; it owns no slot."""
        root = self._roots.get(anchor)
        if root is None:
            root = self._roots[anchor] = Node.detached(anchor)
        return root

    def keep(self, anchors: Iterable[Node]) -> None:
        """Forget what hangs below other nodes, and below those that are gone or whose slots were moved."""
        wanted = set(anchors)
        for anchor, root in list(self._roots.items()):
            if anchor in wanted and anchor.live and np.array_equal(anchor.slots(), root.slots()):
                continue
            del self._roots[anchor]
            self.fell(root)

    def _starts(self) -> Iterable[Node]:
        return self._roots.values()


class Overlay:
    """What a view computed.

    Args:
        full: read, and held during a call.
        cache: where its own rows go.
    """

    def __init__(self, full: FullTree, cache: OverlayCache) -> None:
        self.cache = cache
        self.hints: WeakKeyDictionary[Sequence, Node] = WeakKeyDictionary()
        self._full = full
        self._anchors: list[Node] = []

    def begin(self, sequences: Iterable[Sequence]) -> None:
        """Hold the prefixes that the sequences will be read from, and forget what hangs below others."""
        self._anchors = [self._anchor(sequence)[0] for sequence in sequences]
        self.cache.keep(self._anchors)
        for anchor in self._anchors:
            anchor.pins += 1

    def end(self) -> None:
        """Let go of the prefixes."""
        for anchor in self._anchors:
            anchor.pins -= 1
        self._anchors = []

    def locate(self, sequence: Sequence) -> tuple[Node, tuple[int, ...]]:
        """See `Tree.locate`. The last token is never read from the full tree: its row is this view's own."""
        anchor, tail = self._anchor(sequence)
        root = self.cache.below(anchor)
        node = self.cache.match(tail, root)
        return node, tail[node.depth - root.depth :]

    def discard(self, drafts: ListOf[Sequence], base: Sequence, keep: Sequence, move: Move) -> None:
        """See `Tree.discard`."""
        hint = self.hints.get(keep)
        _drop(self, drafts, hint if hint is not None and hint.live else None)

    def _anchor(self, sequence: Sequence) -> tuple[Node, tuple[int, ...]]:
        """The deepest node of the full tree before a sequence's last token, and the tokens after it."""
        anchor, tail = self._full.locate(sequence)
        if tail:
            return anchor, tail
        assert anchor.parent is not None  # sequences have at least one token
        return anchor.parent, (anchor.token,)


def _drop(tree: Tree, drafts: ListOf[Sequence], kept: Node | None) -> None:
    if kept is not None:
        kept.pins += 1  # what lies on the way to a pinned node has children, and stays
    for sequence in reversed(drafts):
        node = tree.hints.get(sequence)
        if node is not None:
            tree.cache.discard(node)
    if kept is not None:
        kept.pins -= 1

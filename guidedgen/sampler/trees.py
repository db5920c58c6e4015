"""Trees: where a sequence is cached. The full tree holds what the whole model computed; an overlay is what a view of
the model (fewer layers, coarser attention) computed below prefixes of the full tree, which it reads and never writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from guidedgen.sampler.cache import Base, Node, PrefixCache
from guidedgen.sampler.selections import Selection
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.slots import SlotAllocator
from guidedgen.sampler.views import View

Move = Callable[[list[int], list[int]], None]


class Tree(Protocol):
    """A cache and where sequences are in it."""

    @property
    def cache(self) -> PrefixCache:
        """Nodes and slots."""

    @property
    def hints(self) -> WeakKeyDictionary[Sequence, Node]:
        """Where living sequences were computed."""

    @property
    def look(self) -> Selection | None:
        """What its rows do not attend to."""

    def begin(self, sequences: Iterable[Sequence]) -> None:
        """A call for `sequences` begins."""

    def end(self) -> None:
        """The call is over."""

    def locate(self, sequence: Sequence) -> tuple[Node, tuple[int, ...]]:
        """The deepest cached node on a sequence and the tokens after it."""

    def discard(self, drafts: ListOf[Sequence], base: Sequence, keep: Sequence, move: Move) -> None:
        """Forget drafts below `base` that are not on the way to `keep`."""

    def room(self, node: Node) -> int:
        """How many rows may follow a node in one forward."""

    def due(self, node: Node) -> bool:
        """Whether `settle` has to make a base before anything may follow a node."""

    def slots_for(self, length: int) -> int:
        """How many slots a sequence needs that is alone in the cache."""


_NO_END = 1 << 62


class _Endless:
    """A tree in which nothing is dropped. With a `look` the rows of a segment are of one block."""

    look: Selection | None = None

    def room(self, node: Node) -> int:
        """Any number, or what is left of the block."""
        return _NO_END if self.look is None else self.look.block - node.depth % self.look.block

    def due(self, node: Node) -> bool:
        """Never."""
        return False

    def slots_for(self, length: int) -> int:
        """One for each token."""
        return length


class FullTree(_Endless):
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
    """Nodes below copies of nodes of another cache, by that node; and bases, by the node that they stand for."""

    def __init__(self, allocator: SlotAllocator) -> None:
        super().__init__(allocator)
        self._roots: dict[Node, _Root] = {}
        self._bases: dict[Node, Base] = {}

    def below(self, anchor: Node, thinned: Node | None = None) -> Node:
        """The root of what hangs below `anchor`; it owns no slot. Up to `thinned` it reads the base of that node."""
        root = self._roots.get(anchor)
        if root is None:
            slots = anchor.slots().copy()
            read = slots
            if thinned is not None:
                read = np.concatenate((self._bases[thinned].slots(), slots[thinned.seen :]))
            root = self._roots[anchor] = _Root(Node.detached(anchor, read), slots, thinned)
        return root.node

    def settle(self, node: Node, slots: list[int]) -> None:
        """Take `slots` for the base of another cache's node; it stays as long as something reads it."""
        base = self.publish_base(id(node), slots, node.depth)
        base.pins += 1
        self._bases[node] = base

    def settled(self, node: Node) -> bool:
        """Whether there is a base for another cache's node."""
        return node in self._bases

    def keep(self, anchors: Iterable[Node], thinned: Iterable[Node] = ()) -> None:
        """Forget what hangs below other nodes and other bases, and what was read from slots that have changed hands."""
        wanted, needed = set(anchors), set(thinned)
        for node in [node for node in self._bases if node not in needed or not node.live]:
            base = self._bases.pop(node)
            base.pins = 0
            self.discard(base)
        for anchor, root in list(self._roots.items()):
            intact = anchor.live and np.array_equal(anchor.slots(), root.slots)
            if anchor not in wanted or not intact or not (root.thinned is None or root.thinned in self._bases):
                del self._roots[anchor]
                self.fell(root.node)

    def recover(self) -> list[int]:
        """See `PrefixCache.recover`; rows of views are not worth more than forgetting them."""
        self.clear()
        return []

    def clear(self) -> None:
        """See `PrefixCache.clear`."""
        super().clear()
        self._roots, self._bases = {}, {}

    def _starts(self) -> Iterable[Node]:
        return (self.root, *(root.node for root in self._roots.values()))


@dataclass(frozen=True)
class _Root:
    node: Node
    slots: NDArray[np.int64]  # of the anchor, when this was made
    thinned: Node | None


class Overlay(_Endless):
    """What a view computed.

    Args:
        full: read, and held during a call.
        cache: where its own rows go.
        view: what it reads of long prefixes; None is everything.
    """

    def __init__(self, full: FullTree, cache: OverlayCache, view: View | None = None) -> None:
        self.cache = cache
        self.hints: WeakKeyDictionary[Sequence, Node] = WeakKeyDictionary()
        self.view = view
        self._full = full
        self._anchors: list[Node] = []

    @property
    def open(self) -> bool:
        """Whether a call is on."""
        return bool(self._anchors)

    def begin(self, sequences: Iterable[Sequence]) -> None:
        """Hold the prefixes that the sequences will be read from, and forget what hangs below others."""
        self._anchors = [self._anchor(sequence)[0] for sequence in sequences]
        self.cache.keep(self._anchors, filter(None, map(self._thinned, self._anchors)))
        for anchor in self._anchors:
            anchor.pins += 1

    def unsettled(self) -> list[Node]:
        """Nodes of the full tree that need a base before the sequences of this call can be located."""
        ends = dict.fromkeys(filter(None, map(self._thinned, self._anchors)))
        return [node for node in ends if not self.cache.settled(node)]

    def end(self) -> None:
        """Let go of the prefixes."""
        for anchor in self._anchors:
            anchor.pins -= 1
        self._anchors = []

    def locate(self, sequence: Sequence) -> tuple[Node, tuple[int, ...]]:
        """See `Tree.locate`. The last token is never read from the full tree: its row is this view's own."""
        anchor, tail = self._anchor(sequence)
        root = self.cache.below(anchor, self._thinned(anchor))
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

    def _thinned(self, anchor: Node) -> Node | None:
        """The node at the end of the anchor's last full block, where the view drops something by then."""
        if self.view is None:
            return None
        end = anchor.depth - anchor.depth % self.view.block
        if end <= self.view.threshold:
            return None
        while anchor.depth > end:
            assert anchor.parent is not None
            anchor = anchor.parent
        return anchor


def _drop(tree: Tree, drafts: ListOf[Sequence], kept: Node | None) -> None:
    if kept is not None:
        kept.pins += 1  # what lies on the way to a pinned node has children, and stays
    for sequence in reversed(drafts):
        node = tree.hints.get(sequence)
        if node is not None:
            tree.cache.discard(node)
    if kept is not None:
        kept.pins -= 1

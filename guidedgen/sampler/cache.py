"""PrefixCache: a tree of token prefixes whose nodes own slots. Fork is a second child, rollback is not going on.

One node per token. Rows are provisional until `publish`; leaves are evicted in least-recently-used order. Not
thread-safe: the sampler holds a lock. Knows nothing about models beyond slots.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Sequence as ListOf

import numpy as np
from numpy.typing import NDArray

from guidedgen.sampler.slots import SlotAllocator


class _Path:
    """Slots from the root on, shared by a chain of nodes: a node reads the first `depth` of them."""

    __slots__ = ("length", "slots")

    def __init__(self, slots: NDArray[np.int64], length: int) -> None:
        self.slots = slots
        self.length = length

    def extended(self, depth: int, more: ListOf[int]) -> _Path:
        """A path whose first `depth` slots are this one's and then `more`: itself where nobody went on yet."""
        length = depth + len(more)
        path = self
        if self.length != depth or length > self.slots.shape[0]:
            path = _Path(np.empty(max(64, 2 * length), dtype=np.int64), depth)
            path.slots[:depth] = self.slots[:depth]
        path.slots[depth:length] = more
        path.length = length
        return path


class Node:
    """A cached prefix: its last token and the slot with that token's keys and values."""

    __slots__ = ("__weakref__", "children", "depth", "parent", "path", "pins", "slot", "token", "used")

    def __init__(self, parent: Node | None, token: int, slot: int, path: _Path, depth: int) -> None:
        self.parent = parent
        self.token = token
        self.slot = slot
        self.path = path
        self.depth = depth  # number of tokens up to here
        self.children: dict[int, Node] = {}
        self.pins = 0
        self.used = 0

    @staticmethod
    def detached(node: Node) -> Node:
        """A root that stands where `node` does, with the same prefix and no slot of its own."""
        slots = node.slots()
        return Node(None, -1, -1, _Path(slots.copy(), slots.shape[0]), node.depth)

    @property
    def live(self) -> bool:
        """Whether the node is still in the tree."""
        return self.slot >= 0 or self.parent is None

    def slots(self) -> NDArray[np.int64]:
        """The slots of the prefix, oldest first, [depth]; a view that stays valid while the node lives."""
        return self.path.slots[: self.depth]


class PrefixCache:
    """The tree and its slots.

    Args:
        allocator: where slots come from.
    """

    def __init__(self, allocator: SlotAllocator) -> None:
        self.allocator = allocator
        self.root = Node(None, -1, -1, _Path(np.empty(0, dtype=np.int64), 0), 0)
        self._clock = 0

    def match(self, tokens: ListOf[int], node: Node | None = None) -> Node:
        """The deepest node on `tokens`, starting below `node` (default: the root)."""
        node = self.root if node is None else node
        for token in tokens:
            child = node.children.get(token)
            if child is None:
                break
            node = child
        return node

    def touch(self, node: Node) -> None:
        """Mark a prefix as just used."""
        self._clock += 1
        node.used = self._clock

    def publish(self, parent: Node, tokens: ListOf[int], slots: ListOf[int]) -> list[Node]:
        """Add a chain of computed rows below `parent`; returns its nodes. One assignment makes all of it visible."""
        path = parent.path.extended(parent.depth, slots)
        nodes: list[Node] = []
        for offset, (token, slot) in enumerate(zip(tokens, slots, strict=True), 1):
            child = Node(nodes[-1] if nodes else parent, token, slot, path, parent.depth + offset)
            if nodes:
                nodes[-1].children[token] = child
            nodes.append(child)
        if nodes:
            self.touch(nodes[-1])
            parent.children[nodes[0].token] = nodes[0]
        return nodes

    def publish_tree(self, parent: Node, tokens: ListOf[int], parents: ListOf[int], slots: ListOf[int]) -> list[Node]:
        """Add a tree of computed rows below `parent`; returns its nodes, one for each row.

        Args:
            parent: the cached prefix.
            tokens: of the rows, parents before children.
            parents: by row the row before it, -1 for `parent`.
            slots: of the rows.
        """
        nodes: list[Node] = []
        for token, before, slot in zip(tokens, parents, slots, strict=True):
            up = parent if before < 0 else nodes[before]
            node = Node(up, token, slot, up.path.extended(up.depth, [slot]), up.depth + 1)
            self.touch(node)
            nodes.append(node)
            if before >= 0:
                up.children[token] = node
        for node, before in zip(nodes, parents, strict=True):  # last: visible only with all that is below
            if before < 0:
                parent.children[node.token] = node
        return nodes

    def evict(self, count: int) -> int:
        """Free at least `count` slots, least recently used leaves first; returns how many were freed.

        Pinned nodes and their ancestors stay, so fewer may be freed.
        """
        leaves = [(node.used, id(node), node) for node in self._nodes() if not node.children and not node.pins]
        heapq.heapify(leaves)
        freed = 0
        while leaves and freed < count:
            _, _, node = heapq.heappop(leaves)
            parent = self._drop(node)
            freed += 1
            if parent.parent is not None and not parent.children and not parent.pins:
                heapq.heappush(leaves, (parent.used, id(parent), parent))
        return freed

    def discard(self, node: Node) -> bool:
        """Drop one node, unless others go on from it or it is in use; whether it was dropped."""
        if not node.live or node.children or node.pins or node.parent is None:
            return False
        self._drop(node)
        return True

    def straighten(self, ancestor: Node, node: Node, move: Callable[[list[int], list[int]], None]) -> None:
        """Let the nodes from below `ancestor` to `node` stand in the slots right behind it.

        Attention over consecutive slots needs no copy. Stops at the first node whose slot has to stay: others go on
        from it too, or the wanted slot is taken.

        Args:
            ancestor: where the way begins.
            node: where it ends.
            move: copies the content of slots to others, all at once.
        """
        way = self._movable(_between(ancestor, node), ancestor.slot + 1)
        slots = list(range(ancestor.slot + 1, ancestor.slot + 1 + len(way)))
        old = [step.slot for step in way]
        if old == slots:
            return
        for step in way:
            step.slot = -1  # dead first: interrupted anywhere here, no hint leads to what is half moved
        move(old, slots)
        self.allocator.exchange(old, slots)
        path = ancestor.path.extended(ancestor.depth, slots)
        for step, slot in zip(way, slots, strict=True):
            step.slot, step.path = slot, path

    def _movable(self, way: list[Node], first: int) -> list[Node]:
        """The nodes at the beginning of a way that may have the slots from `first` on."""
        leaving: set[int] = set()
        for offset, step in enumerate(way):
            alone = len(step.children) <= (offset + 1 < len(way))
            slot = first + offset
            if not alone or not (step.slot == slot or slot in leaving or self.allocator.is_free(slot)):
                return way[:offset]
            leaving.add(step.slot)
        return way

    def recover(self) -> list[int]:
        """After an interruption: forget pins and half-dropped nodes; returns the slots that are in use."""
        used = []
        for node in list(self._nodes()):  # parents first
            assert node.parent is not None
            node.pins = 0
            if node.slot >= 0 and node.parent.live:
                used.append(node.slot)
                continue
            node.slot = -1
            node.parent.children.pop(node.token, None)
        return used

    def clear(self) -> None:
        """Forget everything, without giving back slots."""
        for node in list(self._nodes()):
            node.slot = -1
        for start in self._starts():
            start.children.clear()

    def fell(self, node: Node) -> None:
        """Forget everything below a node, whatever its pins."""
        slots = []
        for below in list(_below(node)):
            slots.append(below.slot)
            below.slot = -1
        node.children.clear()
        self.allocator.release(slots)

    def __len__(self) -> int:
        """Number of cached tokens."""
        return sum(1 for _ in self._nodes())

    def _drop(self, node: Node) -> Node:
        parent = node.parent
        assert parent is not None
        slot, node.slot = node.slot, -1  # dead first: interrupted anywhere here, no hint leads to a slot of others
        del parent.children[node.token]
        self.allocator.release([slot])
        parent.used = max(parent.used, node.used)
        return parent

    def _nodes(self) -> Iterator[Node]:
        for start in self._starts():
            yield from _below(start)

    def _starts(self) -> Iterable[Node]:
        return (self.root,)


def _below(start: Node) -> Iterator[Node]:
    """All nodes below one, parents first."""
    stack = list(start.children.values())
    while stack:
        node = stack.pop()
        stack.extend(node.children.values())
        yield node


def _between(ancestor: Node, node: Node) -> list[Node]:
    """The nodes below `ancestor` down to `node`, oldest first."""
    way = []
    while node is not ancestor and node.parent is not None:
        way.append(node)
        node = node.parent
    return way[::-1]

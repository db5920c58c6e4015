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
    """Slots from the root on, shared by a chain of nodes: a node reads the first `seen` of them."""

    __slots__ = ("length", "slots")

    def __init__(self, slots: NDArray[np.int64], length: int) -> None:
        self.slots = slots
        self.length = length

    def extended(self, seen: int, more: ListOf[int]) -> _Path:
        """A path whose first `seen` slots are this one's and then `more`: itself where nobody went on yet."""
        length = seen + len(more)
        path = self
        if self.length != seen or length > self.slots.shape[0]:
            path = _Path(np.empty(max(64, 2 * length), dtype=np.int64), seen)
            path.slots[:seen] = self.slots[:seen]
        path.slots[seen:length] = more
        path.length = length
        return path


class Node:
    """A cached prefix: its last token and the slot with that token's keys and values."""

    __slots__ = ("__weakref__", "children", "depth", "parent", "path", "pins", "seen", "slot", "token", "used")

    def __init__(self, parent: Node | None, token: int, slot: int, path: _Path, depth: int, seen: int) -> None:
        self.parent = parent
        self.token = token
        self.slot = slot
        self.path = path
        self.depth = depth  # number of tokens up to here
        self.seen = seen  # number of slots that what follows reads: all of them, unless some were dropped
        self.children: dict[int, Node] = {}
        self.pins = 0
        self.used = 0

    @staticmethod
    def detached(node: Node, slots: NDArray[np.int64] | None = None) -> Node:
        """A root that stands where `node` does and owns no slot; what follows reads `slots`, by default the same."""
        slots = node.slots().copy() if slots is None else slots
        return Node(None, -1, -1, _Path(slots, slots.shape[0]), node.depth, slots.shape[0])

    @property
    def live(self) -> bool:
        """Whether the node is still in the tree."""
        return self.slot >= 0 or self.parent is None

    def slots(self) -> NDArray[np.int64]:
        """The slots of the prefix, oldest first, [seen]; a view that stays valid while the node lives."""
        return self.path.slots[: self.seen]

    @property
    def owned(self) -> list[int]:
        """The slots that are free again when this node is gone."""
        return [self.slot]


class Base(Node):
    """A prefix of which only some rows are kept, as copies in slots of its own; going on from it reads these.

    Args:
        parent: the root.
        key: stands for the prefix among the root's children; no token.
        slots: in the order of the kept rows.
        depth: number of tokens of the prefix.
    """

    __slots__ = ("_owned",)

    def __init__(self, parent: Node, key: int, slots: list[int], depth: int) -> None:
        path = _Path(np.array(slots, dtype=np.int64), len(slots))
        super().__init__(parent, key, slots[-1], path, depth, len(slots))
        self._owned = slots

    @property
    def owned(self) -> list[int]:
        """See `Node.owned`."""
        return self._owned


class PrefixCache:
    """The tree and its slots.

    Args:
        allocator: where slots come from.
    """

    def __init__(self, allocator: SlotAllocator) -> None:
        self.allocator = allocator
        self.root = Node(None, -1, -1, _Path(np.empty(0, dtype=np.int64), 0), 0, 0)
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
        path = parent.path.extended(parent.seen, slots)
        nodes: list[Node] = []
        for token, slot in zip(tokens, slots, strict=True):
            up = nodes[-1] if nodes else parent
            child = Node(up, token, slot, path, up.depth + 1, up.seen + 1)
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
            node = Node(up, token, slot, up.path.extended(up.seen, [slot]), up.depth + 1, up.seen + 1)
            self.touch(node)
            nodes.append(node)
            if before >= 0:
                up.children[token] = node
        for node, before in zip(nodes, parents, strict=True):  # last: visible only with all that is below
            if before < 0:
                parent.children[node.token] = node
        return nodes

    def base(self, key: int) -> Base | None:
        """The base with a key."""
        found = self.root.children.get(key)
        return found if isinstance(found, Base) else None

    def publish_base(self, key: int, slots: list[int], depth: int) -> Base:
        """Add a base whose rows are in `slots` already."""
        base = Base(self.root, key, slots, depth)
        self.touch(base)
        self.root.children[key] = base
        return base

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
            freed += len(node.owned)
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
        way = _between(ancestor, node)
        if not way or way[0].parent is not ancestor:
            return
        way = self._movable(way, ancestor.slot + 1)
        slots = list(range(ancestor.slot + 1, ancestor.slot + 1 + len(way)))
        old = [step.slot for step in way]
        if old == slots:
            return
        for step in way:
            step.slot = -1  # dead first: interrupted anywhere here, no hint leads to what is half moved
        move(old, slots)
        self.allocator.exchange(old, slots)
        path = ancestor.path.extended(ancestor.seen, slots)
        for step in way:
            step.path = path
        _follow(way[-1])
        for step, slot in zip(way, slots, strict=True):
            step.slot = slot

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
                used += node.owned
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
            slots += below.owned
            below.slot = -1
        node.children.clear()
        self.allocator.release(slots)

    def __len__(self) -> int:
        """Number of cached tokens."""
        return sum(1 for _ in self._nodes())

    def _drop(self, node: Node) -> Node:
        parent = node.parent
        assert parent is not None
        slots, node.slot = node.owned, -1  # dead first: interrupted anywhere here, no hint leads to a slot of others
        del parent.children[node.token]
        self.allocator.release(slots)
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


def _follow(node: Node) -> None:
    """Let the paths below a node, whose own has changed, go on from it."""
    below = [node]
    while below:
        parent = below.pop()
        for child in parent.children.values():
            child.path = parent.path.extended(parent.seen, [child.slot])
            below.append(child)


def _between(ancestor: Node, node: Node) -> list[Node]:
    """The nodes below `ancestor` down to `node`, oldest first."""
    way = []
    while node is not ancestor and node.parent is not None:
        way.append(node)
        node = node.parent
    return way[::-1]

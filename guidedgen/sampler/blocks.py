"""BlockTree: the cache under a view that drops rows. At the end of a block a *base* is made, copies of what is kept,
and going on reads the base. Bases are found by the tokens that they stand for, so prompts are shared as in the full
tree, and what lies before a base can be evicted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence as ListOf
from itertools import pairwise

import numpy as np
import torch

from guidedgen.models.base import ThinStore
from guidedgen.sampler.cache import Base, Node, PrefixCache
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.trees import FullTree
from guidedgen.sampler.views import View

_KEYS = 1 << 64  # keys of bases are larger than any token


class BlockTree(FullTree):
    """See the module.

    Args:
        cache: nodes and slots.
        view: what is kept.
        store: where the rows are.
    """

    def __init__(self, cache: PrefixCache, view: View, store: ThinStore) -> None:
        super().__init__(cache)
        self._view = view
        self._store = store

    def locate(self, sequence: Sequence) -> tuple[Node, tuple[int, ...]]:
        """See `Tree.locate`. Where the node is `due`, its base has to be made before what follows can be computed."""
        node, tail = self._descend(*self._start(sequence))
        if len(tail) > self.room(node):  # what lies in between may be gone while a base behind it is not
            tokens = sequence.tokens()
            base = self._deepest_base(tokens)
            if base.depth > node.depth:
                return self._descend(base, tokens[base.depth :])
        return node, tail

    def _descend(self, node: Node, tail: tuple[int, ...]) -> tuple[Node, tuple[int, ...]]:
        """From a node on the way down as far as `tail` is cached: where that is, and what is left of it."""
        while tail:
            if self.due(node):
                base = self.cache.base(_key(node))
                if base is None:
                    break
                node = base
            step = self.cache.match(tail[: self.room(node)], node)
            if step is node:
                break
            tail = tail[step.depth - node.depth :]
            node = step
        return node, tail

    def room(self, node: Node) -> int:
        """How many rows may follow a node before a base is due; see `Tree.room`."""
        least = max(1, self._view.threshold + 1 - node.seen)
        return least + -(node.depth + least) % self._view.block

    def due(self, node: Node) -> bool:
        """Whether going on from a node needs a base; see `Tree.due`."""
        at_the_end = node.depth % self._view.block == 0 and not isinstance(node, Base)
        return at_the_end and node.seen > self._view.threshold

    def size(self, rows: int) -> int:
        """Slots of a base that is made of `rows` rows."""
        return self._view.left(rows)

    @property
    def scored(self) -> bool:
        """Whether `settle` needs weights."""
        return self._view.scored

    def slots_for(self, length: int) -> int:
        """See `Tree.slots_for`: a base, the one before it, and a block."""
        return min(length, 2 * (self._view.threshold + self._view.block))

    def settle(self, node: Node, weights: dict[int, torch.Tensor], slots: list[int]) -> Base:
        """Make the base that is due at a node in `slots`; `weights` by layer as `Watch` has them."""
        known = self.cache.base(_key(node))
        if known is not None:
            self.cache.allocator.release(slots)
            return known
        thin(self._view, self._store, node.slots(), weights, slots)
        return self.cache.publish_base(_key(node), slots, node.depth)

    def _start(self, sequence: Sequence) -> tuple[Node, tuple[int, ...]]:
        """Some cached node on a sequence and the tokens after it: where an ancestor is known to be, else a base."""
        tail: list[int] = []
        step: Sequence | None = sequence
        while step is not None:
            hint = self.hints.get(step)
            if hint is not None and hint.live:
                return hint, tuple(reversed(tail))
            tail.append(step.token)
            step = step.parent
        tokens = sequence.tokens()
        node = self._deepest_base(tokens)
        return node, tokens[node.depth :]

    def _deepest_base(self, tokens: tuple[int, ...]) -> Node:
        """The deepest base of a prefix that is shorter than the text, or the root."""
        node, key = self.cache.root, 0
        first = self.room(node)
        for start, stop in pairwise((0, *range(first, len(tokens), self._view.block))):
            key = _hashed(key, tokens[start:stop])
            node = self.cache.base(key) or node
        return node


def thin(
    view: View, store: ThinStore, slots: ListOf[int] | np.ndarray, weights: dict[int, torch.Tensor], new: list[int]
) -> None:
    """Copy what a view keeps of `slots`, oldest first, to the slots `new`, layer by layer."""
    old = torch.as_tensor(np.asarray(slots))
    sources = []
    for layer in range(store.layers):
        kept = view.keep(store.positions_of(layer, old), weights.get(layer))
        sources.append(old[kept.to(old.device)])
    store.gather(sources, torch.tensor(new), view.change)


def _key(node: Node) -> int:
    """The key of the base at a node: a hash of the base before it and of the tokens since."""
    tokens: list[int] = []
    step = node
    while step.parent is not None and not isinstance(step, Base):
        tokens.append(step.token)
        step = step.parent
    return _hashed(step.token if isinstance(step, Base) else 0, tokens[::-1])


def _hashed(key: int, tokens: ListOf[int]) -> int:
    text = key.to_bytes(40, "little") + np.asarray(tokens, dtype=np.int64).tobytes()
    return _KEYS + int.from_bytes(hashlib.blake2b(text, digest_size=32).digest(), "little")

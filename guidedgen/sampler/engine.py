"""Engine: what all views of one sampler share, a store of keys and values and the cache over its slots.

Knows where a sequence is cached and how to get free slots; computes nothing.
"""

from __future__ import annotations

import threading
from weakref import WeakKeyDictionary

from guidedgen.models.base import LanguageModel, Store
from guidedgen.sampler.cache import Node, PrefixCache
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.slots import SlotAllocator

_PAGE = 64  # the store grows by whole pages of slots
_FIRST_CAPACITY = 1024  # slots; doubles on demand


class Engine:
    """The store and the cache of one model, used under `lock`.

    Args:
        model: makes the store.
        cache_bytes: most bytes of keys and values kept.
        chunk: most rows in one forward.
    """

    def __init__(self, model: LanguageModel, cache_bytes: int, chunk: int) -> None:
        self.lock = threading.RLock()
        self.store: Store = model.new_store(0)
        self.cache = PrefixCache(SlotAllocator())
        self.hints: WeakKeyDictionary[Sequence, Node] = WeakKeyDictionary()
        self.chunk = chunk
        self.cache_bytes = cache_bytes
        self.limit = cache_bytes // max(1, self.store.slot_bytes)  # slots
        self.dirty = False  # a call began and did not end: pins and slots may have leaked

    def reserve(self, count: int) -> bool:
        """Make `count` slots available: grow up to the limit, then evict."""
        allocator = self.cache.allocator
        short = count - allocator.available
        if short > 0 and allocator.capacity < self.limit:
            wanted = max(_FIRST_CAPACITY, 2 * allocator.capacity, allocator.capacity + short)
            capacity = min(self.limit, -(-wanted // _PAGE) * _PAGE)
            self.store.grow(capacity)
            allocator.grow(capacity)
            short = count - allocator.available
        if short > 0:
            self.cache.evict(max(short, allocator.capacity // 8))
        return allocator.available >= count

    def locate(self, sequence: Sequence) -> tuple[Node, tuple[int, ...]]:
        """The deepest cached node on a sequence and the tokens after it. O(1) where the parent was the last call's."""
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

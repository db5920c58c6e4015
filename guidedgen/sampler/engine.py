"""Engine: what all views of one sampler share, a store of keys and values and the slots in it.

Knows how to get free slots and how to tidy up after an interruption; computes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from weakref import ref

from guidedgen.errors import ModelError
from guidedgen.models.base import LanguageModel, Store, ThinStore
from guidedgen.sampler.blocks import BlockTree
from guidedgen.sampler.cache import PrefixCache
from guidedgen.sampler.selections import Selection
from guidedgen.sampler.slots import SlotAllocator
from guidedgen.sampler.trees import FullTree, Overlay, OverlayCache
from guidedgen.sampler.views import View

_PAGE = 64  # the store grows by whole pages of slots
_FIRST_CAPACITY = 1024  # slots; doubles on demand


class Engine:
    """The store of one model and the trees of what is cached in it, used through `exclusive`.

    Args:
        model: makes the store.
        cache_bytes: most bytes of keys and values kept.
        chunk: most rows in one forward.
        view: what is kept or read of long texts; None is everything.

    Raises:
        ModelError: the model cannot do what the view asks for.
    """

    def __init__(
        self, model: LanguageModel, cache_bytes: int, chunk: int, view: View | Selection | None = None
    ) -> None:
        self.store: Store = model.new_store(0)
        self.allocator = SlotAllocator()
        self.view = view
        self._info = model.info
        if view is not None:
            self.check(view)
        cache = PrefixCache(self.allocator)
        self.full = FullTree(cache)
        if isinstance(view, Selection):
            self.full.look = view
        elif view is not None:
            if view.threshold == 0:
                raise ModelError(f"{view} is simulated and saves no memory. Use it as sampler.view(attention=...).")
            self.full = BlockTree(cache, view, self.thin_store())
        self.chunk = chunk
        self.cache_bytes = cache_bytes
        self.limit = cache_bytes // max(1, self.store.slot_bytes)  # slots
        self._overlays: list[tuple[ref[Overlay], OverlayCache]] = []
        self._lock = threading.RLock()
        self._dirty = False  # a call began and did not end: pins and slots may have leaked

    def check(self, view: View | Selection) -> None:
        """Raise ModelError where the model cannot do what a view asks for."""
        name = self._info.name
        if not hasattr(self.store, "gather"):
            raise ModelError(
                f"{name} keeps its cache in the library's own form, so views of the cache are not possible. "
                "Load it without one, or choose a model that takes flat rows."
            )
        able = self._info.selects if isinstance(view, Selection) else self._info.watches or not view.scored
        if not able:
            raise ModelError(
                f"{name} runs on a forward that does not do what {view} needs. Load it with native=False, "
                "or take a SinkWindow."
            )

    def thin_store(self) -> ThinStore:
        """The store; `check` was passed before."""
        return cast(ThinStore, self.store)

    def overlay(self, view: View | Selection | None) -> Overlay:
        """A new tree on top of the full one. Its slots come back when nobody refers to it any more.

        Raises:
            ModelError: the model cannot do what the view asks for, or its cache is under one already.
        """
        if view is not None:
            self.check(view)
            if self.view is not None:
                raise ModelError(f"the cache is under {self.view} already. Load the model without cache=...")
        with self._lock:
            thinning = None if isinstance(view, Selection) else view
            overlay = Overlay(self.full, OverlayCache(self.allocator), thinning)
            overlay.look = view if isinstance(view, Selection) else self.full.look
            self._overlays.append((ref(overlay), overlay.cache))
            return overlay

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One caller at a time; what an interrupted caller left behind is tidied up first."""
        with self._lock:
            if self._dirty:
                self._recover()
            self._dirty = True
            self._bury()
            yield
            self._dirty = False

    def reserve(self, count: int) -> bool:
        """Make `count` slots available: grow up to the limit, then evict, what belongs to views first."""
        allocator = self.allocator
        short = count - allocator.available
        if short > 0 and allocator.capacity < self.limit:
            wanted = max(_FIRST_CAPACITY, 2 * allocator.capacity, allocator.capacity + short)
            capacity = min(self.limit, -(-wanted // _PAGE) * _PAGE)
            self.store.grow(capacity)
            allocator.grow(capacity)
            short = count - allocator.available
        for owner, cache in self._overlays if short > 0 else ():
            overlay = owner()
            if overlay is None or not overlay.open:
                cache.keep(())
            cache.evict(short)
            short = count - allocator.available
        if short > 0:
            self.full.cache.evict(max(short, allocator.capacity // 8))
        return allocator.available >= count

    def clear(self) -> None:
        """Forget everything."""
        for cache in self._caches():
            cache.clear()
        self.allocator.reset([])

    def _bury(self) -> None:
        """Forget the trees of views that are gone."""
        gone = [cache for owner, cache in self._overlays if owner() is None]
        if gone:
            for cache in gone:
                cache.keep({})
            self._overlays = [(owner, cache) for owner, cache in self._overlays if owner() is not None]

    def _recover(self) -> None:
        used = [slot for cache in self._caches() for slot in cache.recover()]
        self.allocator.reset(used)

    def _caches(self) -> list[PrefixCache]:
        return [self.full.cache, *(cache for _, cache in self._overlays)]

"""SlotAllocator: which slots of a store are free, and where a branch should grow. Knows no tokens and no tensors."""

from __future__ import annotations

import numpy as np

_PAGE = 64


class SlotAllocator:
    """Hands out slot numbers below a capacity, next to the branch they continue where possible.

    Attention over consecutive slots needs no copy, so a branch grows straight on, and a new one starts on a free page.
    """

    def __init__(self, capacity: int = 0) -> None:
        self._free = np.ones(capacity, dtype=np.bool_)

    @property
    def available(self) -> int:
        """Number of free slots."""
        return int(np.count_nonzero(self._free))

    @property
    def capacity(self) -> int:
        """Number of slots, free or not."""
        return int(self._free.shape[0])

    def grow(self, capacity: int) -> None:
        """Add free slots at the end."""
        more = capacity - self.capacity
        if more > 0:
            self._free = np.concatenate((self._free, np.ones(more, dtype=np.bool_)))

    def take(self, count: int, after: int) -> list[int]:
        """Take `count` free slots, in ascending order within each stretch, preferably right behind slot `after`.

        A negative `after` starts a new branch. Raises RuntimeError where fewer are free, and takes none.
        """
        if self.available < count:
            raise RuntimeError(f"{count} slots are wanted and {self.available} are free")
        free, start = self._free, after + 1 if after >= 0 else self._start(count)
        taken: list[int] = []
        while len(taken) < count:
            missing = count - len(taken)
            if start >= free.shape[0] or not free[start]:
                start = self._start(missing)
            stretch = free[start : start + missing]
            length = int(stretch.argmin()) if not stretch.all() else stretch.shape[0]
            free[start : start + length] = False
            taken.extend(range(start, start + length))
            start += length
        return taken

    def release(self, slots: list[int]) -> None:
        """Give slots back."""
        self._free[slots] = True

    def is_free(self, slot: int) -> bool:
        """Whether a slot exists and nobody has it."""
        return 0 <= slot < self.capacity and bool(self._free[slot])

    def exchange(self, old: list[int], new: list[int]) -> None:
        """Give `old` back and take `new` in one go."""
        self._free[old] = True
        self._free[new] = False

    def reset(self, used: list[int]) -> None:
        """Make exactly `used` taken: the way back after an interruption."""
        free = np.ones(self.capacity, dtype=np.bool_)
        free[used] = False
        self._free = free

    def _start(self, count: int) -> int:
        """The first free page with room for `count`, else a free page, else any free slot."""
        pages = self.capacity // _PAGE
        free_pages = np.flatnonzero(self._free[: pages * _PAGE].reshape(pages, _PAGE).all(axis=1))
        if free_pages.shape[0]:
            wanted = -(-count // _PAGE)
            runs = free_pages[wanted - 1 :] - free_pages[: free_pages.shape[0] - wanted + 1] == wanted - 1
            fitting = np.flatnonzero(runs)
            return int(free_pages[fitting[0] if fitting.shape[0] else 0]) * _PAGE
        return int(self._free.argmax())

"""Searching for several byte strings at once, a chunk at a time. Knows nothing about tokens.

Algorithm: Aho and Corasick 1975, followed over failure links.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


class ByteSearch:
    """An automaton over bytes; positions in it are integers and 0 is the start. Immutable once built."""

    def __init__(self, patterns: Iterable[bytes]) -> None:
        """Build the automaton for patterns that are not empty."""
        self._next: list[dict[int, int]] = [{}]
        self._matched: list[bytes] = [b""]  # the longest pattern that ends in this node
        for pattern in patterns:
            self._insert(pattern)
        self._fail = [0] * len(self._next)
        self._link()
        self._first = frozenset(self._next[0])

    def feed(self, node: int, chunk: bytes) -> tuple[int, bytes, int]:
        """Continue from `node` with a chunk, up to the first match.

        Returns:
            The node; the pattern that ends first (the longest of those that end there), `b""` where none does; and the
            number of bytes of `chunk` up to its end.
        """
        if node == 0 and self._first.isdisjoint(chunk):
            return 0, b"", 0
        for count, byte in enumerate(chunk, start=1):
            node = self._step(node, byte)
            if self._matched[node]:
                return node, self._matched[node], count
        return node, b"", 0

    def _step(self, node: int, byte: int) -> int:
        while node and byte not in self._next[node]:
            node = self._fail[node]
        return self._next[node].get(byte, 0)

    def _insert(self, pattern: bytes) -> None:
        node = 0
        for byte in pattern:
            if byte not in self._next[node]:
                self._next[node][byte] = len(self._next)
                self._next.append({})
                self._matched.append(b"")
            node = self._next[node][byte]
        self._matched[node] = pattern

    def _link(self) -> None:
        """Failure links, breadth first: the longest proper suffix of a node that is also a prefix of a pattern."""
        waiting = deque(self._next[0].values())
        while waiting:
            node = waiting.popleft()
            for byte, child in self._next[node].items():
                self._fail[child] = self._step(self._fail[node], byte)
                self._matched[child] = self._matched[child] or self._matched[self._fail[child]]
                waiting.append(child)

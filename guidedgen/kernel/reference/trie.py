"""The vocabulary as a tree of bytes, in flat lists in depth-first order, so that a subtree is a range of nodes.

The tokens, sorted by their bytes, are in the same order, so that a subtree is a range of them too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from guidedgen.vocabulary import spells_text


class TokenTrie:
    """The tokens that have bytes; node 0 is the root.

    Attributes:
        size: number of token ids V, those without bytes included.
        byte: by node, the byte that leads to it.
        depth: by node, the number of bytes from the root.
        end: by node, the node behind its subtree.
        first: by node, where its subtree's tokens begin in `order`; `first[end[node]]` is where they end.
        spelled: by node, how many tokens end there; they are the first ones of its subtree.
        below: by node, the set of bytes that occur in its subtree, as an integer; bit b stands for byte b.
        order: the tokens sorted by their bytes.
        alphabet: the set of bytes that tokens have.
        spells_text: as of a `Vocabulary`.
    """

    def __init__(self, data: bytes, offsets: NDArray[np.int64]) -> None:
        self._data = data
        self._offsets: list[int] = offsets.tolist()
        self.size = len(self._offsets) - 1
        with_bytes = [token for token in range(self.size) if self._offsets[token + 1] > self._offsets[token]]
        sorted_tokens = sorted((self.token_bytes(token), token) for token in with_bytes)
        self.order = np.array([token for _, token in sorted_tokens], dtype=np.int64)
        self.byte, self.depth, self.end, self.first, self.spelled = [0], [0], [0], [0], [0]
        self._build([text for text, _ in sorted_tokens])
        self.below = self._bytes_below()
        self.alphabet = self.below[0]
        self.spells_text = spells_text(data, offsets)

    def __len__(self) -> int:
        """How many nodes there are, the root included."""
        return len(self.end) - 1

    def token_bytes(self, token: int) -> bytes:
        """The bytes of one token."""
        return self._data[self._offsets[token] : self._offsets[token + 1]]

    def _build(self, texts: list[bytes]) -> None:
        """Append the nodes of each text behind those that it shares with the text before; `end` is set on leaving."""
        path = [0]
        previous = b""
        for index, text in enumerate(texts):
            shared = _common_prefix(previous, text)
            self._close(path, shared)
            for at in range(shared, len(text)):
                path.append(len(self.byte))
                self.byte.append(text[at])
                self.depth.append(at + 1)
                self.end.append(0)
                self.first.append(index)
                self.spelled.append(0)
            self.spelled[path[-1]] += 1
            previous = text
        self._close(path, -1)
        self.end.append(0)
        self.first.append(len(texts))

    def _close(self, path: list[int], keep: int) -> None:
        """Leave the nodes of the path that are deeper than `keep`."""
        while len(path) > keep + 1:
            self.end[path.pop()] = len(self.byte)

    def _bytes_below(self) -> list[int]:
        below = [0] * len(self)
        parents = [0] * (max(self.depth) + 1)
        parent_of = [0] * len(self)
        for node in range(1, len(self)):
            parent_of[node] = parents[self.depth[node] - 1]
            parents[self.depth[node]] = node
        for node in range(len(self) - 1, 0, -1):
            below[parent_of[node]] |= below[node] | 1 << self.byte[node]
        return below

    def segment(self, text: bytes) -> list[int] | None:
        """The fewest tokens whose bytes join to `text`, or None where no tokens do."""
        best: list[tuple[int, int, int] | None] = [None] * len(text)  # tokens from here on, token, where it ends
        best.append((0, -1, len(text)))
        for start in range(len(text) - 1, -1, -1):
            for end, token in self.tokens_at(text, start):
                rest = best[end]
                mine = best[start]
                if rest is not None and (mine is None or rest[0] + 1 < mine[0]):
                    best[start] = (rest[0] + 1, token, end)
        return _follow(best)

    def tokens_at(self, text: bytes, start: int) -> Iterator[tuple[int, int]]:
        """(end, token) for every distinct text of a token that stands at `start`."""
        node = 0
        for end in range(start, len(text)):
            child = self._child(node, text[end])
            if child is None:
                return
            node = child
            if self.spelled[node]:
                yield end + 1, int(self.order[self.first[node]])

    def _child(self, node: int, byte: int) -> int | None:
        child = node + 1
        while child < self.end[node]:
            if self.byte[child] == byte:
                return child
            child = self.end[child]
        return None


def _common_prefix(left: bytes, right: bytes) -> int:
    shared = min(len(left), len(right))
    return next((at for at in range(shared) if left[at] != right[at]), shared)


def _follow(best: list[tuple[int, int, int] | None]) -> list[int] | None:
    tokens = []
    step, last = best[0], len(best) - 1
    at = 0
    while at < last:
        if step is None:
            return None
        _, token, at = step
        tokens.append(token)
        step = best[at]
    return tokens

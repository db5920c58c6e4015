"""Sets of Unicode characters as sorted code-point ranges, with the full set algebra.

A character is a Unicode scalar value: surrogates (U+D800 to U+DFFF) are in no set, because no text that can be encoded
as UTF-8 contains one. Nothing here knows about bytes or regular expressions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

Range: TypeAlias = tuple[int, int]

MAX_CODE: Final = 0x10FFFF
SURROGATES: Final[Range] = (0xD800, 0xDFFF)
_SCALARS: Final[tuple[Range, ...]] = ((0, SURROGATES[0] - 1), (SURROGATES[1] + 1, MAX_CODE))


@dataclass(frozen=True, slots=True)
class CharSet:
    """One character out of a set; as a regular expression, the language of those one-character texts.

    Build values with `of`, `single` or `from_text`: the constructor itself expects `ranges` to be sorted, disjoint, not
    adjacent and free of surrogates.
    """

    ranges: tuple[Range, ...]  # inclusive on both ends

    @classmethod
    def of(cls, *ranges: Range) -> CharSet:
        """Return the set of all characters in any of the inclusive `ranges`, in any order; surrogates are left out."""
        return cls(_intersect(_normalise(ranges), _SCALARS))

    @classmethod
    def single(cls, code: int) -> CharSet:
        """Return the set of one character; empty if `code` is a surrogate."""
        return cls(()) if SURROGATES[0] <= code <= SURROGATES[1] else cls(((code, code),))

    @classmethod
    def from_text(cls, text: str) -> CharSet:
        """Return the set of the characters that occur in `text`."""
        return cls.of(*((ord(char), ord(char)) for char in text))

    @property
    def nullable(self) -> bool:
        """A character is never the empty text."""
        return False

    @property
    def children(self) -> tuple[CharSet, ...]:
        """No sub-expressions."""
        return ()

    @property
    def size(self) -> int:
        """Return the number of characters."""
        return sum(high - low + 1 for low, high in self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __contains__(self, code: int) -> bool:
        place = bisect_right(self.ranges, (code, MAX_CODE)) - 1
        return place >= 0 and self.ranges[place][1] >= code

    def __iter__(self) -> Iterator[int]:
        for low, high in self.ranges:
            yield from range(low, high + 1)

    def __or__(self, other: CharSet) -> CharSet:
        return CharSet(_normalise(self.ranges + other.ranges))

    def __and__(self, other: CharSet) -> CharSet:
        return CharSet(_intersect(self.ranges, other.ranges))

    def __sub__(self, other: CharSet) -> CharSet:
        return self & ~other

    def __invert__(self) -> CharSet:
        return CharSet(_intersect(_gaps(self.ranges), _SCALARS))


def union_of(sets: Iterable[CharSet]) -> CharSet:
    """Return the union of any number of sets, in one pass."""
    return CharSet(_normalise([pair for chars in sets for pair in chars.ranges]))


def partition(sets: Iterable[CharSet]) -> tuple[CharSet, ...]:
    """Return the coarsest division of all characters in which each of `sets` is a union of blocks."""
    blocks: list[CharSet] = [ANY]
    for chars in sets:
        blocks = [piece for block in blocks for piece in (block & chars, block - chars) if piece]
    return tuple(blocks)


def _normalise(ranges: Iterable[Range]) -> tuple[Range, ...]:
    merged: list[Range] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        elif low <= high:
            merged.append((low, high))
    return tuple(merged)


def _intersect(left: tuple[Range, ...], right: tuple[Range, ...]) -> tuple[Range, ...]:
    common: list[Range] = []
    i = j = 0
    while i < len(left) and j < len(right):
        low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if low <= high:
            common.append((low, high))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(common)


def _gaps(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    gaps: list[Range] = []
    after = 0
    for low, high in ranges:
        if after < low:
            gaps.append((after, low - 1))
        after = high + 1
    if after <= MAX_CODE:
        gaps.append((after, MAX_CODE))
    return tuple(gaps)


ANY: Final = CharSet(_SCALARS)
"""Every character."""

"""The UTF-8 form of a set of characters, as a compact expression over bytes (RFC 3629).

The result is the minimal automaton of the set written as an expression: lead bytes with the same continuation share one
alternative, and equal tails are the same object, also between different sets. What texts are made of is not known here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from guidedgen.grammars import ir
from guidedgen.grammars.char_set import CharSet, Range

# First and last code point, number of continuation bytes, and the bits that mark the lead byte (RFC 3629, 3).
_LENGTHS: Final = (
    (0x00, 0x7F, 0, 0x00),
    (0x80, 0x7FF, 1, 0xC0),
    (0x800, 0xFFFF, 2, 0xE0),
    (0x10000, 0x10FFFF, 3, 0xF0),
)


@lru_cache(maxsize=1024)
def encode_set(chars: CharSet) -> ir.Expression:
    """Return the expression of the UTF-8 encodings of the characters in `chars`."""
    if not chars:
        return ir.Nothing()
    if chars.size == 1:
        return ir.Literal(chr(chars.ranges[0][0]).encode())
    options: list[ir.Expression] = []
    for first, last, tail, lead in _LENGTHS:
        clipped = ((max(low, first), min(high, last)) for low, high in chars.ranges)
        inside = tuple((low, high) for low, high in clipped if low <= high)
        if inside:
            options.extend(_options(inside, tail, lead))
    return options[0] if len(options) == 1 else ir.Union(tuple(options))


@lru_cache(maxsize=8192)
def _tail(ranges: tuple[Range, ...], length: int) -> ir.Expression:
    options = _options(ranges, length, 0x80)
    return options[0] if len(options) == 1 else ir.Union(tuple(options))


def _options(ranges: tuple[Range, ...], tail: int, marker: int) -> list[ir.Expression]:
    """Alternatives for `tail` + 1 bytes that spell the values in `ranges`, six bits in each continuation byte."""
    if tail == 0:
        return [ir.ByteSet(sum(((1 << (high - low + 1)) - 1) << (marker + low) for low, high in ranges))]
    leads: dict[tuple[Range, ...], int] = {}
    for byte, rest in _split(ranges, 6 * tail).items():
        key = tuple(rest)
        leads[key] = leads.get(key, 0) | 1 << (marker + byte)
    return [ir.Concat((ir.ByteSet(mask), _tail(rest, tail - 1))) for rest, mask in leads.items()]


def _split(ranges: tuple[Range, ...], shift: int) -> dict[int, list[Range]]:
    """Group the values by their bits from `shift` on; each group holds the ranges of the lower bits."""
    full = (1 << shift) - 1
    groups: dict[int, list[Range]] = {}
    for low, high in ranges:
        first, last = low >> shift, high >> shift
        for digit in range(first, last + 1):
            piece = (low & full if digit == first else 0, high & full if digit == last else full)
            groups.setdefault(digit, []).append(piece)
    return groups

"""Every JSON spelling of characters, as expressions over bytes (RFC 8259, 7).

A character may stand for itself (in UTF-8), as a two-character escape, or as `\\uXXXX` with hexadecimal digits of
either case, beyond U+FFFF as a surrogate pair. Lone surrogates are not characters and have no spelling here. Different
texts never share a spelling, so set operations on texts carry over to their spellings.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final, TypeAlias

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.char_set import ANY, CharSet
from guidedgen.grammars.utf8 import encode_set

Range: TypeAlias = tuple[int, int]

_RAW: Final = ~(CharSet.of((0, 0x1F)) | CharSet.from_text('"\\'))
_SHORT: Final = {'"': b'"', "\\": b"\\", "/": b"/", "\b": b"b", "\f": b"f", "\n": b"n", "\r": b"r", "\t": b"t"}
_QUOTE: Final = ir.Literal(b'"')


def to_json_string(text: cr.Regex) -> ir.Expression:
    """The JSON strings, with their quotes, whose characters after unescaping are in `text`."""
    return ir.Concat((_QUOTE, to_json_characters(text), _QUOTE))


def to_json_characters(text: cr.Regex) -> ir.Expression:
    """What stands between the quotes."""
    return cr.encode(text, spell, ANY_CHARACTERS)


def literal_string(text: str) -> ir.Expression:
    """One JSON string, spelled as `json.dumps(ensure_ascii=False)` does; nothing where it has a lone surrogate."""
    try:
        return ir.Literal(json.dumps(text, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        return ir.Nothing()


@lru_cache(maxsize=4096)
def spell(chars: CharSet) -> ir.Expression:
    """Every spelling of one character out of a set."""
    raw = chars & _RAW
    options: list[ir.Expression] = [encode_set(raw)] if raw else []
    short = sum(1 << letter[0] for char, letter in _SHORT.items() if ord(char) in chars)
    escapes: list[ir.Expression] = [ir.ByteSet(short)] if short else []
    units = tuple((low, min(high, 0xFFFF)) for low, high in chars.ranges if low <= 0xFFFF)
    beyond = tuple((max(low, 0x10000) - 0x10000, high - 0x10000) for low, high in chars.ranges if high > 0xFFFF)
    if units:
        escapes.append(ir.Concat((ir.Literal(b"u"), _hexadecimal(units, 4))))
    if beyond:
        escapes.append(_pairs(beyond))
    if escapes:
        options.append(ir.Concat((ir.Literal(b"\\"), _any_of(escapes))))
    return _any_of(options)


def _any_of(options: list[ir.Expression]) -> ir.Expression:
    return options[0] if len(options) == 1 else ir.Union(tuple(options))


def _pairs(ranges: tuple[Range, ...]) -> ir.Expression:
    """Surrogate pairs: ten bits in each half (RFC 2781, 2.1)."""
    options: list[ir.Expression] = []
    for low_half, heads in _grouped(ranges, 10).items():
        high = _hexadecimal(tuple((0xD800 + head, 0xD800 + head) for head in heads), 4)
        low = _hexadecimal(tuple((0xDC00 + first, 0xDC00 + last) for first, last in low_half), 4)
        options.append(ir.Concat((ir.Literal(b"u"), high, ir.Literal(b"\\u"), low)))
    return _any_of(options)


@lru_cache(maxsize=8192)
def _hexadecimal(ranges: tuple[Range, ...], digits: int) -> ir.Expression:
    """Numbers in any of the ranges, with exactly this many hexadecimal digits."""
    if digits == 1:
        return ir.ByteSet(sum(_digit(value) for low, high in ranges for value in range(low, high + 1)))
    options: list[ir.Expression] = []
    for tail, heads in _grouped(ranges, 4 * (digits - 1)).items():
        head = ir.ByteSet(sum(map(_digit, heads)))
        options.append(ir.Concat((head, _hexadecimal(tail, digits - 1))))
    return _any_of(options)


def _digit(value: int) -> int:
    """The byte set of a hexadecimal digit, either case."""
    text = f"{value:x}"
    return 1 << ord(text) | 1 << ord(text.upper())


def _grouped(ranges: tuple[Range, ...], shift: int) -> dict[tuple[Range, ...], list[int]]:
    """Values split at a bit: the leading parts, grouped by what may follow them."""
    full = (1 << shift) - 1
    tails: dict[int, list[Range]] = {}
    for low, high in ranges:
        first, last = low >> shift, high >> shift
        for head in range(first, last + 1):
            piece = (low & full if head == first else 0, high & full if head == last else full)
            tails.setdefault(head, []).append(piece)
    groups: dict[tuple[Range, ...], list[int]] = {}
    for head, tail in tails.items():
        groups.setdefault(tuple(tail), []).append(head)
    return groups


ANY_CHARACTERS: Final = ir.Repeat(spell(ANY), 0, None)
ANY_STRING: Final = ir.Concat((_QUOTE, ANY_CHARACTERS, _QUOTE))
"""Every JSON string."""

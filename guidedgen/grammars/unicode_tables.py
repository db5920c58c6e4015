"""Character classes of the two regex dialects, computed from the Unicode data of the running Python.

Tables are built on first use and kept: a few milliseconds for `\\w` and case folding, about 20 for the general
categories. Scripts and binary properties need the optional `regex` package. No regex syntax is read here.
"""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from typing import Final

import numpy as np

from guidedgen.grammars.char_set import ANY, CharSet, union_of
from guidedgen.grammars.unicode_names import BINARY, CATEGORIES, GENERAL_CATEGORY, SCRIPTS, category_name

DIGITS: Final = CharSet.of((0x30, 0x39))
ASCII: Final = CharSet.of((0, 0x7F))
ASCII_LETTERS: Final = CharSet.of((0x41, 0x5A), (0x61, 0x7A))
WORD: Final = ASCII_LETTERS | DIGITS | CharSet.from_text("_")
"""ECMA-262 WordCharacters without the i flag, and Python's `\\w` under re.ASCII."""
NEWLINE: Final = CharSet.from_text("\n")
ASCII_SPACE: Final = CharSet.from_text(" \t\n\r\f\v")
LINE_TERMINATORS: Final = CharSet.from_text("\n\r\u2028\u2029")
"""ECMA-262, section 12.3."""
ECMA_SPACE: Final = LINE_TERMINATORS | CharSet.from_text(
    "\t\v\f\ufeff \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
"""ECMA-262, sections 12.2 (WhiteSpace) and 12.3; what `\\s` means there."""

# Letters with case are all below this; above stand ideographs, tags and private use.
_CASED_END: Final = 0x20000
_DOTTED_CAPITAL_I: Final = 0x130


@lru_cache
def python_class(letter: str) -> CharSet:
    """Return what `\\d`, `\\s` or `\\w` means in a Python `str` pattern, asked of `re` itself."""
    return _matching(re.compile(f"\\{letter}+"))


def _matching(pattern: re.Pattern[str]) -> CharSet:
    """Return the characters that a pattern of the form `class+` matches."""
    return CharSet.of(*((found.start(), found.end() - 1) for found in pattern.finditer(_every_character())))


def _every_character() -> str:
    return np.arange(0x110000, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")


def ignore_case(chars: CharSet, *, ascii_only: bool = False) -> CharSet:
    """Return the characters that match one of `chars` under `re.IGNORECASE` (with `re.ASCII` if `ascii_only`)."""
    orbits = _ascii_orbits() if ascii_only else _orbits()
    if chars.size == 1:
        return orbits.get(chars.ranges[0][0], chars)
    cased = chars & _keys(ascii_only)
    return union_of([chars, *(orbits[code] for code in cased)])


@lru_cache
def _keys(ascii_only: bool) -> CharSet:
    return ASCII_LETTERS if ascii_only else CharSet.of(*((code, code) for code in _orbits()))


@lru_cache
def _ascii_orbits() -> dict[int, CharSet]:
    return {code: CharSet.from_text(chr(code).lower() + chr(code).upper()) for code in ASCII_LETTERS}


@lru_cache
def _orbits() -> dict[int, CharSet]:
    """Map each character that has case variants to all of them.

    `re` compares lower-case forms, and treats lower-case letters with the same upper case as equal (`s` and U+017F).
    """
    same_lower: dict[int, list[int]] = {}
    for code in range(_CASED_END):
        same_lower.setdefault(_lower(code), []).append(code)
    same_upper: dict[str, list[int]] = {}
    for code in same_lower:
        same_upper.setdefault(chr(code).upper(), []).append(code)
    orbits: dict[int, CharSet] = {}
    for lowers in same_upper.values():
        members = [code for lower in lowers for code in same_lower[lower]]
        if len(members) > 1:
            orbits |= dict.fromkeys(members, CharSet.of(*((code, code) for code in members)))
    return orbits


def _lower(code: int) -> int:
    """Simple lower-case mapping; U+0130 is the one character whose full mapping is longer."""
    return ord("i") if code == _DOTTED_CAPITAL_I else ord(chr(code).lower())


# Where Unicode keeps whole stretches free or for private use, three quarters of all characters, with their category.
_UNIFORM: Final = (
    (0x40000, 0xDFFFF, "Cn"),
    (0xE1000, 0xEFFFF, "Cn"),
    *((first, first + 0xFFFD, "Co") for first in (0xF0000, 0x100000)),
)
_SAMPLED: Final = 64


@lru_cache
def _categories() -> dict[str, CharSet]:
    ranges: dict[str, list[tuple[int, int]]] = {}
    start = 0
    for first, last, name in _UNIFORM:
        sampled = map(unicodedata.category, map(chr, range(first, last + 1, _SAMPLED)))
        if any(category != name for category in sampled):
            continue  # a later Unicode has characters here: look at each
        _add_categories(ranges, start, first)
        ranges.setdefault(name, []).append((first, last))
        start = last + 1
    _add_categories(ranges, start, 0x110000)
    return {name: CharSet.of(*pairs) for name, pairs in ranges.items()}


def _add_categories(ranges: dict[str, list[tuple[int, int]]], start: int, stop: int) -> None:
    """Add the runs of characters of one category from `start` up to `stop`."""
    at = start
    for name, run in groupby(map(unicodedata.category, map(chr, range(start, stop)))):
        end = at + len(list(run))
        ranges.setdefault(name, []).append((at, end - 1))
        at = end


@lru_cache
def general_category(name: str) -> CharSet | None:
    """Return the characters of a General_Category value by any of its names, or None if there is no such value."""
    short = category_name(name)
    return None if short is None else union_of(_members(CATEGORIES[short]))


def _members(prefixes: Iterable[str]) -> Iterable[CharSet]:
    wanted = tuple(prefixes)
    return [chars for name, chars in _categories().items() if name.startswith(wanted)]


@lru_cache
def unicode_property(name: str, value: str | None) -> CharSet | None:
    """Return the characters with a property other than General_Category, or None where it is unknown.

    Raises:
        ImportError: the `regex` package, which has the tables, is not installed.
    """
    if value is None and name in _SIMPLE_PROPERTIES:
        return _SIMPLE_PROPERTIES[name]
    regex = importlib.import_module("regex")
    text = f"\\p{{{name}}}+" if value is None else f"\\p{{{name}={value}}}+"
    try:
        pattern = regex.compile(text)
    except regex.error:
        return None
    return CharSet.of(*((found.start(), found.end() - 1) for found in pattern.finditer(_every_character())))


def property_ranges(name: str) -> tuple[tuple[int, int], ...] | str:
    """Return the ranges of `Name` or `Name=Value` as \\p{...} names them; "unknown", or "missing" without its table."""
    key, _, value = name.rpartition("=")
    if not key or key in GENERAL_CATEGORY:
        chars = general_category(value)
        if chars is not None:
            return chars.ranges
    if key not in SCRIPTS and (key or value not in BINARY):
        return "unknown"
    try:
        chars = unicode_property(key, value) if key else unicode_property(value, None)
    except ImportError:
        return "missing"
    return "unknown" if chars is None else chars.ranges


_SIMPLE_PROPERTIES: Final = {"Any": ANY, "ASCII": ASCII, "ASCII_Hex_Digit": DIGITS | CharSet.from_text("abcdefABCDEF")}

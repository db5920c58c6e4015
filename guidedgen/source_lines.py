"""Where in a JSON text a pointer leads, and lines of a text shown with a mark below what is meant."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_WIDTH: Final = 100  # characters of a line that are shown
_MOST: Final = 40  # characters that are marked


@dataclass(frozen=True, slots=True)
class Place:
    """Characters [start, stop) of a text: a member's name, an item, or the whole value."""

    start: int
    stop: int


@dataclass(slots=True)
class _Open:
    """An open object (`name` is the member that is being read) or array (`name` is None, `index` counts)."""

    pointer: str
    is_object: bool
    name: str | None = None
    place: Place | None = None
    index: int = 0


def places(text: str) -> dict[str, Place]:
    """The place of every value of a JSON text, by its pointer (RFC 6901): a member's name, otherwise the value's start.

    Of several members with one name the last one counts, as it does for readers. Of a text that is not JSON, what could
    be read.
    """
    found: dict[str, Place] = {}
    stack: list[_Open] = []
    for match in _TOKEN.finditer(text):
        token, place = match.group(), Place(*match.span())
        top = stack[-1] if stack else None
        if token in ("}", "]"):
            if top is not None:
                stack.pop()
        elif token == ",":
            if top is not None:
                top.name, top.index = None, top.index + 1
        elif token == ":":
            continue
        elif top is not None and top.is_object and top.name is None:
            try:
                top.name, top.place = str(json.loads(token, strict=False)), place
            except ValueError:
                break
        else:
            pointer, named = _entered(top, place)
            found[pointer] = named
            if token in ("{", "["):
                stack.append(_Open(pointer, token == "{"))
    return found


def _entered(top: _Open | None, place: Place) -> tuple[str, Place]:
    """The pointer and place of a value that begins."""
    if top is None:
        return "", place
    if top.is_object:
        step = (top.name or "").replace("~", "~0").replace("/", "~1")
        return f"{top.pointer}/{step}", top.place or place
    return f"{top.pointer}/{top.index}", place


def nearest(known: dict[str, Place], pointer: str) -> Place | None:
    """The place of a pointer, or of what is nearest above it; None in an empty text."""
    while pointer not in known and pointer:
        pointer = pointer.rpartition("/")[0]
    return known.get(pointer)


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """The 1-based line and column of a character."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def excerpt(text: str, place: Place) -> str:
    """The line of a place, numbered, and below it a mark; of a long line what is around the place."""
    line, column = line_and_column(text, place.start)
    begin = place.start - column + 1
    end = text.find("\n", begin)
    whole = text[begin : len(text) if end < 0 else end].rstrip("\r")
    first = max(0, min(column - 1 - _WIDTH // 2, len(whole) - _WIDTH))
    shown = whole[first : first + _WIDTH]
    before = shown[: column - 1 - first]
    marked = shown[len(before) : len(before) + max(1, min(place.stop - place.start, _MOST))]
    lead, tail = "..." if first else "", "..." if first + _WIDTH < len(whole) else ""
    padding = " " * len(lead) + "".join("\t" if char == "\t" else " " * _columns(char) for char in before)
    mark = "^" * max(1, sum(map(_columns, marked)))
    return f"{line:>5} | {lead}{shown}{tail}\n      | {padding}{mark}"


def excerpts(text: str, pointers: Iterable[str], *, most: int = 6) -> str:
    """The lines of several pointers into a JSON text, in the order of the text, each once."""
    known = places(text)
    found = {place for pointer in pointers if (place := nearest(known, pointer)) is not None}
    return "\n".join(excerpt(text, place) for place in sorted(found, key=lambda place: place.start)[:most])


def _columns(char: str) -> int:
    """How wide a terminal shows a character."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1

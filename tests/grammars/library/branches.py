"""What directives leave of a Verilog text: one text for each way to choose, without the directives."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PIECES = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<string>\"(?:[^\"\\\n]|\\.)*\")|(?P<begins>`ifn?def[ \t]+[A-Za-z_][\w$]*)"
    r"|(?P<goes_on>`elsif[ \t]+[A-Za-z_][\w$]*|`else\b)|(?P<ends>`endif\b)",
    re.DOTALL,
)
_INCLUDE = re.compile(r"`include[ \t]+\"[^\"\n]*\"")


def without_files(text: str) -> str:
    """The text as if the files that it includes were empty."""
    return _INCLUDE.sub(" ", text)


def without_comments(text: str) -> str:
    """The text without its comments, and with empty strings."""
    blank = {"comment": " ", "string": '""'}
    return _PIECES.sub(lambda piece: blank.get(str(piece.lastgroup), piece[0]), text)


def without_brackets_in_comments(text: str) -> str:
    return _PIECES.sub(lambda piece: piece[0].replace(")", " ") if piece["comment"] else piece[0], text)


def directives(text: str) -> Iterator[tuple[str, str]]:
    """The directives that choose ("begins", "goes_on" or "ends"), each with what stands before it; "" at the end."""
    before, place = "", 0
    for piece in _PIECES.finditer(text):
        before += text[place : piece.start()]
        place = piece.end()
        if piece["comment"] or piece["string"]:
            before += piece[0]
        else:
            yield before, str(piece.lastgroup)
            before = ""
    yield before + text[place:], ""


def choices(text: str) -> Iterator[str]:
    """The text with the first of the branches everywhere, with the second, and so on; in the end with none."""
    number, found = 0, True
    while found:
        found, written = _chosen(text, number)
        yield written
        number += 1


def _chosen(text: str, number: int) -> tuple[bool, str]:
    """The text with that branch of each conditional, and whether one has so many."""
    written, found = "", False
    opened: list[int] = []
    for before, directive in directives(text):
        written += before if all(branch == number for branch in opened) else ""
        if directive == "begins":
            opened.append(0)
        elif directive and opened:
            opened[-1] += 1
            if directive == "ends":
                opened.pop()
        found = found or number in opened
    return found, written

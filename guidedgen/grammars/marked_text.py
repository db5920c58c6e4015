"""Texts in which special tokens are visible: a token without bytes is written as 0xFF, its name, 0xFE.

Neither byte occurs in UTF-8, so that what a model wrote as plain text never looks like a special token. In `str` they
are the lone surrogates of `surrogateescape`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from guidedgen.grammars import ir

if TYPE_CHECKING:
    from guidedgen.vocabulary import Vocabulary

OPEN: Final = 0xFF
CLOSE: Final = 0xFE
_MARKS: Final = re.compile(b"[\xfe\xff]")


def visible_bytes(vocabulary: Vocabulary, tokens: Iterable[int]) -> bytes:
    """The bytes of tokens, with those special tokens that have none written as marks. End tokens add nothing."""
    names = {token: name for name, token in special_names(vocabulary).items()}
    return b"".join(
        b"\xff" + names[token].encode() + b"\xfe" if token in names else vocabulary.token_bytes(token)
        for token in tokens
    )


def special_names(vocabulary: Vocabulary) -> dict[str, int]:
    """The named tokens that a grammar has to name: those without bytes, except the ones that end a text."""
    return {
        name: token
        for name, token in vocabulary.special.items()
        if name and token not in vocabulary.eos and not vocabulary.token_bytes(token)
    }


def encode(text: str) -> bytes:
    """A text that may have marks, as bytes."""
    return text.encode("utf-8", "surrogateescape")


def decode(data: bytes) -> str:
    """The inverse of `encode`."""
    return data.decode("utf-8", "surrogateescape")


def without_marks(data: bytes) -> bytes:
    """The text for people: special tokens are written by their names."""
    return _MARKS.sub(b"", data)


def match_literal(data: bytes, start: int, text: bytes) -> int | None:
    """Where `text` ends if it stands at `start`; special tokens in the data count as their names."""
    end = start + len(text)
    if data[start:end] == text:
        return end
    at = start
    for byte in text:
        while at < len(data) and data[at] in (OPEN, CLOSE):
            at += 1
        if at >= len(data) or data[at] != byte:
            return None
        at += 1
    return at + 1 if at < len(data) and data[at] == CLOSE else at


def visible_text(text: str, special: Mapping[str, int]) -> bytes:
    """How `visible_bytes` writes the tokens of a text in which special tokens are named."""
    return b"".join(
        b"\xff" + piece.name.encode() + b"\xfe" if isinstance(piece, ir.SpecialToken) else piece.text
        for piece in split_special(text, special)
    )


def split_special(text: str, special: Mapping[str, int]) -> list[ir.Literal | ir.SpecialToken]:
    """A text as a tokenizer would read it: names of special tokens are those tokens, the longest names first."""
    names = [name for name in special if name in text]
    if not names:
        return [ir.Literal(text.encode())] if text else []
    pattern = "(" + "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) + ")"
    return [
        ir.SpecialToken(piece) if piece in special else ir.Literal(piece.encode())
        for piece in re.split(pattern, text)
        if piece
    ]

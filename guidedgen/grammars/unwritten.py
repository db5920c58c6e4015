"""Why a spec that has texts has none with some vocabulary: the bytes of its texts that no token has."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from guidedgen.errors import GuidedGenError, UnsatisfiableSchema
from guidedgen.vocabulary import Vocabulary

if TYPE_CHECKING:
    from guidedgen.grammars.translation import Form


def blamed_on_bytes(
    error: UnsatisfiableSchema, vocabulary: Vocabulary, form: Callable[[Vocabulary], Form]
) -> UnsatisfiableSchema:
    """The error that names the missing bytes where these are the reason, else the one that was given.

    Args:
        error: what compiling for the vocabulary has raised.
        vocabulary: the tokens.
        form: compiles the same for another vocabulary.
    """
    if not vocabulary.absent_bytes:
        return error
    every = _every_byte(tuple(vocabulary.special))
    try:
        text = every.decode_bytes(form(every).compiled.start().shortest())
    except GuidedGenError:
        return error
    missing = sorted(set(text) & set(vocabulary.absent_bytes))
    if not missing:
        return error
    named = ", ".join(f"0x{byte:02X}" for byte in missing)
    return UnsatisfiableSchema(
        f"every text needs bytes that no token of the vocabulary has; the shortest one, {_short(text)}, needs {named}",
        pointer=error.pointer,
        hint="Use a vocabulary that has them, or allow another spelling.",
    )


@cache
def _every_byte(names: tuple[str, ...]) -> Vocabulary:
    tokens = [bytes([byte]) for byte in range(256)] + [b""] * len(names)
    return Vocabulary.from_tokens(tokens, special={name: 256 + number for number, name in enumerate(names)})


def _short(text: bytes) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:57]!r}..."

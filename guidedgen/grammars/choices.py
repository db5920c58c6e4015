"""A fixed list of texts as one lexeme. How values other than strings are written is the caller's business."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from guidedgen.errors import CompileError
from guidedgen.grammars import ir
from guidedgen.kernel.automata import word_automaton

_MANY: Final = 200  # options from which on an automaton is made faster than expressions are
_LARGEST: Final = 2**31 // 4  # states; a table has no more


def expression(options: Iterable[str]) -> ir.Expression:
    """Return exactly one of the texts; repeated ones count once.

    Raises:
        CompileError: there is no option, or one that UTF-8 cannot encode.
    """
    texts = dict.fromkeys(map(_encode, options))
    if not texts:
        raise CompileError("a choice needs at least one option", hint="Add an option.")
    if len(texts) >= _MANY:
        return ir.Automaton(word_automaton(texts, most=_LARGEST))
    literals = tuple(ir.Literal(text) if text else ir.Epsilon() for text in texts)
    return literals[0] if len(literals) == 1 else ir.Union(literals)


def terminal(options: Iterable[str], *, label: str = "choice") -> ir.Terminal:
    """Return the lexeme of `expression`; raises as that does."""
    return ir.Terminal(expression(options), label)


def _encode(option: str) -> bytes:
    if not isinstance(option, str):
        raise CompileError(f"the option {option!r} is no text", hint="Convert it to a string.")
    try:
        return option.encode()
    except UnicodeEncodeError:
        hint = "Remove the lone surrogate."
        raise CompileError(f"the option {option!r} cannot be encoded as UTF-8", hint=hint) from None

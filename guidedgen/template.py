"""Docstring templates of `@guided`: `{name}` stands for an argument, `{{` and `}}` for braces.

Values are inserted once and never read again as a template, so braces in a user's text are harmless; attribute and
index look-ups are refused, so that a template cannot reach into objects.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from guidedgen.errors import CompileError

_FORMATTER = Formatter()


@dataclass(frozen=True)
class _Piece:
    literal: str
    name: str | None
    conversion: str | None
    specification: str


@dataclass(frozen=True)
class Template:
    """A parsed docstring."""

    pieces: tuple[_Piece, ...]

    def render(self, values: Mapping[str, Any]) -> str:
        """The prompt with the arguments in place."""
        return "".join(piece.literal + _insert(piece, values) for piece in self.pieces)


def parse_template(text: str | None, *, names: Collection[str], owner: str) -> Template:
    """Read a docstring.

    Args:
        text: the docstring, None where there is none.
        names: the function's parameters.
        owner: the function's name, for messages.

    Raises:
        CompileError: no docstring, unbalanced braces, or a field that is not a parameter.
    """
    if not text or not text.strip():
        raise CompileError(
            f"{owner} has no docstring",
            hint="Write the prompt as its docstring, with {parameter} where an argument goes.",
        )
    try:
        pieces = tuple(
            _Piece(literal, name, conversion, specification or "")
            for literal, name, specification, conversion in _FORMATTER.parse(inspect.cleandoc(text))
        )
    except ValueError as error:
        raise CompileError(
            f"the docstring of {owner} is not a template: {error}", hint="Write {{ and }} for braces."
        ) from error
    for piece in pieces:
        if piece.name is not None and piece.name not in names:
            raise CompileError(
                f"the docstring of {owner} names {{{piece.name}}}, which is not one of its parameters",
                hint=f"They are: {', '.join(names) or 'none'}. For braces write {{{{ and }}}}.",
            )
        if "{" in piece.specification:
            raise CompileError(
                f"the docstring of {owner} nests braces in {{{piece.name}:...}}",
                hint="Format the value before the call.",
            )
    return Template(pieces)


def _insert(piece: _Piece, values: Mapping[str, Any]) -> str:
    if piece.name is None:
        return ""
    value = _FORMATTER.convert_field(values[piece.name], piece.conversion)
    return format(value, piece.specification)

"""Where whitespace may stand between the tokens of a JSON text, folded into the lexemes around it.

Every lexeme carries the whitespace before it, except that the colon also takes what follows it and `[` what precedes
the first item. That leaves one way to read each text. Values know nothing about layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from guidedgen.errors import CompileError
from guidedgen.grammars import ir

MAX_INDENTED: Final = 16
"""Levels that `Indent` lays out; deeper values stand on one line, since the depth of a schema can be endless."""

_SPACE: Final = ir.ByteSet(sum(1 << byte for byte in b" \t\n\r"))  # RFC 8259, 2


@dataclass(frozen=True)
class Indent:
    """The layout of `json.dumps(indent=width)`, down to 16 levels; deeper values stand on one line."""

    width: int = 2

    def __post_init__(self) -> None:
        if type(self.width) is not int or not 0 <= self.width <= 16:
            raise CompileError(f"Indent({self.width!r}): the width must be an integer from 0 to 16")


Whitespace: TypeAlias = Literal["compact", "flexible"] | Indent


class Layout(Protocol):
    """What to write around keys and items at a level of nesting (0: the root's own members)."""

    def before(self, level: int, *, first: bool) -> ir.Expression:
        """What stands before a key or an item: a comma unless it is the first, and whitespace."""

    def colon(self) -> ir.Expression:
        """What stands between a key and its value."""

    def close(self, level: int, bracket: bytes) -> ir.Expression:
        """The closing bracket after at least one member."""

    def empty(self, brackets: bytes) -> ir.Expression:
        """An object or array without members."""

    def deeper(self, level: int) -> int:
        """The level of the members of a member; levels that are laid out alike are the same."""

    def around(self) -> ir.Expression | None:
        """What may stand before and after the whole text, or None."""


class Compact:
    """One line, `", "` and `": "`, as `json.dumps` writes by default."""

    def before(self, level: int, *, first: bool) -> ir.Expression:
        """A comma and a space."""
        return ir.Epsilon() if first else ir.Literal(b", ")

    def colon(self) -> ir.Expression:
        """A colon and a space."""
        return ir.Literal(b": ")

    def close(self, level: int, bracket: bytes) -> ir.Expression:
        """The bracket."""
        return ir.Literal(bracket)

    def empty(self, brackets: bytes) -> ir.Expression:
        """The brackets."""
        return ir.Literal(brackets)

    def deeper(self, level: int) -> int:
        """All levels are alike."""
        return 0

    def around(self) -> ir.Expression | None:
        """Nothing."""
        return None


class Flexible:
    """Any whitespace that JSON allows, any amount of it, or runs of at most `most` characters."""

    def __init__(self, most: int | None = None) -> None:
        self._any = ir.Repeat(_SPACE, 0, most)

    def before(self, level: int, *, first: bool) -> ir.Expression:
        """Whitespace, and a comma with whitespace after it."""
        return self._any if first else ir.Concat((self._any, ir.Literal(b","), self._any))

    def colon(self) -> ir.Expression:
        """A colon in whitespace."""
        return ir.Concat((self._any, ir.Literal(b":"), self._any))

    def close(self, level: int, bracket: bytes) -> ir.Expression:
        """Whitespace and the bracket."""
        return ir.Concat((self._any, ir.Literal(bracket)))

    def empty(self, brackets: bytes) -> ir.Expression:
        """Whitespace in brackets."""
        return ir.Concat((ir.Literal(brackets[:1]), self._any, ir.Literal(brackets[1:])))

    def deeper(self, level: int) -> int:
        """All levels are alike."""
        return 0

    def around(self) -> ir.Expression | None:
        """Whitespace."""
        return self._any


class Indented:
    """One member a line, as `json.dumps(indent=...)` writes."""

    def __init__(self, width: int) -> None:
        self._width = width

    def _line(self, level: int) -> bytes:
        return b"\n" + b" " * (self._width * level)

    def before(self, level: int, *, first: bool) -> ir.Expression:
        """A new line; below the last level that is laid out, a space after the comma."""
        if level >= MAX_INDENTED:
            return Compact().before(level, first=first)
        return ir.Literal((b"" if first else b",") + self._line(level + 1))

    def colon(self) -> ir.Expression:
        """A colon and a space."""
        return ir.Literal(b": ")

    def close(self, level: int, bracket: bytes) -> ir.Expression:
        """The bracket on a line of its own."""
        return ir.Literal(bracket if level >= MAX_INDENTED else self._line(level) + bracket)

    def empty(self, brackets: bytes) -> ir.Expression:
        """The brackets."""
        return ir.Literal(brackets)

    def deeper(self, level: int) -> int:
        """One more, up to the last level that is laid out."""
        return min(level + 1, MAX_INDENTED)

    def around(self) -> ir.Expression | None:
        """Nothing."""
        return None


def layout_of(whitespace: Whitespace, most: int | None = None) -> Layout:
    """The layout that a `whitespace=` option names; `most` bounds the runs of a flexible one.

    Raises:
        CompileError: there is no such layout.
    """
    if isinstance(whitespace, Indent):
        return Indented(whitespace.width)
    if whitespace == "flexible":
        return Flexible(most)
    if whitespace == "compact":
        return Compact()
    raise CompileError(f"whitespace={whitespace!r} is not a layout", hint='Use "compact", "flexible" or Indent(2).')

"""Regular expressions over characters: the form between a regex text and expressions over bytes.

Nodes are immutable and compared by identity (only sets of characters have a value); sub-expressions may be shared.
Build them with the functions `concat`, `union`, `intersection`, `complement` and `repeat`, which simplify as they go.
`to_utf8` and `encode` turn them into expressions over bytes; traversals are iterative, so depth costs no stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, TypeAlias, TypeVar

from guidedgen.grammars import ir
from guidedgen.grammars.char_set import ANY, CharSet, union_of
from guidedgen.grammars.utf8 import encode_set

__all__ = [
    "ANY",
    "ANY_TEXT",
    "ANY_UTF8",
    "EPSILON",
    "NOTHING",
    "CharSet",
    "Complement",
    "Concat",
    "Epsilon",
    "Intersection",
    "Regex",
    "Repeat",
    "Union",
    "complement",
    "concat",
    "encode",
    "fold",
    "intersection",
    "is_any_text",
    "is_nothing",
    "literal",
    "repeat",
    "to_utf8",
    "union",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Epsilon:
    """The empty text."""

    nullable: bool = field(default=True, init=False)
    children: tuple[Regex, ...] = field(default=(), init=False)


@dataclass(frozen=True, slots=True, eq=False)
class Concat:
    """One after another."""

    children: tuple[Regex, ...]
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nullable", all(child.nullable for child in self.children))


@dataclass(frozen=True, slots=True, eq=False)
class Union:
    """Any of."""

    children: tuple[Regex, ...]
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nullable", any(child.nullable for child in self.children))


@dataclass(frozen=True, slots=True, eq=False)
class Intersection:
    """All of at once."""

    children: tuple[Regex, ...]
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nullable", all(child.nullable for child in self.children))


@dataclass(frozen=True, slots=True, eq=False)
class Complement:
    """Every text of characters that is not in `inner`."""

    inner: Regex
    nullable: bool = field(init=False)
    children: tuple[Regex, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nullable", not self.inner.nullable)
        object.__setattr__(self, "children", (self.inner,))


@dataclass(frozen=True, slots=True, eq=False)
class Repeat:
    """`inner` at least `low` and at most `high` times (None: no maximum)."""

    inner: Regex
    low: int
    high: int | None
    nullable: bool = field(init=False)
    children: tuple[Regex, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nullable", self.low == 0 or self.inner.nullable)
        object.__setattr__(self, "children", (self.inner,))


Regex: TypeAlias = CharSet | Epsilon | Concat | Union | Intersection | Complement | Repeat

EPSILON: Final = Epsilon()
NOTHING: Final = CharSet(())
"""The empty language: one character out of none."""
ANY_TEXT: Final = Repeat(ANY, 0, None)
"""Every text."""


def is_nothing(node: Regex) -> bool:
    """Tell whether `node` is plainly the empty language (no proof is attempted)."""
    return isinstance(node, CharSet) and not node


def is_any_text(node: Regex) -> bool:
    """Tell whether `node` is plainly every text."""
    return isinstance(node, Repeat) and node.low == 0 and node.high is None and node.inner == ANY


def literal(text: str) -> Regex:
    """Return exactly `text`."""
    return concat([CharSet.single(ord(char)) for char in text])


def concat(parts: Iterable[Regex]) -> Regex:
    """Return `parts` one after another."""
    flat: list[Regex] = []
    for part in parts:
        for piece in part.children if isinstance(part, Concat) else (part,):
            repeated = bool(flat) and is_any_text(piece) and is_any_text(flat[-1])
            if not isinstance(piece, Epsilon) and not repeated:
                flat.append(piece)
    if any(map(is_nothing, flat)):
        return NOTHING
    return EPSILON if not flat else flat[0] if len(flat) == 1 else Concat(tuple(flat))


def union(options: Iterable[Regex]) -> Regex:
    """Return any of `options`; no options: the empty language."""
    flat = _flatten(options, Union)
    if any(map(is_any_text, flat)):
        return ANY_TEXT
    sets = [node for node in flat if isinstance(node, CharSet)]
    chars = union_of(sets)
    rest: list[Regex] = [node for node in flat if not isinstance(node, CharSet | Epsilon)]
    if len(rest) + len(sets) < len(flat) and not any(node.nullable for node in rest):
        rest.append(EPSILON)
    kept = [chars, *rest] if chars else rest
    return NOTHING if not kept else kept[0] if len(kept) == 1 else Union(tuple(kept))


def intersection(parts: Iterable[Regex]) -> Regex:
    """Return what is in all of `parts`; no parts: every text."""
    flat = [node for node in _flatten(parts, Intersection) if not is_any_text(node)]
    if any(isinstance(node, Epsilon) for node in flat):
        return EPSILON if all(node.nullable for node in flat) else NOTHING
    sets = [node for node in flat if isinstance(node, CharSet)]
    chars = ANY
    for node in sets:
        chars &= node
    if not chars:
        return NOTHING
    rest = [node for node in flat if not isinstance(node, CharSet)]
    kept = [chars, *rest] if sets else rest
    return ANY_TEXT if not kept else kept[0] if len(kept) == 1 else Intersection(tuple(kept))


def complement(inner: Regex) -> Regex:
    """Return every text that is not in `inner`."""
    if isinstance(inner, Complement):
        return inner.inner
    if is_nothing(inner):
        return ANY_TEXT
    return NOTHING if is_any_text(inner) else Complement(inner)


def repeat(inner: Regex, low: int, high: int | None) -> Regex:
    """Return `inner` at least `low` and at most `high` times (None: no maximum)."""
    if high == 0 or isinstance(inner, Epsilon):
        return EPSILON
    if is_nothing(inner):
        return EPSILON if low == 0 else NOTHING
    if low == 1 and high == 1:
        return inner
    if isinstance(inner, Repeat) and inner.high is None and inner.low <= 1 and low <= 1:
        return Repeat(inner.inner, min(low, inner.low), None)
    return Repeat(inner, low, high)


def _flatten(nodes: Iterable[Regex], kind: type[Union] | type[Intersection]) -> list[Regex]:
    unique: dict[int, Regex] = {}
    for node in nodes:
        for piece in node.children if isinstance(node, kind) else (node,):
            unique.setdefault(id(piece), piece)
    return list(unique.values())


def fold(root: Regex, combine: Callable[[Regex, tuple[T, ...]], T]) -> T:
    """Compute a value bottom-up: `combine(node, values of its children)`, once for each shared node."""
    values: dict[int, T] = {}
    stack: list[Regex] = [root]
    while stack:
        node = stack[-1]
        missing = [child for child in node.children if id(child) not in values]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        if id(node) not in values:
            values[id(node)] = combine(node, tuple(values[id(child)] for child in node.children))
    return values[id(root)]


def encode(root: Regex, encode_chars: Callable[[CharSet], ir.Expression], any_text: ir.Expression) -> ir.Expression:
    """Return `root` over bytes, with each character spelled by `encode_chars`.

    Args:
        root: the expression.
        encode_chars: every spelling of one character out of a set. Spellings of different texts must be different.
        any_text: every spelling of every text; what a complement is taken in.
    """

    def combine(node: Regex, values: tuple[ir.Expression, ...]) -> ir.Expression:
        if isinstance(node, CharSet):
            return encode_chars(node)
        if isinstance(node, Complement):
            return ir.Complement(_within(values[0], any_text))
        if isinstance(node, Intersection):
            # One part that is encoded text keeps bare complements inside encoded text.
            bare = all(isinstance(value, ir.Complement) for value in values)
            return ir.Intersection((any_text, *values) if bare else values)
        return _assemble(node, tuple(_within(value, any_text) for value in values))

    return _within(fold(root, combine), any_text)


def _assemble(node: Regex, values: tuple[ir.Expression, ...]) -> ir.Expression:
    if isinstance(node, Union):
        return ir.Union(values)
    if isinstance(node, Repeat):
        return ir.Repeat(values[0], node.low, node.high)
    if isinstance(node, Epsilon):
        return ir.Epsilon()
    parts: list[ir.Expression] = []
    for literal_run, group in groupby(values, lambda value: isinstance(value, ir.Literal)):
        run = list(group)
        text = b"".join(value.text for value in run if isinstance(value, ir.Literal))
        parts.extend([ir.Literal(text)] if literal_run else run)
    return parts[0] if len(parts) == 1 else ir.Concat(tuple(parts))


def _within(value: ir.Expression, any_text: ir.Expression) -> ir.Expression:
    return ir.Intersection((value, any_text)) if isinstance(value, ir.Complement) else value


ANY_UTF8: Final = ir.Repeat(encode_set(ANY), 0, None)
"""Every valid UTF-8 text."""


def to_utf8(root: Regex) -> ir.Expression:
    """Return `root` over UTF-8 bytes; every text of the result is valid UTF-8 (RFC 3629)."""
    return encode(root, encode_set, ANY_UTF8)

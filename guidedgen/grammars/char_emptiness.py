"""Decides whether an expression over characters has no text at all, by derivatives within a budget of states.

Expressions become numbered terms over blocks of equivalent characters; equal terms have equal numbers, so the
derivatives (Brzozowski 1964) of most expressions that people write are few.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.char_set import CharSet, partition

_Term: TypeAlias = tuple[str, tuple[int, ...]]

_MAX_BLOCKS = 64


def is_empty(root: cr.Regex, *, states: int = 2000) -> bool | None:
    """Tell whether `root` has no text; None where more than `states` derivatives would be needed to know."""
    sets: set[CharSet] = set()
    cr.fold(root, lambda node, _: sets.add(node) if isinstance(node, CharSet) else None)
    blocks = partition(sorted(sets, key=lambda chars: chars.ranges))
    if len(blocks) > _MAX_BLOCKS:
        return None
    terms = _Terms(blocks)
    todo = [terms.read(root)]
    seen = set(todo)
    while todo:
        term = todo.pop()
        if terms.nullable[term]:
            return False
        for block in range(len(blocks)):
            following = terms.derive(term, block)
            if following != terms.nothing and following not in seen:
                seen.add(following)
                todo.append(following)
        if len(seen) > states:
            return None
    return True


class _Terms:
    """Interned terms: `set` of blocks, `seq` of two, `or`, `and`, `not`, `rep` (term, low, high or -1), `eps`."""

    def __init__(self, blocks: tuple[CharSet, ...]) -> None:
        self._blocks = blocks
        self._ids: dict[_Term, int] = {}
        self._terms: list[_Term] = []
        self._derived: dict[tuple[int, int], int] = {}
        self.nullable: list[bool] = []
        self.nothing = self._intern("set", ())
        self._epsilon = self._intern("eps", ())
        self._any_text = self._repeat(self._intern("set", tuple(range(len(blocks)))), 0, -1)

    def read(self, root: cr.Regex) -> int:
        """Return the number of an expression."""
        return cr.fold(root, self._read_node)

    def _read_node(self, node: cr.Regex, children: tuple[int, ...]) -> int:
        if isinstance(node, CharSet):
            return self._intern("set", tuple(place for place, block in enumerate(self._blocks) if block & node))
        if isinstance(node, cr.Epsilon):
            return self._epsilon
        if isinstance(node, cr.Union):
            return self._join("or", children)
        if isinstance(node, cr.Intersection):
            return self._join("and", children)
        if isinstance(node, cr.Complement):
            return self._complement(children[0])
        if isinstance(node, cr.Repeat):
            return self._repeat(children[0], node.low, -1 if node.high is None else node.high)
        result = self._epsilon
        for child in reversed(children):
            result = self._sequence(child, result)
        return result

    def derive(self, term: int, block: int) -> int:
        """Return what may follow after one character of `block`."""
        known = self._derived.get((term, block))
        if known is None:
            known = self._derived[term, block] = self._derive(term, block)
        return known

    def _derive(self, term: int, block: int) -> int:
        kind, parts = self._terms[term]
        if kind == "set":
            return self._epsilon if block in parts else self.nothing
        if kind == "eps":
            return self.nothing
        if kind == "not":
            return self._complement(self.derive(parts[0], block))
        if kind == "seq":
            first = self._sequence(self.derive(parts[0], block), parts[1])
            return self._join("or", [first, self.derive(parts[1], block)]) if self.nullable[parts[0]] else first
        if kind == "rep":
            inner, low, high = parts
            rest = self._repeat(inner, max(low - 1, 0), high - 1 if high > 0 else high)
            return self._sequence(self.derive(inner, block), rest)
        return self._join(kind, [self.derive(part, block) for part in parts])

    def _intern(self, kind: str, parts: tuple[int, ...]) -> int:
        key = (kind, parts)
        if key not in self._ids:
            self._ids[key] = len(self._terms)
            self._terms.append(key)
            self.nullable.append(self._is_nullable(kind, parts))
        return self._ids[key]

    def _is_nullable(self, kind: str, parts: tuple[int, ...]) -> bool:
        if kind == "not":
            return not self.nullable[parts[0]]
        if kind == "rep":
            return parts[1] == 0 or self.nullable[parts[0]]
        if kind == "or":
            return any(self.nullable[part] for part in parts)
        return kind == "eps" or (kind in ("seq", "and") and all(self.nullable[part] for part in parts))

    def _sequence(self, first: int, second: int) -> int:
        if self.nothing in (first, second):
            return self.nothing
        if first == self._epsilon:
            return second
        kind, parts = self._terms[first]
        if kind == "seq":
            return self._sequence(parts[0], self._sequence(parts[1], second))
        return first if second == self._epsilon else self._intern("seq", (first, second))

    def _join(self, kind: str, parts: Iterable[int]) -> int:
        neutral, absorbing = (self.nothing, self._any_text) if kind == "or" else (self._any_text, self.nothing)
        flat: set[int] = set()
        for part in parts:
            inner, pieces = self._terms[part]
            flat.update(pieces if inner == kind else (part,))
        flat.discard(neutral)
        if absorbing in flat:
            return absorbing
        return neutral if not flat else flat.pop() if len(flat) == 1 else self._intern(kind, tuple(sorted(flat)))

    def _complement(self, inner: int) -> int:
        if inner == self.nothing:
            return self._any_text
        kind, parts = self._terms[inner]
        if kind == "not":
            return parts[0]
        return self.nothing if inner == self._any_text else self._intern("not", (inner,))

    def _repeat(self, inner: int, low: int, high: int) -> int:
        if high == 0 or inner == self._epsilon:
            return self._epsilon
        if inner == self.nothing:
            return self._epsilon if low == 0 else self.nothing
        return inner if low == high == 1 else self._intern("rep", (inner, low, high))

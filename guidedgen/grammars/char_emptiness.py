"""Decides whether an expression over characters has no text at all, by derivatives within a budget of states.

Expressions become numbered terms over blocks of equivalent characters; equal terms have equal numbers, so the
derivatives (Brzozowski 1964) of most expressions that people write are few.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.automaton_text import Automaton
from guidedgen.grammars.char_set import CharSet, partition

_Term: TypeAlias = tuple[str, tuple[int, ...]]

_MAX_BLOCKS = 64
_MAX_PAIRS = 5_000


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


def are_equal(root: cr.Regex, automaton: Automaton) -> bool:
    """Tell whether `root` has the texts that `automaton` accepts, by walking through both side by side."""
    sets: set[CharSet] = set(automaton.blocks)
    cr.fold(root, lambda node, _: sets.add(node) if isinstance(node, CharSet) else None)
    blocks = partition(sorted(sets, key=lambda chars: chars.ranges))
    terms = _Terms(blocks)
    own = [next((place for place, whole in enumerate(automaton.blocks) if whole & block), -1) for block in blocks]
    first: tuple[int, int | None] = (terms.read(root), 0)
    seen = {first}
    todo = [first]
    while todo:
        term, state = todo.pop()
        if terms.nullable[term] != (state is not None and automaton.accepting[state]):
            return False
        for block, place in enumerate(own):
            pair = (terms.derive(term, block), None if state is None else automaton.moves[state].get(place))
            if pair != (terms.nothing, None) and pair not in seen:
                seen.add(pair)
                todo.append(pair)
        if len(seen) > _MAX_PAIRS:
            return False
    return True


def decides(texts: cr.Regex, condition: cr.Regex) -> bool:
    """Tell whether it is plain that each of `texts` meets or breaks `condition` for good, whatever follows it."""
    sets: set[CharSet] = set()
    for root in (texts, condition):
        cr.fold(root, lambda node, _: sets.add(node) if isinstance(node, CharSet) else None)
    blocks = partition(sorted(sets, key=lambda chars: chars.ranges))
    terms = _Terms(blocks)
    first = (terms.read(texts), terms.read(condition))
    seen = {first}
    todo = [first]
    while todo:
        text, rest = todo.pop()
        if rest in (terms.nothing, terms.any_text) or text == terms.nothing:
            continue
        if terms.nullable[text] or len(seen) > _MAX_PAIRS:
            return False
        for block in range(len(blocks)):
            pair = (terms.derive(text, block), terms.derive(rest, block))
            if pair not in seen:
                seen.add(pair)
                todo.append(pair)
    return True


def looks_at_longer_texts(before: cr.Regex, after: cr.Regex, condition: cr.Regex, texts: cr.Regex) -> bool:
    """Tell whether it is plain that a test says nothing about what may follow the longest of `texts`.

    It stands behind `before` and in front of `after`. Wherever a text ends and the next character could change what the
    test says, or leave it open, that character makes the text a longer one of `texts`.
    """
    sets: set[CharSet] = set()
    for root in (before, after, condition, texts):
        cr.fold(root, lambda node, _: sets.add(node) if isinstance(node, CharSet) else None)
    blocks = partition(sorted(sets, key=lambda chars: chars.ranges))
    terms = _Terms(blocks)
    tested = (terms.read(after), terms.read(condition))
    first = (terms.read(before), None, terms.read(texts))
    seen: set[tuple[int, int | None, int]] = {first}
    todo: list[tuple[int, int | None, int]] = [first]

    def visit(triple: tuple[int, int | None, int]) -> None:
        if triple not in seen and triple[0] != terms.nothing and triple[1] not in (terms.nothing, terms.any_text):
            seen.add(triple)
            todo.append(triple)

    while todo:
        rest, tests, text = todo.pop()
        if len(seen) > _MAX_PAIRS:
            return False
        if tests is None and terms.nullable[rest]:
            visit((*tested, text))
        for block in range(len(blocks)):
            longer = terms.derive(text, block)
            following = None if tests is None else terms.derive(tests, block)
            open_end = tests is not None and terms.nullable[rest] and not terms.nullable[longer]
            if open_end and following != (terms.any_text if terms.nullable[tests or 0] else terms.nothing):
                return False
            visit((terms.derive(rest, block), following, longer))
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
        self.any_text = self._repeat(self._intern("set", tuple(range(len(blocks)))), 0, -1)

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
        neutral, absorbing = (self.nothing, self.any_text) if kind == "or" else (self.any_text, self.nothing)
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
            return self.any_text
        kind, parts = self._terms[inner]
        if kind == "not":
            return parts[0]
        return self.nothing if inner == self.any_text else self._intern("not", (inner,))

    def _repeat(self, inner: int, low: int, high: int) -> int:
        if high == 0 or inner == self._epsilon:
            return self._epsilon
        if inner == self.nothing:
            return self._epsilon if low == 0 else self.nothing
        return inner if low == high == 1 else self._intern("rep", (inner, low, high))

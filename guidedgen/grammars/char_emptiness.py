"""Decides whether an expression over characters has no text at all, by derivatives within a budget of states.

Expressions become numbered terms over blocks of equivalent characters; equal terms have equal numbers, so the
derivatives (Brzozowski 1964) of most expressions that people write are few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.automaton_text import Automaton
from guidedgen.grammars.char_set import CharSet, partition, union_of

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
    terms = Terms(blocks)
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
    terms = Terms(blocks)
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


def has_beginning_in(texts: cr.Regex, others: cr.Regex) -> bool:
    """Tell whether a text may begin with a shorter one, of at least one character, that is among `others`."""
    sets: set[CharSet] = set()
    for root in (texts, others):
        cr.fold(root, lambda node, _: sets.add(node) if isinstance(node, CharSet) else None)
    blocks = range(len(found := partition(sorted(sets, key=lambda chars: chars.ranges))))
    terms = Terms(found)
    todo = [(terms.read(texts), terms.read(others))]
    seen: set[tuple[int, int]] = set()
    for text, other in todo:
        steps = [(terms.derive(text, block), terms.derive(other, block)) for block in blocks]
        fresh = [step for step in dict.fromkeys(steps) if step not in seen and step[0] != terms.nothing]
        if any(terms.nullable[rest] and terms.reads_more(left) for left, rest in fresh) or len(seen) > _MAX_PAIRS:
            return True
        seen.update(fresh)
        todo += fresh
    return False


def may_mend(texts: cr.Regex, others: cr.Regex, broken: cr.Regex) -> bool:
    """Tell whether a text may begin with one of `broken`, then with one of `others`, and none of `broken` again."""
    sets: set[CharSet] = set()
    for root in (texts, others, broken):
        cr.fold(root, lambda node, _: sets.add(node) if isinstance(node, CharSet) else None)
    blocks = range(len(found := partition(sorted(sets, key=lambda chars: chars.ranges))))
    terms = Terms(found)
    start = (terms.read(texts), terms.read(others), terms.read(broken))
    todo = [(*start, terms.nullable[start[2]], False)]  # whether it did, and whether one of `others` came after that
    seen = set(todo)
    for text, other, bad, was, mended in todo:
        if terms.nullable[text] and mended:
            return True
        for block in blocks:
            step = (terms.derive(text, block), terms.derive(other, block), terms.derive(bad, block))
            now = terms.nullable[step[2]]
            after = (*step, was or now, not now and (mended or (was and terms.nullable[step[1]])))
            if step[0] != terms.nothing and after not in seen:
                seen.add(after)
                todo.append(after)
        if len(seen) > _MAX_PAIRS:
            return True
    return False


def decides(texts: cr.Regex, condition: cr.Regex) -> bool:
    """Tell whether it is plain that each of `texts` meets or breaks `condition` for good, whatever follows it."""
    sets: set[CharSet] = set()
    for root in (texts, condition):
        cr.fold(root, lambda node, _: sets.add(node) if isinstance(node, CharSet) else None)
    blocks = partition(sorted(sets, key=lambda chars: chars.ranges))
    terms = Terms(blocks)
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


def next_characters(condition: cr.Regex) -> CharSet | None:
    """The characters that a text which meets `condition` begins with, if nothing else matters and it may be empty."""
    sets: set[CharSet] = set()
    cr.fold(condition, lambda node, _: sets.add(node) if isinstance(node, CharSet) else None)
    blocks = partition(sorted(sets, key=lambda chars: chars.ranges))
    terms = Terms(blocks)
    term = terms.read(condition)
    following = [terms.derive(term, block) for block in range(len(blocks))]
    if not terms.nullable[term] or not {terms.nothing, terms.any_text}.issuperset(following):
        return None
    return union_of([chars for chars, rest in zip(blocks, following, strict=True) if rest == terms.any_text])


def looks_at_longer_texts(before: cr.Regex, after: cr.Regex, condition: cr.Regex, texts: cr.Regex) -> bool:
    """Tell whether it is plain that a test says nothing about what may follow the longest of `texts`.

    It stands behind `before` and in front of `after`. Wherever a text ends and the next character could change what the
    test says, or leave it open, that character makes the text a longer one of `texts`.
    """

    def holds(terms: Terms, now: _Place, following: _Place) -> bool:
        if not terms.nullable[now[0]] or terms.nullable[following[2]]:
            return True
        return following[1] == (terms.any_text if terms.nullable[now[1]] else terms.nothing)

    return _everywhere(before, after, condition, texts, holds)


def mends_into_longer_texts(before: cr.Regex, condition: cr.Regex, texts: cr.Regex) -> bool:
    """Tell whether it is plain that a test behind `before`, once broken, stays so up to a longer one of `texts`."""

    def holds(terms: Terms, now: _Place, following: _Place) -> bool:
        mended = not terms.nullable[now[1]] and terms.nullable[following[1]]
        return not mended or terms.nullable[following[2]]

    return _everywhere(before, cr.ANY_TEXT, condition, texts, holds)


_Place: TypeAlias = tuple[int, int, int]  # terms: what stands behind the test, what it still asks for, the texts


def _everywhere(
    before: cr.Regex,
    after: cr.Regex,
    condition: cr.Regex,
    texts: cr.Regex,
    holds: Callable[[Terms, _Place, _Place], bool],
) -> bool:
    """Tell whether something holds of each step behind a test, until nothing can change what it says any more."""
    sets: set[CharSet] = set()
    for root in (before, after, condition, texts):
        cr.fold(root, lambda node, _: sets.add(node) if isinstance(node, CharSet) else None)
    blocks = range(len(found := partition(sorted(sets, key=lambda chars: chars.ranges))))
    terms = Terms(found)
    starts = {(terms.read(before), terms.read(texts))}
    way = list(starts)
    for rest, text in way:
        pairs = {(terms.derive(rest, block), terms.derive(text, block)) for block in blocks}
        way += [pair for pair in pairs - starts if pair[0] != terms.nothing]
        starts |= pairs
        if len(starts) > _MAX_PAIRS:
            return False
    first = (terms.read(after), terms.read(condition))
    seen: set[_Place] = {(*first, text) for rest, text in way if terms.nullable[rest]}
    todo = list(seen)
    for place in todo:
        steps = [(terms.derive(place[0], b), terms.derive(place[1], b), terms.derive(place[2], b)) for b in blocks]
        if len(seen) > _MAX_PAIRS or not all(holds(terms, place, step) for step in steps):
            return False
        settled = (terms.nothing, terms.any_text)
        fresh = [step for step in steps if step not in seen and step[0] != terms.nothing and step[1] not in settled]
        seen.update(fresh)
        todo += dict.fromkeys(fresh)
    return True


class Terms:
    """Interned terms: `set` of blocks, `seq` of two, `or`, `and`, `not`, `rep` (term, low, high or -1), `eps`."""

    def __init__(self, blocks: tuple[CharSet, ...]) -> None:
        self.blocks = blocks
        self._ids: dict[_Term, int] = {}
        self._terms: list[_Term] = []
        self._derived: dict[tuple[int, int], int] = {}
        self.nullable: list[bool] = []
        self.nothing = self._intern("set", ())
        self._epsilon = self._intern("eps", ())
        any_char = self._intern("set", tuple(range(len(blocks))))
        self.any_text = self._repeat(any_char, 0, -1)
        self.some_text = self.sequence(any_char, self.any_text)

    def read(self, root: cr.Regex) -> int:
        """Return the number of an expression."""
        return cr.fold(root, self._read_node)

    def _read_node(self, node: cr.Regex, children: tuple[int, ...]) -> int:
        if isinstance(node, CharSet):
            return self._intern("set", tuple(place for place, block in enumerate(self.blocks) if block & node))
        if isinstance(node, cr.Epsilon):
            return self._epsilon
        if isinstance(node, cr.Union):
            return self.join("or", children)
        if isinstance(node, cr.Intersection):
            return self.join("and", children)
        if isinstance(node, cr.Complement):
            return self.complement(children[0])
        if isinstance(node, cr.Repeat):
            return self._repeat(children[0], node.low, -1 if node.high is None else node.high)
        result = self._epsilon
        for child in reversed(children):
            result = self.sequence(child, result)
        return result

    def reads_more(self, term: int) -> bool:
        """Tell whether a term may have a text that is not empty."""
        return any(self.derive(term, block) != self.nothing for block in range(len(self.blocks)))

    def write(self, term: int) -> cr.Regex:
        """Return the expression that a term stands for."""
        kind, parts = self._terms[term]
        if kind == "set":
            return union_of([self.blocks[part] for part in parts])
        if kind == "rep":
            return cr.repeat(self.write(parts[0]), parts[1], None if parts[2] < 0 else parts[2])
        inner = [self.write(part) for part in parts]
        if kind == "not":
            return cr.complement(inner[0])
        made = {"seq": cr.concat, "or": cr.union, "and": cr.intersection, "eps": cr.concat}[kind]
        return made(inner)

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
            return self.complement(self.derive(parts[0], block))
        if kind == "seq":
            first = self.sequence(self.derive(parts[0], block), parts[1])
            return self.join("or", [first, self.derive(parts[1], block)]) if self.nullable[parts[0]] else first
        if kind == "rep":
            inner, low, high = parts
            rest = self._repeat(inner, max(low - 1, 0), high - 1 if high > 0 else high)
            return self.sequence(self.derive(inner, block), rest)
        return self.join(kind, [self.derive(part, block) for part in parts])

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

    def sequence(self, first: int, second: int) -> int:
        """Return the number of one term after another."""
        if self.nothing in (first, second):
            return self.nothing
        if first == self._epsilon:
            return second
        kind, parts = self._terms[first]
        if kind == "seq":
            return self.sequence(parts[0], self.sequence(parts[1], second))
        return first if second == self._epsilon else self._intern("seq", (first, second))

    def join(self, kind: str, parts: Iterable[int]) -> int:
        """Return the number of the union ("or") or the intersection ("and") of terms."""
        neutral, absorbing = (self.nothing, self.any_text) if kind == "or" else (self.any_text, self.nothing)
        flat: set[int] = set()
        for part in parts:
            inner, pieces = self._terms[part]
            flat.update(pieces if inner == kind else (part,))
        flat.discard(neutral)
        if absorbing in flat:
            return absorbing
        return neutral if not flat else flat.pop() if len(flat) == 1 else self._intern(kind, tuple(sorted(flat)))

    def complement(self, inner: int) -> int:
        """Return the number of what is not in a term."""
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

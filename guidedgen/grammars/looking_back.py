"""Tests of the text before what a pattern matches, answered from what was read before it.

A *past* is the language of all texts before a place for which a test there holds. A *context* is what the texts so far
have in common as far as pasts go: a state of the automaton that reads all of them side by side. In one context a
pattern is a pattern without such tests (`LooksBack.within`): those at its front hold or do not, and those behind its
first characters ask for something that these have to make of what was there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.automaton_text import Automaton, expression_of_automaton
from guidedgen.grammars.char_emptiness import Terms
from guidedgen.grammars.char_proofs import ending_with
from guidedgen.grammars.char_set import CharSet, partition, union_of
from guidedgen.grammars.regex_assertions import without_tests
from guidedgen.grammars.regex_tree import (
    Alternatives,
    Behind,
    LookAhead,
    LookBehind,
    Loop,
    Serial,
    Tree,
    is_test,
    serial,
)

_MOST_CONTEXTS: Final = 64
_MOST_BLOCKS: Final = 64
_Refuse: TypeAlias = Callable[[str, int], UnsupportedFeature]
_Visit: TypeAlias = Callable[[Behind | LookBehind, bool], Tree]


@dataclass(frozen=True, eq=False)
class LooksBack:
    """A pattern that tests the text before it.

    Attributes:
        tree: the pattern.
        pasts: of each of its tests, in the order of the pattern, the texts before it for which it holds.
    """

    tree: Tree
    pasts: tuple[cr.Regex, ...]

    def within(self, since: Sequence[tuple[bool, cr.Regex]]) -> Tree:
        """The pattern in a context. `since`: of each test, whether it holds at the front, and after what texts."""
        answers = iter(since)

        def answer(test: Behind | LookBehind, at_front: bool) -> Tree:
            holds, texts = next(answers)
            if at_front:
                return cr.EPSILON if holds != _denies(test) else cr.NOTHING
            if isinstance(test, Behind):
                return Behind(test.chars, holds, test.place)
            return LookBehind(test.inner, test.negative, test.place, texts)

        return _rebuilt(self.tree, answer, 0, True)


def looking_back(tree: Tree, refuse: _Refuse) -> LooksBack | None:
    """What a pattern asks of the text before it; None: nothing.

    Raises:
        UnsupportedFeature: tests within tests that are not written out.
    """
    pasts: list[cr.Regex] = []

    def note(test: Behind | LookBehind, _: bool) -> Tree:
        pasts.append(_past(test, refuse))
        return test

    _rebuilt(tree, note, 0, True)
    return LooksBack(tree, tuple(pasts)) if pasts else None


def places_looking_back(tree: Tree) -> list[int]:
    """Return the places of a pattern's tests of the text before it."""
    found: list[int] = []

    def note(test: Behind | LookBehind, _: bool) -> Tree:
        found.append(test.place)
        return test

    _rebuilt(tree, note, 0, True)
    return found


def _denies(test: Behind | LookBehind) -> bool:
    return isinstance(test, LookBehind) and test.negative


def _past(test: Behind | LookBehind, refuse: _Refuse) -> cr.Regex:
    if isinstance(test, Behind):
        return cr.union([cr.concat([cr.ANY_TEXT, test.chars]), *([cr.EPSILON] if test.at_start else [])])
    return without_tests(serial([cr.ANY_TEXT, test.inner]), refuse)


def _rebuilt(tree: Tree, visit: _Visit, read: int, at_front: bool) -> Tree:
    """The tree with what `visit` makes of each test that may see what stands before the tree.

    Args:
        tree: the tree.
        visit: is called with a test, and whether nothing was read before it for certain.
        read: how many characters were read at least.
        at_front: whether none was for certain.
    """
    if isinstance(tree, Behind):
        return visit(tree, at_front) if read == 0 else tree
    if isinstance(tree, LookBehind):
        near = read > _least(tree.inner) or (read == _least(tree.inner) and not _looks_back_itself(tree.inner))
        return tree if near else visit(tree, at_front)
    if isinstance(tree, Serial):
        parts = []
        for part in tree.parts:
            parts.append(_rebuilt(part, visit, read, at_front))
            read += _least(part)
            at_front = at_front and _reads_nothing(part)
        return cr.NOTHING if any(map(_is_nothing, parts)) else serial(parts)
    if isinstance(tree, Alternatives):
        options = [_rebuilt(option, visit, read, at_front) for option in tree.options]
        options = [option for option in options if not _is_nothing(option)]
        return cr.NOTHING if not options else options[0] if len(options) == 1 else Alternatives(tuple(options))
    if isinstance(tree, Loop):
        inner = _rebuilt(tree.inner, visit, read, at_front and tree.high == 1)
        if _is_nothing(inner):
            return cr.EPSILON if tree.low == 0 else cr.NOTHING
        return Loop(inner, tree.low, tree.high, tree.place, tree.lazy)
    if isinstance(tree, LookAhead):
        inner = _rebuilt(tree.inner, visit, read, at_front)
        if _is_nothing(inner):
            return cr.EPSILON if tree.negative else cr.NOTHING
        return LookAhead(inner, tree.negative, tree.place)
    return tree


def _is_nothing(tree: Tree) -> bool:
    return isinstance(tree, CharSet) and not tree


def _reads_nothing(tree: Tree) -> bool:
    if isinstance(tree, Serial):
        return all(map(_reads_nothing, tree.parts))
    if isinstance(tree, Alternatives):
        return all(map(_reads_nothing, tree.options))
    return is_test(tree) or isinstance(tree, cr.Epsilon)


def _looks_back_itself(tree: Tree) -> bool:
    if isinstance(tree, Serial | Alternatives):
        return any(map(_looks_back_itself, tree.parts if isinstance(tree, Serial) else tree.options))
    if isinstance(tree, Loop | LookAhead | LookBehind):
        return isinstance(tree, LookBehind) or _looks_back_itself(tree.inner)
    return isinstance(tree, Behind)


def _least(tree: Tree) -> int:
    """How many characters a tree reads at least."""
    if isinstance(tree, Serial):
        return sum(map(_least, tree.parts))
    if isinstance(tree, Alternatives):
        return min(map(_least, tree.options))
    if isinstance(tree, Loop):
        return tree.low * _least(tree.inner)
    return 0 if is_test(tree) else _shortest(tree)  # type: ignore[arg-type]  # what is no test is an expression


def _shortest(root: cr.Regex) -> int:
    def combine(node: cr.Regex, lengths: tuple[int, ...]) -> int:
        if isinstance(node, CharSet):
            return 1
        if isinstance(node, cr.Union):
            return min(lengths)
        if isinstance(node, cr.Intersection):
            return max(lengths)
        if isinstance(node, cr.Repeat):
            return node.low * lengths[0]
        return sum(lengths) if isinstance(node, cr.Concat) else 0

    return cr.fold(root, combine)


class Contexts:
    """What texts so far can have in common, numbered; 0 is that of the beginning.

    Args:
        patterns: those that look back.

    Raises:
        UnsupportedFeature: there are too many.
    """

    def __init__(self, patterns: Iterable[LooksBack]) -> None:
        pasts = list({id(past): past for pattern in patterns for past in pattern.pasts}.values())
        self._places = {id(past): place for place, past in enumerate(pasts)}
        self._pasts = pasts  # keeps them alive: they are known by identity
        self._terms = Terms(_blocks(pasts))
        first = tuple(self._terms.read(past) for past in pasts)
        self._states = [first]
        self._moves: list[list[int]] = []
        numbers = {first: 0}
        for state in self._states:
            following = [
                tuple(self._terms.derive(term, block) for term in state) for block in range(len(self._terms.blocks))
            ]
            for after in following:
                if after not in numbers:
                    numbers[after] = len(self._states)
                    self._states.append(after)
            self._moves.append([numbers[after] for after in following])
            if len(self._states) > _MOST_CONTEXTS or len(self._terms.blocks) > _MOST_BLOCKS:
                what = "tests of the text before terminals that look at too much of it"
                raise UnsupportedFeature(
                    what, hint="Test fewer characters, or say in the grammar what may stand there."
                )

    def __len__(self) -> int:
        """How many there are."""
        return len(self._states)

    @property
    def description(self) -> str:
        """The same text for contexts that do the same."""
        return repr(([chars.ranges for chars in self._terms.blocks], self._states, self._moves))

    def seen(self, pattern: LooksBack, context: int) -> tuple[tuple[bool, int], ...]:
        """What a context says about the tests of a pattern; equal values say the same."""
        terms = [self._states[context][self._places[id(past)]] for past in pattern.pasts]
        return tuple((self._terms.nullable[term], term) for term in terms)

    def within(self, pattern: LooksBack, seen: Sequence[tuple[bool, int]]) -> Tree:
        """A pattern in contexts that say so about its tests."""
        return pattern.within([(holds, self._terms.write(term)) for holds, term in seen])

    def groups(self, texts: cr.Regex, contexts: Iterable[int]) -> list[frozenset[int]]:
        """Some contexts, those together from which all the texts lead to one and the same."""
        groups: list[list[int]] = []
        walk = _Walk(texts, self._terms.blocks, self._moves)
        for context in sorted(contexts):
            for group in groups:
                if walk.agree(group[0], context):
                    group.append(context)
                    break
            else:
                groups.append([context])
        return [frozenset(group) for group in groups]

    def after(self, texts: cr.Regex, context: int) -> set[int]:
        """The contexts behind texts that begin in one."""
        return _Walk(texts, self._terms.blocks, self._moves).ends(context)

    def leading(self, texts: cr.Regex, context: int, to: Iterable[int]) -> cr.Regex:
        """Those of some texts that lead from a context to any of others."""
        wanted = set(to)
        if all(moves == self._moves[0] for moves in self._moves):
            last = [chars for chars, after in zip(self._terms.blocks, self._moves[0], strict=True) if after in wanted]
            return ending_with(texts, union_of(last))
        order = [context, *(other for other in range(len(self)) if other != context)]
        number = {state: place for place, state in enumerate(order)}
        moves = [{block: number[after] for block, after in enumerate(self._moves[state])} for state in order]
        accepting = [state in wanted for state in order]
        found = expression_of_automaton(Automaton(self._terms.blocks, moves, accepting))
        if found is None:
            what = "tests of the text before terminals that look at too much of it"
            raise UnsupportedFeature(what, hint="Test fewer characters, or say in the grammar what may stand there.")
        return cr.intersection([texts, found])


class _Walk:
    """Texts read together with contexts."""

    def __init__(self, texts: cr.Regex, blocks: Sequence[CharSet], moves: Sequence[Sequence[int]]) -> None:
        self._terms = Terms(_blocks([texts], blocks))
        self._moves = moves
        self._own = [next(place for place, whole in enumerate(blocks) if whole & chars) for chars in self._terms.blocks]
        self._first = self._terms.read(texts)

    def _reached(self, *contexts: int) -> Iterator[tuple[int, ...]]:
        """A term of what is left of the texts, and the contexts there, behind each non-empty beginning of the texts."""
        todo = [(self._first, *contexts)]
        seen: set[tuple[int, ...]] = set()
        while todo:
            term, *now = todo.pop()
            for block, place in enumerate(self._own):
                after = (self._terms.derive(term, block), *(self._moves[context][place] for context in now))
                if after[0] != self._terms.nothing and after not in seen:
                    seen.add(after)
                    todo.append(after)
                    yield after

    def agree(self, one: int, other: int) -> bool:
        """Whether no text leads to different contexts."""
        return all(a == b or not self._terms.nullable[term] for term, a, b in self._reached(one, other))

    def ends(self, context: int) -> set[int]:
        """The contexts that texts lead to."""
        return {after for term, after in self._reached(context) if self._terms.nullable[term]}


def _blocks(roots: Iterable[cr.Regex], more: Iterable[CharSet] = ()) -> tuple[CharSet, ...]:
    sets: set[CharSet] = set(more)
    for root in roots:
        cr.fold(root, lambda node, _: sets.add(node) if isinstance(node, CharSet) else None)
    return partition(sorted(sets, key=lambda chars: chars.ranges))

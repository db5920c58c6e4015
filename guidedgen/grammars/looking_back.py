"""Tests of the character before what a pattern matches: taken off its front, for the lexer to keep.

`\\bif` is "if" behind what is no word character, or at the start of the text. Which character stands there is known
once the text before has ended: what ends in the wrong one leaves a mark, and "if" is kept apart from that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.char_emptiness import is_empty
from guidedgen.grammars.char_proofs import ending_with
from guidedgen.grammars.char_set import ANY, CharSet, partition
from guidedgen.grammars.looking_beyond import language_of
from guidedgen.grammars.regex_tree import Ahead, Alternatives, Behind, Serial, Tree, edge_tests, serial

_Refuse: TypeAlias = Callable[[str, int], UnsupportedFeature]


@dataclass(frozen=True)
class Before:
    """What may stand before a text.

    Attributes:
        chars: one of these characters.
        at_start: or nothing at all.
    """

    chars: CharSet = ANY
    at_start: bool = True


ANYTHING = Before()


class Marks:
    """Names for what patterns ask of the character before them. Texts that end otherwise leave the name as a mark.

    Args:
        wanted: what is asked, in any order.
    """

    def __init__(self, wanted: Iterable[Before]) -> None:
        known = {before for before in wanted if before != ANYTHING}
        self._names = {before: _name(before) for before in known}
        blocks = partition(sorted((before.chars for before in known), key=lambda chars: chars.ranges))
        self._blocks = [(chars, self._left_by(chars)) for chars in blocks]

    def __bool__(self) -> bool:
        return bool(self._names)

    def _left_by(self, chars: CharSet) -> tuple[bytes, ...]:
        return tuple(sorted(name for before, name in self._names.items() if not before.chars & chars))

    def spread(self, terminal: ir.Terminal, texts: cr.Regex, before: Before) -> list[ir.Terminal]:
        """A terminal as one for each kind of last character, with marks."""
        apart = (self._names[before],) if before != ANYTHING else ()
        found: dict[tuple[bytes, ...], CharSet] = {}
        for chars, marks in self._blocks:
            if is_empty(ending_with(texts, chars)) is not True:
                found[marks] = found.get(marks, cr.NOTHING) | chars
        if not apart and not any(found):
            return [terminal]
        if len(found) == 1:
            return [_marked(terminal, None, next(iter(found)), apart)]
        return [_marked(terminal, ending_with(texts, chars), marks, apart) for marks, chars in found.items()]


def _marked(
    terminal: ir.Terminal, texts: cr.Regex | None, marks: tuple[bytes, ...], apart: tuple[bytes, ...]
) -> ir.Terminal:
    whole = terminal.expression
    longest = whole if isinstance(whole, ir.Longest) else ir.Longest(whole, ir.Nothing())
    accepted = longest.accepted if texts is None else cr.to_utf8(texts)
    return replace(terminal, expression=replace(longest, accepted=accepted, marks=marks, apart=apart))


def _name(before: Before) -> bytes:
    """A few bytes, the same in each run."""
    digest = hashlib.sha256(repr((before.chars.ranges, before.at_start)).encode()).hexdigest()
    return digest[:8].encode()


def without_tests_before(tree: Tree, refuse: _Refuse) -> tuple[Before, Tree]:
    """What a pattern asks of the character before it, and the rest of the pattern.

    Raises:
        UnsupportedFeature: it asks for several characters, or not the same on all of its ways.
    """
    if not edge_tests(tree, left=True):
        return ANYTHING, tree
    if isinstance(tree, Alternatives) and not _is_test(tree):
        found = [without_tests_before(option, refuse) for option in tree.options]
        wanted = {before for before, _ in found}
        if len(wanted) == 1:
            return wanted.pop(), Alternatives(tuple(rest for _, rest in found))
        return _checked(ANYTHING, tree, refuse)
    parts = tree.parts if isinstance(tree, Serial) else (tree,)
    before, rest = ANYTHING, list(parts)
    while rest:
        first = rest[0]
        if isinstance(first, Alternatives) and _is_test(first):
            rest[:1] = _possible(first, serial(rest[1:]))
            if rest[0] is first:
                break
        elif isinstance(first, Behind):
            before = Before(before.chars & first.chars, before.at_start and first.at_start)
            del rest[0]
        elif isinstance(first, Serial | Alternatives) and len(rest) == 1 and first is not tree:
            inner, body = without_tests_before(first, refuse)
            before = Before(before.chars & inner.chars, before.at_start and inner.at_start)
            rest = [body]
            break
        else:
            break
    return _checked(before, rest[0] if len(rest) == 1 else Serial(tuple(rest)), refuse)


def _checked(before: Before, tree: Tree, refuse: _Refuse) -> tuple[Before, Tree]:
    if places := edge_tests(tree, left=True):
        raise refuse("a test of the text before the terminal", min(places))
    return before, tree


def _is_test(tree: Alternatives) -> bool:
    """Whether it reads nothing, as `\\b` does."""
    return all(
        isinstance(part, Behind | Ahead)
        for option in tree.options
        for part in (option.parts if isinstance(option, Serial) else (option,))
    )


def _possible(test: Alternatives, rest: Tree) -> list[Tree]:
    """The only way in which a test can hold in front of `rest`, or the test itself."""
    texts = cr.concat([language_of(rest), cr.ANY_TEXT])
    ways: list[list[Tree]] = []
    for option in test.options:
        parts = option.parts if isinstance(option, Serial) else (option,)
        aheads = [part for part in parts if isinstance(part, Ahead)]
        if is_empty(cr.intersection([texts, *(ahead.rest for ahead in aheads)])) is not True:
            certain = [is_empty(cr.intersection([texts, cr.complement(ahead.rest)])) is True for ahead in aheads]
            kept = [ahead for ahead, sure in zip(aheads, certain, strict=True) if not sure]
            ways.append([*(part for part in parts if isinstance(part, Behind)), *kept])
    return ways[0] if len(ways) == 1 else [test]

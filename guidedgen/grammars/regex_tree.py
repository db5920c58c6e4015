"""What a regex parser produces: expressions over characters, plus tests of what stands around a position.

Parts without tests are `char_regex` nodes already; the builders below keep it so. `regex_assertions.py` turns the rest
into `char_regex` nodes as well. Terms: a *test* consumes nothing; `Ahead` and `LookAhead` test the rest of the text,
`Behind` the character before, `LookBehind` all of the text before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.char_set import ANY, CharSet


@dataclass(frozen=True, slots=True, eq=False)
class Ahead:
    """The rest of the text is in `rest`. `place` is an offset into the pattern, for messages."""

    rest: cr.Regex
    place: int


@dataclass(frozen=True, slots=True, eq=False)
class Behind:
    """The character before is in `chars`, or there is none and `at_start` is true."""

    chars: CharSet
    at_start: bool
    place: int


@dataclass(frozen=True, slots=True, eq=False)
class LookAhead:
    """The rest of the text begins (or does not) with `inner`, which has tests of its own."""

    inner: Tree
    negative: bool
    place: int


@dataclass(frozen=True, slots=True, eq=False)
class LookBehind:
    """The text before ends (or does not) with `inner`, which is not just one character.

    `since`: texts from the beginning of the match after which it does, where that is known; None: any that end so.
    """

    inner: Tree
    negative: bool
    place: int
    since: cr.Regex | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Serial:
    """One after another."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Alternatives:
    """Any of."""

    options: tuple[Tree, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """`inner` at least `low` and at most `high` times (None: no maximum); `lazy`: as few times as the rest allows."""

    inner: Tree
    low: int
    high: int | None
    place: int
    lazy: bool = False


Test: TypeAlias = Ahead | Behind | LookAhead | LookBehind
Compound: TypeAlias = Serial | Alternatives | Loop
Tree: TypeAlias = cr.Regex | Test | Compound

_TESTS = (Ahead, Behind, LookAhead, LookBehind)
_IMPURE = (*_TESTS, Serial, Alternatives, Loop)


def is_test(tree: Tree) -> bool:
    """Tell whether `tree` consumes nothing and looks around."""
    return isinstance(tree, _TESTS)


def has_tests(tree: Tree) -> bool:
    """Tell whether anything in `tree` looks around."""
    if isinstance(tree, Serial):
        return any(map(has_tests, tree.parts))
    if isinstance(tree, Alternatives):
        return any(map(has_tests, tree.options))
    return has_tests(tree.inner) if isinstance(tree, Loop) else is_test(tree)


def serial(parts: Iterable[Tree]) -> Tree:
    """Return `parts` one after another; runs of parts without tests become one."""
    flat: list[Tree] = []
    run: list[cr.Regex] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Serial) else (part,):
            if isinstance(piece, _IMPURE):
                flat.extend(_joined(run))
                run = []
                flat.append(piece)
            else:
                run.append(piece)
    flat.extend(_joined(run))
    return cr.EPSILON if not flat else flat[0] if len(flat) == 1 else Serial(tuple(flat))


def _joined(run: list[cr.Regex]) -> list[cr.Regex]:
    joined = cr.concat(run)
    return [] if isinstance(joined, cr.Epsilon) else [joined]


def alternatives(options: Iterable[Tree]) -> Tree:
    """Return any of `options`; those without tests become one."""
    pure: list[cr.Regex] = []
    impure: list[Tree] = []
    for option in options:
        if isinstance(option, _IMPURE):
            impure.append(option)
        else:
            pure.append(option)
    if not impure:
        return cr.union(pure)
    flat = [cr.union(pure), *impure] if pure else impure
    return flat[0] if len(flat) == 1 else Alternatives(tuple(flat))


def loop(inner: Tree, low: int, high: int | None, place: int, *, lazy: bool = False) -> Tree:
    """Return `inner` repeated."""
    if isinstance(inner, _IMPURE) or lazy:
        return Loop(inner, low, high, place, lazy)
    return cr.repeat(inner, low, high)


def text_start(place: int) -> Tree:
    """Return the test for the start of the text."""
    return Behind(cr.NOTHING, True, place)


def text_end(place: int) -> Tree:
    """Return the test for the end of the text."""
    return Ahead(cr.EPSILON, place)


def line_start(terminators: CharSet, place: int) -> Tree:
    """Return the test of a multi-line `^`."""
    return Behind(terminators, True, place)


def line_end(terminators: CharSet, place: int) -> Tree:
    """Return the test of a multi-line `$`."""
    return Ahead(cr.union([cr.EPSILON, _beginning_with(terminators)]), place)


def word_boundary(word: CharSet, place: int) -> Tree:
    """Return the test of `\\b`: exactly one of the two neighbours is a word character."""
    enters = Serial((Behind(~word, True, place), Ahead(_beginning_with(word), place)))
    leaves = Serial((Behind(word, False, place), Ahead(_not_beginning_with(word), place)))
    return Alternatives((enters, leaves))


def no_word_boundary(word: CharSet, place: int, *, in_empty_text: bool) -> Tree:
    """Return the test of `\\B`; `in_empty_text` says whether it holds in an empty text."""
    inside = Serial((Behind(word, False, place), Ahead(_beginning_with(word), place)))
    outside = Serial((Behind(~word, in_empty_text, place), Ahead(_not_beginning_with(word), place)))
    first = Serial((text_start(place), Ahead(_beginning_with(~word), place)))
    return Alternatives((inside, outside) if in_empty_text else (inside, outside, first))


def _beginning_with(chars: CharSet) -> cr.Regex:
    return cr.concat([chars, cr.ANY_TEXT])


def _not_beginning_with(chars: CharSet) -> cr.Regex:
    return cr.union([cr.EPSILON, _beginning_with(~chars)])


def look_ahead(inner: Tree, negative: bool, place: int) -> Tree:
    """Return a lookahead; one without tests inside becomes `Ahead`."""
    if isinstance(inner, _IMPURE):
        return LookAhead(inner, negative, place)
    if isinstance(inner, CharSet):
        return Ahead(_not_beginning_with(inner) if negative else _beginning_with(inner), place)
    rest = cr.ANY_TEXT if inner.nullable else cr.concat([inner, cr.ANY_TEXT])
    return Ahead(cr.complement(rest) if negative else rest, place)


def look_behind(inner: Tree, negative: bool, place: int) -> Tree:
    """Return a lookbehind; one that needs only the character before becomes `Behind`."""
    short = _one_back(inner)
    if short is None:
        return LookBehind(inner, negative, place)
    chars, at_start = short
    return Behind(~chars, not at_start, place) if negative else Behind(chars, at_start, place)


def _one_back(inner: Tree) -> tuple[CharSet, bool] | None:
    """The characters before a position (and whether its being the start) that make a lookbehind for `inner` hold."""
    if isinstance(inner, CharSet):
        return inner, False
    if isinstance(inner, Behind):
        return inner.chars, inner.at_start
    if isinstance(inner, cr.Epsilon):
        return ANY, True
    if not isinstance(inner, cr.Union | Alternatives):
        return None
    chars, at_start = cr.NOTHING, False
    for option in inner.children if isinstance(inner, cr.Union) else inner.options:
        short = _one_back(option)
        if short is None:
            return None
        chars, at_start = chars | short[0], at_start or short[1]
    return chars, at_start


def edge_tests(tree: Tree, *, left: bool) -> list[int]:
    """Return the places of tests that may look beyond the start (or the end) of what `tree` matches."""
    if isinstance(tree, Serial):
        places: list[int] = []
        for part in tree.parts if left else reversed(tree.parts):
            places += edge_tests(part, left=left)
            if not _may_be_empty(part):
                break
        return places
    if isinstance(tree, Alternatives):
        return [place for option in tree.options for place in edge_tests(option, left=left)]
    if isinstance(tree, Loop) or (left and isinstance(tree, LookAhead)):
        return edge_tests(tree.inner, left=left)
    return [tree.place] if isinstance(tree, (Behind, LookBehind) if left else (Ahead, LookAhead)) else []


def _may_be_empty(tree: Tree) -> bool:
    if isinstance(tree, Serial):
        return all(map(_may_be_empty, tree.parts))
    if isinstance(tree, Alternatives):
        return any(map(_may_be_empty, tree.options))
    if isinstance(tree, Loop):
        return tree.low == 0 or _may_be_empty(tree.inner)
    return isinstance(tree, _TESTS) or tree.nullable

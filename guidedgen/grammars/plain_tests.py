"""Tests of a pattern that the pattern itself decides in part: behind `[a-z]+`, `\\b` only looks at what follows."""

from __future__ import annotations

import operator

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.char_emptiness import is_empty
from guidedgen.grammars.char_proofs import ending_with
from guidedgen.grammars.looking_beyond import language_of
from guidedgen.grammars.regex_tree import Ahead, Alternatives, Behind, Serial, Tree, serial


def without_plain_tests(tree: Tree) -> Tree:
    """A tree without tests at its front that what stands behind them decides, as the other half of `\\b` in `\\bif`."""
    if isinstance(tree, Alternatives):
        options = [option for option in map(without_plain_tests, tree.options) if option is not cr.NOTHING]
        return cr.NOTHING if not options else options[0] if len(options) == 1 else Alternatives(tuple(options))
    parts = list(tree.parts) if isinstance(tree, Serial) else [tree]
    while isinstance(parts[0], Ahead) and len(parts) > 1:
        texts = cr.concat([language_of(serial(parts[1:])), cr.ANY_TEXT])
        if is_empty(cr.intersection([texts, parts[0].rest])) is True:
            return cr.NOTHING
        if is_empty(cr.intersection([texts, cr.complement(parts[0].rest)])) is not True:
            break
        del parts[0]
    return serial(parts)


def without_plain_boundaries(tree: Tree) -> Tree:
    """A sequence whose `\\b` only test what follows, where all that stands before ends in one kind of character."""
    if not isinstance(tree, Serial):
        return tree
    parts: list[Tree] = []
    for part in tree.parts:
        before = language_of(serial(parts))
        if not isinstance(part, Alternatives) or before.nullable or not all(map(_is_boundary, part.options)):
            parts.append(part)
            continue
        possible = [way.parts for way in part.options if isinstance(way, Serial) and _may_hold(way.parts[0], before)]
        certain = len(possible) == 1 and not _may_hold(possible[0][0], before, fails=True)
        parts += possible[0][1:] if certain else [part]
    return tree if len(parts) == len(tree.parts) and all(map(operator.is_, parts, tree.parts)) else serial(parts)


def _is_boundary(option: Tree) -> bool:
    """Tell whether it is a test of the character before, then of what follows."""
    return isinstance(option, Serial) and [type(part) for part in option.parts] == [Behind, Ahead]


def _may_hold(test: Tree, before: cr.Regex, *, fails: bool = False) -> bool:
    """Whether a test of the character before holds (or fails) behind any of some texts."""
    assert isinstance(test, Behind)
    return is_empty(ending_with(before, ~test.chars if fails else test.chars)) is not True

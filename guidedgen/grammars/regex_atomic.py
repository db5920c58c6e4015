"""Atomic groups and possessive quantifiers, by tests of what follows.

They take what they match first and give nothing back. A part of which no text begins another leaves no choice. Where
all parts of a repetition or of alternatives are such, what was taken first is told by what follows: `x*+` is `x*`
behind which no x comes, and of `(?>x|y)` the second is taken where the first does not match.
"""

from __future__ import annotations

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.char_proofs import is_prefix_free
from guidedgen.grammars.regex_tree import Alternatives, Loop, Serial, Tree, has_tests, look_ahead, serial


def atomic(tree: Tree, place: int) -> Tree | None:
    """What takes what `tree` takes at first; None where that is not found out. `place` is for messages."""
    if _has_no_choice(tree):
        return tree
    if isinstance(tree, Loop) and not tree.lazy:
        return _possessive(tree, place)
    return _first_of(tree, place) if isinstance(tree, Alternatives) else None


def _has_no_choice(tree: Tree) -> bool:
    found = _language(tree)
    return found is not None and is_prefix_free(found)


def _language(tree: Tree) -> cr.Regex | None:
    if has_tests(tree):
        return None
    if isinstance(tree, Alternatives):
        options = [_language(option) for option in tree.options]
        return None if None in options else cr.union(option for option in options if option is not None)
    if isinstance(tree, Loop):
        inner = _language(tree.inner)
        return None if inner is None else cr.repeat(inner, tree.low, tree.high)
    if isinstance(tree, Serial):
        parts = [_language(part) for part in tree.parts]
        return None if None in parts else cr.concat(part for part in parts if part is not None)
    return tree  # type: ignore[return-value]  # what is nothing else is an expression


def _possessive(tree: Loop, place: int) -> Tree | None:
    turn = _language(tree.inner)
    if turn is None or turn.nullable or not is_prefix_free(turn):
        return None
    over = look_ahead(turn, True, place)
    if tree.high is None:
        return serial([Loop(turn, tree.low, None, place), over])
    if tree.high == tree.low:
        return cr.repeat(turn, tree.low, tree.high)
    fewer = serial([Loop(turn, tree.low, tree.high - 1, place), over])
    return Alternatives((cr.repeat(turn, tree.high, tree.high), fewer))


def _first_of(tree: Alternatives, place: int) -> Tree | None:
    options: list[Tree] = []
    before: list[cr.Regex] = []
    for option in tree.options:
        texts = _language(option)
        if texts is None or not is_prefix_free(texts):
            return None
        options.append(serial([*(look_ahead(earlier, True, place) for earlier in before), texts]))
        before.append(texts)
    return Alternatives(tuple(options))

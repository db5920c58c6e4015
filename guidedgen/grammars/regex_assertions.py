"""Turns a regex with tests (anchors, boundaries, lookarounds) into an exact expression without them.

A tree is translated from right to left. For each *class* of the character before a position (the first class: there is
none, the others divide all characters so that every `Behind` test is decided by the class), `after` holds the language
of the rest of the text. A lookahead intersects that language; a test of the character before selects classes; a part
that consumes text is split by its last character. So `(?=A)B` is `A.* & B`, wherever it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.char_proofs import (
    are_told_apart,
    ending_with,
    extended,
    fixed_width,
    is_prefix_free,
    stops_first,
)
from guidedgen.grammars.char_set import ANY, CharSet, partition
from guidedgen.grammars.regex_tree import (
    Ahead,
    Alternatives,
    Behind,
    Compound,
    LookAhead,
    LookBehind,
    Loop,
    Serial,
    Test,
    Tree,
    is_test,
    serial,
)

_After: TypeAlias = tuple[cr.Regex, ...]  # [1 + blocks] by class of the character before
_Refuse: TypeAlias = Callable[[str, int], UnsupportedFeature]

# Counted repetitions of parts with tests are written out, and alternatives with far lookbehinds multiplied out, up to
# this many times in one pattern.
_MAX_COPIES = 1000


def without_tests(tree: Tree, refuse: _Refuse) -> cr.Regex:
    """Return the language of whole texts that `tree` matches.

    Args:
        tree: a parsed pattern.
        refuse: makes the error for a construct (its description and its offset) that is not translated.

    Raises:
        UnsupportedFeature: a test inside an unbounded repetition, or a lookbehind further than one character that is
            not at the top level of the pattern.
    """
    return _Translator(tree, refuse).whole(tree)


class _Translator:
    def __init__(self, tree: Tree, refuse: _Refuse) -> None:
        self._blocks = partition(sorted({node.chars for node in _nodes(tree) if isinstance(node, Behind)}, key=_order))
        self._refuse = refuse
        self._budget = _MAX_COPIES
        self._looks_ahead = False  # whether what has been translated so far, to the right, tests the rest of the text

    def whole(self, tree: Tree) -> cr.Regex:
        """Translate a tree that spans the text from its start to its end."""
        parts = tree.parts if isinstance(tree, Serial) else (tree,)
        if len(parts) > 1:
            peeled = self._peel(parts)
            if peeled is not None:
                return peeled
        for index, part in enumerate(parts):
            if isinstance(part, Alternatives) and any(isinstance(node, LookBehind) for node in _nodes(part)):
                self._budget -= len(part.options)
                if self._budget < 0:
                    raise self._refuse("so many alternatives with lookbehinds over several characters", 0)
                ways = ([*parts[:index], option, *parts[index + 1 :]] for option in part.options)
                return cr.union(self.whole(serial(way)) for way in ways)
        far = [index for index, part in enumerate(parts) if isinstance(part, LookBehind)]
        if far:
            return self._split(parts, far[-1])
        return self._translate(tree, self._constant(cr.EPSILON))[0]

    def _peel(self, parts: tuple[Tree, ...]) -> cr.Regex | None:
        """Decide a test at the start of the text at once: it does not depend on what comes later looking back."""
        first, rest = parts[0], serial(parts[1:])
        if isinstance(first, Ahead | LookAhead):
            return cr.intersection([self._translate(first, self._constant(cr.ANY_TEXT))[0], self.whole(rest)])
        if isinstance(first, Behind):
            return self.whole(rest) if first.at_start else cr.NOTHING
        anchor = parts[1]
        if isinstance(anchor, Behind) and not anchor.chars and not isinstance(first, Compound | LookBehind):
            return self.whole(rest) if first.nullable else cr.NOTHING
        return None

    def _split(self, parts: tuple[Tree, ...], index: int) -> cr.Regex:
        """Intersect what stands left of the last far lookbehind with what it asks for."""
        test = parts[index]
        assert isinstance(test, LookBehind)
        before = serial(parts[:index])
        if _has_lazy(before):
            raise self._refuse("a lazy repetition that is followed by a lookbehind over several characters", test.place)
        for part in (before, test.inner):
            if any(isinstance(node, Ahead | LookAhead) for node in _nodes(part)):
                raise self._refuse("a lookahead that is followed by a lookbehind over several characters", test.place)
        ending = test.since if test.since is not None else self.whole(serial([cr.ANY_TEXT, test.inner]))
        left = cr.intersection([self.whole(before), cr.complement(ending) if test.negative else ending])
        after = self._translate(serial(parts[index + 1 :]), self._constant(cr.EPSILON))
        return self._consume(left, after)[0]

    def _constant(self, rest: cr.Regex) -> _After:
        return (rest,) * (1 + len(self._blocks))

    def _translate(self, tree: Tree, after: _After) -> _After:
        if isinstance(tree, Serial):
            for part in reversed(tree.parts):
                after = self._translate(part, after)
            return after
        if isinstance(tree, Alternatives):
            return _by_class(cr.union, *self._options(tree, after))
        if isinstance(tree, Loop):
            return self._lazy(tree, after) if tree.lazy else self._repeat(tree, after)
        self._looks_ahead |= isinstance(tree, Ahead | LookAhead)
        if isinstance(tree, Ahead):
            return _by_class(cr.intersection, after, self._constant(tree.rest))
        if isinstance(tree, LookAhead):
            found = self._translate(tree.inner, self._constant(cr.ANY_TEXT))
            return _by_class(cr.intersection, after, tuple(map(cr.complement, found)) if tree.negative else found)
        if isinstance(tree, Behind):
            # A block lies inside the set or outside: one of its characters decides.
            holds = [tree.at_start, *(block.ranges[0][0] in tree.chars for block in self._blocks)]
            return tuple(rest if held else cr.NOTHING for rest, held in zip(after, holds, strict=True))
        if isinstance(tree, LookBehind):
            raise self._refuse("a lookbehind over several characters inside a group", tree.place)
        return self._consume(tree, after)

    def _options(self, tree: Alternatives, after: _After) -> list[_After]:
        before, looks_ahead, ways = self._looks_ahead, False, []
        for option in tree.options:
            self._looks_ahead = before
            ways.append(self._translate(option, after))
            looks_ahead |= self._looks_ahead
        self._looks_ahead = looks_ahead
        return ways

    def _lazy(self, tree: Loop, after: _After) -> _After:
        """Translate a repetition that stops as soon as the rest matches; see `stops_first` for when that is exact."""
        looks_ahead = self._looks_ahead
        matched = self._repeat(tree, after)
        rest = cr.union({id(language): language for language in after}.values())
        pure = None if isinstance(tree.inner, Compound | Test) else tree.inner
        if not looks_ahead:
            distinct = {id(language): language for language in matched}.values()
            if all(map(is_prefix_free, distinct)) or (pure is not None and are_told_apart(pure, rest)):
                return matched
        if looks_ahead or pure is None or fixed_width(pure) is None or not stops_first(rest):
            raise self._refuse("the end of a lazy repetition", tree.place)
        return _by_class(lambda column: cr.intersection([column[0], cr.complement(extended(column[0]))]), matched)

    def _consume(self, part: cr.Regex, after: _After) -> _After:
        """Put a part without tests before `after`, split by the class of its last character where that matters."""
        groups: dict[int, tuple[cr.Regex, CharSet]] = {}
        for rest, block in zip(after[1:], self._blocks, strict=True):
            chars = groups.get(id(rest), (rest, cr.NOTHING))[1]
            groups[id(rest)] = (rest, chars | block)
        if len(groups) == 1 and after[0] is after[1]:
            return self._constant(cr.concat([part, after[0]]))
        ends = [cr.concat([ending_with(part, chars), rest]) for rest, chars in groups.values()]
        consumed = cr.union(ends)
        if not part.nullable:
            return self._constant(consumed)
        joined = {id(rest): cr.union([consumed, rest]) for rest in after}
        return tuple(joined[id(rest)] for rest in after)

    def _repeat(self, tree: Loop, after: _After) -> _After:
        if not isinstance(tree.inner, Compound | Test):
            return self._consume(cr.repeat(tree.inner, tree.low, tree.high), after)
        if is_empty_width(tree.inner):
            return after if tree.low == 0 else self._translate(tree.inner, after)
        tempered = self._tempered(tree, after)
        if tempered is not None:
            return tempered
        if tree.high is None:
            what = "a lazy repetition" if _has_lazy(tree.inner) else "a test of the surrounding text"
            raise self._refuse(f"{what} inside an unbounded repetition", tree.place)
        self._budget -= tree.high
        if self._budget < 0:
            raise self._refuse("a test of the surrounding text repeated very often", tree.place)
        rest = after
        for count in range(tree.high, 0, -1):
            turn = self._translate(tree.inner, rest)
            rest = turn if count <= tree.low else _by_class(cr.union, turn, after)
        return rest

    def _tempered(self, tree: Loop, after: _After) -> _After | None:
        """Translate `(?:(?!A).)*` and its kin, where the rest of the text has one fixed length; else return None.

        Each character of the run is one out of a set, and each suffix of the text that begins in the run is in (or
        out of) a language: with the length of the rest known, those are the suffixes longer than the rest.
        """
        if not isinstance(tree.inner, Serial) or any(rest is not after[0] for rest in after):
            return None
        chars = [part for part in tree.inner.parts if isinstance(part, CharSet)]
        width = fixed_width(after[0])
        tests = [part for part in tree.inner.parts if not isinstance(part, CharSet)]
        if len(chars) != 1 or width is None or not all(isinstance(test, Ahead) for test in tests):
            return None
        at = tree.inner.parts.index(chars[0])
        run = cr.concat([cr.repeat(chars[0], tree.low, tree.high), after[0]])
        bounds = []
        for place, test in enumerate(tree.inner.parts):
            if isinstance(test, Ahead):
                before = place < at
                shortest = cr.repeat(ANY, width + 1 if before else width, None)
                broken = cr.intersection([cr.complement(test.rest), shortest])
                bounds.append(cr.complement(cr.concat([cr.repeat(ANY, 0 if before else 1, None), broken])))
        return self._constant(cr.intersection([run, *bounds]))


def _nodes(tree: Tree) -> Iterator[Tree]:
    """Every node with tests in it, and the largest parts without."""
    stack: list[Tree] = [tree]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Serial):
            stack.extend(node.parts)
        elif isinstance(node, Alternatives):
            stack.extend(node.options)
        elif isinstance(node, Loop | LookAhead | LookBehind):
            stack.append(node.inner)


def _has_lazy(tree: Tree) -> bool:
    return any(isinstance(node, Loop) and node.lazy for node in _nodes(tree))


def _order(chars: CharSet) -> tuple[tuple[int, int], ...]:
    return chars.ranges


def _by_class(join: Callable[[list[cr.Regex]], cr.Regex], *ways: _After) -> _After:
    """Join languages class by class; classes with the same inputs keep sharing one result."""
    known: dict[tuple[int, ...], cr.Regex] = {}
    result = []
    for column in zip(*ways, strict=True):
        key = tuple(map(id, column))
        if key not in known:
            known[key] = join(list(column))
        result.append(known[key])
    return tuple(result)


def is_empty_width(tree: Tree) -> bool:
    """Tell whether `tree` only looks around."""
    if isinstance(tree, Serial):
        return all(map(is_empty_width, tree.parts))
    if isinstance(tree, Alternatives):
        return all(map(is_empty_width, tree.options))
    if isinstance(tree, Loop):
        return is_empty_width(tree.inner)
    return is_test(tree) or isinstance(tree, cr.Epsilon)

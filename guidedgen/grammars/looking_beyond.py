"""Tests of the text behind what a pattern matches: as what must not follow it.

A test of the text after its place says something about what follows the match if the rest of the match does not decide
it: `\\b` or `$` at the end, `(?!"")` behind a quote. Where the place in a text is unique, and a text that breaks the
test stays broken whatever is added, it is enough to know the texts that break it: none of them may come about by what
follows. Tests that only speak of what would make the match longer need nothing: it is the longest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.char_emptiness import decides, is_empty, looks_at_longer_texts, mends_into_longer_texts
from guidedgen.grammars.char_promises import promise
from guidedgen.grammars.char_proofs import ending_with, is_prefix_free
from guidedgen.grammars.looking_back import places_looking_back
from guidedgen.grammars.regex_assertions import without_tests
from guidedgen.grammars.regex_tree import (
    Ahead,
    Alternatives,
    Behind,
    LookAhead,
    Loop,
    Serial,
    Tree,
    is_test,
    serial,
)

_Refuse: TypeAlias = Callable[[str, int], UnsupportedFeature]


def broken_texts(tree: Tree, longest: cr.Regex | None, refuse: _Refuse) -> cr.Regex:
    """The texts that begin like one of the pattern's and break one of its tests, as far as other texts matter.

    Args:
        tree: the pattern, parsed.
        longest: its texts, if the longest is taken: no test needs to say what would have made it longer.
        refuse: makes the error for a test (its description and its offset) that is not of this kind.

    Raises:
        UnsupportedFeature: see above.
    """
    search = _Search(longest, refuse)
    search.collect(tree, cr.EPSILON, cr.EPSILON, [])
    return cr.union(search.found)


def condition_of(tests: Sequence[Ahead | LookAhead], refuse: _Refuse) -> cr.Regex:
    """What the rest of the text must be for all of some tests to hold. Raises `UnsupportedFeature`."""
    search = _Search(None, refuse)
    return cr.intersection([search.condition(test) for test in tests])


@dataclass(frozen=True)
class Promised:
    """A pattern whose tests must come true by what follows.

    Attributes:
        texts: its texts, without those that break a test.
        broken: texts that begin like one of these, and break a test for good.
        unmet: texts that do, and must go on for a test to hold.
    """

    texts: cr.Regex
    broken: cr.Regex
    unmet: cr.Regex


def promised_texts(tree: Tree, refuse: _Refuse) -> Promised:
    """What a pattern takes and promises, where each test has a place of its own in a text.

    Raises:
        UnsupportedFeature: see above.
    """
    search = _Search(None, refuse, promises=True)
    search.collect(tree, cr.EPSILON, cr.EPSILON, [])
    texts, broken = without_tests(_plain(tree, search.promised), refuse), cr.union(search.found)
    whole = cr.intersection([texts, cr.complement(cr.concat([broken, cr.ANY_TEXT]))])
    return Promised(whole, broken, cr.union(search.unmet))


def without_settled_tests(tree: Tree, refuse: _Refuse) -> Tree:
    """The pattern without its tests of what follows, each of which says the same of all ways to read a text.

    Raises:
        UnsupportedFeature: a test can stand at several places of a text, or behind one of several alternatives.
    """
    _Search(None, refuse, everywhere=True).collect(tree, cr.EPSILON, cr.EPSILON, [])
    return _plain(tree, None)


def _plain(tree: Tree, gone: Collection[int] | None) -> Tree:
    """A tree without some tests, by their `id`; None: without all of what follows."""
    if isinstance(tree, Serial):
        return Serial(tuple(_plain(part, gone) for part in tree.parts))
    if isinstance(tree, Alternatives):
        return Alternatives(tuple(_plain(option, gone) for option in tree.options))
    dropped = isinstance(tree, Ahead | LookAhead) and (gone is None or id(tree) in gone)
    return cr.EPSILON if dropped else tree


class _Search:
    """`everywhere`: tests that the match itself decides must have one place as well, and are not looked at further.
    `promises`: tests may also be kept by what follows; `promised` are those that the match does not decide."""

    def __init__(
        self, longest: cr.Regex | None, refuse: _Refuse, *, everywhere: bool = False, promises: bool = False
    ) -> None:
        self.found: list[cr.Regex] = []
        self.unmet: list[cr.Regex] = []
        self.promised: set[int] = set()
        self._promises = promises
        self._longest = longest
        self._refuse = refuse
        self._everywhere = everywhere

    def collect(self, tree: Tree, before: cr.Regex, after: cr.Regex, others: Sequence[cr.Regex]) -> None:
        """Look at the tests in `tree`, which stands between `before` and `after`; `others` are read in its place."""
        if isinstance(tree, Serial):
            for place, part in enumerate(tree.parts):
                left = cr.concat([before, *map(language_of, tree.parts[:place])])
                right = cr.concat([*map(language_of, tree.parts[place + 1 :]), after])
                self.collect(part, left, right, others)
        elif isinstance(tree, Alternatives):
            options = [option for option in tree.options if not _is_ruled_out(option, before)]
            for option in options:
                beside = [cr.concat([before, language_of(other), after]) for other in options if other is not option]
                self.collect(option, before, after, [*others, *beside])
        elif isinstance(tree, Loop):
            for test in _tests(tree.inner):
                if self._everywhere or not decides(cr.concat([cr.ANY_TEXT, after]), self.condition(test)):
                    raise self._refuse("a test of what follows inside a repetition", test.place)
        elif isinstance(tree, Ahead | LookAhead):
            self._test(tree, before, after, others)

    def _test(self, test: Ahead | LookAhead, before: cr.Regex, after: cr.Regex, others: Sequence[cr.Regex]) -> None:
        if self._everywhere:
            return self._check_place(test, before, others)
        condition = self.condition(test)
        if decides(after, condition):
            return
        if self._promises:
            return self._promise(test, before, condition, others)
        if self._longest is not None and looks_at_longer_texts(before, after, condition, self._longest):
            return
        breaking = cr.complement(condition)
        for_good = is_empty(cr.intersection([cr.concat([breaking, cr.ANY_TEXT]), condition])) is True
        if not for_good and (self._longest is None or not mends_into_longer_texts(before, condition, self._longest)):
            raise self._refuse("a test of what must follow the terminal", test.place)
        self._check_place(test, before, others)
        self.found.append(cr.concat([before, breaking]))

    def _promise(
        self, test: Ahead | LookAhead, before: cr.Regex, condition: cr.Regex, others: Sequence[cr.Regex]
    ) -> None:
        given = promise(condition)
        if given is None:
            raise self._refuse("a test of what must follow the terminal", test.place)
        self._check_place(test, before, others)
        self.found.append(cr.concat([before, given.broken]))
        self.unmet.append(cr.concat([before, given.unmet]))
        self.promised.add(id(test))

    def _check_place(self, test: Ahead | LookAhead, before: cr.Regex, others: Sequence[cr.Regex]) -> None:
        if not is_prefix_free(before):
            raise self._refuse("a test of what follows at a place that can be at several", test.place)
        here = cr.concat([before, cr.ANY_TEXT])
        if any(is_empty(cr.intersection([here, cr.concat([other, cr.ANY_TEXT])])) is not True for other in others):
            raise self._refuse("a test of what follows in one of several alternatives", test.place)

    def condition(self, test: Ahead | LookAhead) -> cr.Regex:
        """What the rest of the text must be."""
        if isinstance(test, Ahead):
            return test.rest
        if places_looking_back(test.inner):
            raise self._refuse("a test inside another test", test.place)
        begins = without_tests(serial([test.inner, cr.ANY_TEXT]), self._refuse)
        return cr.complement(begins) if test.negative else begins


def _is_ruled_out(tree: Tree, before: cr.Regex) -> bool:
    """Whether `tree` begins with a test of the character before it that fails behind all of `before`."""
    first = tree.parts[0] if isinstance(tree, Serial) and tree.parts else tree
    if not isinstance(first, Behind) or before.nullable:
        return False
    return is_empty(ending_with(before, first.chars)) is True


def _tests(tree: Tree) -> list[Ahead | LookAhead]:
    if isinstance(tree, Serial):
        return [test for part in tree.parts for test in _tests(part)]
    if isinstance(tree, Alternatives):
        return [test for option in tree.options for test in _tests(option)]
    if isinstance(tree, Loop):
        return _tests(tree.inner)
    return [tree] if isinstance(tree, Ahead | LookAhead) else []


def language_of(tree: Tree) -> cr.Regex:
    """The language of a tree whose tests all hold."""
    if isinstance(tree, Serial):
        return cr.concat(map(language_of, tree.parts))
    if isinstance(tree, Alternatives):
        return cr.union(map(language_of, tree.options))
    if isinstance(tree, Loop):
        return cr.repeat(language_of(tree.inner), tree.low, tree.high)
    if is_test(tree):
        return cr.EPSILON
    assert not isinstance(tree, Ahead | LookAhead)
    return tree  # type: ignore[return-value]  # what has no tests is an expression

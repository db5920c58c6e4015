"""Which texts of a Python pattern `re.match` prefers: what a lexer that uses `re` can take.

Of all texts of the pattern that a longer text begins with, `re.match` takes the one that backtracking finds first:
alternatives from left to right, greedy quantifiers as often and lazy ones as rarely as possible. That is the longest
one of the *preferred language*, the texts w for which `re.match` takes all of w where nothing follows: with the threads
of the pattern in their order, those below one that has matched are cut, and only those above go on. (A thread that
matches later takes precedence exactly if it was above.) So `a|ab` prefers "a" alone, `ab|a` both.

Most patterns decide by the next character which way to go on, and prefer all their texts: that is plain from their
form. The rest is decided by an automaton over ordered threads, as in R. Cox, Regular Expression Matching: the Virtual
Machine Approach (2009), but over all texts at once. Its states are compared with the pattern's derivatives: where they
agree, the pattern prefers all of its texts; where not, the automaton is written out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Final, TypeAlias

from guidedgen.errors import LimitExceeded, UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.automaton_text import Automaton, expression_of_automaton
from guidedgen.grammars.char_emptiness import are_equal, is_empty, next_characters
from guidedgen.grammars.char_promises import Promise, Way, has_one_place, longest_ways, promise
from guidedgen.grammars.char_proofs import fixed_width, is_prefix_free
from guidedgen.grammars.char_set import ANY, CharSet, partition
from guidedgen.grammars.looking_back import LooksBack, looking_back, places_looking_back
from guidedgen.grammars.looking_beyond import (
    broken_texts,
    condition_of,
    language_of,
    promised_texts,
    without_settled_tests,
)
from guidedgen.grammars.plain_tests import without_plain_boundaries, without_plain_tests
from guidedgen.grammars.regex_assertions import is_empty_width, without_tests
from guidedgen.grammars.regex_parser import unsupported_error
from guidedgen.grammars.regex_python import parse_python
from guidedgen.grammars.regex_tree import (
    Ahead,
    Alternatives,
    Behind,
    LookAhead,
    Loop,
    Serial,
    Tree,
    alternatives,
    edge_tests,
    has_tests,
    loop,
    serial,
)
from guidedgen.limits import Limits

_MOST_THREADS: Final = 2_000
_MOST_STATES: Final = 1_000
_TESTS: Final = (Ahead, LookAhead)
_WHAT: Final = "which of its texts this pattern prefers"

_Refuse: TypeAlias = Callable[[str, int], UnsupportedFeature]


@dataclass(frozen=True)
class Preferred:
    """What a lexer can take.

    Attributes:
        texts: the preferred language; see the module. Without those of `ways`.
        broken: texts that must not come about by what follows, besides longer ones of `texts`.
        alone: whether it is plain that no text begins another.
        unmet: texts that must not be the last ones: more has to follow.
        ways: further texts, of which what follows says which one is taken.
        looks: what it asks of the text before it; the texts above are those for which all of that holds.
        within: what it is where its pattern, without what it asks of the text before it, is this one.
        rests: makes the language of all rests of a text that it matches a beginning of; None: they are `texts`, with
            anything behind them.
    """

    texts: cr.Regex
    broken: cr.Regex = cr.NOTHING
    alone: bool = False
    unmet: cr.Regex = cr.NOTHING
    ways: tuple[Way, ...] = ()
    looks: LooksBack | None = None
    within: Callable[[Tree], Preferred] | None = None
    rests: Callable[[], cr.Regex] | None = None

    @property
    def looks_for_more(self) -> bool:
        """Whether something must follow."""
        return bool(self.ways) or not cr.is_nothing(self.unmet)

    @property
    def whole(self) -> cr.Regex:
        """All texts that it may take."""
        return cr.union([self.texts, *(way.texts for way in self.ways)]) if self.ways else self.texts


def preferred_literal(text: str) -> Preferred:
    """Exactly `text`."""
    return Preferred(cr.literal(text), alone=True)


@lru_cache(maxsize=1024)
def preferred(pattern: str, *, limits: Limits) -> Preferred:
    """What `re.match` can take of a Python pattern.

    Raises:
        GrammarSyntaxError: the pattern is not valid.
        UnsupportedFeature: it is not regular, tests the text before it, or its preference is not found out.
        LimitExceeded: its length, nesting or a count is above `limits`.
    """
    tree = parse_python(pattern, limits, keep_lazy=True, in_order=True)
    refuse = partial(unsupported_error, pattern)
    try:
        looks = looking_back(tree, refuse)
        if looks is None:
            return _read(tree, refuse)
        texts = language_of(tree)
        if texts.nullable:
            raise refuse("a test of the text before what may be empty", min(places_looking_back(tree)))
        return Preferred(texts, looks=looks, within=partial(_within, refuse=refuse))
    except RecursionError:
        raise LimitExceeded("depth", limits.depth, "groups of a pattern are nested too deep") from None


def _read(tree: Tree, refuse: _Refuse) -> Preferred:
    try:
        found = _of(tree, refuse)
    except UnsupportedFeature:
        simpler = without_plain_boundaries(tree)
        if simpler is tree:
            raise
        found = _of(simpler, refuse)
    return replace(found, rests=partial(_rests, tree, refuse)) if has_tests(tree) else found


def _within(tree: Tree, refuse: _Refuse) -> Preferred:
    return _read(without_plain_tests(tree), refuse)


def _rests(tree: Tree, refuse: _Refuse) -> cr.Regex:
    return without_tests(serial([_normal(tree, lazy=False), cr.ANY_TEXT]), refuse)


def _of(tree: Tree, refuse: _Refuse) -> Preferred:
    options = _told_apart(tree)
    if options:
        found = [_of(option, refuse) for option in options]
        beginnings = [cr.concat([_form(option).first, cr.ANY_TEXT]) for option in options]
        return Preferred(
            cr.union(part.texts for part in found),
            cr.union(_of_its_own(part.broken, own) for part, own in zip(found, beginnings, strict=True)),
            all(part.alone for part in found),
            cr.union(_of_its_own(part.unmet, own) for part, own in zip(found, beginnings, strict=True)),
            tuple(way for part in found for way in part.ways),
        )
    form = _form(tree)
    if has_tests(tree):
        return _with_tests(tree, form, refuse)
    if form.decided:
        return Preferred(_language(tree, refuse), alone=not form.more)
    return Preferred(_by_threads(tree, refuse))


def _of_its_own(texts: cr.Regex, own: cr.Regex) -> cr.Regex:
    """Those of an alternative's own: a test in front of it says nothing about the others."""
    return texts if is_empty(cr.intersection([texts, cr.complement(own)])) is True else cr.intersection([texts, own])


def _told_apart(tree: Tree) -> Sequence[Tree]:
    """The alternatives of a tree that is nothing else, where their first characters tell them apart."""
    if not isinstance(tree, Alternatives):
        return ()
    seen = cr.NOTHING
    for option in tree.options:
        form = _form(option)
        if form.nullable or form.first & seen or edge_tests(option, left=True):
            return ()
        seen |= form.first
    return tree.options


def _language(tree: Tree, refuse: _Refuse, *, lazy: bool = True) -> cr.Regex:
    """The texts that a tree takes as a whole; without `lazy`, as if all quantifiers were greedy."""
    return without_tests(_normal(tree, lazy=lazy), refuse)


def _normal(tree: Tree, *, lazy: bool) -> Tree:
    """A tree whose parts without tests are expressions."""
    if isinstance(tree, Serial):
        return serial([_normal(part, lazy=lazy) for part in tree.parts])
    if isinstance(tree, Alternatives):
        return alternatives([_normal(option, lazy=lazy) for option in tree.options])
    if isinstance(tree, Loop):
        return loop(_normal(tree.inner, lazy=lazy), tree.low, tree.high, tree.place, lazy=tree.lazy and lazy)
    return tree


def _by_threads(tree: Tree, refuse: _Refuse) -> cr.Regex:
    automaton = _Threads(tree, refuse).automaton()
    for lazy in (False, True):
        with suppress(UnsupportedFeature):
            candidate = _language(tree, refuse, lazy=lazy)
            if are_equal(candidate, automaton):
                return candidate
    found = expression_of_automaton(automaton)
    if found is None:
        raise refuse(_WHAT, 0)
    return found


def _with_tests(tree: Tree, form: _Form, refuse: _Refuse) -> Preferred:
    try:
        return _with_lasting_tests(tree, form, refuse)
    except UnsupportedFeature:
        with suppress(UnsupportedFeature):
            if (found := _with_promises(tree, form, refuse)) is not None:
                return found
        raise


def _with_promises(tree: Tree, form: _Form, refuse: _Refuse) -> Preferred | None:
    """What is taken where tests must come true by what follows; None where it is not found out."""
    with suppress(UnsupportedFeature):
        found = promised_texts(tree, refuse)
        if form.decided or is_prefix_free(found.texts):
            return Preferred(found.texts, found.broken, unmet=found.unmet)
    parts = tree.parts if isinstance(tree, Serial) else (tree,)
    end = next(place for place in range(len(parts), -1, -1) if place == 0 or not isinstance(parts[place - 1], _TESTS))
    tests = [test for test in parts[end:] if isinstance(test, _TESTS)]
    body = serial(parts[:end])
    given = promise(condition_of(tests, refuse)) if tests and not has_tests(body) else None
    if given is None:
        return None
    texts = _candidates(body, given, refuse)
    if has_one_place(texts, given):
        return Preferred(cr.NOTHING, ways=(Way(texts, given.broken, given.unmet),))
    ways = longest_ways(texts, given) if _form(body).decided else None
    return None if ways is None else Preferred(cr.NOTHING, ways=ways)


def _candidates(body: Tree, given: Promise, refuse: _Refuse) -> cr.Regex:
    """Texts of which the one that is followed as promised is taken, if only one is; longer ones of lazy ways are left
    out."""
    texts = _language(body, refuse, lazy=False)
    parts = body.parts if isinstance(body, Serial) else (body,)
    lazy = [place for place, part in enumerate(parts) if isinstance(part, Loop) and part.lazy]
    if len(lazy) != 1:
        return texts
    before, after = (_language(serial(some), refuse, lazy=False) for some in (parts[: lazy[0]], parts[lazy[0] + 1 :]))
    turn = parts[lazy[0]]
    if not (isinstance(turn, Loop) and isinstance(turn.inner, CharSet) and is_prefix_free(before)):
        return texts
    if fixed_width(after) is None:
        return texts
    return cr.intersection([texts, cr.complement(cr.concat([texts, given.kept, cr.ANY_TEXT]))])  # the shortest is first


def _with_lasting_tests(tree: Tree, form: _Form, refuse: _Refuse) -> Preferred:
    if not form.decided:
        with suppress(UnsupportedFeature):
            return Preferred(_by_threads(tree, refuse))
    texts = _language(tree, refuse)
    alone = form.decided and not form.more
    if not form.decided:  # where no text begins another there is only one to take
        alone = is_prefix_free(texts)
        if not alone:
            read = _by_threads(without_settled_tests(tree, refuse), refuse)
            texts = cr.intersection([read, texts])
    broken = broken_texts(tree, texts if form.decided else None, refuse)
    return Preferred(texts, broken, alone and cr.is_nothing(broken))


@dataclass(frozen=True, slots=True)
class _Form:
    """What the form of a tree says.

    Attributes:
        first: characters that a text can begin with.
        more: characters that can go on with a text that is complete.
        nullable: whether the empty text matches.
        told: whether the next character always says which way to go on, and whether to go on.
        eager: whether it goes on wherever it can (no lazy quantifier may end it).
    """

    first: CharSet
    more: CharSet
    nullable: bool
    told: bool
    eager: bool = True

    @property
    def decided(self) -> bool:
        """Whether the longest of its texts is preferred."""
        return self.told and self.eager


_NO_CHARS: Final = CharSet(())
_EMPTY: Final = _Form(_NO_CHARS, _NO_CHARS, True, True)
_UNTOLD: Final = _Form(_NO_CHARS, _NO_CHARS, True, False)


def _form(tree: Tree) -> _Form:
    if isinstance(tree, CharSet):
        return _Form(tree, _NO_CHARS, False, True)
    if is_empty_width(tree):
        return _EMPTY
    if isinstance(tree, cr.Concat):
        return _sequence([_form(part) for part in tree.children])
    if isinstance(tree, Serial):
        return _sequence([_form(part) for part in tree.parts])
    if isinstance(tree, Alternatives):
        return _choice([_form(option) for option in tree.options])
    if isinstance(tree, Loop):
        return _repeated(_form(tree.inner), tree)
    return _UNTOLD


def _sequence(parts: Sequence[_Form]) -> _Form:
    result = _EMPTY
    for part in reversed(parts):
        more = part.more | (part.first if part.nullable else _NO_CHARS)
        result = _Form(
            first=part.first | (result.first if part.nullable else _NO_CHARS),
            more=result.more | (part.more | result.first if result.nullable else _NO_CHARS),
            nullable=part.nullable and result.nullable,
            told=part.told and result.told and not more & result.first,
            eager=result.eager and (part.eager or not result.nullable),
        )
    return result


def _choice(options: Sequence[_Form]) -> _Form:
    """The empty text comes last, or a text that could go on is not preferred."""
    first, told = _NO_CHARS, True
    for place, option in enumerate(options):
        told = told and option.told and not first & option.first
        told = told and (not option.nullable or place + 1 == len(options))
        first |= option.first
    more = _NO_CHARS
    for option in options:
        more |= option.more
    nullable = any(option.nullable for option in options)
    return _Form(first, more | (first if nullable else _NO_CHARS), nullable, told, all(o.eager for o in options))


def _repeated(inner: _Form, loop: Loop) -> _Form:
    if loop.high == 0:
        return _EMPTY
    often = loop.high is None or loop.high > 1
    told = inner.told and not inner.nullable and not (often and inner.more & inner.first)
    eager = inner.eager and not loop.lazy
    more = inner.more
    if loop.high is None or loop.high > loop.low:
        more |= inner.first
    return _Form(inner.first, more, loop.low == 0 or inner.nullable, told, eager)


@dataclass(slots=True)
class _Place:
    """Where a thread stands: before a character out of `chars`, at a fork of ways in their order, or at the end.

    A fork with `behind` is only passed if that has the character before it, one with `ahead` if that has the next one.
    """

    chars: CharSet | None = None
    ways: list[int] = field(default_factory=list)
    behind: CharSet | None = None
    ahead: CharSet | None = None


_Thread: TypeAlias = tuple[int, CharSet]  # a place, and what the next character must be one of


class _Threads:
    """The automaton of ordered threads."""

    def __init__(self, tree: Tree, refuse: _Refuse) -> None:
        self._refuse = refuse
        self._places = [_Place()]
        self._start = self._add(tree, 0)

    def _place(self, place: _Place) -> int:
        self._places.append(place)
        if len(self._places) > _MOST_THREADS:
            raise self._refuse(_WHAT, 0)
        return len(self._places) - 1

    def _add(self, tree: Tree, after: int) -> int:
        """The place where `tree` begins and behind which `after` comes."""
        if isinstance(tree, CharSet):
            return self._place(_Place(tree, [after]))
        if isinstance(tree, Alternatives):
            return self._place(_Place(None, [self._add(option, after) for option in tree.options]))
        if isinstance(tree, Loop):
            return self._loop(tree, after)
        if isinstance(tree, Behind):
            return self._place(_Place(None, [after], tree.chars))
        if isinstance(tree, Ahead) and (chars := next_characters(tree.rest)) is not None:
            return self._place(_Place(None, [after], None, chars))
        if not isinstance(tree, Serial | cr.Concat | cr.Epsilon):
            raise self._refuse(_WHAT, 0)
        parts: Sequence[Tree] = tree.parts if isinstance(tree, Serial) else tree.children
        for part in reversed(parts):
            after = self._add(part, after)
        return after

    def _loop(self, tree: Loop, after: int) -> int:
        if _form(tree.inner).nullable:  # `re` leaves such a loop by rules of its own
            raise self._refuse(f"{_WHAT}, with a repetition of what may be empty", tree.place)

        def fork(again: int) -> list[int]:
            return [after, again] if tree.lazy else [again, after]

        begin = after
        if tree.high is None:
            begin = self._place(_Place())
            self._places[begin].ways = fork(self._add(tree.inner, begin))
        else:
            for _ in range(tree.high - tree.low):
                begin = self._place(_Place(None, fork(self._add(tree.inner, begin))))
        for _ in range(tree.low):
            begin = self._add(tree.inner, begin)
        return begin

    def automaton(self) -> Automaton:
        """Its states are lists of threads, those behind one at the end cut off."""
        given = [(place.chars, place.behind, place.ahead) for place in self._places]
        sets = {chars for several in given for chars in several if chars is not None}
        blocks = partition(sorted(sets, key=lambda chars: chars.ranges))
        first = self._closed([self._start], cr.NOTHING)
        numbers = {first: 0}
        states = [first]
        moves: list[dict[int, int]] = []
        for threads in states:
            moves.append({})
            for block, chars in enumerate(blocks):
                begun = [self._places[at].ways[0] for at, ahead in threads if self._reads(at, chars & ahead)]
                following = self._closed(begun, chars)
                if not following:
                    continue
                if following not in numbers:
                    numbers[following] = len(states)
                    states.append(following)
                moves[-1][block] = numbers[following]
            if len(states) > _MOST_STATES:
                raise self._refuse(_WHAT, 0)
        return Automaton(blocks, moves, [any(at == 0 for at, _ in threads) for threads in states])

    def _reads(self, at: int, chars: CharSet) -> bool:
        own = self._places[at].chars
        return own is not None and bool(own & chars)

    def _closed(self, begun: Sequence[int], before: CharSet) -> tuple[_Thread, ...]:
        """The threads before characters, in order, up to the first that is at the end (place 0).

        `before` has the character that was read last, nothing at the start.
        """
        found: dict[_Thread, None] = {}
        met: set[_Thread] = set()
        stack = [(at, ANY) for at in reversed(begun)]
        while stack:
            thread = stack.pop()
            if thread in met:
                continue
            met.add(thread)
            place, ahead = self._places[thread[0]], thread[1]
            if thread[0] == 0:
                if ahead != ANY:
                    raise self._refuse(f"{_WHAT}, which looks ahead", 0)
                return (*found, thread)
            if place.chars is not None:
                found[thread] = None
            elif place.behind is None or place.behind & before:
                allowed = ahead if place.ahead is None else ahead & place.ahead
                stack.extend((way, allowed) for way in reversed(place.ways))
        return tuple(found)

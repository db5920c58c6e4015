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

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.automaton_text import Automaton, expression_of_automaton
from guidedgen.grammars.char_emptiness import are_equal
from guidedgen.grammars.char_proofs import is_prefix_free
from guidedgen.grammars.char_set import CharSet, partition
from guidedgen.grammars.looking_beyond import broken_texts
from guidedgen.grammars.regex_assertions import is_empty_width
from guidedgen.grammars.regex_parser import unsupported_error
from guidedgen.grammars.regex_python import parse_python
from guidedgen.grammars.regex_text import parse_chars, parse_terminal
from guidedgen.grammars.regex_tree import Alternatives, Loop, Serial, Tree, has_tests
from guidedgen.limits import Limits

_MOST_THREADS: Final = 2_000
_MOST_STATES: Final = 1_000
_WHAT: Final = "which of its texts this pattern prefers"
_HINT: Final = "Put longer alternatives first, or let the first character of each alternative decide."


@dataclass(frozen=True)
class Preferred:
    """What a lexer can take.

    Attributes:
        texts: the preferred language; see the module.
        broken: texts that must not come about by what follows, besides longer ones of `texts`.
        alone: whether it is plain that no text begins another.
    """

    texts: cr.Regex
    broken: cr.Regex = cr.NOTHING
    alone: bool = False


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
    form = _form(tree)
    if has_tests(tree):
        return _with_tests(pattern, tree, form, limits)
    if form.decided:
        return Preferred(parse_terminal(pattern, limits=limits), alone=not form.more)
    automaton = _Threads(tree, pattern).automaton()
    for candidate in _candidates(pattern, limits):
        if are_equal(candidate, automaton):
            return Preferred(candidate)
    found = expression_of_automaton(automaton)
    if found is None:
        raise unsupported_error(pattern, _WHAT, 0, hint=_HINT)
    return Preferred(found)


def _with_tests(pattern: str, tree: Tree, form: _Form, limits: Limits) -> Preferred:
    texts = parse_terminal(pattern, limits=limits, at_end=True)
    alone = form.decided and not form.more
    if not form.decided:  # where no text begins another there is only one to take
        alone = is_prefix_free(texts)
        if not alone:
            raise unsupported_error(pattern, f"{_WHAT}, which looks around", 0, hint=_HINT)
    refuse = partial(unsupported_error, pattern)
    broken = broken_texts(tree, texts if form.decided else None, refuse)
    return Preferred(texts, broken, alone and cr.is_nothing(broken))


def _candidates(pattern: str, limits: Limits) -> list[cr.Regex]:
    candidates = [parse_chars(pattern, limits=limits)]
    with suppress(UnsupportedFeature):
        candidates.append(parse_terminal(pattern, limits=limits))
    return candidates


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
    """Where a thread stands: before a character out of `chars`, at a fork of ways in their order, or at the end."""

    chars: CharSet | None = None
    ways: list[int] = field(default_factory=list)


class _Threads:
    """The automaton of ordered threads."""

    def __init__(self, tree: Tree, pattern: str) -> None:
        self._pattern = pattern
        self._places = [_Place()]
        self._start = self._add(tree, 0)

    def _place(self, place: _Place) -> int:
        self._places.append(place)
        if len(self._places) > _MOST_THREADS:
            raise unsupported_error(self._pattern, _WHAT, 0, hint=_HINT)
        return len(self._places) - 1

    def _add(self, tree: Tree, after: int) -> int:
        """The place where `tree` begins and behind which `after` comes."""
        if isinstance(tree, CharSet):
            return self._place(_Place(tree, [after]))
        if isinstance(tree, Alternatives):
            return self._place(_Place(None, [self._add(option, after) for option in tree.options]))
        if isinstance(tree, Loop):
            return self._loop(tree, after)
        if not isinstance(tree, Serial | cr.Concat | cr.Epsilon):
            raise unsupported_error(self._pattern, _WHAT, 0, hint=_HINT)
        parts: Sequence[Tree] = tree.parts if isinstance(tree, Serial) else tree.children
        for part in reversed(parts):
            after = self._add(part, after)
        return after

    def _loop(self, tree: Loop, after: int) -> int:
        if _form(tree.inner).nullable:  # `re` leaves such a loop by rules of its own
            raise unsupported_error(self._pattern, f"{_WHAT}, with a repetition of what may be empty", tree.place)

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
        sets = {place.chars for place in self._places if place.chars is not None}
        blocks = partition(sorted(sets, key=lambda chars: chars.ranges))
        first = self._closed([self._start])
        numbers = {first: 0}
        states = [first]
        moves: list[dict[int, int]] = []
        for threads in states:
            moves.append({})
            for block, chars in enumerate(blocks):
                following = self._closed([self._places[at].ways[0] for at in threads if self._reads(at, chars)])
                if not following:
                    continue
                if following not in numbers:
                    numbers[following] = len(states)
                    states.append(following)
                moves[-1][block] = numbers[following]
            if len(states) > _MOST_STATES:
                raise unsupported_error(self._pattern, _WHAT, 0, hint=_HINT)
        return Automaton(blocks, moves, [0 in threads for threads in states])

    def _reads(self, at: int, chars: CharSet) -> bool:
        own = self._places[at].chars
        return own is not None and bool(own & chars)

    def _closed(self, begun: Sequence[int]) -> tuple[int, ...]:
        """The threads before characters, in order, up to the first that is at the end (place 0)."""
        found: dict[int, None] = {}
        met: set[int] = set()
        stack = list(reversed(begun))
        while stack and 0 not in found:
            at = stack.pop()
            if at in met:
                continue
            met.add(at)
            if at == 0 or self._places[at].chars is not None:
                found[at] = None
            else:
                stack.extend(reversed(self._places[at].ways))
        return tuple(found)

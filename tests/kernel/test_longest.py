"""Terminals that look at what follows them: against their definition by brute force, and kernel against kernel."""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Mapping
from functools import cache

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from guidedgen.errors import LimitExceeded, UnsatisfiableSchema
from guidedgen.grammars import ir
from guidedgen.kernel import Compiled, InspectableState
from guidedgen.limits import Limits
from tests.kernel.helpers import accepts, after, allowed, byte_set, compile_grammar, text
from tests.kernel.naive import NAMES, TOKENS, VOCABULARY, TooLarge, expression_language
from tests.kernel.strategies import examples, expressions, nodes
from tests.kernel.test_brute_force import check_shortest, extended
from tests.kernel.test_differential import REALISTIC, walk_both

LONGEST = 12
MOST = 2_000
FEW = Limits(states=3_000)

Segment = tuple[str, frozenset[str]]  # a terminal's text, and what must not begin behind it

END, MARK, APART = "$", "~", "?"
OPEN, CLOSE = ("(", frozenset[str]()), (")", frozenset[str]())
NO_RULES: Mapping[str, ir.Node] = {}


@st.composite
def longest(draw: st.DrawFn, *, endless: bool) -> ir.Longest:
    """Terminals that track themselves (the longest match), or something else as well, or only that."""
    inner = expressions(boolean=False, endless=endless, leaves=3)
    accepted = draw(inner)
    kinds = [
        "itself",
        "itself",
        "more",
        "other",
        "goes on",
        "must go on",
        "behind",
        "all behind",
        "marks",
        "kept apart",
    ]
    kind = draw(st.sampled_from(kinds))
    if kind == "itself":
        return ir.Longest(accepted, accepted)
    other = draw(inner)
    if kind == "must go on":
        return ir.Longest(accepted, draw(inner), accepted)
    if kind == "marks":
        return ir.Longest(accepted, draw(inner), marks=draw(st.sampled_from([(b"1",), (b"2",), (b"1", b"2")])))
    if kind == "kept apart":
        return ir.Longest(accepted, draw(inner), apart=draw(st.sampled_from([(b"1",), (b"2",)])))
    if kind in ("behind", "all behind"):
        return ir.Longest(accepted, draw(inner), None, other, draw(inner) if kind == "all behind" else None)
    if kind == "goes on":
        return ir.Longest(accepted, accepted, other)
    return ir.Longest(accepted, ir.Union((accepted, other)) if kind == "more" else other)


def terminals(*, endless: bool) -> st.SearchStrategy[ir.Expression | ir.Longest]:
    return longest(endless=endless) | expressions(boolean=False, endless=endless, leaves=2)


@st.composite
def finite_grammars(draw: st.DrawFn) -> ir.Grammar:
    inner = draw(fenced(nodes(terminals(endless=False), [], endless=False, leaves=3)))
    start = draw(fenced(nodes(terminals(endless=False), ["inner"], endless=False), {"inner": inner}))
    return ir.Grammar(start=start, rules={"inner": inner})


@st.composite
def fenced(draw: st.DrawFn, body: st.SearchStrategy[ir.Node], rules: Mapping[str, ir.Node] = NO_RULES) -> ir.Node:
    """A node, or a text of its own."""
    node = draw(body)
    return ir.Scope(ir.Grammar(start=node, rules=rules), fenced=True) if draw(st.booleans()) else node


@st.composite
def recursive_grammars(draw: st.DrawFn) -> ir.Grammar:
    names = ["r0", "r1", "r2"][: draw(st.integers(1, 3))]
    body = nodes(terminals(endless=True), [*names, "inner"], endless=True, leaves=6)
    rules = {name: draw(body) for name in names}
    rules["inner"] = draw(fenced(nodes(terminals(endless=True), [], endless=True, leaves=4)))
    return ir.Grammar(start=ir.Reference("r0"), rules=rules)


def segmented_language(grammar: ir.Grammar) -> frozenset[tuple[Segment, ...]]:
    """Every way to write a text of a grammar as texts of terminals; special tokens are capital letters."""

    @cache
    def language(node: ir.Node) -> frozenset[tuple[Segment, ...]]:
        match node:
            case ir.Terminal(ir.Longest(accepted, tracked, unended, barred, unfinished, marks, apart)):
                words = expression_language(accepted, LONGEST) - {""}
                broken = expression_language(tracked, LONGEST) | ended(unended)
                behind = (expression_language(barred, LONGEST) if barred else frozenset()) | ended(unfinished)
                behind |= {MARK + name.decode() for name in marks} | {APART + name.decode() for name in apart}
                return frozenset(((word, rest_of(broken, word) | (behind - {""})),) for word in words)
            case ir.Terminal(expression):
                assert not isinstance(expression, ir.Longest)
                return frozenset(((word, frozenset()),) for word in expression_language(expression, LONGEST))
            case ir.Sequence(parts):
                return joined([language(part) for part in parts])
            case ir.Choice(options):
                return frozenset().union(*map(language, options))
            case ir.Repetition(inner, low, high):
                assert high is not None
                return frozenset().union(*(joined([language(inner)] * count) for count in range(low, high + 1)))
            case ir.Reference(name):
                return language(grammar.rules[name])
            case ir.Scope(inner):
                inside = segmented_language(inner)
                return joined([frozenset({(OPEN,)}), inside, frozenset({(CLOSE,)})])
            case ir.SpecialToken(name):
                return frozenset({((NAMES[name], frozenset()),)})
            case _:
                raise TooLarge

    return language(grammar.start)


def ended(words: ir.Expression | None) -> frozenset[str]:
    return frozenset(word + END for word in expression_language(words, LONGEST)) if words else frozenset()


def rest_of(words: frozenset[str], beginning: str) -> frozenset[str]:
    return frozenset(word[len(beginning) :] for word in words if word.startswith(beginning) and word != beginning)


def joined(parts: list[frozenset[tuple[Segment, ...]]]) -> frozenset[tuple[Segment, ...]]:
    result: frozenset[tuple[Segment, ...]] = frozenset({()})
    for part in parts:
        if len(result) * len(part) > MOST:
            raise TooLarge
        result = frozenset(tuple(s for s in (*x, *y) if s[0]) for x, y in itertools.product(result, part))
    return result


def obliged_texts(grammar: ir.Grammar) -> frozenset[str]:
    """The texts of a grammar, by what the docstring of `kernel/table.py` says."""
    ways = (way for way in segmented_language(grammar) if keeps(way))
    return frozenset("".join(word for word, _ in way if (word, frozenset()) not in (OPEN, CLOSE)) for way in ways)


def keeps(way: tuple[Segment, ...]) -> bool:
    """`left`: what must not follow; END in it stands for the end, MARK for what is kept apart.

    A fence that nothing was left before has its own.
    """
    left: frozenset[str] = frozenset()
    fences: list[bool] = []
    for word, broken in way:
        if (word, broken) == OPEN:
            fences.append(not left)
        elif (word, broken) == CLOSE:
            ends = fences.pop()
            if ends and END in left:
                return False
            left = frozenset() if ends else left
        elif word.isupper():
            if END in left:
                return False
            left = frozenset()
        else:
            apart = {one for one in broken if one.startswith(APART)}
            if any(word.startswith(one) or APART + one.removeprefix(MARK) in apart for one in left):
                return False
            left = rest_of(left, word) | (broken - apart)
    return END not in left


def compile_or_none(grammar: ir.Grammar, kernel: str) -> Compiled | None:
    try:
        return compile_grammar(grammar, kernel, VOCABULARY, FEW)
    except UnsatisfiableSchema:
        return None


@given(grammar=finite_grammars())
@examples(250)
def test_finite_languages(kernel: str, grammar: ir.Grammar) -> None:
    """The whole language is listed, so that the answers are final: masks, acceptance, shortest ends."""
    try:
        language = obliged_texts(grammar)
    except TooLarge:
        reject()
    assume(len(language) <= 300)
    assume(all(len(word) < LONGEST for word in language))
    compiled = compile_or_none(grammar, kernel)
    assert (compiled is None) == (not language)
    if compiled is None:
        return
    queue: deque[tuple[InspectableState, frozenset[str]]] = deque([(compiled.start(), frozenset({""}))])
    for _ in range(40):
        if not queue:
            return
        state, texts = queue.popleft()
        expected = {
            token
            for token in range(len(TOKENS))
            if any(word.startswith(more) for more in extended(texts, token) for word in language)
        }
        assert allowed(state, VOCABULARY) == expected
        assert state.accepting == any(written in language for written in texts)
        check_shortest(state, texts, language)
        for token in range(len(TOKENS)):
            following = state.advance(token)
            assert (following is not None) == (token in expected)
            if following is not None:
                queue.append((following, extended(texts, token)))


@given(grammar=recursive_grammars(), seed=st.integers(0, 99))
@examples(120)
def test_kernels_agree(grammar: ir.Grammar, seed: int) -> None:
    pytest.importorskip("guidedgen.kernel._native", reason="the native kernel is not built: run `make native`")
    compiled = []
    for kernel in ("native", "reference"):
        try:
            compiled.append(compile_grammar(grammar, kernel, REALISTIC, FEW))
        except UnsatisfiableSchema:
            compiled.append(None)
        except LimitExceeded:
            reject()
    assert (compiled[0] is None) == (compiled[1] is None)
    if compiled[0] is not None and compiled[1] is not None:
        walk_both((compiled[0], compiled[1]), REALISTIC, random.Random(seed), 8)


LETTERS = ir.Repeat(byte_set(b"abcdefghijklmnopqrstuvwxyz"), 1, None)
DIGITS = ir.Repeat(byte_set(b"0123456789"), 1, None)
NAME = ir.Terminal(ir.Longest(LETTERS, LETTERS), "NAME")


def test_a_longest_match_is_followed_by_nothing_that_would_have_made_it_longer(kernel: str) -> None:
    compiled = compile_grammar(ir.Sequence((NAME, ir.Choice((NAME, ir.Terminal(DIGITS))))), kernel)
    assert accepts(compiled, b"ab12")
    assert not accepts(compiled, b"abc")


def test_a_grammar_in_which_every_way_on_is_forbidden_produces_nothing(kernel: str) -> None:
    with pytest.raises(UnsatisfiableSchema):
        compile_grammar(ir.Sequence((NAME, text(b"end"))), kernel)


def test_a_text_that_leads_nowhere_is_not_begun(kernel: str) -> None:
    """After "b" the dot may come, after "a" nothing that is expected may."""
    first = ir.Union((ir.Repeat(ir.Literal(b"a"), 1, None), ir.Literal(b"b")))
    compiled = compile_grammar(ir.Sequence((ir.Terminal(ir.Longest(first, first)), text(b"ac"))), kernel)
    assert after(compiled, b"a") is None
    assert accepts(compiled, b"bac")


def test_an_obligation_outlives_the_next_terminal(kernel: str) -> None:
    """ "a" is read as far as it goes; "ab" would go on, if "c" followed."""
    whole = ir.Union((ir.Literal(b"a"), ir.Literal(b"abc")))
    tail = ir.Choice((text(b"c"), text(b"d")))
    compiled = compile_grammar(ir.Sequence((ir.Terminal(ir.Longest(whole, whole)), text(b"b"), tail)), kernel)
    assert accepts(compiled, b"abd")
    assert not accepts(compiled, b"abc")
    assert accepts(compiled, b"abcbd")


def test_a_special_token_ends_obligations(kernel: str) -> None:
    grammar = ir.Sequence((ir.Terminal(ir.Longest(LETTERS, LETTERS)), ir.SpecialToken("<s>"), text(b"a")))
    state = compile_grammar(grammar, kernel, VOCABULARY).start().advance_bytes(b"ab")
    assert state is not None
    named = state.advance(VOCABULARY.special["<s>"])
    assert named is not None
    assert named.advance_bytes(b"a") is not None


def test_recursion_under_obligations(kernel: str) -> None:
    """Names and calls: `f(x)(y)` but no two names in a row, however deep."""
    call = ir.Sequence((ir.Reference("e"), text(b"("), ir.Reference("e"), text(b")")))
    grammar = ir.Grammar(start=ir.Reference("e"), rules={"e": ir.Choice((NAME, call))})
    compiled = compile_grammar(grammar, kernel)
    assert accepts(compiled, b"f(g(x)(y))(z)")
    assert after(compiled, b"f(x y") is None
    state = after(compiled, b"f(g(x")
    assert state is not None
    assert bytes(state.shortest()) == b"))"


def test_a_fence_ends_what_its_terminals_oblige_the_rest_to(kernel: str) -> None:
    """`abc` is a name and "c", however the name is read where it stands alone; within the fence nothing changes."""
    name = ir.Scope(ir.Grammar(start=ir.Sequence((NAME, ir.Repetition(NAME, 0, 1)))), fenced=True)
    compiled = compile_grammar(ir.Sequence((name, text(b"c"))), kernel)
    assert accepts(compiled, b"abc")
    assert accepts(compiled, b"cc")
    assert not accepts(compiled, b"c")


def test_a_text_that_must_go_on_cannot_end(kernel: str) -> None:
    """A name in front of "(": not at the end, not before a special token, and not as the last text of a fence."""
    other = ir.ByteSet(((1 << 256) - 1) & ~(1 << ord("(")))
    called = ir.Terminal(ir.Longest(LETTERS, ir.Concat((LETTERS, other)), LETTERS), "CALLED")
    rest = ir.Choice((text(b"(x)"), text(b"!"), ir.SpecialToken("<s>"), ir.Sequence(())))
    compiled = compile_grammar(ir.Sequence((called, rest)), kernel, REALISTIC)
    state = compiled.start().advance_bytes(b"ab")
    assert state is not None
    assert not state.accepting
    assert state.advance_bytes(b"!") is None
    assert state.advance(REALISTIC.special["<s>"]) is None
    assert accepts(compiled, b"ab(x)")
    alone = ir.Scope(ir.Grammar(start=called), fenced=True)
    with pytest.raises(UnsatisfiableSchema):
        compile_grammar(ir.Sequence((alone, text(b"(x)"))), kernel)

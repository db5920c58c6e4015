"""Explicit automata: what both kernels read, how tables of them are built and checked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.errors import CompileError, LimitExceeded, UnsatisfiableSchema
from guidedgen.grammars import ir
from guidedgen.grammars.lower import lower
from guidedgen.kernel import compile_table
from guidedgen.kernel.automata import UNITS, span_automaton, word_automaton
from guidedgen.kernel.reference.automata import table_of
from guidedgen.limits import Limits
from guidedgen.testing import ExplicitConstraint, byte_vocabulary, check_constraint

BYTES = byte_vocabulary()
PIECES = byte_vocabulary([b"ab", b" a", b"a b", b"b\n", b"\xc3", b"\xa9a", b"aa"])
PATTERNS = {"characters": "(?s:.)", "words": r"[^ \t\n\r\f\v]+", "lines": r"[^\n\r]+"}


def constraint(expression: ir.Expression, kernel: str, vocabulary: Any = BYTES) -> Any:
    table = lower(ir.Grammar(start=ir.Terminal(expression)), special={}, limits=Limits())
    return compile_table(table, vocabulary, implementation=kernel)


def spans(text: str, unit: str) -> set[str]:
    """Every span from the beginning of a unit to the end of one."""
    parts = [match.span() for match in re.finditer(PATTERNS[unit], text)]
    return {text[start:stop] for start, _ in parts for _, stop in parts if start < stop}


def accepted(start: Any, texts: set[str]) -> set[str]:
    return {text for text in texts if (after := start.advance_bytes(text.encode())) is not None and after.accepting}


def everything(start: Any, limit: int) -> set[bytes]:
    """All texts that a position accepts; fails where there are more than `limit`."""
    found, waiting = set(), [(b"", start)]
    while waiting:
        text, state = waiting.pop()
        if state.accepting:
            found.add(text)
        assert len(found) <= limit
        allowed = int.from_bytes(state.allowed_bytes(), "little")
        following = [bytes([byte]) for byte in range(256) if allowed >> byte & 1]
        waiting += [(text + byte, state.advance_bytes(byte)) for byte in following]
    return found


@pytest.mark.parametrize("builder", ["native", "reference"])
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("text", ["abab a", " ab  abc ab\nab\n\n", "é\N{EURO SIGN}é aé", "a", "aaaa", "in into in"])
def test_spans_of_a_text(text: str, unit: str, builder: str, kernel: str) -> None:
    made = constraint(ir.Automaton(span_automaton(text, unit, most=1000, implementation=builder)), kernel)
    expected = {span.encode() for span in spans(text, unit)}
    assert everything(made.start(), len(expected)) == expected


@given(st.text("ab \né", max_size=30), st.sampled_from(UNITS))
def test_both_builders_make_the_same_language(text: str, unit: str) -> None:
    expected = {span.encode() for span in spans(text, unit)}
    for builder in ("native", "reference"):
        expression = ir.Automaton(span_automaton(text, unit, most=1000, implementation=builder))
        if not expected:
            with pytest.raises(UnsatisfiableSchema):
                constraint(expression, "native")
        else:
            assert everything(constraint(expression, "native").start(), len(expected)) == expected


@pytest.mark.parametrize("builder", ["native", "reference"])
@pytest.mark.parametrize("words", [["a"], ["", "a", "ab", "abc"], ["b", "a", "ab", "é", "éa"], ["abc", "xbc"]])
def test_words(words: list[str], builder: str, kernel: str) -> None:
    table = word_automaton((word.encode() for word in words), most=100, implementation=builder)
    made = constraint(ir.Automaton(table), kernel)
    assert everything(made.start(), len(words)) == {word.encode() for word in words}


@pytest.mark.parametrize("unit", UNITS)
def test_masks_are_those_of_the_texts_one_by_one(unit: str, kernel: str) -> None:
    text = "ab a bé\naa b ab\n\nba"
    made = constraint(ir.Automaton(span_automaton(text, unit, most=1000)), kernel, PIECES)
    check_constraint(made, PIECES, walks=6)
    oracle = ExplicitConstraint(frozenset(span.encode() for span in spans(text, unit)), PIECES)
    state: Any = made.start()
    slow: Any = oracle.start()
    for token in [*PIECES.encode("a bé")[:2], *"é".encode()]:
        assert (state.mask() == slow.mask()).all()
        state, slow = state.advance(token), slow.advance(token)
        if state is None or slow is None:
            break
    assert (state is None) == (slow is None)


def test_an_automaton_inside_other_expressions(kernel: str) -> None:
    span = ir.Automaton(span_automaton("abcabd", "characters", most=1000))
    two = ir.Repeat(ir.ByteSet((1 << 256) - 1), 2, 2)
    expression = ir.Concat((ir.Literal(b"<"), ir.Intersection((span, two)), ir.Union((ir.Literal(b">"), span))))
    made = constraint(expression, kernel, PIECES)
    check_constraint(made, PIECES, walks=6)
    pairs = {text for text in spans("abcabd", "characters") if len(text) == 2}
    rests = {">", *spans("abcabd", "characters")}
    texts = {f"<{pair}{rest}" for pair in pairs for rest in rests}
    assert accepted(made.start(), texts | {"<a>", "<ac>", "<abx", "<ab"}) == texts


def test_ways_without_an_end_are_cut(kernel: str) -> None:
    table = table_of([{97: 1, 98: 2}, {97: 2}, {98: 2}, {}], [False, True, False, True])
    made = constraint(ir.Automaton(table), kernel)
    assert everything(made.start(), 1) == {b"a"}
    with pytest.raises(UnsatisfiableSchema):
        constraint(ir.Automaton(table_of([{97: 0}], [False])), kernel)


def test_shortest_completions(kernel: str) -> None:
    made = constraint(ir.Automaton(word_automaton([b"xaaaa", b"xbb", b"yc"], most=100)), kernel)
    assert bytes(made.start().shortest()) == b"yc"
    after = made.start().advance(ord("x"))
    assert after is not None
    assert bytes(after.shortest()) == b"bb"
    assert after.mask(2).tolist() != after.mask(4).tolist()


GOOD = table_of([{97: 1, 98: 1}, {97: 0}], [False, True]).tolist()
BROKEN = {
    "no states": [0, 0, 0, -1, 0],
    "another size": [*GOOD, 0],
    "impossible counts": [*GOOD[:2], 3, 2, *GOOD[4:]],
    "edges run on": [*GOOD[:6], 9, *GOOD[7:]],
    "edges fall back": [*GOOD[:5], 3, 2, *GOOD[7:]],
    "a byte too large": [*GOOD[:7], 2 << 16, *GOOD[8:]],
    "a byte below zero": [*GOOD[:7], -1, *GOOD[8:]],
    "a range that ends before it begins": [*GOOD[:7], 98 | 97 << 8, *GOOD[8:]],
    "a state too far": [*GOOD[:8], 7, *GOOD[9:]],
    "edges in the wrong order": [*GOOD[:7], *GOOD[9:11], *GOOD[7:9], *GOOD[11:]],
    "edges that overlap": [*GOOD[:7], 97 | 98 << 8, *GOOD[8:]],
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_broken_tables_are_refused(name: str, kernel: str) -> None:
    table = lower(ir.Grammar(start=ir.Terminal(ir.Automaton(np.array(GOOD)))), special={}, limits=Limits())
    broken = replace(table, pool=np.array(BROKEN[name], dtype=np.int32))
    rows = table.exprs.copy()
    rows[0, 2] = len(BROKEN[name])
    with pytest.raises(CompileError):
        compile_table(replace(broken, exprs=rows), BYTES, implementation=kernel)
    rows[0, 1] = 5
    with pytest.raises(CompileError):
        compile_table(replace(table, exprs=rows), BYTES, implementation=kernel)


def test_counts_that_are_no_interval_are_refused() -> None:
    steps: list[dict[int, int]] = [{97: 1, 98: 3}, {97: 2}, {97: 3}, {}]
    gap = table_of(steps, [True, False, False, True], counts=[{97}, {97}, {97}, set()], bounds=(1, 3))
    circle = table_of([{97: 0}], [True], counts=[{97}], bounds=(1, 3))
    for table, problem in ((gap, "skips counts"), (circle, "circles")):
        with pytest.raises(CompileError, match=problem):
            constraint(ir.Automaton(table), "native")


@pytest.mark.parametrize("builder", ["native", "reference"])
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(("least", "greatest"), [(1, 1), (2, None), (2, 3), (1, 2), (4, 9)])
def test_counted_spans(unit: str, least: int, greatest: int | None, builder: str, kernel: str) -> None:
    text = "in into in a\nb in é into\n\nin"
    parts = [match.span() for match in re.finditer(PATTERNS[unit], text)]
    expected = {
        text[start:stop].encode()
        for first, (start, _) in enumerate(parts)
        for count, (_, stop) in enumerate(parts[first:], start=1)
        if least <= count <= (greatest or count)
    }
    table = span_automaton(text, unit, least=least, greatest=greatest, most=1000, implementation=builder)
    if not expected:
        with pytest.raises(UnsatisfiableSchema):
            constraint(ir.Automaton(table), kernel)
        return
    made = constraint(ir.Automaton(table), kernel, PIECES)
    assert everything(made.start(), len(expected)) == expected
    check_constraint(made, PIECES, walks=3, length=8)
    assert len(bytes(b for token in made.start().shortest() for b in PIECES.token_bytes(token))) == min(
        map(len, expected)
    )


@pytest.mark.parametrize("builder", ["native", "reference"])
def test_too_many_states(builder: str) -> None:
    with pytest.raises(LimitExceeded, match="states"):
        span_automaton("abcdefgh", "characters", most=5, implementation=builder)
    with pytest.raises(LimitExceeded, match="states"):
        word_automaton([b"abcdefgh"], most=5, implementation=builder)

"""No table, however broken, crashes a kernel: it is refused with the place and the reason before a kernel sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.errors import CompileError, LimitExceeded
from guidedgen.grammars import ir
from guidedgen.grammars.lower import lower
from guidedgen.grammars.specs import Lark
from guidedgen.kernel import compile_table
from guidedgen.kernel.table import ExprOp, GrammarTable, SymOp
from guidedgen.limits import Limits
from tests.kernel.helpers import BYTES, LIMITS, byte_set, compile_grammar, text
from tests.kernel.naive import VOCABULARY
from tests.kernel.strategies import examples, recursive_grammars


def table(**changes: Any) -> GrammarTable:
    """A table for `ab` with some arrays replaced by lists of rows."""
    base = GrammarTable(
        exprs=np.array([[ExprOp.BYTES, 0, 0], [ExprOp.LITERAL, 0, 2]], dtype=np.int32),
        symbols=np.array([[SymOp.TERMINAL, 1, 0]], dtype=np.int32),
        pool=np.array([0, 1, -1], dtype=np.int32),
        byte_sets=np.full((1, 32), 255, dtype=np.uint8),
        literals=b"ab",
        start=0,
    )
    arrays = {
        name: np.array(rows, dtype=np.int32) if isinstance(rows, list) else rows for name, rows in changes.items()
    }
    return replace(base, **arrays)


def unordered(row: list[int], count: int | None = None) -> GrammarTable:
    """A table whose symbols are a terminal and an UNORDERED with this pool row."""
    members = (len(row) - 4) // 2 if count is None else count
    return table(symbols=[[SymOp.TERMINAL, 1, 0], [SymOp.UNORDERED, 0, members]], pool=row, start=1)


MALFORMED = {
    "opcode of an expression": table(exprs=[[99, 0, 0], [0, 0, 0]]),
    "negative opcode": table(exprs=[[-1, 0, 0], [0, 0, 0]]),
    "byte set out of range": table(exprs=[[ExprOp.BYTES, 1, 0], [0, 0, 0]]),
    "literal out of range": table(exprs=[[ExprOp.LITERAL, 1, 2], [0, 0, 0]]),
    "negative literal": table(exprs=[[ExprOp.LITERAL, 1, -1], [0, 0, 0]]),
    "literal that overflows": table(exprs=[[ExprOp.LITERAL, 2**31 - 1, 2**31 - 1], [0, 0, 0]]),
    "expression that is its own child": table(exprs=[[ExprOp.NOT, 0, 0], [0, 0, 0]]),
    "forward child": table(exprs=[[ExprOp.NOT, 1, 0], [0, 0, 0]]),
    "negative child": table(exprs=[[ExprOp.NOT, -1, 0], [0, 0, 0]]),
    "forward child in a list": table(exprs=[[ExprOp.OR, 1, 1], [0, 0, 0]]),
    "negative child in a list": table(exprs=[[0, 0, 0], [ExprOp.OR, 2, 1]]),
    "list out of the pool": table(exprs=[[0, 0, 0], [ExprOp.CONCAT, 2, 2]]),
    "negative list": table(exprs=[[0, 0, 0], [ExprOp.AND, 0, -1]]),
    "counts out of the pool": table(exprs=[[0, 0, 0], [ExprOp.REPEAT, 0, 2]]),
    "maximum below minimum": table(exprs=[[0, 0, 0], [ExprOp.REPEAT, 0, 0]], pool=[3, 2]),
    "negative minimum": table(exprs=[[0, 0, 0], [ExprOp.REPEAT, 0, 0]], pool=[-1, 2]),
    "maximum below -1": table(exprs=[[0, 0, 0], [ExprOp.REPEAT, 0, 0]], pool=[0, -2]),
    "opcode of a symbol": table(symbols=[[7, 0, 0]]),
    "terminal out of range": table(symbols=[[SymOp.TERMINAL, 2, 0]]),
    "rule out of range": table(symbols=[[SymOp.RULE, 1, 0]]),
    "negative rule": table(symbols=[[SymOp.RULE, -1, 0]]),
    "cycle without a rule": table(symbols=[[SymOp.SEQUENCE, 0, 1]]),
    "forward choice": table(symbols=[[SymOp.CHOICE, 1, 1], [SymOp.TERMINAL, 1, 0]]),
    "repetition of itself": table(symbols=[[SymOp.REPETITION, 0, 0]]),
    "token out of range": table(symbols=[[SymOp.TOKEN, 0, 1]], pool=[256]),
    "negative token": table(symbols=[[SymOp.TOKEN, 0, 1]], pool=[-1]),
    "limit of no token": table(symbols=[[SymOp.LIMITED, 1, 0]]),
    "limit on a longest match": table(exprs=[[1, 0, 0], [ExprOp.LONGEST, 0, 0]], symbols=[[SymOp.LIMITED, 1, 3]]),
    "members out of the pool": unordered([0, -1, 0, -1, 0, 1], count=2),
    "no room for the bounds": unordered([0, -1, 0], count=0),
    "negative number of members": unordered([0, -1, 0, -1], count=-1),
    "forward separator": unordered([1, -1, 0, -1]),
    "negative separator": unordered([-1, -1, 0, -1]),
    "forward rest": unordered([0, 1, 0, -1]),
    "negative rest": unordered([0, -2, 0, -1]),
    "forward member": unordered([0, 0, 0, -1, 1, 0]),
    "negative member": unordered([0, 0, 0, -1, -1, 0]),
    "neither required nor optional": unordered([0, 0, 0, -1, 0, 2]),
    "more items than most": unordered([0, 0, 3, 2, 0, 1]),
    "fewer than no items": unordered([0, 0, -1, 2, 0, 1]),
    "most items below -1": unordered([0, 0, 0, -2, 0, 1]),
    "start out of range": table(start=1),
    "negative start": table(start=-1),
    "start that is no number": table(start="0"),
    "start that is no whole number": table(start=0.0),
    "no symbols": table(symbols=np.zeros((0, 3), dtype=np.int32)),
    "wrong dtype": table(exprs=np.zeros((2, 3), dtype=np.int64)),
    "wrong shape": table(symbols=np.zeros((3,), dtype=np.int32)),
    "wrong columns": table(byte_sets=np.zeros((1, 31), dtype=np.uint8)),
    "no array": table(pool=(0, 1)),
    "text for bytes": table(literals="ab"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_tables_are_refused(kernel: str, name: str) -> None:
    with pytest.raises(CompileError):
        compile_table(MALFORMED[name], BYTES, implementation=kernel)


def test_the_base_of_these_tables_is_fine(kernel: str) -> None:
    assert compile_table(table(), BYTES, implementation=kernel).start().forced() == (ord("a"), ord("b"))
    assert compile_table(unordered([0, -1, 1, -1, 0, 1]), BYTES, implementation=kernel).start().forced() == (97, 98)


@pytest.mark.parametrize("place", ["separator", "rest", "member"])
def test_items_that_may_be_empty_are_refused(kernel: str, place: str) -> None:
    item, empty = text(b"a"), ir.Terminal(ir.Repeat(ir.Literal(b"a"), 0, 1))
    node = ir.Unordered(
        (ir.Member(empty if place == "member" else item, required=False),),
        empty if place == "rest" else item,
        empty if place == "separator" else item,
    )
    with pytest.raises(CompileError):
        compile_grammar(ir.Sequence((node, item)), kernel)


def test_a_terminal_of_an_automaton_that_may_be_empty_is_refused(kernel: str) -> None:
    """Found by fuzzing: the shortest completion did not complete."""
    made = Lark('start: A start | "b"\nA: "a"', parser="lalr").translate(Limits()).grammar
    assert made is not None
    assert isinstance(made.start, ir.Lalr)
    maybe = ir.Terminal(ir.Repeat(ir.Literal(b"a"), 0, 1))
    node = replace(made.start, terminals=(maybe, *made.start.terminals[1:]))
    with pytest.raises(CompileError, match="empty"):
        compile_grammar(node, kernel)


def test_strided_and_readonly_arrays_are_fine(kernel: str) -> None:
    wide = np.zeros((2, 6), dtype=np.int32)
    wide[:, ::2] = table().exprs
    readonly = table().pool.copy()
    readonly.flags.writeable = False
    compiled = compile_table(table(exprs=wide[:, ::2], pool=readonly), BYTES, implementation=kernel)
    assert compiled.start().forced() == (ord("a"), ord("b"))


@given(grammar=recursive_grammars(), data=st.data())
@examples(150)
def test_corrupted_tables_never_crash(kernel: str, grammar: ir.Grammar, data: st.DataObject) -> None:
    """One number of a good table is overwritten: the table is refused, or means something else within its limits."""
    whole = lower(grammar, special=VOCABULARY.special, limits=LIMITS)
    name = data.draw(st.sampled_from(["exprs", "symbols", "pool"]))
    array = getattr(whole, name).copy()
    if array.size:
        at = data.draw(st.integers(0, array.size - 1))
        array.flat[at] = data.draw(st.integers(-3, 12) | st.sampled_from([-(2**31), 2**31 - 1]))
    limits = Limits(states=2_000, expressions=20_000, symbols=20_000, steps=1_000_000)
    try:
        state = compile_table(replace(whole, **{name: array}), VOCABULARY, limits=limits, implementation=kernel).start()
        for byte in b"abcab":
            state.mask()
            following = state.advance_bytes(bytes([byte]))
            if following is None:
                break
            state = following
    except (CompileError, LimitExceeded):
        return


def nested_expression(depth: int) -> ir.Node:
    node: ir.Expression = ir.Literal(b"a")
    for level in range(depth):
        node = ir.Union((ir.Concat((node, ir.Literal(b"b"))), ir.Literal(b"c"))) if level % 2 else ir.Repeat(node, 0, 2)
    return ir.Terminal(node)


def nested_symbols(depth: int) -> ir.Node:
    node: ir.Node = text(b"a")
    for _ in range(depth):
        node = ir.Sequence((text(b"("), node, text(b")")))
    return node


@cache
def deep_table(nested: Callable[[int], ir.Node]) -> GrammarTable:
    return lower(ir.Grammar(start=nested(100_000)), special={}, limits=LIMITS)


@pytest.mark.parametrize("nested", [nested_expression, nested_symbols])
def test_deep_nesting_is_a_limit_not_a_crash(kernel: str, nested: Callable[[int], ir.Node]) -> None:
    with pytest.raises(LimitExceeded, match="depth"):
        compile_table(deep_table(nested), BYTES, implementation=kernel)


def nested_brackets(depth: int) -> ir.Node:
    node: ir.Expression = ir.Literal(b"a")
    for _ in range(depth // 2):
        node = ir.Union((ir.Concat((ir.Literal(b"("), node, ir.Literal(b")"))), ir.Literal(b"c")))
    return ir.Terminal(node)


@pytest.mark.parametrize("nested", [nested_brackets, nested_symbols])
def test_what_the_depth_limit_allows_works(kernel: str, nested: Callable[[int], ir.Node]) -> None:
    state = compile_grammar(nested(3_000), kernel).start()
    for _ in range(1_400):
        following = state.advance_bytes(b"(")
        assert following is not None
        state = following
    assert state.mask().any()
    assert len(state.shortest()) >= 1_400


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (Limits(expressions=2), "expressions"),
        (Limits(symbols=1), "symbols"),
        (Limits(repeat=9), "repeat"),
    ],
)
def test_limits_on_the_table(kernel: str, limits: Limits, name: str) -> None:
    node = ir.Sequence(
        (
            ir.Terminal(ir.Repeat(ir.Union((ir.Literal(b"a"), ir.Literal(b"bc"))), 0, 10)),
            ir.Repetition(text(b"x"), 0, 10),
        )
    )
    whole = lower(ir.Grammar(start=node), special={}, limits=LIMITS)
    with pytest.raises(LimitExceeded, match=name) as caught:
        compile_table(whole, BYTES, limits=limits, implementation=kernel)
    assert caught.value.limit == name


def test_limit_on_the_search_for_a_text(kernel: str) -> None:
    """`.*a.{18}b.*` without `.*a.{18}(b|ba).*`: empty, but only 2^18 derivatives show it."""
    letters = byte_set(b"ab")
    many, gap = ir.Repeat(letters, 0, None), ir.Repeat(letters, 18, 18)
    one = ir.Concat((many, ir.Literal(b"a"), gap, ir.Literal(b"b"), many))
    same = ir.Concat((many, ir.Literal(b"a"), gap, ir.Union((ir.Literal(b"b"), ir.Literal(b"ba"))), many))
    hard = ir.Intersection((one, ir.Complement(same)))
    with pytest.raises(LimitExceeded) as caught:
        compile_grammar(ir.Terminal(hard), kernel, limits=Limits(states=1_000, expressions=100_000)).start().shortest()
    assert caught.value.limit in ("states", "expressions")

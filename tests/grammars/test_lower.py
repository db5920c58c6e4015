"""Lowering: what the table holds, what is refused, and that nesting cannot overflow a stack."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from guidedgen.errors import CompileError, LimitExceeded
from guidedgen.grammars import ir
from guidedgen.grammars.lower import lower
from guidedgen.kernel.table import ExprOp, GrammarTable, SymOp
from guidedgen.limits import Limits

A = ir.Literal(b"a")


def table_of(
    start: ir.Node, rules: Mapping[str, ir.Node] | None = None, special: Mapping[str, int] | None = None
) -> GrammarTable:
    return lower(ir.Grammar(start=start, rules=rules or {}), special=special or {}, limits=Limits())


def test_every_expression() -> None:
    parts: tuple[ir.Expression, ...] = (
        ir.Nothing(), ir.Epsilon(), ir.ByteSet(0b1010), A, ir.Concat((A, ir.Epsilon())), ir.Union((A, ir.Epsilon())),
        ir.Complement(A), ir.Repeat(A, 2, None), ir.Repeat(A, 0, 5), ir.Automaton(np.array([1, 0, 0, -1, 0, 0, 1])),
    )  # fmt: skip
    table = table_of(ir.Terminal(ir.Intersection(parts)))
    ops = [ExprOp(op) for op in table.exprs[:, 0]]
    assert sorted(ops) == sorted([*(set(ExprOp) - {ExprOp.LONGEST}), ExprOp.REPEAT])  # it is the whole of a terminal
    assert table.literals == b"a"
    assert table.byte_sets.tolist() == [[0b1010, *[0] * 31]]
    repeats = [table.pool[b : b + 2].tolist() for op, _, b in table.exprs if op == ExprOp.REPEAT]
    assert repeats == [[2, -1], [0, 5]]


def test_equal_expressions_are_stored_once() -> None:
    table = table_of(ir.Terminal(ir.Union(tuple(ir.Concat((ir.Literal(b"x"), ir.ByteSet(6))) for _ in range(10)))))
    assert len(table.exprs) == 4


def test_shared_nodes_are_lowered_once() -> None:
    node: ir.Node = ir.Terminal(A)
    for _ in range(60):
        node = ir.Sequence((node, node))
    assert len(table_of(node).symbols) == 61


def test_rules_are_the_only_forward_references() -> None:
    rules = {
        "s": ir.Choice((ir.Terminal(A, "LETTER"), ir.Sequence((ir.Reference("t"), ir.Reference("s"))))),
        "t": ir.Terminal(A),
    }
    table = table_of(ir.Reference("s"), rules)
    for row, (op, a, b) in enumerate(table.symbols.tolist()):
        if op in (SymOp.SEQUENCE, SymOp.CHOICE):
            assert all(child < row for child in table.pool[a : a + b])
    names = {label: SymOp(table.symbols[row, 0]) for row, label in table.labels.items()}
    assert names == {"s": SymOp.RULE, "t": SymOp.RULE, "LETTER": SymOp.TERMINAL}
    assert table.labels[table.start] == "s"


def test_unreached_rules_are_left_out() -> None:
    assert len(table_of(ir.Terminal(A), {"unused": ir.Reference("undefined")}).symbols) == 1


def test_special_tokens() -> None:
    table = table_of(ir.SpecialToken("<s>"), special={"<s>": 7})
    assert table.symbols.tolist() == [[SymOp.TOKEN, 0, 1]]
    assert table.pool.tolist() == [7]


def test_unknown_special_token() -> None:
    with pytest.raises(CompileError, match=r"'<im_end>'.*'<\|im_end\|>'"):
        table_of(ir.SpecialToken("<im_end>"), special={"<|im_end|>": 7})


def test_undefined_rule() -> None:
    with pytest.raises(CompileError, match=r"'valeu'.*'value'") as caught:
        table_of(ir.Reference("value"), {"value": ir.Reference("valeu")})
    assert caught.value.keyword == "valeu"


def test_maximum_below_minimum_is_the_empty_language() -> None:
    assert table_of(ir.Terminal(ir.Repeat(A, 3, 2))).exprs[-1, 0] == ExprOp.EMPTY
    assert table_of(ir.Repetition(ir.Terminal(A), 3, 2)).symbols[-1].tolist() == [SymOp.CHOICE, 0, 0]


@pytest.mark.parametrize(
    "node",
    [
        ir.Terminal(ir.Repeat(A, -1, 2)),
        ir.Repetition(ir.Terminal(A), -1, None),
        ir.Terminal(ir.ByteSet(1 << 256)),
        ir.Terminal(ir.ByteSet(-1)),
        ir.Sequence(("a",)),  # type: ignore[arg-type]
    ],
)
def test_malformed_nodes(node: ir.Node) -> None:
    with pytest.raises(CompileError):
        table_of(node)


@pytest.mark.parametrize(
    ("limits", "name"),
    [(Limits(repeat=3), "repeat"), (Limits(expressions=1), "expressions"), (Limits(symbols=1), "symbols")],
)
def test_limits(limits: Limits, name: str) -> None:
    node = ir.Sequence((ir.Terminal(ir.Repeat(A, 0, 4)), ir.Terminal(A)))
    with pytest.raises(LimitExceeded) as caught:
        lower(ir.Grammar(start=node), special={}, limits=limits)
    assert caught.value.limit == name


def test_deep_nesting() -> None:
    node: ir.Node = ir.Terminal(A)
    for _ in range(50_000):
        node = ir.Sequence((node,))
    assert len(table_of(node).symbols) == 50_001

"""Specs inside specs: texts and values of combinations, their laws, and random ones against regular expressions."""

from __future__ import annotations

import functools
import itertools
import re
from typing import Any, Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import guidedgen as gg
from guidedgen.describe_composites import describe_composite
from guidedgen.errors import CompileError, ValidationFailed
from guidedgen.grammars.combinators import part_of
from guidedgen.grammars.compile import compile
from guidedgen.limits import Limits
from guidedgen.outputs import describe_spec
from guidedgen.testing import accepts, byte_vocabulary, check_constraint

BYTES = byte_vocabulary()
PIECES = byte_vocabulary([b"ab", b"a,", b"ba", b"1]", b"[1", b", ", b'"a'])


class Point(BaseModel):
    x: int
    y: int


# A combination and the regular expression of its texts.
SHAPES: list[tuple[Any, str]] = [
    (gg.Sequence("a", gg.Regex("b?"), "a"), "ab?a"),
    (gg.Regex("a+") + "b" + gg.Regex("a*"), "a+ba*"),
    ("b" + gg.Regex("a+") | gg.Regex("b{2}") + "a", "ba+|bba"),
    (gg.Repeat(gg.Regex("ab?")), "(ab?)*"),
    (gg.Repeat("ab", 1, 2), "(ab){1,2}"),
    (gg.Repeat(gg.Regex("a*"), 2, 3, separator="b"), "a*ba*(ba*)?"),
    (gg.Repeat("a", 0, 2, separator="b"), "(a(ba)?)?"),
    (gg.Repeat("a", 0, 0, separator="b"), ""),
    (gg.Repeat("a", 3, separator=gg.Regex("b?")), "ab?ab?a(b?a)*"),
    (gg.Maybe("ab") + gg.Maybe(gg.Repeat("b", 1)), "(ab)?(b+)?"),
    (gg.Either("a", "ab", gg.Regex("b+")), "a|ab|b+"),
    (gg.Sequence(), ""),
    (gg.Sequence(str, "b"), "(?s:.*)b"),
    (gg.Repeat(gg.Either(gg.Sequence("a", gg.Maybe("b")), "bb"), 1, separator="a"), "(ab?|bb)(a(ab?|bb))*"),
]


@pytest.mark.parametrize(("spec", "pattern"), SHAPES)
def test_texts_are_those_of_the_regular_expression(spec: Any, pattern: str, kernel: str) -> None:
    start = compile(spec, BYTES, implementation=kernel).start()
    for length in range(8 if kernel == "native" else 6):
        for text in map("".join, itertools.product("ab", repeat=length)):
            after = start.advance_bytes(text.encode())
            valid = re.fullmatch(pattern, text) is not None
            assert (after is not None and after.accepting) == valid, text
            if valid:
                spec.parse(text)
            else:
                with pytest.raises(ValidationFailed):
                    spec.parse(text)


@pytest.mark.parametrize(("spec", "pattern"), SHAPES)
def test_the_laws_of_constraints(spec: Any, pattern: str, kernel: str) -> None:
    check_constraint(compile(spec, PIECES, implementation=kernel), PIECES, walks=3, length=10)


VALUES: list[tuple[Any, str, Any]] = [
    (gg.Sequence("n=", int), "n=3", 3),
    (gg.Sequence(int, ",", int), "3,4", (3, 4)),
    (gg.Sequence("a", "b"), "ab", "ab"),
    (gg.Sequence("x", gg.Named("x", int), " ", gg.Named("y", gg.Integer(ge=2))), "x1 2", {"x": 1, "y": 2}),
    (gg.Sequence(gg.Named("p", Point), ";", bool), '{"x": 1, "y": 2};true', {"p": Point(x=1, y=2)}),
    (gg.Regex("[0-9]") + "-" + gg.Regex("[0-9]") + "-" + gg.Regex("[0-9]"), "1-2-3", ("1", "2", "3")),
    (gg.Sequence((gg.Regex("1") + gg.Regex("2")), gg.Maybe("3")), "12", ("1", "2", None)),
    (gg.Repeat(int, 1, separator=", "), "1, 22, 3", [1, 22, 3]),
    (gg.Repeat(gg.Sequence(gg.Named("k", gg.Regex("[a-z]+")), "=", gg.Named("v", int), ";")), "a=1;b=2;",
     [{"k": "a", "v": 1}, {"k": "b", "v": 2}]),
    (gg.Either(int, gg.Regex("[0-9a-f]+")), "12", 12),
    (gg.Either(int, gg.Regex("[0-9a-f]+")), "1f", "1f"),
    (gg.Either("yes", "no"), "no", "no"),
    (gg.Maybe(int), "", None),
    (gg.Maybe(int), "7", 7),
    (gg.Sequence(["red", "green"], " ", Literal["big", "small"]), "red small", ("red", "small")),
    (gg.Sequence(str, "!", str), "a!b!c", ("a!b", "c")),
    (gg.Sequence(gg.Regex("a*"), gg.Regex("a*")), "aaa", ("aaa", "")),
    (gg.Repeat(gg.Regex("a|aa")), "aaa", ["aa", "a"]),
    (gg.Sequence("<", gg.Lark('start: "(" start ")" | "x"'), ">"), "<((x))>", "((x))"),
    (gg.Sequence("day ", gg.Date(), ", ", gg.Number(decimals=2)), "day 2024-02-29, 1.50", None),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "text", "value"), VALUES)
def test_values(spec: Any, text: str, value: Any) -> None:
    assert accepts(compile(spec, BYTES), text)
    parsed = spec.parse(text)
    assert (value is None and parsed is not None and text.startswith("day")) or parsed == value


def test_a_schema_inside_a_grammar_inside_a_text(kernel: str) -> None:
    inner = gg.JsonSchema({"type": "array", "items": {"type": "integer"}, "maxItems": 2})
    spec = "Result: " + gg.Named("data", gg.Repeat(inner, 1, 2, separator=" and ")) + gg.Regex("[.!]")
    constraint = compile(spec, PIECES, implementation=kernel)
    check_constraint(constraint, PIECES, walks=3, length=14)
    text = "Result: [1, 2] and []!"
    assert accepts(constraint, text)
    assert not accepts(constraint, "Result: [1, 2, 3]!")
    assert spec.parse(text) == {"data": [[1, 2], []]}
    assert constraint.report.exact
    assert {entry.keyword for entry in constraint.report} >= {"items", "maxItems"}


def test_two_grammars_with_rules_of_the_same_name(kernel: str) -> None:
    one, other = gg.Lark('start: "a" item\nitem: "1"'), gg.Lark('start: "b" item\nitem: "2"')
    constraint = compile(one + other, BYTES, implementation=kernel)
    assert accepts(constraint, "a1b2")
    assert not accepts(constraint, "a2b2")


def test_checks_of_parts_are_checks_of_the_whole() -> None:
    schema = {"type": "array", "items": {"type": "integer"}, "contains": {"const": 7}, "maxContains": 1, "minItems": 2}
    part = gg.JsonSchema(schema, on_unsupported="validate")
    spec = "<" + part + ">"
    constraint = compile(spec, BYTES)
    assert accepts(constraint, "<[7, 1]>")
    assert not accepts(constraint, "<[1, 1]>")
    assert spec.parse("<[7, 1]>") == [7, 1]


SHAPE = st.recursive(
    st.text("ab", max_size=3), lambda inner: st.tuples(inner, inner) | st.lists(inner, min_size=1, max_size=2)
)


@given(SHAPE)
def test_random_combinations(shape: Any) -> None:
    def made(shape: Any) -> tuple[Any, str]:
        if isinstance(shape, str):
            return part_of(shape), re.escape(shape)
        parts = [made(inner) for inner in shape]
        if isinstance(shape, tuple):
            return gg.Sequence(*(spec for spec, _ in parts)), "".join(f"(?:{pattern})" for _, pattern in parts)
        return gg.Repeat(gg.Either(*(spec for spec, _ in parts)), 0, 2), f"(?:{'|'.join(p for _, p in parts)}){{0,2}}"

    spec, pattern = made(shape)
    start = compile(spec, BYTES).start()
    for length in range(5):
        for text in map("".join, itertools.product("ab", repeat=length)):
            after = start.advance_bytes(text.encode())
            valid = re.fullmatch(pattern, text) is not None
            assert (after is not None and after.accepting) == valid
            if valid:
                spec.parse(text)


def test_special_tokens(kernel: str) -> None:
    vocabulary = byte_vocabulary(special=["<|a|>", "<|b|>"])
    spec = gg.Sequence(gg.SpecialToken("<|a|>"), gg.Named("n", int), "<|b|>.")
    constraint = compile(spec, vocabulary, implementation=kernel)
    state = constraint.start()
    assert state.forced() == (vocabulary.special["<|a|>"],)
    for token in (vocabulary.special["<|a|>"], *b"12", vocabulary.special["<|b|>"], ord(".")):
        after = state.advance(token)
        assert after is not None
        state = after
    assert state.accepting
    assert spec.parse("\udcff<|a|>\udcfe12\udcff<|b|>\udcfe.") == {"n": 12}
    assert spec.parse("<|a|>12<|b|>.") == {"n": 12}
    with pytest.raises(CompileError, match="no special token"):
        compile(spec, BYTES)


def test_what_the_model_is_told() -> None:
    spec = "Name: " + gg.Named("name", gg.Regex("[A-Z]+")) + gg.Maybe(", " + gg.Integer(ge=0)) + gg.Repeat(Point, 1)
    told = describe_composite(spec, lambda part: describe_spec(part, "short"))
    assert told is not None
    assert "Name: {name: text that matches [A-Z]+}{optional: , {an integer from 0}}{1 or more times: {...}}" in told
    assert "- x (integer)" in told


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gg.Sequence(gg.Named("a", int), gg.Named("a", int)), "called 'a'"),
        (lambda: gg.Either(), "at least one option"),
        (lambda: gg.Repeat("a", 2, 1), "from 2 to 1"),
        (lambda: gg.Repeat("a", -1), "from -1"),
        (lambda: gg.Sequence(3), "is not a type"),
        (lambda: gg.Sequence("\ud800"), "UTF-8"),
    ],
)
def test_mistakes(make: Any, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        make()


def test_nesting_has_a_limit() -> None:
    deepest: Any = functools.reduce(lambda spec, _: gg.Maybe(spec), range(100), cast(Any, gg.Regex("a")))
    assert deepest.parse("a") == "a"
    assert compile(deepest, BYTES).start().accepting
    with pytest.raises(CompileError, match="nested more than"):
        gg.Maybe(deepest)
    long: Any = gg.Regex("a")
    for _ in range(1000):
        long = long + "b"  # flat, however it was put together
    assert len(long.parts) == 1001
    assert compile(long, BYTES, limits=Limits()).start().accepting is False

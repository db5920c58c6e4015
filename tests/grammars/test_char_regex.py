"""Expressions over characters: what the builders simplify, emptiness, and the UTF-8 form through a kernel."""

import pytest

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.char_emptiness import is_empty
from guidedgen.grammars.char_set import CharSet
from tests.kernel.helpers import accepts, compile_grammar

A, B = CharSet.from_text("a"), CharSet.from_text("b")
WORD = cr.repeat(A | B, 0, None)
TEXTS = ["", "a", "b", "é", "ab", "ba", "aa", "é€", "aab", "bé😀"]
INVALID = [b"\xff", b"a\x80", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (cr.literal("aab"), {"aab"}),
        (cr.complement(cr.EPSILON), set(TEXTS) - {""}),
        (cr.complement(WORD), {"é", "é€", "bé😀"}),
        (cr.intersection([cr.complement(A), cr.complement(B)]), set(TEXTS) - {"a", "b"}),
        (cr.concat([cr.complement(A), B]), {"b", "aab"}),
        (cr.repeat(cr.complement(cr.union([A, B, cr.EPSILON])), 1, 1), set(TEXTS) - {"a", "b", ""}),
        (cr.intersection([WORD, cr.repeat(cr.ANY, 2, 2)]), {"ab", "ba", "aa"}),
        (cr.union([cr.EPSILON, cr.literal("é€")]), {"", "é€"}),
    ],
)
def test_utf8_forms_accept_the_right_texts(kernel: str, node: cr.Regex, expected: set[str]) -> None:
    compiled = compile_grammar(ir.Terminal(cr.to_utf8(node)), kernel)
    assert {text for text in TEXTS if accepts(compiled, text.encode())} == expected
    assert not any(accepts(compiled, text) for text in INVALID)


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (cr.concat([cr.EPSILON, A]), A),
        (cr.concat([]), cr.EPSILON),
        (cr.union([A, CharSet.from_text("b")]), A | B),
        (cr.union([]), cr.NOTHING),
        (cr.intersection([A | B, B]), B),
        (cr.intersection([]), cr.ANY_TEXT),
        (cr.intersection([WORD, cr.EPSILON]), cr.EPSILON),
        (cr.intersection([A, cr.EPSILON]), cr.NOTHING),
        (cr.complement(cr.complement(WORD)), WORD),
        (cr.complement(cr.NOTHING), cr.ANY_TEXT),
        (cr.repeat(A, 1, 1), A),
        (cr.repeat(A, 0, 0), cr.EPSILON),
        (cr.repeat(cr.NOTHING, 0, None), cr.EPSILON),
        (cr.repeat(cr.NOTHING, 2, None), cr.NOTHING),
        (cr.concat([A, cr.NOTHING]), cr.NOTHING),
    ],
)
def test_builders_simplify(actual: cr.Regex, expected: cr.Regex) -> None:
    assert actual == expected


def test_neighbouring_characters_become_one_literal() -> None:
    expression = cr.to_utf8(cr.literal("añb"))
    assert isinstance(expression, ir.Literal)
    assert expression.text == "añb".encode()


def test_shared_parts_are_encoded_once() -> None:
    shared = cr.concat([A, WORD])
    expression = cr.to_utf8(cr.Union((cr.Concat((shared, B)), cr.Concat((shared, A)))))
    assert isinstance(expression, ir.Union)
    left, right = expression.options
    assert isinstance(left, ir.Concat)
    assert isinstance(right, ir.Concat)
    assert left.parts[0] is right.parts[0]


def test_depth_costs_no_stack() -> None:
    node: cr.Regex = A
    for _ in range(20_000):
        node = cr.Complement(cr.Concat((node, B)))
    assert isinstance(cr.to_utf8(node), ir.Intersection)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (cr.NOTHING, True),
        (cr.EPSILON, False),
        (cr.intersection([WORD, cr.concat([WORD, CharSet.from_text("é"), WORD])]), True),
        (cr.intersection([cr.repeat(A, 3, 5), cr.repeat(cr.literal("aa"), 0, None)]), False),
        (cr.intersection([cr.repeat(A, 3, 3), cr.repeat(cr.literal("aa"), 0, None)]), True),
        (cr.intersection([WORD, cr.complement(WORD)]), True),
        (cr.complement(cr.union([cr.concat([A, cr.ANY_TEXT]), cr.concat([~A, cr.ANY_TEXT])])), False),
        (cr.intersection([cr.repeat(A, 5000, 5000), cr.complement(cr.repeat(A, 0, None))]), None),
    ],
)
def test_emptiness(node: cr.Regex, expected: bool | None) -> None:
    assert is_empty(node, states=1000) is expected

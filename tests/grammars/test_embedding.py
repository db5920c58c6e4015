"""Specs inside grammars: on both kernels, with the laws; what JSON allows is compared with each text's parts alone."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

import guidedgen as gg
from guidedgen.grammars import ir
from guidedgen.grammars.embedding import node_of
from guidedgen.masks import allowed_tokens
from guidedgen.testing import accepts, byte_vocabulary, check_constraint
from tests.grammars.whole import Whole

CLOSED = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "array", "items": {"type": "integer"}}}}
UNIQUE = {"type": "array", "items": {"type": "string", "maxLength": 2}, "uniqueItems": True}
VOCABULARY = byte_vocabulary([b'{"', b'": ', b'"}', b'{"a": 1, "a"', b'", "', b'{"b": {}}{', b"]."], special=["<s>"])


def text(literal: str) -> ir.Node:
    return ir.Terminal(ir.Literal(literal.encode()))


def schema(value: Any) -> ir.Node:
    return node_of(gg.JsonSchema(value))


def compiled(start: ir.Node, kernel: str) -> gg.Constraint:
    return gg.compile(Whole(start), VOCABULARY, implementation=kernel)


def grammars() -> dict[str, ir.Node]:
    closed, opened = schema(CLOSED), schema(OPEN)
    either = ir.Choice((opened, text('{"')))
    special = ir.SpecialToken("<s>")
    lark = node_of(gg.Lark('start: "<" start ">" | "x"'))
    return {
        "one after another": ir.Sequence((text("x="), closed, text(";"), opened)),
        "one or the other": ir.Sequence((ir.Choice((closed, opened)), text("!"))),
        "JSON or something else": ir.Sequence((either, ir.Choice((opened, text("z"))))),
        "between special tokens": ir.Sequence((special, opened, special)),
        "repeated": ir.Repetition(ir.Sequence((opened, text("\n"))), 1, 3),
        "rules beside rules": ir.Sequence((lark, text("-"), node_of(gg.Lark('start: "(" start ")" | "y"')))),
        "a type, a choice, a regex": ir.Sequence((node_of(bool), node_of(["p", "q"]), node_of(gg.Regex("[0-9]{2}")))),
    }


@pytest.mark.parametrize("name", grammars())
def test_laws(name: str, kernel: str) -> None:
    check_constraint(compiled(grammars()[name], kernel), VOCABULARY)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("one after another", ['x={"a": 1};{"a": "q", "b": [1], "c": 1}'], ['x={"a": "1"};{}', 'x={};{"a": "q"}']),
        ("one or the other", ['{"a": 1}!', '{"a": "s"}!', '{"z": {"y": 1}}!'], ['{"a": true}!', '{"a": 1, "z": 1}!']),
        ("JSON or something else", ['{"z', '{"{"a": "1"}', '{"a": "1"}z', "{}{}"], ['{"a": 1}z']),
        ("rules beside rules", ["<<x>>-(y)", "x-y"], ["<x>-<x>", "<y>-x"]),
        ("a type, a choice, a regex", ["truep12"], ["truep1", "Truep12"]),
    ],
)
def test_texts(name: str, good: list[str], bad: list[str], kernel: str) -> None:
    constraint = compiled(grammars()[name], kernel)
    wanted = {**dict.fromkeys(good, True), **dict.fromkeys(bad, False)}
    assert {t: accepts(constraint, t, VOCABULARY) for t in wanted} == wanted


@pytest.mark.parametrize("first", [CLOSED, OPEN, {"type": "array", "items": OPEN}])
@pytest.mark.parametrize("layout", ["compact", "flexible"])
def test_a_text_of_two_schemas_is_split_where_the_first_ends(first: Any, layout: Any, kernel: str) -> None:
    """Oracle: each half compiled alone."""
    specs = [gg.JsonSchema(first, whitespace=layout), gg.JsonSchema(OPEN, whitespace=layout)]
    both = compiled(ir.Sequence((node_of(specs[0]), text("|"), node_of(specs[1]))), kernel)
    alone = [gg.compile(spec, VOCABULARY, implementation=kernel) for spec in specs]
    halves = ['{"a": 1}', "{}", '{"a": "x", "q": {"r": []}}', '[{"a": "x"}, {}]', "[]", '{"b":[1,2]}', '{"b": [true]}']
    for left in halves:
        for right in halves:
            expected = accepts(alone[0], left, VOCABULARY) and accepts(alone[1], right, VOCABULARY)
            assert accepts(both, f"{left}|{right}", VOCABULARY) == expected, (left, right)


def longest(pattern: str) -> ir.Node:
    """A terminal that is read as far as it goes."""
    plain = node_of(gg.Regex(pattern))
    assert isinstance(plain, ir.Terminal)
    return ir.Terminal(ir.Longest(plain.expression, plain.expression))


@pytest.mark.parametrize("schema_of_text", [{"type": "boolean"}, {"enum": ["a", [True], None]}, CLOSED])
def test_terminals_that_look_ahead_look_into_json(schema_of_text: Any) -> None:
    """Both kernels, JSON as a machine and as rules; a text that goes on with what was read greedily is refused."""
    node = schema(schema_of_text)
    limited = ir.Limited(node_of(gg.Regex("[a-c]*")), max_tokens=2)
    start = ir.Sequence((ir.Choice((longest("[a-t]+"), text("1"), limited)), ir.Choice((node, text(";"), limited))))
    pair = [compiled(start, kernel) for kernel in ("native", "reference")]
    for constraint in pair:
        check_constraint(constraint, VOCABULARY, walks=6, bytes_only=False)
    for seed in range(20):
        chance = random.Random(seed)
        states = [constraint.start() for constraint in pair]
        for _ in range(8):
            masks = [allowed_tokens(state.mask()).tolist() for state in states]
            assert masks[0] == masks[1]
            if not masks[0]:
                break
            token = chance.choice(masks[0])
            states = [state.advance(token) for state in states]


def test_names_do_not_repeat_natively_whichever_schema_reads_them() -> None:
    start = ir.Sequence((ir.Choice((schema(CLOSED), schema(OPEN), schema(UNIQUE))), text(".")))
    constraint = compiled(start, "native")
    check_constraint(constraint, VOCABULARY)
    wanted = {
        '{"z": 1, "y": 2}.': True,
        '{"z": 1, "z": 2}.': False,
        '{"z": {"y": 1, "z": 2}, "y": 1}.': True,
        '{"z": {"y": 1, "y": 2}}.': False,
        '["1", "2"].': True,
        '["1", "1"].': False,
    }
    assert {t: accepts(constraint, t, VOCABULARY) for t in wanted} == wanted


def test_shortest_completions_of_texts_that_ask_for_several_names() -> None:
    wide = {"type": "object", "minProperties": 3, "additionalProperties": {"type": "null"}}
    constraint = compiled(ir.Sequence((ir.SpecialToken("<s>"), schema(wide), ir.SpecialToken("<s>"))), "native")
    tokens = constraint.start().shortest()
    assert len(json.loads(VOCABULARY.decode_bytes(tokens[1:-1]))) == 3
    assert tokens[0] == tokens[-1] == VOCABULARY.special["<s>"]


def test_keywords_of_embedded_schemas_are_reported(kernel: str) -> None:
    constraint = compiled(ir.Sequence((schema(CLOSED), text(";"), schema(OPEN))), kernel)
    places = [(entry.pointer, entry.keyword) for entry in constraint.report]
    assert ("/additionalProperties", "additionalProperties") in places
    assert places.count(("/properties/a/type", "type")) == 2


def test_what_needs_a_check_of_the_whole_text_is_refused() -> None:
    hard = {"type": "object", "properties": {"a": UNIQUE}}
    node = node_of(gg.JsonSchema(hard, on_unsupported="validate"))
    with pytest.raises(gg.UnsupportedFeature, match="uniqueItems"):
        compiled(node, "reference")


def test_an_unsatisfiable_schema_is_refused_with_its_place(kernel: str) -> None:
    node = schema(
        {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3, "maximum": 2}}, "required": ["a"]}
    )
    with pytest.raises(gg.UnsatisfiableSchema):
        compiled(ir.Choice((text("x"), node)), kernel)


@pytest.mark.parametrize("parser", ["earley", "lalr"])
def test_what_a_grammar_obliges_the_rest_to_ends_with_it(parser: str, kernel: str) -> None:
    """A name takes all letters within its grammar; what stands behind the grammar is another text."""
    name = gg.Lark("start: NAME (_SPACE NAME)*\nNAME: /[a-z]+/\n_SPACE: / +/", parser=parser)
    constraint = gg.compile(gg.Sequence(name, "end", gg.Either(name, "!")), VOCABULARY, implementation=kernel)
    check_constraint(constraint, VOCABULARY)
    assert [accepts(constraint, text) for text in ("xend!", "x yendend", "xendx y", "end!")] == [
        True,
        True,
        True,
        False,
    ]


def test_what_must_follow_a_terminal_must_follow_within_its_grammar(kernel: str) -> None:
    called = gg.Lark('start: NAME ("(" ")")?\nNAME: /[a-z]+(?=\\()/')
    constraint = gg.compile(gg.Sequence(called, "()"), VOCABULARY, implementation=kernel)
    check_constraint(constraint, VOCABULARY)
    assert [accepts(constraint, text) for text in ("f()", "f()()")] == [False, True]


LAST = {
    "python": "def f(a):\n    if a:\n        return [a]\n    return 'b'\n",
    "arithmetic": "(1 + 2) * 3",
    "json": '{"a": [1, 2.5e3, "b"], "c": null}',
    "graphql": "query A($b: C!) { d(e: $b) { f } }",
}


@pytest.mark.parametrize("name", LAST)
def test_a_grammar_at_the_end_of_another_text_has_the_masks_that_it_has_alone(name: str) -> None:
    pieces = [b"  ", b"\n    ", b"):", b"return", b'": ', b"((", b"1 +", b"}}", b"x"]
    vocabulary = gg.Vocabulary.from_tokens([*(bytes([byte]) for byte in range(256)), *pieces])
    alone: Any = gg.compile(gg.library(name), vocabulary).start()
    last: Any = gg.compile(gg.Sequence(">>", gg.library(name)), vocabulary).start().advance(ord(">")).advance(ord(">"))
    for byte in LAST[name].encode():
        assert (last.mask() == alone.mask()).all()
        assert last.accepting == alone.accepting
        alone, last = alone.advance(byte), last.advance(byte)
    assert alone.accepting
    assert last.accepting

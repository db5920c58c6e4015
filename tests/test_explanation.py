"""`state.explain(token)`: how far a token could be read, where in the grammar or schema, and what could have come."""

from __future__ import annotations

import pytest

from guidedgen.constraint import AllOf, AllOfState, MaxTokens
from guidedgen.explanation import Explanation, printed_bytes, printed_text
from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.specs import JsonSchema, Lark
from guidedgen.kernel import InspectableState
from guidedgen.testing import byte_vocabulary
from guidedgen.vocabulary import Vocabulary

TOKENS = [b'{"b": 1', b'{"a": 3', b'{"a": "xyzw', b'"}"', b" \n"]
FIRST = 256
VOCABULARY: Vocabulary = byte_vocabulary(TOKENS)
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string", "maxLength": 3}, "b": {"$ref": "#/$defs/b"}},
    "required": ["a"],
    "additionalProperties": False,
    "$defs": {"b": {"type": "array", "items": {"type": "integer"}}},
}


def constraint_of(spec: object, kernel: str) -> GrammarConstraint:
    return compile(spec, VOCABULARY, implementation=kernel)


def after(constraint: GrammarConstraint, text: bytes) -> InspectableState:
    state = constraint.start().advance_bytes(text)
    assert state is not None
    return state


@pytest.mark.parametrize(
    ("before", "token", "offset", "expected", "label", "pointer"),
    [
        (b"", FIRST, 2, b"a", "key 'a' of #", ""),
        (b"", FIRST + 1, 6, b'"', "#/properties/a", "/properties/a"),
        (b"", FIRST + 2, 10, b'"', "#/properties/a", "/properties/a"),
        (b'{"a": "x', FIRST + 3, 2, b"", "", ""),
        (b'{"a": "x", "b": [', ord("x"), 0, b"-0123456789]", "#/$defs/b/items", "/$defs/b/items"),
    ],
)
def test_where_a_token_stops_fitting_in_a_schema(
    kernel: str, before: bytes, token: int, offset: int, expected: bytes, label: str, pointer: str
) -> None:
    found = after(constraint_of(JsonSchema(SCHEMA), kernel), before).explain(token)
    assert found is not None
    assert (found.offset, found.expected) == (offset, frozenset(expected))
    assert not label or label in found.labels
    assert not label or pointer in found.pointers
    assert found.text == VOCABULARY.token_bytes(token)
    assert found.complete == (before == b'{"a": "x' and token == FIRST + 3)


def test_what_is_allowed_needs_no_explanation(kernel: str) -> None:
    state = constraint_of(JsonSchema(SCHEMA), kernel).start()
    allowed = [token for token in range(VOCABULARY.size) if state.explain(token) is None]
    assert allowed == [ord("{")]


def test_rules_of_a_grammar_are_named(kernel: str) -> None:
    grammar = Lark('start: GREETING " " NAME\nGREETING: "hello"\nNAME: /[a-z]+/')
    found = after(constraint_of(grammar, kernel), b"hello ").explain(ord("!"))
    assert found is not None
    assert (found.labels, found.pointers) == (("NAME",), ())
    assert str(found) == "'!' does not fit in NAME: expected a-z"


def test_the_end_is_something_that_can_be_expected(kernel: str) -> None:
    found = after(constraint_of(JsonSchema({"enum": [1, 12]}), kernel), b"12").explain(ord("3"))
    assert found is not None
    assert "or the end" in str(found)
    closed = after(constraint_of(JsonSchema({"type": "array", "maxItems": 0}), kernel), b"[]").explain(ord("]"))
    assert closed is not None
    assert str(closed) == "']' does not fit: expected the end"


def test_all_of_tells_the_part_that_refuses(kernel: str) -> None:
    letters = constraint_of(Lark("start: /[a-z]+/"), kernel)
    others = constraint_of(Lark("start: /[x-z0-9]+/"), kernel)
    state = AllOf([letters, MaxTokens(9, VOCABULARY), others]).start()
    assert isinstance(state, AllOfState)
    told = [state.explain(ord(letter)) for letter in "xa0"]
    assert told[0] is None
    assert [None if found is None else printed_bytes(found.expected) for found in told[1:]] == ["0-9 x-z", "a-z"]


@pytest.mark.parametrize(
    ("labels", "pointers"),
    [
        (("#",), ("",)),
        (("key 'a' of #/x",), ("/x",)),
        (("key '#/no of #/no' of #/x y",), ("/x y",)),
        (("#/a & #/b (object)", "#/a"), ("/a", "/b")),
        (("#/not (not)/2", "#/s: string"), ("/not", "/s")),
        (("NAME", "'#'", "#[a-z]+", "additional key of any value", ","), ()),
    ],
)
def test_pointers_are_read_off_the_labels(labels: tuple[str, ...], pointers: tuple[str, ...]) -> None:
    assert Explanation(offset=0, expected=frozenset(), labels=labels).pointers == pointers


def test_bytes_and_texts_are_readable() -> None:
    assert printed_bytes(b'abc"x ') == 'space " a-c x'
    assert printed_bytes({0x80, 0xFF, 0x0A}) == "\\x0a \\x80 \\xff"
    assert printed_text(b"\xc3") == repr("\\xc3")
    assert printed_text("é".encode()) == "'é'"
    assert printed_text(b"a" * 50) == "'..." + "a" * 40 + "'"


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        (b"*+-./0129", "* + - . / 0-2 9"),
        (b"-./0123456789", "- . / 0-9"),
        (bytes(range(128)), r"\x00-\x7f"),
        (b"YZ[", "Y Z ["),
    ],
)
def test_short_ranges_are_of_one_kind(expected: bytes, told: str) -> None:
    assert printed_bytes(expected) == told

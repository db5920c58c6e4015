"""Which keyword a refused text is explained by: one row or more for each family of keywords."""

from __future__ import annotations

from typing import Any

import pytest

from guidedgen.explanation import Explanation
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.kernel.explain import explain_text
from tests.grammars.json_schema.feeding import BYTES

ORDERS = ("schema", "any")


def explained(schema: Any, text: str, **options: Any) -> Explanation:
    """Why a text is refused, the whole of it given at the start."""
    constraint = compile(JsonSchema(schema, **options), BYTES, implementation="native")
    return explain_text(constraint.start(), text.encode(), labels={}, read=b"")


@pytest.fixture(autouse=True)
def native() -> None:
    pytest.importorskip("guidedgen.kernel._native")


def asked(found: Explanation) -> dict[str | None, str]:
    return {expectation.pointer: expectation.wanted for expectation in found.expectations}


SCALARS: list[tuple[Any, str, dict[str, str]]] = [
    ({"type": "string"}, ">3", {"/type": "a string"}),
    ({"type": ["null", "integer"]}, '>"', {"/type": "an integer or null"}),
    ({"type": "boolean"}, "tr>x", {"/type": "true or false"}),
    ({"type": "number"}, ">[", {"/type": "a number"}),
    ({"enum": ["ab", 2, None]}, '"a>c', {"/enum": 'one of "ab", 2, null'}),
    ({"enum": [1, 2, 3, 4, 5, 6, 7, 8]}, ">9", {"/enum": "one of 1, 2, 3, 4, 5, 6 or 2 more"}),
    ({"const": 2.5}, "2.>6", {"/const": "2.5"}),
    ({"const": {"a": [1, 2]}}, '{"a": [1, >3', {"/const": '{"a": [1, 2]}'}),
    ({"const": [[], {}]}, "[>{", {"/const": "[[], {}]"}),
    ({"type": "string", "minLength": 3}, '"ab>"', {"/minLength": "at least 3 characters"}),
    ({"type": "string", "maxLength": 1}, '"é>a', {"/maxLength": "at most 1 character"}),
    ({"type": "string", "pattern": "^a+$"}, '"a>b', {"/pattern": "a string that matches ^a+$"}),
    (
        {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a*$"},
        '"aa>b',
        {"/pattern": "a string that matches ^a*$"},
    ),
    ({"type": "string", "format": "date"}, '"2020-1>3', {"/format": "a string of format date"}),
    ({"type": "integer"}, "1.5>,", {"/type": "an integer"}),
    ({"type": "integer", "minimum": 3, "maximum": 20}, "2>5", {"/minimum": "at least 3", "/maximum": "at most 20"}),
    ({"exclusiveMinimum": 0.05}, "0.05>,", {"/exclusiveMinimum": "more than 0.05"}),
    ({"exclusiveMaximum": -1200}, "-1200>,", {"/exclusiveMaximum": "less than -1200"}),
    ({"type": "integer", "multipleOf": 5}, "13>,", {"/type": "an integer", "/multipleOf": "a multiple of 5"}),
]

OBJECTS: list[tuple[Any, str, dict[str, str]]] = [
    ({"properties": {"a": {"type": "null"}}}, '{"a": >1', {"/properties/a/type": "null"}),
    ({"properties": {"a/~": {"type": "null"}}}, '{"a/~": >1', {"/properties/a~1~0/type": "null"}),
    ({"type": "object", "required": ["a"]}, "{>}", {"/required": 'the required key "a"'}),
    (
        {"type": "object", "properties": {"a": {}, "b": {}}, "additionalProperties": False},
        '{">c',
        {"/properties": 'one of the keys "a", "b"', "/additionalProperties": "no other keys"},
    ),
    (
        {"type": "object", "properties": {"a": {}}, "unevaluatedProperties": False},
        '{">c',
        {"/properties": 'the key "a"', "/unevaluatedProperties": "no other keys"},
    ),
    (
        {"type": "object", "patternProperties": {"^x/": {}}, "additionalProperties": False},
        '{">c',
        {"/patternProperties/^x~1": "a key that matches the pattern", "/additionalProperties": "no other keys"},
    ),
    ({"patternProperties": {"^x": {"type": "null"}}}, '{"xa": >1', {"/patternProperties/^x/type": "null"}),
    ({"additionalProperties": {"type": "null"}}, '{"a": >1', {"/additionalProperties/type": "null"}),
    (
        {"type": "object", "propertyNames": {"maxLength": 1}},
        '{"a>b',
        {"/propertyNames": "a key that is valid under it"},
    ),
    ({"type": "object", "minProperties": 2}, '{"a": 1>}', {"/minProperties": "at least 2 members"}),
    ({"type": "object", "maxProperties": 1}, '{"a": 1>,', {"/maxProperties": "at most 1 member"}),
    (
        {"type": "object", "properties": {"a": False}},
        '{"a>"',
        {"/properties/a": "another key: no value is valid for this one"},
    ),
]

DEPENDENCIES: list[tuple[Any, str, dict[str, str]]] = [
    ({"dependentRequired": {"a": ["b"]}}, '{"a": 1>}', {"/dependentRequired/a": 'the key "b" beside "a"'}),
    ({"dependencies": {"a": ["b"]}}, '{"a": 1>}', {"/dependencies/a": 'the key "b" beside "a"'}),
    (
        {"dependentSchemas": {"a": {"required": ["b"]}}},
        '{"a": 1>}',
        {"/dependentSchemas/a/required": 'the required key "b"'},
    ),
]

ARRAYS: list[tuple[Any, str, dict[str, str]]] = [
    ({"items": {"type": "null"}}, "[null, >1", {"/items/type": "null"}),
    ({"type": "array", "minItems": 1}, "[>]", {"/minItems": "at least 1 item"}),
    ({"type": "array", "maxItems": 2}, "[1, 2>,", {"/maxItems": "at most 2 items"}),
    ({"type": "array", "maxItems": 0}, "[>1", {"/maxItems": "at most 0 items"}),
    ({"prefixItems": [{}, {"type": "null"}]}, "[1, >1", {"/prefixItems/1/type": "null"}),
    ({"prefixItems": [{}], "items": False}, "[1>,", {"/items": "at most 1 item"}),
    ({"items": [{}, {"type": "null"}], "additionalItems": False}, "[1, >1", {"/items/1/type": "null"}),
    ({"items": [{}], "additionalItems": False}, "[1>,", {"/additionalItems": "at most 1 item"}),
    ({"prefixItems": [{}], "unevaluatedItems": False}, "[1>,", {"/unevaluatedItems": "no other items"}),
    ({"contains": {"type": "null"}}, "[1>]", {"/contains": "at least 1 item valid under `contains`"}),
    (
        {"contains": {"type": "null"}, "minContains": 2},
        "[null>]",
        {"/minContains": "at least 2 items valid under `contains`"},
    ),
    (
        {"contains": {"type": "null"}, "maxContains": 1},
        "[null, >n",
        {"/maxContains": "no more items valid under `contains`"},
    ),
    ({"uniqueItems": True}, "[1, 1>,", {"/uniqueItems": "an item unlike those before it"}),
    (
        {"uniqueItems": True, "items": {"enum": [1, 2]}},
        "[1, 2>,",
        {"/uniqueItems": "items that differ from each other"},
    ),
]

COMBINED: list[tuple[Any, str, dict[str, str]]] = [
    ({"allOf": [{"type": "string"}, {"maxLength": 1}]}, '"a>b', {"/allOf/1/maxLength": "at most 1 character"}),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ">1", {"/anyOf/0/type": "a string", "/anyOf/1/type": "null"}),
    (
        {"anyOf": [{"type": "string", "maxLength": 1}, {"type": "null"}]},
        '"a>b',
        {"/anyOf/0/maxLength": "at most 1 character"},
    ),
    ({"oneOf": [{"type": "string"}, {"type": "null"}]}, ">1", {"/oneOf/0/type": "a string", "/oneOf/1/type": "null"}),
    ({"not": {"type": "string"}}, '>"', {"/not": "nothing that is valid under it"}),
    (
        {"if": {"type": "string"}, "then": {"maxLength": 1}, "else": {"type": "null"}},
        '"a>b',
        {"/then/maxLength": "at most 1 character"},
    ),
    ({"if": {"type": "string"}, "then": {"maxLength": 1}, "else": {"type": "null"}}, ">1", {"/else/type": "null"}),
    ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "null"}}}, ">1", {"/$defs/x/type": "null"}),
    (
        {"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object"},
        "{>}",
        {"/anyOf/0/required": 'the required key "a"', "/anyOf/1/required": 'the required key "b"'},
    ),
]


ROWS = [(order, *row) for row in SCALARS + OBJECTS + ARRAYS + COMBINED for order in ORDERS]
ROWS += [("any", *row) for row in DEPENDENCIES]  # in the schema's order what is needed comes first


@pytest.mark.parametrize(("order", "schema", "text", "pointers"), ROWS)
def test_the_keyword_that_decides_is_named(order: str, schema: Any, text: str, pointers: dict[str, str]) -> None:
    read, refused = text.split(">")
    found = explained(schema, read + refused, property_order=order)
    assert found.offset == len(read.encode())
    assert asked(found) == pointers


def test_what_another_document_asks_for_has_its_address() -> None:
    other = {"$id": "https://x.test/other.json", "type": "array", "items": {"type": "string"}}
    found = explained({"$ref": "https://x.test/other.json"}, "[1", registry={"https://x.test/other.json": other})
    assert asked(found) == {"<https://x.test/other.json>/items/type": "a string"}
    assert found.labels == ("<https://x.test/other.json>/items",)
    assert "(<https://x.test/other.json>/items/type)" in str(found)


def test_the_order_of_the_schema_can_be_the_reason() -> None:
    schema = {"properties": {"a": {}, "b": {}}, "additionalProperties": False, "required": ["a"], "type": "object"}
    found = explained(schema, '{"b')
    assert asked(found)["/properties"] == 'the key "a"'
    late = explained(schema, '{"a": 1, "a')
    assert asked(late)["/properties"] == 'the key "b", in the order of the schema'
    assert asked(explained({"properties": {"a": {}, "b": {}}}, '{"b": 1, "a"')) == {
        None: "a key that is not there yet, in the order of the schema"
    }


def test_a_name_that_is_there_already_is_no_keyword_s_fault() -> None:
    for order in ORDERS:
        found = explained({"type": "object"}, '{"a": 1, "a"', property_order=order)
        assert asked(found) == {None: "a key that is not there yet"}
        assert found.offset == len('{"a": 1, "a')


def test_layout_and_syntax_are_no_keyword_s_fault() -> None:
    schema = {"type": "array", "items": {"type": "object", "required": ["a"]}}
    for text in ("[ ", '[{"a" ', '[{"a": 1 ', '[{"a": 1}x', '[{"a": 1x', "[]]"):
        found = explained(schema, text)
        assert found.offset == len(text) - 1
        assert {expectation.pointer for expectation in found.expectations} <= {None}, text


NESTED = {
    "type": "object",
    "properties": {
        "rows": {"type": "array", "items": {"type": "array", "items": {"$ref": "#/$defs/cell"}}},
        "last": {"type": "object", "additionalProperties": {"$ref": "#/$defs/cell"}},
    },
    "$defs": {"cell": {"type": "object", "properties": {"x": {"type": "integer", "maximum": 9}}}},
}


@pytest.mark.parametrize(
    ("text", "instance", "pointer"),
    [
        ('{"rows": [[{"x": 1}, {"x": 2}], [{"x": 3}, {}, {"x": 1>0', "/rows/1/2/x", "/$defs/cell/properties/x/maximum"),
        ('{"rows": [[{"x": 1}], >{', "/rows/1", "/properties/rows/items/type"),
        ('{"rows": [[]>}', "/rows", None),
        ('{"last": {"one": {}, "t/wo": {"x": >"', "/last/t~1wo/x", "/$defs/cell/properties/x/type"),
        ('{"last": {"one": {}, "two": >[', "/last/two", "/$defs/cell/type"),
        ('{"last": >1', "/last", "/properties/last/type"),
    ],
)
@pytest.mark.parametrize("order", ORDERS)
def test_the_path_of_the_value(text: str, instance: str, pointer: str | None, order: str) -> None:
    read, refused = text.split(">")
    found = explained(NESTED, read + refused, property_order=order)
    assert (found.offset, found.instance) == (len(read), instance)
    assert pointer in asked(found)


def test_a_state_alone_remembers_the_steps_that_its_future_depends_on() -> None:
    constraint = compile(JsonSchema(NESTED), BYTES, implementation="native")
    state = constraint.start().advance_bytes(b'{"rows": [[{"x": 1}, {"x": 1')
    assert state is not None
    found = state.explain(ord("0"))
    assert found is not None
    assert found.instance == "/rows/0/*/x"
    first = constraint.start().advance_bytes(b'{"rows": [[{"x": 1')
    assert first is not None
    told = first.explain(ord("0"))
    assert told is not None
    assert told.instance in ("/rows/0/0/x", "/rows/0/*/x")


def test_what_differs_is_told_apart_by_how_it_was_reached() -> None:
    """Equal schemas under two names: the states inside are one, and the path leaves open which it was."""
    cell = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
    schema = {"properties": {"a": {"$ref": "#/$defs/c"}, "b": {"$ref": "#/$defs/c"}}, "$defs": {"c": cell}}
    constraint = compile(JsonSchema(schema, property_order="any"), BYTES, implementation="native")
    for text in (b'{"a": {"x": 1}, "b": {', b'{"b": {"x": 1}, "a": {'):
        found = constraint.start().advance_bytes(text)
        assert found is not None
        told = found.explain(ord("}"))
        assert told is not None
        assert asked(told) == {"/$defs/c/required": 'the required key "x"'}
        assert told.instance in ("/a", "/b", "/*")
    assert explained(schema, '{"b": {"x": 1}, "a": {}', property_order="any").instance == "/a"


def test_one_line_says_it_all() -> None:
    found = explained({"properties": {"a": {"items": {"type": "string", "maxLength": 2}}}}, '{"a": ["ab", "abc')
    assert str(found).endswith(
        'in #/properties/a/items (at /a/1): expected "; at most 2 characters (#/properties/a/items/maxLength)'
    )


@pytest.mark.parametrize("whitespace", ["compact", "flexible"])
def test_whitespace_before_a_value_does_not_hide_what_is_asked_for(whitespace: Any) -> None:
    text = '{"a": ["b", 3' if whitespace == "compact" else '{ "a" : [ "b" ,\n 3'
    found = explained({"properties": {"a": {"items": {"type": "string"}}}}, text, whitespace=whitespace)
    assert asked(found) == {"/properties/a/items/type": "a string"}
    assert found.instance == "/a/1"


@pytest.mark.parametrize(
    ("text", "instance"), [('{"a": 10>0', "/a"), ('{"l": [10>0', "/l/0"), ('{"l": [1, 10>0', "/l/1")]
)
def test_a_digit_too_many_is_the_number_s_fault(text: str, instance: str) -> None:
    number = {"type": "integer", "minimum": 0, "maximum": 10}
    read, refused = text.split(">")
    found = explained({"properties": {"a": number, "l": {"items": number}}}, read + refused)
    assert (found.offset, found.instance) == (len(read), instance)
    assert {pointer.rpartition("/")[2] for pointer in asked(found) if pointer} == {"minimum", "maximum"}
    assert asked(explained(number, "100")) == {"/minimum": "at least 0", "/maximum": "at most 10"}

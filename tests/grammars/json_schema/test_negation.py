"""not, if/then/else and overlapping oneOf: exact where complements are simple, refused where they are not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from guidedgen.errors import UnsatisfiableSchema, UnsupportedFeature
from guidedgen.testing import accepts
from tests.grammars.json_schema.feeding import compiled, taken, text_of, translated, valid_ones
from tests.grammars.json_schema.random_schemas import NAMES, values

VALUES: list[Any] = [
    *(None, True, False, 0, 1, 2, 3, 1.5, -4, "", "a", "ab", "abc", "b", "foo"),
    *([], [1], ["a"], [1, 2], ["a", "a", "a"]),
    *({}, {"a": 1}, {"a": "x"}, {"b": 1}, {"a": 1, "b": 2}, {"c": None}, {"a": {"b": 1}}, {"a": 1, "b": 2, "c": 3}),
]
SCHEMAS: list[Any] = [
    {"type": "string"},
    {"type": ["object", "array", "null"]},
    {"const": 1},
    {"const": "a"},
    {"const": None},
    {"const": True},
    {"enum": [1, 2, "a", "b", None, False]},
    {"enum": [True, False]},
    {"minimum": 2},
    {"exclusiveMaximum": 2, "type": "number"},
    {"minimum": 1, "maximum": 2},
    {"pattern": "^a"},
    {"type": "string", "minLength": 1, "maxLength": 2},
    {"format": "date"},
    {"minItems": 1},
    {"type": "array", "maxItems": 1},
    {"prefixItems": [{"type": "integer"}]},
    {"required": ["a"]},
    {"required": ["a", "b"]},
    {"type": "object", "required": ["a"]},
    {"properties": {"a": {"type": "integer"}}},
    {"properties": {"a": {"const": 1}}, "required": ["a"]},
    {"properties": {"a": {"properties": {"b": {"const": 1}}}}, "type": "object"},
    {"minProperties": 1, "maxProperties": 2},
    {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
    {"allOf": [{"required": ["a"]}, {"required": ["b"]}]},
    {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
    {"oneOf": [{"type": "number"}, {"minimum": 2}]},
    {"not": {"type": "string"}},
    {"not": {"not": {"minimum": 2}}},
    {"not": {"anyOf": [{"type": "string"}, {"minimum": 2}]}},
    {"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"type": "number"}},
    {"dependentRequired": {"a": ["b"]}},
    {},
    False,
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=repr)
@pytest.mark.parametrize("frame", ["not", "if", "oneOf"])
def test_against_jsonschema(schema: Any, frame: str) -> None:
    framed: dict[str, Any] = {
        "not": {"not": schema},
        "if": {"if": schema, "then": {"type": ["string", "object"]}, "else": {"type": ["number", "object", "array"]}},
        "oneOf": {"oneOf": [schema, {"type": ["string", "object", "null"]}]},
    }[frame]
    validator = Draft202012Validator(framed, format_checker=Draft202012Validator.FORMAT_CHECKER)
    expected = [value for value in VALUES if validator.is_valid(value)]
    if not expected:
        with pytest.raises(UnsatisfiableSchema):
            compiled(framed)
        return
    assert valid_ones(framed, VALUES, property_order="any") == expected


def test_references_are_followed() -> None:
    schema = {"$defs": {"word": {"type": "string"}}, "not": {"$ref": "#/$defs/word"}}
    assert valid_ones(schema, [1, "a", None]) == [1, None]


def test_recursion_through_values() -> None:
    schema = {
        "$defs": {"a": {"required": ["x"], "properties": {"x": {"$ref": "#/$defs/a"}}}},
        "not": {"$ref": "#/$defs/a"},
    }
    candidates: list[Any] = [{}, {"x": {}}, {"x": {"x": {}}}, {"x": 1}, 1, {"y": 1}]
    expected = [value for value in candidates if Draft202012Validator(schema).is_valid(value)]
    assert valid_ones(schema, candidates) == expected


def test_numbers_between_those_that_are_excluded() -> None:
    texts = ["0", "1", "1.0", "1.5", "2", "3", "-1", "1e0", "10", "0.5"]
    assert taken({"type": "number", "not": {"enum": [1, 2]}}, texts) == ["0", "1.5", "3", "-1", "10", "0.5"]


def test_numbers_that_are_no_integers() -> None:
    texts = ["0", "1", "1.0", "1.5", "-0.25", "2.50", "1e0", "1.5e-3", "1e-07", "-0.0", "0.50", "100e-2", "true"]
    expected = ["1.5", "-0.25", "2.50", "1.5e-3", "1e-07", "0.50"]
    assert taken({"type": "number", "not": {"type": "integer"}}, texts) == expected
    assert taken({"type": "number", "not": {"type": "integer"}, "minimum": 1, "maximum": 2}, texts) == ["1.5"]
    exact = ["3.99999999999999999999", "39236977198749766399035376.96483", "1e-400", "9.99999999999999999999e-1"]
    assert taken({"type": "number", "not": {"type": "integer"}}, [*exact, "12e1", "3.141592653589793"]) == [
        *exact,
        "3.141592653589793",
    ]


def test_excluded_texts_are_compared_after_unescaping() -> None:
    schema = {"type": "string", "not": {"enum": ["a", "b"]}}
    assert taken(schema, ['"a"', r'"\u0061"', '"ab"', r'"\u0063"', '""']) == ['"ab"', r'"\u0063"', '""']


@pytest.mark.parametrize(
    "inner",
    [
        {"items": {"type": "string"}},
        {"uniqueItems": True},
        {"additionalProperties": {"type": "string"}},
        {"propertyNames": {"maxLength": 1}},
        {"multipleOf": 3},
        {"patternProperties": {"^a": {"type": "string"}}},
        {"properties": {"a": {"items": {"type": "string"}}}},
    ],
    ids=repr,
)
def test_complements_that_are_not_simple_are_refused_by_the_translation(inner: dict[str, Any]) -> None:
    validator = Draft202012Validator({"not": inner})
    assert valid_ones({"not": inner}, VALUES, property_order="any") == [v for v in VALUES if validator.is_valid(v)]
    with pytest.raises(UnsupportedFeature) as caught:
        translated({"properties": {"x": {"not": inner}}})
    assert (caught.value.pointer or "").startswith("/properties/x/not")
    assert caught.value.keyword == "not"


def test_what_cannot_be_reached_is_not_refused() -> None:
    schema = {"type": ["string", "boolean"], "not": {"enum": ["a", [1], {"b": 1}], "items": {"type": "string"}}}
    assert valid_ones(schema, ["a", "b", True]) == ["b", True]


def test_dropping_it_knowingly_never_excludes_more() -> None:
    schema = {"not": {"uniqueItems": True}, "properties": {"a": {"not": {"format": "idn-email"}}}}
    constraint = translated(schema, on_unsupported="relax")
    for value in ([1, 1], [1, 2], "x", {"a": "x"}):
        assert accepts(constraint, text_of(value))
    assert {entry.pointer for entry in constraint.report.treated("relaxed")} >= {"/not"}


def test_one_of_where_members_overlap() -> None:
    schema = {
        "type": "object",
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}, {"properties": {"c": {"const": 1}}, "required": ["c"]}],
    }
    candidates: list[Any] = [{"a": 1}, {"b": 1}, {"c": 1}, {"a": 1, "c": 2}, {"a": 1, "b": 1}, {"a": 1, "c": 1}, {}]
    assert valid_ones(schema, candidates, property_order="any") == candidates[:4]


def test_one_of_that_is_not_expressed_is_refused_with_its_place() -> None:
    schema = {"oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "array", "maxItems": 3}]}
    with pytest.raises(UnsupportedFeature) as caught:
        translated({"properties": {"x": schema}})
    assert (caught.value.pointer, caught.value.keyword) == ("/properties/x/oneOf", "oneOf")
    constraint = translated(schema, on_unsupported="relax")
    assert [entry.pointer for entry in constraint.report.treated("relaxed")] == ["/oneOf"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "not": {"type": "string"}},
        {"const": 1, "not": {"minimum": 0}},
        {"required": ["a"], "type": "object", "not": {"required": ["a"]}},
        {"not": {}},
        {"oneOf": [{"type": "string"}, {"type": "string"}]},
    ],
    ids=repr,
)
def test_contradictions_are_proved(schema: dict[str, Any]) -> None:
    with pytest.raises(UnsatisfiableSchema):
        compiled(schema)


@settings(max_examples=150)
@given(
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True),
    value=values(4),
    other=st.sampled_from(SCHEMAS),
)
def test_not_on_properties_beside_others(names: list[str], value: Any, other: Any) -> None:
    schema = {"type": "object", "properties": {name: {"not": other} for name in names}, "not": {"required": names}}
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert accepts(compiled(schema, property_order="any"), text_of(value)) == validator.is_valid(value)

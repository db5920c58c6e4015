"""patternProperties: which schemas apply to a name, declared or not, in both orders."""

from __future__ import annotations

from typing import Any

import pytest

from guidedgen.errors import GrammarSyntaxError, UnsatisfiableSchema, UnsupportedFeature
from tests.grammars.json_schema.feeding import compiled, taken, translated, valid_ones

ORDERS = ["schema", "any"]
INTEGER, STRING = {"type": "integer"}, {"type": "string"}


@pytest.mark.parametrize("order", ORDERS)
def test_names_that_match_get_the_schema_and_others_do_not(order: str) -> None:
    schema = {"type": "object", "patternProperties": {"^a": INTEGER}}
    values: list[Any] = [{}, {"a": 1}, {"ab": 2, "b": ""}, {"b": "", "ab": 2}, {"a": ""}, {"b": 1, "abc": None}]
    assert valid_ones(schema, values, property_order=order) == values[:4]


@pytest.mark.parametrize("order", ORDERS)
def test_names_are_compared_after_unescaping(order: str) -> None:
    schema = {"type": "object", "patternProperties": {"^a$": INTEGER}, "additionalProperties": STRING}
    texts = [r'{"\u0061": 1}', r'{"\u0062": ""}', r'{"\u0061": ""}', r'{"\u0062": 1}']
    assert taken(schema, texts, property_order=order, whitespace="flexible") == texts[:2]
    assert taken(schema, texts, property_order=order) == texts[1:2]  # names that are known are written plainly


@pytest.mark.parametrize("order", ORDERS)
def test_additional_properties_are_those_that_match_no_pattern(order: str) -> None:
    schema = {"type": "object", "patternProperties": {"^a": {}, "b$": STRING}, "additionalProperties": False}
    values: list[Any] = [{"a": 1}, {"b": ""}, {"a": 1, "xb": ""}, {"ab": ""}, {"c": 1}, {"ab": 1}, {"b": 1}]
    assert valid_ones(schema, values, property_order=order) == values[:4]


@pytest.mark.parametrize("order", ORDERS)
def test_a_declared_name_that_matches_gets_both_schemas(order: str) -> None:
    schema = {
        "type": "object",
        "properties": {"ab": {"minimum": 3}, "c": STRING},
        "patternProperties": {"^a": INTEGER, "b$": {"maximum": 5}},
        "additionalProperties": False,
    }
    values: list[Any] = [{"ab": 4}, {"c": ""}, {"c": "", "a": 9}, {"ab": 2}, {"ab": 6}, {"ab": 4.5}, {"d": 1}]
    assert valid_ones(schema, values, property_order=order) == values[:3]


@pytest.mark.parametrize("order", ORDERS)
def test_a_required_name_that_only_a_pattern_describes(order: str) -> None:
    schema = {"type": "object", "required": ["ab"], "patternProperties": {"^a": INTEGER}, "additionalProperties": False}
    assert valid_ones(schema, [{"ab": 1}, {"a": 1, "ab": 1}, {"a": 1}, {"ab": ""}], property_order="any") == [
        {"ab": 1},
        {"a": 1, "ab": 1},
    ]
    with pytest.raises(UnsatisfiableSchema):
        compiled({**schema, "required": ["b"]}, property_order=order)


@pytest.mark.parametrize("order", ORDERS)
def test_merged_schemas_each_have_their_own_patterns(order: str) -> None:
    schema = {
        "type": "object",
        "allOf": [
            {"patternProperties": {"^a": INTEGER}, "additionalProperties": STRING},
            {"patternProperties": {"b$": {"maximum": 5}}, "properties": {"c": {"maxLength": 1}}},
        ],
    }
    values: list[Any] = [{"a": 9}, {"ab": 5}, {"x": ""}, {"xb": ""}, {"c": "y"}, {"ab": 6}, {"a": ""}, {"c": "yy"}]
    assert valid_ones(schema, values, property_order=order) == values[:5]


@pytest.mark.parametrize("order", ORDERS)
def test_patterns_and_the_names_of_properties(order: str) -> None:
    schema = {"type": "object", "patternProperties": {"^a": INTEGER}, "propertyNames": {"maxLength": 2}}
    assert valid_ones(schema, [{"ab": 1}, {"b": ""}, {"abc": 1}, {"ab": ""}], property_order=order) == [
        {"ab": 1},
        {"b": ""},
    ]


@pytest.mark.parametrize("order", ORDERS)
def test_counts(order: str) -> None:
    schema = {
        "type": "object",
        "properties": {"x": {}},
        "patternProperties": {"^a": {}},
        "additionalProperties": False,
        "minProperties": 2,
        "maxProperties": 3,
    }
    values = [{"x": 1, "a": 1}, {"a": 1, "ab": 1}, {"x": 1, "a": 1, "ab": 1}]
    others: list[Any] = [{"x": 1}, {"a": 1}, {"x": 1, "a": 1, "ab": 1, "ac": 1}, {"x": 1, "b": 1}]
    assert valid_ones(schema, values + others, property_order=order) == values


def test_a_pattern_that_takes_every_name_leaves_no_additional_ones() -> None:
    schema = {"type": "object", "patternProperties": {"": INTEGER}, "additionalProperties": STRING}
    assert valid_ones(schema, [{"a": 1}, {"": 1}, {"a": ""}]) == [{"a": 1}, {"": 1}]


def test_false_forbids_names() -> None:
    schema = {"type": "object", "patternProperties": {"^_": False}, "properties": {"_a": {}, "b": {}}}
    assert valid_ones(schema, [{"b": 1}, {"c": 1}, {"_a": 1}, {"_b": 1}]) == [{"b": 1}, {"c": 1}]
    with pytest.raises(UnsatisfiableSchema) as caught:
        compiled({**schema, "required": ["_c"]})
    assert "#/patternProperties/^_" in str(caught.value)


def test_patterns_that_exclude_each_other_may_be_many() -> None:
    patterns = {f"^x{number:02d}": {"const": number} for number in range(40)}
    schema = {"type": "object", "patternProperties": patterns, "additionalProperties": False}
    assert valid_ones(schema, [{"x00": 0, "x39a": 39}, {"x07": 8}, {"x40": 1}]) == [{"x00": 0, "x39a": 39}]


def test_too_many_patterns_that_overlap_are_refused_with_their_place() -> None:
    patterns = {letter: {} for letter in "abcdefgh"}
    schema = {"type": "object", "patternProperties": patterns}
    with pytest.raises(UnsupportedFeature) as caught:
        translated(schema)
    assert (caught.value.pointer, caught.value.keyword) == ("/patternProperties", "patternProperties")
    constraint = translated(schema, on_unsupported="relax")
    assert [entry.pointer for entry in constraint.report.treated("relaxed")] == ["/patternProperties"]


def test_a_malformed_pattern_has_its_place() -> None:
    with pytest.raises(GrammarSyntaxError) as caught:
        compiled({"type": "object", "patternProperties": {"a/(": {}}})
    assert (caught.value.pointer, caught.value.keyword) == ("/patternProperties/a~1(", "patternProperties")


def test_the_report_says_that_it_is_exact() -> None:
    report = compiled({"type": "object", "patternProperties": {"^a": INTEGER}, "additionalProperties": False}).report
    assert {entry.keyword: entry.treatment for entry in report}["patternProperties"] == "exact"

"""dependentRequired, dependentSchemas, and what was `dependencies` before 2019-09."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from guidedgen.errors import CompileError, UnsatisfiableSchema, UnsupportedFeature
from guidedgen.testing import accepts
from tests.grammars.json_schema.feeding import compiled, translated, valid_ones

OBJECTS: list[Any] = [
    *(dict.fromkeys(names, 1) for count in range(5) for names in combinations("abcd", count)),
    *({"a": "x"}, {"a": 1, "b": "x"}, {"b": "x"}),
    *(1, "a", []),
]


@pytest.mark.parametrize("order", ["schema", "any"])
@pytest.mark.parametrize(
    "schema",
    [
        {"dependentRequired": {"a": ["b"]}},
        {"dependentRequired": {"a": ["b", "c"], "b": ["a"]}},
        {"dependentRequired": {"a": ["b"], "b": ["c"], "c": ["d"], "d": ["a"]}},
        {"dependentSchemas": {"a": {"properties": {"b": {"type": "string"}}}}},
        {"dependentSchemas": {"a": {"required": ["b"], "maxProperties": 3}, "c": False}},
        {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a"], "dependentRequired": {"a": ["b"]}},
        {"dependencies": {"a": ["b"], "c": {"properties": {"a": {"type": "string"}}}}},
        {"dependencies": {"a": ["b"]}, "additionalProperties": False, "properties": {"a": {}, "b": {}}},
    ],
    ids=repr,
)
def test_against_jsonschema(schema: dict[str, Any], order: str) -> None:
    validator = Draft7Validator(schema) if "dependencies" in schema else Draft202012Validator(schema)
    expected = [value for value in OBJECTS if validator.is_valid(value)]
    # Undeclared names come last in "schema" order, those that are demanded first among them.
    found = valid_ones(schema, OBJECTS, property_order=order)
    assert found == expected if order == "any" else all(value in expected for value in found)


def test_a_consequence_may_refer_to_definitions() -> None:
    schema = {
        "definitions": {"full": {"required": ["b"]}},
        "type": "object",
        "properties": {"a": {}, "b": {}},
        "dependencies": {"a": {"$ref": "#/definitions/full"}},
    }
    assert valid_ones(schema, [{}, {"b": 1}, {"a": 1, "b": 1}, {"a": 1}]) == [{}, {"b": 1}, {"a": 1, "b": 1}]


def test_a_required_trigger_makes_the_consequence_required() -> None:
    schema = {"type": "object", "required": ["a"], "dependentRequired": {"a": ["b"]}, "properties": {"b": False}}
    with pytest.raises(UnsatisfiableSchema):
        compiled(schema)


def test_in_drafts_without_the_keyword_it_is_an_annotation() -> None:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "dependentRequired": {"a": ["b"]}}
    assert valid_ones(schema, [{"a": 1}]) == [{"a": 1}]


def test_the_old_keyword_counts_in_later_drafts() -> None:
    """As the optional part of the official test suite has it; the standard leaves it to implementations."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "dependencies": {"a": ["b"]}}
    assert valid_ones(schema, [{"a": 1}, {"a": 1, "b": 1}, {"c": 1}], property_order="any") == [
        {"a": 1, "b": 1},
        {"c": 1},
    ]


@pytest.mark.parametrize(
    "schema",
    [
        {"dependentRequired": {"a": "b"}},
        {"dependentRequired": {"a": [1]}},
        {"dependentRequired": ["a"]},
        {"dependentRequired": {"a": {}}},
        {"dependentSchemas": {"a": ["b"]}},
        {"dependencies": {"a": 1}},
    ],
    ids=repr,
)
def test_malformed_ones_are_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(schema)
    assert caught.value.pointer == "/" + next(iter(schema))


def test_more_than_the_limit_is_refused_with_its_place_and_dropped_knowingly() -> None:
    schema = {"dependentRequired": {name: ["x"] for name in "abcdefg"}}
    with pytest.raises(UnsupportedFeature) as caught:
        translated(schema)
    assert (caught.value.pointer, caught.value.keyword) == ("/dependentRequired", "dependentRequired")
    assert accepts(translated(schema, on_unsupported="relax"), '{"a": 1}')

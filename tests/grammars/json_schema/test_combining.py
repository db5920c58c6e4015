"""allOf, anyOf, oneOf, not, references and drafts: which values are taken, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from guidedgen.errors import CompileError, UnsatisfiableSchema, UnsupportedFeature
from tests.grammars.json_schema.feeding import compiled, translated, valid_ones

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    2.5,
    "",
    "a",
    "bb",
    [],
    [1],
    ["a"],
    {},
    {"a": 1},
    {"a": "x"},
    {"a": 1, "b": 2},
]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, VALUES),
        ({}, VALUES),
        ({"type": ["null", "boolean"]}, [None, True, False]),
        ({"enum": [1, "a", None, [1], {"a": 1}]}, [None, 1, "a", [1], {"a": 1}]),
        ({"const": {"a": 1, "b": 2}}, [{"a": 1, "b": 2}]),
        ({"const": []}, [[]]),
        ({"const": {}}, [{}]),
        ({"const": False}, [False]),
        ({"enum": [0, False]}, [False, 0]),
        ({"enum": ["a", "bb", 1, 2.5], "type": "string", "minLength": 2}, ["bb"]),
        ({"enum": ["a", "bb"], "pattern": "^b"}, ["bb"]),
        ({"enum": [0, 1, 2.5], "minimum": 1, "type": "integer"}, [1]),
        ({"enum": ["a", "bb"], "const": "a"}, ["a"]),
        ({"enum": [[1], ["a"]], "items": {"type": "string"}}, [["a"]]),
        ({"enum": [{"a": 1}, {"a": "x"}], "properties": {"a": {"type": "string"}}}, [{"a": "x"}]),
        ({"anyOf": [{"type": "integer"}, {"type": "string", "minLength": 1}]}, [0, 1, "a", "bb"]),
        ({"anyOf": [{"minimum": 1}, {"const": 0}], "type": "number"}, [0, 1, 2.5]),
        ({"anyOf": [{"type": "string"}, {"minLength": 2}], "type": ["string", "null"]}, [None, "", "a", "bb"]),
        (
            {"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object"},
            [{"a": 1}, {"a": "x"}, {"a": 1, "b": 2}],
        ),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, [0, 1, "", "a", "bb"]),
        ({"oneOf": [{"type": "integer", "maximum": 0}, {"type": "integer", "minimum": 1}]}, [0, 1]),
        ({"oneOf": [{"maximum": 0}, {"minimum": 1}], "type": "integer"}, [0, 1]),
        ({"oneOf": [{"enum": ["a"]}, {"enum": ["bb", 1]}]}, [1, "a", "bb"]),
        ({"oneOf": [{"pattern": "^a"}, {"pattern": "^b"}], "type": "string"}, ["a", "bb"]),
        ({"oneOf": [True, False]}, VALUES),
        ({"allOf": [{"type": ["string", "null"]}, {"type": ["null", "integer"]}]}, [None]),
        (
            {"allOf": [{"properties": {"a": {"type": "integer"}}, "type": "object"}, {"required": ["a"]}]},
            [{"a": 1}, {"a": 1, "b": 2}],
        ),
        (
            {"allOf": [{"additionalProperties": False, "properties": {"a": {}}}, {"type": "object"}]},
            [{}, {"a": 1}, {"a": "x"}],
        ),
        (
            {
                "allOf": [
                    {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    {"anyOf": [{"type": "null"}, {"type": "array"}]},
                ]
            },
            [None],
        ),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "integer"}}, "minimum": 1}, [1]),
        ({"$ref": "#/definitions/x%20y~1z", "definitions": {"x y/z": {"type": "null"}}}, [None]),
        ({"$ref": "#name", "$defs": {"x": {"$anchor": "name", "type": "null"}}}, [None]),
        ({"$ref": "http://a/b", "$defs": {"x": {"$id": "http://a/b", "type": "null"}}}, [None]),
        ({"$id": "http://a/r", "$ref": "r#/$defs/x", "$defs": {"x": {"type": "null"}}}, [None]),
    ],
)
def test_values_that_are_taken(schema: Any, expected: list[Any]) -> None:
    found = valid_ones(schema, VALUES)
    assert [(type(value), value) for value in found] == [(type(value), value) for value in expected]


def test_before_2019_keywords_beside_a_reference_are_ignored() -> None:
    schema = {"$ref": "#/definitions/x", "minimum": 1, "definitions": {"x": {"type": "integer"}}}
    old = {"$schema": "http://json-schema.org/draft-07/schema#", **schema}
    assert (valid_ones(schema, [0, 1]), valid_ones(old, [0, 1])) == ([1], [0, 1])
    assert [entry.treatment for entry in compiled(old).report if entry.keyword == "minimum"] == ["annotation"]


def test_keywords_of_other_drafts_are_annotations() -> None:
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer", "const": 3}
    assert valid_ones(schema, [3, 4]) == [3, 4]
    assert [entry.note for entry in compiled(schema).report.warnings] == ["not a keyword in draft 4"]


def test_documents_of_the_registry() -> None:
    registry = {
        "http://x/y": {"$defs": {"a": {"items": {"$ref": "#/$defs/b"}, "type": "array"}, "b": {"type": "integer"}}}
    }
    schema = {"$ref": "http://x/y#/$defs/a"}
    assert valid_ones(schema, [[1], ["a"], 1], registry=registry) == [[1]]
    with pytest.raises(UnsupportedFeature) as caught:
        compiled(schema)
    assert (caught.value.pointer, caught.value.keyword) == ("/$ref", "$ref")


def test_recursion_through_alternatives_and_properties() -> None:
    tree = {
        "anyOf": [
            {"type": "null"},
            {"type": "object", "properties": {"l": {"$ref": "#"}, "r": {"$ref": "#"}}, "required": ["l", "r"]},
        ]
    }
    values = [
        None,
        {"l": None, "r": None},
        {"l": {"l": None, "r": None}, "r": None},
        {"l": None},
        {"l": {"l": None}, "r": None},
    ]
    assert valid_ones(tree, values) == values[:3]


def test_discriminated_alternatives_are_exclusive() -> None:
    def member(name: str) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {"kind": {"const": name}, name: {"type": "integer"}},
            "required": ["kind"],
        }

    schema = {"oneOf": [member("a"), member("b"), {"$ref": "#/$defs/c"}], "$defs": {"c": member("c")}}
    values = [{"kind": "a", "a": 1}, {"kind": "b"}, {"kind": "c", "c": 1}, {"kind": "d"}, {"kind": "a", "a": "x"}]
    assert valid_ones(schema, values) == values[:3]


def test_alternatives_whose_overlap_is_not_expressed_are_refused() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        translated({"properties": {"x": {"oneOf": [{"items": {"type": "string"}}, {"items": {"type": "null"}}]}}})
    assert (caught.value.pointer, caught.value.keyword) == ("/properties/x/oneOf", "oneOf")


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        (False, ""),
        ({"enum": []}, "/enum"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "/allOf/0/type"),
        ({"enum": ["a"], "type": "integer"}, "/enum"),
        ({"anyOf": [False, {"type": "integer", "minimum": 2, "maximum": 1}]}, ""),
        ({"const": 1, "enum": [2]}, "/const"),
    ],
)
def test_contradictions_are_refused(schema: Any, pointer: str) -> None:
    with pytest.raises(UnsatisfiableSchema) as caught:
        compiled(schema)
    assert caught.value.pointer == pointer
    with pytest.raises(CompileError):
        translated(schema)


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"$ref": "#/$defs/nowhere"}, "/$ref"),
        ({"$ref": "#nowhere"}, "/$ref"),
        ({"$ref": 3}, "/$ref"),
        ({"$ref": "#/enum", "enum": [1]}, "/$ref"),
        ({"$ref": "#"}, ""),
        (
            {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"},
            "/$defs/b",
        ),
        ({"anyOf": []}, "/anyOf"),
        ({"anyOf": {}}, "/anyOf"),
        ({"allOf": [3]}, "/allOf"),
        ({"type": "any"}, "/type"),
        ({"type": []}, "/type"),
        ({"type": 3}, "/type"),
        ({"enum": "a"}, "/enum"),
        ({"$schema": 3}, "/$schema"),
    ],
)
def test_malformed_schemas_are_refused(schema: Any, pointer: str) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(schema)
    assert caught.value.pointer == pointer
    with pytest.raises(CompileError):
        translated(schema)

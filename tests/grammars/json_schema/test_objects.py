"""Objects of a schema: order, required and additional names, counts and schemas of names."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from guidedgen.errors import CompileError, UnsatisfiableSchema
from guidedgen.testing import accepts
from tests.grammars.json_schema.feeding import compiled, taken, text_of, translated, valid_ones


def closed(names: str, required: str = "") -> dict[str, Any]:
    properties = {name: {"type": "integer"} for name in names}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


@pytest.mark.parametrize("required", ["", "a", "b", "d", "ad", "bc", "abcd"])
def test_optional_properties_may_be_left_out_and_required_ones_may_not(required: str) -> None:
    constraint = compiled(closed("abcd", required))
    for count in range(5):
        for names in combinations("abcd", count):
            value = dict.fromkeys(names, 1)
            assert accepts(constraint, text_of(value)) == (set(required) <= set(names)), value


def test_declared_order_is_kept() -> None:
    assert taken(closed("ab"), ['{"a": 1, "b": 1}', '{"b": 1, "a": 1}', '{"a": 1, "a": 1}']) == ['{"a": 1, "b": 1}']


def test_additional_properties_come_after_the_declared_ones() -> None:
    schema = {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "string"}}
    texts = ['{"a": 1, "x": "y"}', '{"x": "y"}', '{"x": "y", "a": 1}', '{"x": 1}', '{"a": 1, "x": "y", "z": ""}', "{}"]
    assert taken(schema, texts) == ['{"a": 1, "x": "y"}', '{"x": "y"}', '{"a": 1, "x": "y", "z": ""}', "{}"]


def test_additional_names_differ_from_declared_ones_after_unescaping() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "string"}}
    assert taken(schema, [r'{"\u0061": "x"}', r'{"\u0062": "x"}', '{"a": "x"}', '{"aa": "x"}', '{"": "x"}']) == [
        r'{"\u0062": "x"}',
        '{"aa": "x"}',
        '{"": "x"}',
    ]


def test_names_that_need_escapes() -> None:
    names = ['"', "\\", "\n", "é", "\N{GRINNING FACE}", "a b", ""]
    schema = {"type": "object", "properties": {name: {"const": 1} for name in names}, "additionalProperties": False}
    assert valid_ones(schema, [{name: 1} for name in names]) == [{name: 1} for name in names]


def test_required_names_that_are_not_declared_come_last() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {}},
        "required": ["z", "y"],
        "additionalProperties": {"type": "integer"},
    }
    texts = [
        '{"a": "", "z": 1, "y": 2}',
        '{"z": 1, "y": 2, "x": 3}',
        '{"y": 2, "z": 1}',
        '{"a": "", "z": 1}',
        '{"z": "", "y": 1}',
    ]
    assert taken(schema, texts) == ['{"a": "", "z": 1, "y": 2}', '{"z": 1, "y": 2, "x": 3}']


@pytest.mark.parametrize(("low", "high"), [(0, 1), (1, 2), (2, 3), (3, None), (0, 0), (2, 2)])
@pytest.mark.parametrize("additional", [True, False])
def test_numbers_of_properties(low: int, high: int | None, additional: bool) -> None:
    schema: dict[str, Any] = closed("abc") | {"minProperties": low}
    if high is not None:
        schema["maxProperties"] = high
    if additional:
        schema["additionalProperties"] = {"type": "integer"}
    constraint = compiled(schema)
    for names in ["", "a", "b", "ab", "ac", "abc", "x", "xy", "ax", "bx", "abx", "abcx", "xyz", "axyz"]:
        value = dict.fromkeys(names, 1)
        possible = additional or not set(names) - set("abc")
        inside = low <= len(names) and (high is None or len(names) <= high)
        assert accepts(constraint, text_of(value)) == (possible and inside), names


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"pattern": "^a"}, [{}, {"a": 1}, {"ab": 1}, {"a": 1, "ax": 1}]),
        ({"maxLength": 1}, [{}, {"a": 1}, {"b": 1}, {"x": 1}]),
        ({"enum": ["a", "x"]}, [{}, {"a": 1}, {"x": 1}]),
        ({"not": False, "anyOf": [{"const": "x"}, {"pattern": "^b"}]}, [{}, {"b": 1}, {"x": 1}]),
        ({"type": "integer"}, [{}]),
        (False, [{}]),
        (True, [{}, {"a": 1}, {"b": 1}, {"ab": 1}, {"x": 1}, {"a": 1, "ax": 1}]),
    ],
)
def test_names_have_schemas_too(names: Any, expected: list[Any]) -> None:
    schema = {"type": "object", "properties": {"a": {}, "b": {}}, "propertyNames": names}
    assert valid_ones(schema, [{}, {"a": 1}, {"b": 1}, {"ab": 1}, {"x": 1}, {"a": 1, "ax": 1}]) == expected
    with pytest.raises(UnsatisfiableSchema):
        compiled({**schema, "required": ["c"], "propertyNames": {"enum": ["a"]}})


def test_a_property_that_no_value_satisfies_cannot_be_there() -> None:
    schema = {"type": "object", "properties": {"a": False, "b": {"enum": []}, "c": {}}, "additionalProperties": False}
    assert valid_ones(schema, [{}, {"a": 1}, {"b": 1}, {"c": 1}]) == [{}, {"c": 1}]


def test_hundreds_of_optional_properties_stay_small() -> None:
    schema = {"properties": {f"p{index}": {"type": "integer"} for index in range(600)}, "additionalProperties": False}
    assert valid_ones(schema, [{"p3": 1, "p599": 2}, {"p599": 2}, {"p600": 1}]) == [{"p3": 1, "p599": 2}, {"p599": 2}]


def test_names_do_not_come_twice() -> None:
    constraint = compiled({"properties": {"o": {"type": "object"}}, "additionalProperties": False})
    assert constraint.report.exact
    texts = ['{"o": {"a": 1, "b": 2}}', '{"o": {"a": 1, "a": 2}}', '{"o": {"a": {"a": 1}, "b": {"b": 1, "b": 2}}}']
    assert [text for text in texts if accepts(constraint, text)] == texts[:1]


def test_in_the_translation_they_are_in_the_report_and_refused_by_parse() -> None:
    constraint = translated({"properties": {"o": {"type": "object"}}, "additionalProperties": False})
    assert {(entry.pointer, entry.treatment) for entry in constraint.report.warnings} == {
        ("/properties/o", "validated"),
        ("", "validated"),  # objects inside the values of additional properties
    }
    assert not constraint.report.exact
    with pytest.raises(ValueError, match="'a' occurs twice"):
        constraint.spec.parse('{"o": {"a": 1, "a": 2}}')


@pytest.mark.parametrize(
    ("schema", "pointer", "other"),
    [
        (closed("a") | {"required": ["b"]}, "/required/0", "#/additionalProperties"),
        ({"type": "object", "required": ["a"], "properties": {"a": False}}, "/required/0", "#/properties/a"),
        ({"type": "object", "required": ["a", "b"], "maxProperties": 1}, "/maxProperties", "#/required/0"),
        ({"type": "object", "minProperties": 2, "maxProperties": 1}, "/minProperties", "#/maxProperties"),
        (closed("a") | {"minProperties": 2}, "/minProperties", ""),
        (
            {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "minimum": 2, "maximum": 1}}},
            "/required/0",
            "#/properties/a/minimum",
        ),
    ],
)
def test_objects_that_cannot_be_are_refused(schema: dict[str, Any], pointer: str, other: str) -> None:
    with pytest.raises(UnsatisfiableSchema) as caught:
        compiled(schema)
    assert caught.value.pointer == pointer
    assert other in str(caught.value)


def test_an_object_that_must_contain_itself_is_refused() -> None:
    with pytest.raises(UnsatisfiableSchema) as caught:
        compiled({"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}})
    assert {caught.value.pointer, *caught.value.pointers} == {"/type", "/required/0", "/properties/a/$ref"}


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"properties": []}, "/properties"),
        ({"properties": {"a": 3}}, "/properties"),
        ({"required": "a"}, "/required"),
        ({"required": ["a", "a"]}, "/required"),
        ({"required": [1]}, "/required"),
        ({"additionalProperties": "no"}, "/additionalProperties"),
        ({"minProperties": -1}, "/minProperties"),
        ({"maxProperties": 1.5}, "/maxProperties"),
        ({"properties": {"a/b~": {"required": True}}}, "/properties/a~1b~0/required"),
    ],
)
def test_malformed_values_are_refused(schema: dict[str, Any], pointer: str) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(schema)
    assert caught.value.pointer == pointer

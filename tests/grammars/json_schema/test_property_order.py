"""property_order="any": declared and other properties in any mixture, required ones exactly once."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import Any

import pytest

from guidedgen.errors import UnsatisfiableSchema, ValidationFailed
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.testing import accepts, byte_vocabulary
from tests.grammars.json_schema.feeding import compiled, taken, text_of


def closed(names: str, required: str = "", **more: Any) -> dict[str, Any]:
    properties = {name: {"type": "integer"} for name in names}
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return {**schema, **more}


@pytest.mark.parametrize("required", ["", "a", "bc", "abcd"])
def test_every_order_of_every_allowed_set_is_taken(required: str) -> None:
    constraint = compiled(closed("abcd", required), property_order="any")
    for count in range(5):
        for names in combinations("abcd", count):
            for order in permutations(names):
                value = dict.fromkeys(order, 1)
                assert accepts(constraint, text_of(value)) == (set(required) <= set(names)), value


def test_a_declared_property_comes_once() -> None:
    texts = ['{"a": 1, "b": 1, "a": 1}', '{"a": 1, "a": 1}', r'{"a": 1, "\u0061": 1}', '{"b": 1, "a": 1}']
    assert taken(closed("ab"), texts, property_order="any") == ['{"b": 1, "a": 1}']


def test_additional_properties_come_anywhere() -> None:
    schema = {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "string"}, "required": ["a"]}
    texts = [
        '{"x": "y", "a": 1, "z": ""}',
        '{"x": "y", "z": "", "a": []}',
        '{"a": {"b": 1}}',
        '{"x": "y"}',
        '{"x": 1, "a": 1}',
        r'{"\u0061": "x", "x": "y"}',
    ]
    assert taken(schema, texts, property_order="any") == texts[:3]


@pytest.mark.parametrize(("low", "high"), [(0, None), (2, None), (0, 2), (1, 2), (3, 3), (0, 0)])
@pytest.mark.parametrize("required", ["", "b"])
def test_numbers_of_properties(low: int, high: int | None, required: str) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {}, "b": {}}, "required": list(required)}
    schema["minProperties"] = low
    if high is not None:
        schema["maxProperties"] = high
    if high is not None and high < len(required):
        with pytest.raises(UnsatisfiableSchema):
            compiled(schema, property_order="any")
        return
    constraint = compiled(schema, property_order="any")
    for count in range(5):
        for names in permutations("abxy", count):
            valid = low <= count and (high is None or count <= high) and set(required) <= set(names)
            assert accepts(constraint, text_of(dict.fromkeys(names, 0))) == valid, names


def test_too_few_properties_are_possible() -> None:
    with pytest.raises(UnsatisfiableSchema):
        compiled(closed("ab", minProperties=3), property_order="any")


def test_the_translation_leaves_duplicates_among_additional_properties_to_parse() -> None:
    spec = JsonSchema({"type": "object", "properties": {"a": {}}}, property_order="any")
    constraint = compile(spec, byte_vocabulary(), implementation="reference")
    text = '{"x": 1, "a": 2, "x": 3}'
    assert accepts(constraint, text)
    assert {entry.keyword for entry in constraint.report.treated("validated")} == {"(different names)"}
    with pytest.raises(ValidationFailed, match="occurs twice"):
        spec.parse(text)


def test_merged_and_nested_objects() -> None:
    schema = {
        "allOf": [{"$ref": "#/$defs/named"}, {"properties": {"child": {"$ref": "#"}}}],
        "anyOf": [{"properties": {"kind": {"const": "x"}}, "required": ["kind"]}, {"required": ["size"]}],
        "$defs": {"named": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    }
    texts = [
        '{"size": 1, "child": {"kind": "x", "name": ""}, "name": ""}',
        '{"kind": "x", "child": {"name": "", "size": null}, "name": "n"}',
        '{"name": "", "kind": "y", "size": 0}',
        '{"name": "", "kind": "y"}',
        '{"child": {"name": "", "size": null}, "kind": "x"}',
        '{"name": "", "kind": "x", "child": {"kind": "x"}}',
    ]
    assert taken(schema, texts, property_order="any") == texts[:3]


def test_enumerated_objects() -> None:
    schema = {"enum": [{"a": 1, "b": {"c": 2, "d": 3}}]}
    texts = ['{"b": {"d": 3, "c": 2}, "a": 1}', '{"a": 1, "b": {"c": 2, "d": 3}}', '{"a": 1}', '{"b": {}, "a": 1}']
    assert taken(schema, texts, property_order="any") == texts[:2]


@pytest.mark.parametrize("whitespace", ["compact", "flexible"])
def test_layouts(whitespace: str) -> None:
    texts = ['{"b": 1, "a": 2}', "{}", '{ "b" : 1 ,\n"a":2 }', "{ }", '{"b": 1, }', '{, "b": 1}', '{"b": 1 "a": 2}']
    expected = texts[:2] if whitespace == "compact" else texts[:4]
    assert taken(closed("ab"), texts, property_order="any", whitespace=whitespace) == expected


def test_a_hundred_optional_properties_are_no_blow_up() -> None:
    names = [f"name{number}" for number in range(100)]
    constraint = compiled({"type": "object", "properties": {name: {} for name in names}}, property_order="any")
    order = [names[number * 37 % 100] for number in range(100)]
    assert accepts(constraint, text_of({**dict.fromkeys(order[:60], 1), "other": 2, **dict.fromkeys(order[60:], 3)}))

"""Hard bounds in the native machine: whatever they are, what is left is valid, and something is."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest

from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.testing import accepts
from tests.conformance.exact import read
from tests.conformance.standard import Standard
from tests.conformance.walks import Walk, crossing_vocabulary, text_of

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("guidedgen.kernel._native") is None, reason="the native kernel is not built"
)

TREE = {"$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}, "$ref": "#/$defs/t"}
REQUIRED: list[tuple[Any, dict[str, int]]] = [
    ({"type": "array", "contains": {"const": 1}, "minContains": 4}, {"max_items": 2}),
    ({"type": "array", "uniqueItems": True, "minItems": 3, "items": {"enum": [1, 2, 3, 4]}}, {"max_items": 2}),
    ({"enum": [[1, 2, 3], "abcdef", 123456, {"a": [1, 2]}]}, {"max_items": 1, "max_string": 1, "max_digits": 1}),
    ({"allOf": [{"type": "number"}, {"enum": [123456]}]}, {"max_digits": 1}),
    ({"type": "number", "multipleOf": 1000}, {"max_digits": 2}),
    ({"type": "integer", "not": {"maximum": 99999}}, {"max_digits": 2}),
    ({"type": "number", "exclusiveMinimum": 0, "maximum": 1e-9}, {"max_digits": 2}),
    ({"type": "array", "not": {"maxItems": 5}}, {"max_items": 2}),
    ({"type": "string", "not": {"maxLength": 5}}, {"max_string": 2}),
    ({"type": "string", "format": "date"}, {"max_string": 2}),
    ({"type": "array", "anyOf": [{"minItems": 4}, {"maxItems": 1}]}, {"max_items": 2}),
    ({"type": "array", "prefixItems": [{}, {}, {"type": "null"}], "unevaluatedItems": False}, {"max_items": 2}),
    (TREE, {"max_items": 2}),
    (
        {
            "type": "array",
            "items": {"type": "array", "items": {"type": "string"}},
            "oneOf": [{"contains": {"minItems": 3}}, {"maxItems": 1}],
        },
        {"max_items": 2},
    ),
    ({"type": "object", "propertyNames": {"minLength": 5}, "minProperties": 1}, {"max_string": 2}),
]


@pytest.mark.parametrize(("schema", "bounds"), REQUIRED)
def test_what_is_required_is_never_cut(schema: Any, bounds: Any) -> None:
    vocabulary = crossing_vocabulary()
    constraint = compile(JsonSchema(schema, **bounds), vocabulary, implementation="native")
    standard = Standard(read(json.dumps(schema)))
    for seed in range(6):
        text = text_of(constraint, vocabulary, Walk(60, seed))
        assert standard.is_valid(read(text.decode())), text


@pytest.mark.parametrize(
    ("schema", "bounds", "taken", "refused"),
    [
        ({"not": {"type": "null"}}, {"max_string": 1, "max_items": 1}, ['"a"', "[1]"], ['"ab"', "[1, 2]"]),
        ({"type": "array", "contains": {"const": 1}}, {"max_items": 2}, ["[0, 1]"], ["[0, 0, 1]"]),
        ({"oneOf": [{"type": "string"}, {"minLength": 3}]}, {"max_string": 2}, ['"ab"', "7"], ['"abc"']),
        ({"if": {"type": "array"}, "then": {"minItems": 1}}, {"max_items": 2}, ["[1]"], ["[]", "[1, 2, 3]"]),
        ({"properties": {"abc": {"$ref": "#"}}}, {"max_string": 1}, ['{"abc": {"long": "x"}}'], ['{"abc": "xy"}']),
    ],
)
def test_bounds_hold_wherever_a_value_stands(schema: Any, bounds: Any, taken: list[str], refused: list[str]) -> None:
    constraint = compile(JsonSchema(schema, **bounds), crossing_vocabulary(), implementation="native")
    assert [text for text in [*taken, *refused] if accepts(constraint, text, crossing_vocabulary())] == taken

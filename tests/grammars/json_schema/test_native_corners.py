"""Corners of the standard in the native machine, each text held against the validator of tests/conformance."""

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
from tests.grammars.json_schema.feeding import BYTES

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("guidedgen.kernel._native") is None, reason="the native kernel is not built"
)

URIS = {
    4: "http://json-schema.org/draft-04/schema#",
    6: "http://json-schema.org/draft-06/schema#",
    7: "http://json-schema.org/draft-07/schema#",
    2019: "https://json-schema.org/draft/2019-09/schema",
    2020: "https://json-schema.org/draft/2020-12/schema",
}
ALL, LATE, OLD = (4, 6, 7, 2019, 2020), (2019, 2020), (4, 6, 7)
REGISTRY: dict[str, Any] = {
    "http://x.example/list": {
        "$schema": URIS[2020],
        "$id": "http://x.example/list",
        "$dynamicAnchor": "item",
        "type": "array",
        "items": {"$dynamicRef": "#item"},
        "$defs": {"short": {"$anchor": "short", "maxItems": 1}},
    },
    "http://x.example/tree": {
        "$schema": URIS[2019],
        "$id": "http://x.example/tree",
        "$recursiveAnchor": True,
        "properties": {"sub": {"$recursiveRef": "#"}},
    },
}
NUMBERS = ["1", "1.0", "1e0", "-0", "0", "-0.0", "0.5", "1e400", "-1e400", "1E2", "2"]
ARRAYS = ["[]", "[1]", '["a"]', '[1, "a"]', '["a", 1]', '[1, 1, "a"]', "[null]", "[1, null]"]
OBJECTS = [
    "{}",
    '{"a": 1}',
    '{"b": 1}',
    '{"a": 1, "b": 1}',
    '{"a": 1, "b": 1, "c": 1}',
    '{"a": "x"}',
    '{"a": 1, "c": 1}',
]
STRINGS = ['""', '"a"', '"\\u0061"', '"ab"', '"😀"', '"\\ud83d\\ude00"', '"😀a"', '"é"', '"e\\u0301"', '"/"', '"\\/"']

CASES: list[tuple[tuple[int, ...], Any, list[str]]] = [
    (ALL, {"type": "integer"}, NUMBERS),
    (ALL, {"not": {"type": "integer"}}, [*NUMBERS, "null"]),
    (ALL, {"type": "number", "multipleOf": 0.5}, NUMBERS),
    (ALL, {"type": "number", "multipleOf": 1e300}, ["0", "1", "1e300", "2e301", "1e299", "1e400"]),
    (ALL, {"type": "number", "multipleOf": 0.01}, ["19.99", "0.011", "1e-2", "4.02", "0.1"]),
    (ALL, {"enum": [1, "a", 0]}, NUMBERS),
    (ALL, {"type": "string", "maxLength": 1}, STRINGS),
    (ALL, {"type": "string", "minLength": 2}, STRINGS),
    (ALL, {"enum": ["😀", "é", "/"]}, STRINGS),
    (ALL, {"properties": {"😀": {"type": "null"}}}, ['{"😀": 1}', '{"\\ud83d\\ude00": 1}', '{"\\uD83D\\uDE00": null}']),
    ((4, 6, 7, 2019), {"items": [{"type": "integer"}, {"type": "string"}], "additionalItems": False}, ARRAYS),
    (ALL, {"items": {"type": "integer"}, "additionalItems": False}, ARRAYS),
    (ALL, {"additionalItems": False}, ARRAYS),
    (ALL, {"prefixItems": [{"type": "integer"}], "items": {"type": "string"}}, ARRAYS),
    (LATE, {"prefixItems": [{"type": "integer"}], "items": False}, ARRAYS),
    (ALL, {"dependencies": {"a": ["b"]}}, OBJECTS),
    (ALL, {"dependencies": {"a": {"required": ["c"]}}}, OBJECTS),
    (ALL, {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"b": {"maxProperties": 2}}}, OBJECTS),
    (ALL, {"contains": {"type": "integer"}, "minContains": 0, "maxContains": 1}, ARRAYS),
    (ALL, {"contains": {"type": "integer"}, "minContains": 2}, ARRAYS),
    (ALL, {"minContains": 3, "maxContains": 0}, ARRAYS),
    ((4,), {"minimum": 1, "exclusiveMinimum": True}, NUMBERS),
    (ALL, {"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"maxProperties": 1}}, OBJECTS),
    (ALL, {"propertyNames": {"enum": ["a", "b"]}}, OBJECTS),
    (ALL, {"const": 1}, [*NUMBERS, "null"]),
    (OLD, {"$ref": "#/definitions/n", "maximum": 0, "definitions": {"n": {"type": "number"}}}, [*NUMBERS, "null"]),
    (LATE, {"$ref": "#/$defs/n", "maximum": 0, "$defs": {"n": {"type": "number"}}}, [*NUMBERS, "null"]),
    (LATE, {"$ref": "#n", "$defs": {"n": {"$anchor": "n", "type": "number"}}}, ["1", '"a"']),
    (ALL, {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}, OBJECTS),
    (ALL, {"contains": {"type": "integer"}, "unevaluatedItems": False}, ARRAYS),
    ((2020,), {"$ref": "http://x.example/list"}, ["[]", "[[]]", "[[[]]]", "[1]", "{}", "[[1]]"]),
    (
        (2020,),
        {"$id": "http://x.example/mine", "$dynamicAnchor": "item", "$ref": "list", "maxItems": 1},
        ["[]", "[[]]", "[[], []]", "[[[], []]]", "[[[[]]]]"],
    ),
    ((2020,), {"items": {"$ref": "http://x.example/list#short"}}, ["[]", "[[1]]", "[[1, 2]]", "1"]),
    (
        (2020,),
        {
            "$id": "http://x.example/closed",
            "$dynamicAnchor": "item",
            "anyOf": [{"type": "integer"}, {"$ref": "list"}],
            "unevaluatedItems": False,
        },
        ["1", "[]", "[1]", "[[1], 2]", '["a"]', '[["a"]]'],
    ),
    (
        (2019,),
        {
            "$id": "http://x.example/strict",
            "$recursiveAnchor": True,
            "$ref": "tree",
            "unevaluatedProperties": False,
        },
        ["{}", '{"sub": {}}', '{"sub": {"sub": {}}}', '{"x": 1}', '{"sub": {"x": 1}}', '{"sub": {"sub": {"x": 1}}}'],
    ),
    ((2019,), {"$ref": "http://x.example/tree"}, ["{}", '{"sub": {"x": 1}}', '{"sub": 1}']),
]
FLAT = [(draft, schema, texts) for drafts, schema, texts in CASES for draft in drafts]


@pytest.mark.parametrize(("draft", "schema", "texts"), FLAT, ids=lambda value: str(value)[:60])
def test_corners(draft: int, schema: Any, texts: list[str]) -> None:
    schema = {"$schema": URIS[draft], **schema}
    settings: dict[str, Any] = {"property_order": "any", "whitespace": "flexible", "registry": REGISTRY}
    constraint = compile(JsonSchema(schema, **settings), BYTES, implementation="native")
    exact = {uri: read(json.dumps(document)) for uri, document in REGISTRY.items()}
    standard = Standard(read(json.dumps(schema)), registry=exact)
    expected = [text for text in texts if standard.is_valid(read(text))]
    assert [text for text in texts if accepts(constraint, text)] == expected

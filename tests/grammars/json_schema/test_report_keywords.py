"""The native machine's report, and the documentation's table, tell the truth about every keyword of every draft."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.json_schema.keywords import KEYWORDS, VALIDATED
from guidedgen.grammars.specs import JsonSchema
from guidedgen.testing import accepts
from tests.grammars.json_schema.feeding import BYTES

native_module = pytest.importorskip("guidedgen.kernel._native")

ROOT = Path(__file__).resolve().parents[3]
STRING: dict[str, Any] = {"type": "string"}
D4, D7, D19, D20 = (
    "http://json-schema.org/draft-04/schema#",
    "http://json-schema.org/draft-07/schema#",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
)

# By keyword: a schema with it, a text that is valid, and one that it alone makes invalid (None: nothing is).
CASES: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "type": ({"type": "integer"}, "1", '"1"'),
    "enum": ({"enum": ["a", [1]]}, "[1]", '"b"'),
    "const": ({"const": {"a": 1}}, '{"a": 1}', '{"a": 2}'),
    "allOf": ({"allOf": [STRING, {"minLength": 2}]}, '"ab"', '"a"'),
    "anyOf": ({"anyOf": [STRING, {"type": "null"}]}, "null", "1"),
    "oneOf": ({"oneOf": [{"minimum": 2}, {"multipleOf": 2}]}, "3", "4"),
    "not": ({"not": STRING}, "1", '"a"'),
    "if": ({"if": STRING, "then": {"minLength": 2}, "else": {"type": "null"}}, "null", "1"),
    "then": ({"if": STRING, "then": {"minLength": 2}}, '"ab"', '"a"'),
    "else": ({"if": STRING, "else": {"type": "null"}}, '"a"', "1"),
    "$ref": ({"$ref": "#/$defs/s", "$defs": {"s": STRING}}, '"a"', "1"),
    "$dynamicRef": ({"$dynamicRef": "#s", "$defs": {"s": {"$dynamicAnchor": "s", **STRING}}}, '"a"', "1"),
    "$recursiveRef": (
        {"$schema": D19, "type": ["array", "null"], "items": {"$recursiveRef": "#"}},
        "[[], null]",
        "[1]",
    ),
    "minimum": ({"minimum": 2}, "2", "1"),
    "maximum": ({"maximum": 2}, "2", "3"),
    "exclusiveMinimum": ({"exclusiveMinimum": 2}, "2.5", "2"),
    "exclusiveMaximum": ({"exclusiveMaximum": 2}, "1.5", "2"),
    "multipleOf": ({"multipleOf": 0.01}, "19.99", "19.999"),
    "minLength": ({"minLength": 2}, '"ab"', '"a"'),
    "maxLength": ({"maxLength": 2}, '"ab"', '"abc"'),
    "pattern": ({"pattern": "^a"}, '"ab"', '"b"'),
    "format": ({"format": "date"}, '"2024-02-29"', '"2023-02-29"'),
    "items": ({"items": STRING}, '["a"]', "[1]"),
    "prefixItems": ({"prefixItems": [STRING]}, '["a", 1]', "[1]"),
    "additionalItems": ({"$schema": D7, "items": [True], "additionalItems": STRING}, '[1, "a"]', "[1, 1]"),
    "minItems": ({"minItems": 2}, "[1, 2]", "[1]"),
    "maxItems": ({"maxItems": 2}, "[1, 2]", "[1, 2, 3]"),
    "uniqueItems": ({"uniqueItems": True}, "[1, 2]", "[1, 1.0]"),
    "contains": ({"contains": STRING}, '[1, "a"]', "[1]"),
    "minContains": ({"contains": STRING, "minContains": 2}, '["a", 1, "b"]', '["a"]'),
    "maxContains": ({"contains": STRING, "maxContains": 1}, '["a", 1]', '["a", "b"]'),
    "unevaluatedItems": ({"prefixItems": [True], "unevaluatedItems": False}, "[1]", "[1, 2]"),
    "properties": ({"properties": {"a": STRING}}, '{"a": "b"}', '{"a": 1}'),
    "required": ({"required": ["a"]}, '{"a": 1}', "{}"),
    "patternProperties": ({"patternProperties": {"^a": STRING}}, '{"ab": "b"}', '{"ab": 1}'),
    "additionalProperties": ({"additionalProperties": STRING}, '{"a": "b"}', '{"a": 1}'),
    "propertyNames": ({"propertyNames": {"maxLength": 1}}, '{"a": 1}', '{"ab": 1}'),
    "minProperties": ({"minProperties": 1}, '{"a": 1}', "{}"),
    "maxProperties": ({"maxProperties": 1}, '{"a": 1}', '{"a": 1, "b": 2}'),
    "dependencies": ({"$schema": D7, "dependencies": {"a": ["b"]}}, '{"a": 1, "b": 2}', '{"a": 1}'),
    "dependentRequired": ({"dependentRequired": {"a": ["b"]}}, '{"a": 1, "b": 2}', '{"a": 1}'),
    "dependentSchemas": ({"dependentSchemas": {"a": {"maxProperties": 1}}}, '{"a": 1}', '{"a": 1, "b": 2}'),
    "unevaluatedProperties": ({"properties": {"a": True}, "unevaluatedProperties": False}, '{"a": 1}', '{"b": 1}'),
    "title": ({"title": "x"}, "1", None),
    "description": ({"description": "x"}, "1", None),
    "default": ({"default": "x"}, "1", None),
    "definitions": ({"definitions": {"x": False}}, "1", None),
    "$schema": ({"$schema": D20}, "1", None),
    "id": ({"$schema": D4, "id": "http://x.test/"}, "1", None),
    "$id": ({"$id": "http://x.test/"}, "1", None),
    "examples": ({"examples": ["x"]}, "1", None),
    "$comment": ({"$comment": "x"}, "1", None),
    "readOnly": ({"readOnly": True}, "1", None),
    "writeOnly": ({"writeOnly": True}, "1", None),
    "contentEncoding": ({"contentEncoding": "base64"}, '"?"', None),
    "contentMediaType": ({"contentMediaType": "application/json"}, '"{"', None),
    "contentSchema": ({"contentSchema": False}, '"1"', None),
    "$defs": ({"$defs": {"x": False}}, "1", None),
    "$vocabulary": ({"$vocabulary": {"http://x.test/": True}}, "1", None),
    "deprecated": ({"deprecated": True}, "1", None),
    "$anchor": ({"$anchor": "x"}, "1", None),
    "$dynamicAnchor": ({"$dynamicAnchor": "x"}, "1", None),
    "$recursiveAnchor": ({"$schema": D19, "$recursiveAnchor": True}, "1", None),
}


def compiled(schema: Any, **options: Any) -> GrammarConstraint:
    constraint = compile(JsonSchema(schema, property_order="any", **options), BYTES, implementation="native")
    assert constraint.checking is None
    return constraint


def without(schema: Any, keyword: str) -> Any:
    """A copy of a schema in which no schema has the keyword."""
    if not isinstance(schema, dict):
        return schema
    return {name: without(inner, keyword) for name, inner in schema.items() if name != keyword}


def test_every_keyword_is_here() -> None:
    assert set(CASES) == set(KEYWORDS) - {VALIDATED}


@pytest.mark.parametrize("keyword", CASES)
def test_the_report_says_what_the_masks_do(keyword: str) -> None:
    schema, valid, invalid = CASES[keyword]
    constraint = compiled(schema)
    known = KEYWORDS[keyword]
    told = {entry.treatment for entry in constraint.report if entry.keyword == keyword}
    assert told == {"annotation" if known.role == "annotation" else known.native}
    assert accepts(constraint, valid)
    assert constraint.report.exact
    assert (invalid is None) == (known.role == "annotation")
    if invalid is not None:
        assert not accepts(constraint, invalid)
        assert accepts(compiled(without(schema, keyword)), invalid)


@pytest.mark.parametrize("keyword", [name for name, (_, _, invalid) in CASES.items() if invalid is not None])
def test_masks_refuse_before_the_point_of_no_return(keyword: str) -> None:
    """Where the invalid text stops fitting, what was read until then can still be completed, and that is accepted."""
    schema, _, invalid = CASES[keyword]
    assert invalid is not None
    state = compiled(schema).start()
    for byte in invalid.encode():
        after = state.advance_bytes(bytes([byte]))
        if after is None:
            break
        state = after
    for token in state.shortest():
        following = state.advance(token)
        assert following is not None
        state = following
    assert state.accepting


def test_what_says_nothing_is_told_as_such() -> None:
    schema = {
        "type": "string",
        "minimum": 3,
        "uniqueItems": True,
        "properties": {"a": {}},
        "then": {},
        "minContains": 2,
    }
    told = {
        entry.keyword: (entry.treatment, bool(entry.note))
        for entry in compiled(schema).report
        if entry.pointer.count("/") == 1
    }
    assert told == {"type": ("exact", False), **dict.fromkeys(schema.keys() - {"type"}, ("annotation", True))}


def test_formats_off_or_unknown_are_annotations() -> None:
    for options, name in (({"format": "annotation"}, "date"), ({}, "no-such-format")):
        (entry,) = compiled({"format": name}, **options).report
        assert (entry.treatment, bool(entry.note)) == ("annotation", True)
        assert accepts(compiled({"format": name}, **options), '"x"')


def test_the_documented_table_lists_the_formats_of_the_kernel() -> None:
    text = (ROOT / "docs" / "reference" / "keywords.md").read_text(encoding="utf-8")
    section = text.partition("## Formats")[2].partition("## ")[0]
    listed = section.partition("\n\n")[2].partition("\n\n")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([\w-]+)`", listed)) == set(native_module.formats())

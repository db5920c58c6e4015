"""Keywords that masks do not enforce are refused with their place, or dropped knowingly; never ignored.

The native machine enforces them all; what is refused here is what the translation to a grammar does not express.
"""

from __future__ import annotations

from typing import Any

import pytest

from guidedgen.errors import CompileError, UnsupportedFeature
from tests.grammars.json_schema.feeding import compiled, translated, valid_ones

REFUSED: dict[str, Any] = {
    "not": {"items": {"type": "string"}},
    "if": {"items": {"type": "string"}},
    "uniqueItems": True,
    "contains": {"const": 1},
    "dependentRequired": {name: ["x"] for name in "abcdefg"},
    "dependentSchemas": {name: {"minProperties": 2} for name in "abcdefg"},
    "dependencies": {name: ["x"] for name in "abcdefg"},
    "unevaluatedProperties": False,
    "unevaluatedItems": False,
    "$dynamicRef": "#x",
    "$recursiveRef": "#",
}
EXTRA = {"if": {"then": {"minLength": 1}}}
NOTHING: list[dict[str, Any]] = [
    {"not": False},
    {"if": {"type": "string"}},
    {"then": {"type": "string"}},
    {"patternProperties": {}},
    {"propertyNames": True},
    {"uniqueItems": False},
    {"minContains": 2},
    {"dependentRequired": {"a": [], "b": ["b"]}},
    {"dependencies": {"a": [], "b": {}, "c": True}},
    {"unevaluatedProperties": True},
]


@pytest.mark.parametrize("keyword", REFUSED)
def test_it_is_refused_with_its_place(keyword: str) -> None:
    schema = {"type": "object", "properties": {"x": {keyword: REFUSED[keyword], **EXTRA.get(keyword, {})}}}
    with pytest.raises(UnsupportedFeature) as caught:
        translated(schema)
    assert (caught.value.pointer, caught.value.keyword) == (f"/properties/x/{keyword}", keyword)
    assert f"#/properties/x/{keyword}" in str(caught.value)


@pytest.mark.parametrize("keyword", REFUSED)
def test_it_is_dropped_knowingly_and_reported(keyword: str) -> None:
    schema = {keyword: REFUSED[keyword], **EXTRA.get(keyword, {})}
    constraint = translated(schema, on_unsupported="relax")
    assert ("/" + keyword, keyword) in [
        (entry.pointer, entry.keyword) for entry in constraint.report.treated("relaxed")
    ]
    assert not constraint.report.exact


@pytest.mark.parametrize("keyword", [keyword for keyword in REFUSED if keyword not in ("$dynamicRef", "$recursiveRef")])
def test_the_native_machine_enforces_it(keyword: str) -> None:
    report = compiled({keyword: REFUSED[keyword], **EXTRA.get(keyword, {})}).report
    assert report.exact
    expected = "guarded" if keyword == "uniqueItems" else "exact"
    assert {entry.treatment for entry in report if entry.keyword == keyword} == {expected}


@pytest.mark.parametrize("schema", NOTHING)
def test_what_excludes_nothing_is_taken(schema: dict[str, Any]) -> None:
    assert valid_ones(schema, [1, "a", [1, 1], {"a": 1}]) == [1, "a", [1, 1], {"a": 1}]


def test_keywords_about_other_kinds_of_values_are_annotations() -> None:
    schema = {"type": "string", "uniqueItems": True, "patternProperties": {"a": False}, "minimum": 3, "required": ["a"]}
    constraint = compiled(schema)
    assert {entry.keyword: entry.treatment for entry in constraint.report} == {
        "type": "exact",
        "uniqueItems": "annotation",
        "patternProperties": "annotation",
        "minimum": "annotation",
        "required": "annotation",
    }


def test_what_nothing_refers_to_is_not_looked_at() -> None:
    assert valid_ones({"$defs": {"a": {"not": {"type": "strin"}}}, "type": "null"}, [None]) == [None]


@pytest.mark.parametrize(
    "option", [{"property_order": "x"}, {"format": "x"}, {"whitespace": "x"}, {"on_unsupported": "x"}]
)
def test_unknown_options_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(CompileError, match="x"):
        compiled({}, **option)


def test_a_likely_slip_of_the_pen_gets_a_hint() -> None:
    report = compiled({"requried": ["a"], "type": "object"}).report
    assert [(entry.pointer, entry.treatment) for entry in report.warnings if entry.keyword == "requried"] == [
        ("/requried", "annotation")
    ]
    assert "did you mean 'required'?" in report.warnings[0].note
    assert valid_ones({"requried": ["a"]}, [{}]) == [{}]


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"properties": {"a": {"items": {"requierd": []}}}}, "/properties/a/items/requierd"),
        ({"additionalPropertes": False}, "/additionalPropertes"),
    ],
)
def test_slips_are_found_at_any_depth(schema: Any, pointer: str) -> None:
    assert pointer in [entry.pointer for entry in compiled(schema).report.warnings]
    with pytest.raises(CompileError) as caught:
        compiled(schema, strict_keywords=True)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("policy", ["error", "validate", "relax"])
def test_it_is_refused_where_that_is_asked_for(policy: str) -> None:
    with pytest.raises(CompileError, match="Did you mean 'required'") as caught:
        compiled({"properties": {"x": {"requried": ["a"]}}}, strict_keywords=True, on_unsupported=policy)
    assert caught.value.pointer == "/properties/x/requried"
    assert valid_ones({"x-requried": ["a"], "readonly": 1}, [{}], strict_keywords=True) == [{}]


@pytest.mark.parametrize(
    "keyword", ["x-requried", "readonly", "discriminator", "_format", "version", "minimumm2", "descripton"]
)
def test_unknown_keywords_are_annotations_with_a_line_in_the_report(keyword: str) -> None:
    report = compiled({keyword: 1, "type": "null"}).report
    assert [(entry.keyword, entry.treatment) for entry in report.warnings] == [(keyword, "annotation")]


def test_unknown_dialects_are_refused() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        compiled({"$schema": "http://json-schema.org/draft-03/schema#"})
    assert caught.value.pointer == "/$schema"

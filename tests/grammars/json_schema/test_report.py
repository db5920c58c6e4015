"""The report of a schema: every keyword once, with how it is treated."""

from __future__ import annotations

from typing import Any

from tests.grammars.json_schema.feeding import compiled, translated

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "T",
    "type": "object",
    "properties": {
        "a": {"type": "string", "format": "date", "maxLength": 10},
        "b": {"$ref": "#/$defs/b"},
        "c": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "integer"}}], "default": None},
        "d": {"enum": ["x", {"y": [1]}], "x-widget": "radio"},
    },
    "required": ["a"],
    "additionalProperties": False,
    "$defs": {"b": {"type": "integer", "minimum": 0, "examples": [1]}, "unused": {"not": {}}},
}


def keywords(schema: Any, pointer: str = "") -> set[str]:
    """Pointers of all keywords outside $defs, and of the definition that is used."""
    found = {f"{pointer}/{name}" for name in schema}
    for name, inner in schema.get("properties", {}).items():
        found |= keywords(inner, f"{pointer}/properties/{name}")
    for index, inner in enumerate(schema.get("anyOf", [])):
        found |= keywords(inner, f"{pointer}/anyOf/{index}")
    return found | (keywords(schema["items"], f"{pointer}/items") if "items" in schema else set())


def test_every_keyword_is_listed_once() -> None:
    report = compiled(SCHEMA).report
    pointers = [entry.pointer for entry in report]
    assert len(pointers) == len(set(pointers))
    assert set(pointers) == keywords(SCHEMA) | keywords(SCHEMA["$defs"]["b"], "/$defs/b")
    assert all(entry.pointer.endswith("/" + entry.keyword) for entry in report)


def test_annotations_and_what_is_enforced_are_told_apart() -> None:
    report = compiled(SCHEMA).report
    assert {entry.keyword for entry in report.treated("annotation")} == {
        "$schema",
        "title",
        "$defs",
        "default",
        "x-widget",
        "examples",
    }
    assert [entry.keyword for entry in report.warnings] == ["x-widget"]
    assert report.exact


def test_names_of_rules_and_terminals_are_places_in_the_schema() -> None:
    labels = set(translated(SCHEMA).compiled.labels.values())
    assert {"# (object)", "#/properties/a", "#/$defs/b"} <= labels

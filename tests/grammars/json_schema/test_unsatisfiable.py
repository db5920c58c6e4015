"""Schemas that no value satisfies are refused when they are compiled natively, with the keywords that contradict."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from typer.testing import CliRunner

from guidedgen import cli
from guidedgen.errors import GuidedGenError, UnsatisfiableSchema
from guidedgen.grammars.compile import compile
from guidedgen.grammars.json_schema.reasons import written
from guidedgen.grammars.specs import JsonSchema
from tests.grammars.json_schema.feeding import BYTES
from tests.grammars.json_schema.random_schemas import SCHEMAS

pytest.importorskip("guidedgen.kernel._native")

STRING = {"type": "string"}
SHORT = {"maxLength": 3}
NEVER_INTEGER = {"type": "integer", "minimum": 5, "maximum": 4}

# By name: a schema, and the pointers that the error lists.
CASES: dict[str, tuple[Any, list[str]]] = {
    "false": (False, [""]),
    "lengths": ({**STRING, "minLength": 5, **SHORT}, ["/minLength", "/maxLength"]),
    "pattern": ({**STRING, "pattern": "^a", "const": "b"}, ["/const", "/type", "/pattern"]),
    "format": ({**STRING, "format": "date", **SHORT}, ["/format", "/maxLength"]),
    "bounds": ({"type": "integer", "minimum": 1.2, "maximum": 1.8}, ["/minimum", "/maximum"]),
    "multiples": (
        {"type": "integer", "multipleOf": 10, "minimum": 11, "maximum": 19},
        ["/minimum", "/maximum", "/multipleOf"],
    ),
    "enum and type": ({**STRING, "enum": [1, 2]}, ["/enum", "/type"]),
    "empty enum": ({"enum": []}, ["/enum"]),
    "const and enum": ({"const": 1, "enum": [2]}, ["/const", "/enum"]),
    "types": ({"allOf": [STRING, {"type": "null"}]}, ["/allOf/0/type", "/allOf/1/type"]),
    "required and false": (
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        ["/required/0", "/properties/a"],
    ),
    "required and no others": (
        {"type": "object", "required": ["a"], "additionalProperties": False},
        ["/required/0", "/additionalProperties"],
    ),
    "required and unevaluated": (
        {"type": "object", "required": ["a"], "unevaluatedProperties": False},
        ["/type", "/required/0", "/unevaluatedProperties"],
    ),
    "required and names": (
        {"type": "object", "required": ["abc"], "propertyNames": {"maxLength": 2}},
        ["/required/0", "/propertyNames"],
    ),
    "counts of properties": (
        {"type": "object", "minProperties": 3, "maxProperties": 2},
        ["/minProperties", "/maxProperties"],
    ),
    "more required than allowed": (
        {"type": "object", "required": ["a", "b"], "maxProperties": 1},
        ["/maxProperties", "/required/0"],
    ),
    "contains and items": (
        {"type": "array", "contains": STRING, "items": {"type": "integer"}},
        ["/type", "/contains", "/items/type"],
    ),
    "contains and maxItems": (
        {"type": "array", "contains": STRING, "maxItems": 0},
        ["/type", "/contains", "/maxItems"],
    ),
    "counts of contains": (
        {"type": "array", "contains": True, "minContains": 3, "maxContains": 2},
        ["/type", "/contains", "/maxContains"],
    ),
    "too few different items": (
        {"type": "array", "uniqueItems": True, "items": {"type": "boolean"}, "minItems": 3},
        ["/type", "/uniqueItems", "/items/type", "/minItems"],
    ),
    "items that may not come": ({"type": "array", "minItems": 1, "items": False}, ["/minItems", "/items"]),
    "nested in allOf and $ref": (
        {"allOf": [{"allOf": [{**STRING, "minLength": 5}]}, {"$ref": "#/$defs/x"}], "$defs": {"x": SHORT}},
        ["/allOf/0/allOf/0/minLength", "/$defs/x/maxLength"],
    ),
    "a required property's reference": (
        {
            "type": "object",
            "required": ["a"],
            "properties": {"a": {"$ref": "#/$defs/x"}},
            "$defs": {"x": NEVER_INTEGER},
        },
        ["/required/0", "/$defs/x/minimum", "/$defs/x/maximum"],
    ),
    "what needs itself": (
        {
            "$ref": "#/$defs/n",
            "$defs": {"n": {"type": "object", "required": ["n"], "properties": {"n": {"$ref": "#/$defs/n"}}}},
        },
        ["/$ref", "/$defs/n/type", "/$defs/n/required/0", "/$defs/n/properties/n/$ref"],
    ),
    "every alternative": (
        {"anyOf": [{**STRING, "minLength": 2, "maxLength": 1}, NEVER_INTEGER]},
        ["", "/anyOf/0/minLength", "/anyOf/0/maxLength", "/anyOf/1/minimum", "/anyOf/1/maximum"],
    ),
    "both of one": ({"oneOf": [STRING, STRING]}, ["", "/oneOf/0/type", "/oneOf/1", "/oneOf/1/type", "/oneOf/0"]),
    "not": ({**STRING, "not": STRING}, ["/not", "/type"]),
    "not anything": ({"not": {}}, ["/not"]),
    "then": ({"if": True, "then": STRING, "type": "null"}, ["", "/then/type", "/type", "/if"]),
}


def refused(schema: Any, **options: Any) -> UnsatisfiableSchema:
    with pytest.raises(UnsatisfiableSchema) as caught:
        compile(JsonSchema(schema, **options), BYTES, implementation="native")
    return caught.value


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("order", ["schema", "any"])
def test_the_error_lists_what_contradicts(name: str, order: str) -> None:
    schema, pointers = CASES[name]
    error = refused(schema, property_order=order)
    assert list(error.pointers) == pointers
    assert error.pointer == pointers[0]
    assert all(f"#{pointer}" in str(error) for pointer in pointers)
    assert all(written(schema, pointer) == pointer for pointer in error.pointers)


def test_noise_around_it_changes_nothing() -> None:
    schema, pointers = CASES["contains and items"]
    whole = {
        "title": "x",
        "type": "object",
        "properties": {"noise": {"anyOf": [STRING, {"type": "null"}]}, "bad": {"title": "y", **schema}},
        "required": ["noise", "bad"],
    }
    expected = ["/type", "/required/1", *(f"/properties/bad{pointer}" for pointer in pointers)]
    assert sorted(refused(whole).pointers) == sorted(expected)


def test_what_need_not_be_there_may_be_impossible() -> None:
    schema, _ = CASES["contains and items"]
    state = compile(JsonSchema({"properties": {"a": schema}, "items": schema}), BYTES, implementation="native").start()
    assert state.advance_bytes(b"[]") is not None
    assert state.advance_bytes(b'{"a"') is None


def test_what_two_alternatives_share_is_no_loop() -> None:
    """A reference met twice on the way, to what is no number, leads back to nothing."""
    shared = {"properties": {"d": {"allOf": [{"$ref": "#/$defs/d"}]}}}
    schema = {"anyOf": [{"required": ["d"], **shared}, shared], "$defs": {"d": {"type": "array", "items": STRING}}}
    state = compile(JsonSchema(schema), BYTES, implementation="native").start().advance_bytes(b'{"d": ["x"]}')
    assert state is not None
    assert state.accepting


def test_another_document_is_named_by_its_address() -> None:
    schema = {"$ref": "https://x.test/o", "type": "null"}
    error = refused(schema, registry={"https://x.test/o": STRING})
    assert set(error.pointers) == {"<https://x.test/o>/type", "/type"}


@settings(max_examples=60)
@given(first=SCHEMAS, second=SCHEMAS)
def test_pointers_lead_somewhere(first: Any, second: Any) -> None:
    schema = {"allOf": [first, second], "type": "object", "required": ["a"], "properties": {"a": second}}
    pointers: tuple[str, ...] = ()
    try:
        compile(JsonSchema(schema), BYTES, implementation="native")
    except UnsatisfiableSchema as error:
        pointers = error.pointers or ("not named",)
    except GuidedGenError:
        return
    assert [pointer for pointer in pointers if written(schema, pointer) != pointer] == []


def test_locations_of_the_proof_become_those_of_the_schema() -> None:
    schema = {"oneOf": [STRING, {"a (not b)": [1]}], "x (not 0)": {}}
    told = {
        "": "",
        "/oneOf/1 (not 0)/1/type": "/oneOf/1",
        "/oneOf/1/a (not b)/0": "/oneOf/1/a (not b)/0",
        "/oneOf/1/a (not b)/1": "/oneOf/1/a (not b)",
        "/oneOf/7": "/oneOf",
        "/x (not 0)/no": "/x (not 0)",
        "/nothing": "",
        "<https://x.test/>/a": "<https://x.test/>/a",
    }
    assert {pointer: written(schema, pointer) for pointer in told} == told


def test_the_command_shows_the_lines(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"a": {**STRING, "minLength": 5, **SHORT}}}
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(schema, indent=2), encoding="utf-8")
    result = CliRunner().invoke(cli.app, ["check", str(path)])
    assert result.exit_code == 1
    lines = path.read_text(encoding="utf-8").splitlines()
    shown = [int(number) for number in re.findall(r"^ *(\d+) \|", result.stderr, re.MULTILINE)]
    assert [lines[number - 1].strip().rstrip(",") for number in shown] == ['"a"', '"minLength": 5', '"maxLength": 3']

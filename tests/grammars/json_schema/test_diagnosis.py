"""What contradicts what: the pointers in the error of an unsatisfiable schema."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings

from guidedgen.errors import UnsatisfiableSchema, UnsupportedFeature
from guidedgen.grammars.json_schema import Options, translate_schema
from guidedgen.grammars.json_schema.diagnosis import contradicting, diagnosed
from guidedgen.grammars.json_schema.keywords import draft_named
from guidedgen.limits import Limits
from tests.grammars.json_schema.random_schemas import SCHEMAS

PLAIN = UnsatisfiableSchema("nothing is valid", pointer="")
LIMITS = Limits()


def refuted(schema: Any) -> bool:
    """By the translation: it says nothing about what it does not enforce."""
    try:
        translate_schema(schema, options=Options(on_unsupported="relax"), limits=LIMITS)
    except UnsatisfiableSchema:
        return True
    return False


def never(_schema: Any) -> bool:
    return False


def later() -> float:
    return time.monotonic() + 20


CASES: list[tuple[Any, set[str]]] = [
    ({"type": "integer", "minimum": 3, "maximum": 2, "title": "x"}, {"/minimum", "/maximum", "/type"}),
    ({"allOf": [{"type": "string"}, {"title": "x"}, {"type": "null"}]}, {"/allOf/0/type", "/allOf/2/type"}),
    (
        {
            "type": "object",
            "properties": {"a": {"type": "array", "minItems": 3, "maxItems": 2}, "b": {"type": "string"}},
            "required": ["b", "a"],
        },
        {
            "/type",
            "/properties/a/type",
            "/properties/a/minItems",
            "/properties/a/maxItems",
            "/required/1",
        },
    ),
    (
        {"type": "object", "properties": {"a": True}, "additionalProperties": False, "required": ["a", "b"]},
        {"/type", "/additionalProperties", "/required/1"},
    ),
    (
        {
            "$ref": "#/$defs/x",
            "type": "null",
            "$defs": {"x": {"type": "string", "minLength": 1}, "y": {"type": "null"}},
        },
        {"/$ref", "/type", "/$defs/x/type"},
    ),
    ({"enum": [1, 2], "not": {"type": "integer"}, "description": ""}, {"/enum", "/not"}),
    (
        {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}], "type": "array"},
        {"/type", "/anyOf/0/type", "/anyOf/1/type"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "pointers"), CASES)
def test_leaving_out_finds_what_cannot_be_spared(schema: Any, pointers: set[str]) -> None:
    assert set(contradicting(schema, refuted, deadline=later())) == pointers


@pytest.mark.parametrize(("schema", "pointers"), CASES)
def test_errors_name_pointers_of_the_contradiction(schema: Any, pointers: set[str]) -> None:
    told = diagnosed(PLAIN, schema, options=Options(), limits=LIMITS, refuted=refuted)
    assert told is not PLAIN
    known = pointers | {pointer.rpartition("/")[0] for pointer in pointers}
    assert set(told.pointers) & known
    assert told.pointer == told.pointers[0]
    assert all(f"#{pointer}" in str(told) for pointer in told.pointers)


@settings(max_examples=30)
@given(schema=SCHEMAS, other=SCHEMAS)
def test_what_has_no_part_in_it_is_never_named(schema: Any, other: Any) -> None:
    """Noise in properties that need not be there changes nothing."""
    whole = {
        "title": "x",
        "properties": {"noise": schema, "a": {"type": "string", "maxLength": 2}},
        "allOf": [{"required": ["a"]}, {"properties": {"more": other, "a": {"minLength": 5, "description": ""}}}],
        "type": "object",
    }
    try:
        assert refuted(whole)
    except UnsupportedFeature:
        return
    assert set(contradicting(whole, refuted, deadline=later())) == {
        "/type",
        "/properties/a/type",
        "/properties/a/maxLength",
        "/allOf/0/required/0",
        "/allOf/1/properties/a/minLength",
    }


def test_where_the_translation_sees_nothing_the_kernel_is_asked() -> None:
    schema = {"type": "array", "uniqueItems": True, "minItems": 3, "items": {"enum": ["a", "b"]}, "maxItems": 9}

    def kernel(changed: Any) -> bool:  # three different items out of two
        needed = {"type", "uniqueItems", "minItems", "items"}
        return needed <= set(changed) and "enum" in changed["items"]

    told = diagnosed(PLAIN, schema, options=Options(), limits=LIMITS, refuted=kernel)
    assert set(told.pointers) == {"/type", "/uniqueItems", "/minItems", "/items/enum"}
    assert "no value satisfies all of these keywords" in str(told)
    assert diagnosed(PLAIN, schema, options=Options(), limits=LIMITS) is PLAIN
    assert diagnosed(PLAIN, schema, options=Options(), limits=LIMITS, refuted=never) is PLAIN


def test_the_place_that_the_kernel_found_is_looked_at() -> None:
    """The root may be impossible for a reason that only the kernel sees; why the place below is, the proof may know."""
    schema = {"uniqueItems": True, "items": {"type": "string", "minLength": 4, "maxLength": 3}}
    error = UnsatisfiableSchema("nothing is valid", pointer="/items")
    told = diagnosed(error, schema, options=Options(), limits=LIMITS)
    assert set(told.pointers) == {"/items/minLength", "/items/maxLength"}
    assert (
        diagnosed(UnsatisfiableSchema("?", pointer="/items/nothing"), schema, options=Options(), limits=LIMITS).reason
        == "?"
    )


def test_options_are_those_of_the_constraint() -> None:
    schema = {"type": "integer", "const": "a"}
    assert diagnosed(PLAIN, schema, options=Options(draft=draft_named(4)), limits=LIMITS) is PLAIN
    assert diagnosed(PLAIN, schema, options=Options(), limits=LIMITS) is not PLAIN


def test_a_text_is_taken_as_well() -> None:
    told = diagnosed(PLAIN, '{"type": "null", "const": 1}', options=Options(), limits=LIMITS)
    assert told is not PLAIN


def test_the_budget_is_kept_and_the_plain_error_is_left() -> None:
    schema = {"type": "null", "allOf": [{"type": "string", "minLength": number} for number in range(3000)]}
    began = time.perf_counter()

    def slow(_changed: Any) -> bool:
        time.sleep(0.01)
        return True

    assert diagnosed(PLAIN, schema, options=Options(), limits=LIMITS, refuted=slow, seconds=0.05) is PLAIN
    assert time.perf_counter() - began < 5

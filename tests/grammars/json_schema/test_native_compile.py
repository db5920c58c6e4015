"""Schemas that the native kernel compiles by itself: the constraint around them, reports, refusals, errors."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from guidedgen.errors import CompileError, UnsatisfiableSchema
from guidedgen.grammars.compile import compile
from guidedgen.grammars.json_schema.native_compile import native_form
from guidedgen.grammars.json_schema.options import Draft, Options
from guidedgen.grammars.specs import JsonSchema
from guidedgen.grammars.translation import Form
from guidedgen.limits import Limits
from guidedgen.testing import accepts
from guidedgen.vocabulary import Vocabulary
from tests.grammars.json_schema.feeding import BYTES

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("guidedgen.kernel._native") is None, reason="the native kernel is not built"
)

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string", "maxLength": 3}, "n": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
    "requried": 1,
}


def form_of(schema: Any, **options: Any) -> Form | None:
    return native_form(schema, BYTES, options=Options(**options), limits=Limits())


class Native(JsonSchema):
    """A schema that is compiled natively where that is possible."""

    def compile_native(self, vocabulary: Vocabulary, limits: Limits) -> Form | None:
        return native_form(self.schema, vocabulary, options=Options(on_unsupported=self.on_unsupported), limits=limits)


@pytest.mark.parametrize("policy", ["error", "validate", "relax"])
def test_the_constraint_around_it_is_the_usual_one(policy: Any) -> None:
    constraint = compile(Native(SCHEMA, on_unsupported=policy), BYTES, implementation="native")
    texts = ['{"a": "xy", "n": 12}', '{"a": ""}', '{"a": "wxyz"}', '{"n": 1}', "[]"]
    assert [text for text in texts if accepts(constraint, text)] == texts[:2]
    assert (constraint.implementation, constraint.checking, constraint.vocab_size) == ("native", None, BYTES.size)
    told = constraint.start().explain(ord("x"))
    assert told is not None
    assert told.expected == frozenset(b"{")


@pytest.mark.parametrize("schema", [SCHEMA, {"requierd": ["a"]}, {"items": {"type": "null", "minItems": 1, "x-y": 1}}])
def test_its_report_says_what_the_translation_says(schema: Any) -> None:
    form = form_of(schema)
    assert form is not None
    report = [entry for entry in JsonSchema(schema).translate(Limits()).report if entry.keyword != "(different names)"]
    assert set(form.report()) == set(report)


def test_what_needs_attention_is_told() -> None:
    form = form_of(SCHEMA)
    assert form is not None
    assert [entry.keyword for entry in form.report().warnings] == ["requried"]


def test_slips_are_refused_where_that_is_asked_for() -> None:
    with pytest.raises(CompileError, match="Did you mean 'required'") as caught:
        form_of({"items": {"requried": ["a"]}}, strict_keywords=True)
    assert (caught.value.pointer, caught.value.keyword) == ("/items/requried", "requried")


def test_the_draft_is_that_of_the_options() -> None:
    taken: list[list[str]] = []
    for draft in (Draft.D4, Draft.D7):
        form = form_of({"type": "integer"}, draft=draft)
        assert form is not None
        taken.append([text for text in ("1", "1.0") if accepts(form.compiled, text, BYTES)])
    assert taken == [["1"], ["1", "1.0"]]


def test_unsatisfiable_schemas_name_what_contradicts() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"minLength": 2, "maxLength": 1, "type": "string"}},
        "required": ["a"],
    }
    with pytest.raises(UnsatisfiableSchema) as caught:
        form_of(schema)
    assert {"/properties/a/minLength", "/properties/a/maxLength"} <= set(caught.value.pointers)


def taken(schema: Any, texts: list[str], **options: Any) -> list[str]:
    form = form_of(schema, **options)
    assert form is not None
    return [text for text in texts if accepts(form.compiled, text, BYTES)]


def test_formats_of_the_options_replace_and_add() -> None:
    schema = {"enum": ["x", "xy", "2024-01-01"], "anyOf": [{"format": "date"}, {"format": "own"}]}
    texts = ['"x"', '"xy"', '"2024-01-01"']
    assert taken(schema, texts) == texts
    assert taken(schema, texts, formats={"own": "x"}) == ['"x"', '"2024-01-01"']
    assert taken(schema, texts, formats={"own": "x", "date": "(?=xy)x."}) == texts[:2]


@pytest.mark.parametrize(
    ("schema", "canonical"),
    [
        ({"type": "integer"}, ["0", "7", "-7"]),
        ({"type": "number"}, ["0", "-0", "7", "-7", "7.0", "7e2", "0.5e-10"]),
        ({"enum": [7, 0.5]}, ["7"]),
        ({"minimum": 1}, ["7", "7.0", "7e2"]),
        ({"not": {"type": "integer"}}, ["7.0", "7e2", "0.5e-10"]),
        ({"multipleOf": 7}, ["0", "-0", "7", "-7", "7.0", "7e2"]),
    ],
)
def test_canonical_numbers(schema: Any, canonical: list[str]) -> None:
    texts = ["0", "-0", "7", "-7", "7.0", "7e2", "7e100", "0.5e-10", "5e-200"]
    assert taken(schema, texts, canonical_numbers=True) == canonical


def test_the_report_says_what_registers_enforce_and_what_formats_leave_out() -> None:
    form = form_of({"items": {"format": "idn-hostname", "uniqueItems": False}, "uniqueItems": True, "format": "date"})
    assert form is not None
    told = {entry.pointer: entry for entry in form.report()}
    assert told["/uniqueItems"].treatment == "guarded"
    assert told["/items/uniqueItems"].treatment == "exact"
    assert (told["/items/format"].treatment, told["/format"].note) == ("exact", "")
    assert told["/items/format"].note.startswith("not checked: ")


def test_a_format_of_the_options_is_checked_whole() -> None:
    form = form_of({"format": "idn-hostname"}, formats={"idn-hostname": "x+"})
    assert form is not None
    assert [entry.note for entry in form.report()] == [""]

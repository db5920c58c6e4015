"""Specs: their texts and values, what stands for an output, and what is refused with which error."""

from __future__ import annotations

import enum
from typing import Any, Literal

import pytest

from guidedgen.errors import CompileError, GrammarSyntaxError, LimitExceeded, UnsatisfiableSchema, ValidationFailed
from guidedgen.grammars.compile import compile
from guidedgen.grammars.report import Report
from guidedgen.grammars.specs import Choice, JsonSchema, Lark, Regex, Spec, TypeSpec, spec_of
from guidedgen.limits import Limits
from guidedgen.testing import accepts, byte_vocabulary, check_constraint

BYTES = byte_vocabulary()

SPECS: list[tuple[Spec[Any], list[tuple[str, Any]], list[str]]] = [
    (Regex("a+b?"), [("ab", "ab"), ("aa", "aa")], ["", "b", "abb"]),
    (Regex(r"\d", syntax="ecma"), [("1", "1")], ["\N{ARABIC-INDIC DIGIT ONE}", "11"]),
    (Choice(["yes", "no"]), [("yes", "yes"), ("no", "no")], ["y", "yesno"]),
    (Choice([1, 2.5, None, "x"]), [("1", 1), ("2.5", 2.5), ("null", None), ("x", "x")], ["2", '"x"']),
    (Lark('start: "a" start "b" | "c"'), [("acb", "acb"), ("c", "c")], ["ac", ""]),
    (Lark('start: "a"\nother: "b"', start="other"), [("b", "b")], ["a"]),
    (JsonSchema({"type": "integer"}), [("3", 3)], ["x"]),
    (JsonSchema('{"enum": [[1], "a"]}'), [("[1]", [1]), ('"a"', "a")], ["a"]),
    (JsonSchema(True), [("null", None), ('{"a": [1.5]}', {"a": [1.5]})], ["", "{"]),
    (TypeSpec(list[bool]), [("[true, false]", [True, False])], ["[1]"]),
]


@pytest.mark.parametrize(("spec", "good", "bad"), SPECS)
def test_texts_and_their_values(spec: Spec[Any], good: list[tuple[str, Any]], bad: list[str], kernel: str) -> None:
    constraint = compile(spec, BYTES, implementation=kernel)
    assert [spec.parse(text) for text, _ in good if accepts(constraint, text)] == [value for _, value in good]
    assert [text for text in bad if accepts(constraint, text)] == []
    assert constraint.spec is spec
    assert constraint.vocabulary is BYTES
    assert constraint.implementation == kernel
    assert constraint.vocab_size == BYTES.size
    assert isinstance(constraint.report, Report)


@pytest.mark.parametrize("spec", [spec for spec, _, _ in SPECS])
def test_the_laws_of_constraints(spec: Spec[Any]) -> None:
    check_constraint(compile(spec, BYTES), vocabulary=BYTES)


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


def test_choices_of_members_give_back_the_members() -> None:
    assert Choice(list(Size)).parse("l") is Size.LARGE


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (None, None),
        (str, None),
        (Regex("a"), Regex("a")),
        (["a", "b"], Choice(["a", "b"])),
        (("a", 1), Choice(["a", 1])),
        (int, TypeSpec(int)),
        (Size, TypeSpec(Size)),
        (Literal["a"], TypeSpec(Literal["a"])),
        ([int, bool], TypeSpec(int | bool)),
        ([list[int], None], None),
    ],
)
def test_what_stands_for_an_output(output: Any, expected: Any) -> None:
    if output == [list[int], None]:
        with pytest.raises(CompileError):
            spec_of(output)
        return
    assert spec_of(output) == expected


def test_a_dict_is_a_schema() -> None:
    spec = spec_of({"type": "null"})
    assert isinstance(spec, JsonSchema)
    assert spec.schema == {"type": "null"}


@pytest.mark.parametrize("output", [3, object(), [], [{1}]])
def test_what_is_no_output_is_refused(output: Any) -> None:
    with pytest.raises(CompileError):
        spec_of(output)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Choice([]),
        lambda: Choice("ab"),
        lambda: Choice(["a", "a"]),
        lambda: Choice(["1", 1]),
        lambda: Choice([{1}]),
        lambda: Choice([float("nan")]),
        lambda: compile(Regex(3), BYTES),  # type: ignore[arg-type]
        lambda: compile(str, BYTES),
    ],
)
def test_malformed_specs_are_refused(make: Any) -> None:
    with pytest.raises(CompileError):
        make()


def test_errors_of_texts() -> None:
    with pytest.raises(GrammarSyntaxError):
        compile(Regex("a("), BYTES)
    with pytest.raises(GrammarSyntaxError):
        compile(Lark("start: ("), BYTES)
    with pytest.raises(UnsatisfiableSchema, match="no text matches Regex"):
        compile(Regex(r"a[^\s\S]"), BYTES)


@pytest.mark.parametrize(
    "spec", [Regex("a" * 50), Choice(["a" * 50]), Lark('start: "' + "a" * 50 + '"'), JsonSchema({"const": "a" * 50})]
)
def test_long_inputs_are_refused(spec: Spec[Any]) -> None:
    with pytest.raises(LimitExceeded, match="schema_bytes"):
        compile(spec, BYTES, limits=Limits(schema_bytes=20))


def test_a_schema_brings_its_own_limits() -> None:
    with pytest.raises(LimitExceeded):
        compile(JsonSchema({"const": "a" * 50}, limits=Limits(schema_bytes=20)), BYTES)


@pytest.mark.parametrize("text", ["", "{", "1 2", '{"a": 1, "a": 2}', "NaN", "[1,]", "1e400", "[" * 100_000])
def test_texts_that_are_no_json_value_fail(text: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        JsonSchema(True).parse(text)
    assert caught.value.raw == text


def test_a_text_that_is_no_option_fails() -> None:
    with pytest.raises(ValidationFailed):
        Choice(["a"]).parse("b")


@pytest.mark.parametrize(
    "spec",
    [Regex("a", syntax="perl"), Regex("a", syntax=[]), Lark(b"x"), Lark(5), Lark('start: "a"', start=3)],  # type: ignore[arg-type]
)
def test_arguments_of_the_wrong_kind_are_named(spec: Spec[Any]) -> None:
    with pytest.raises(CompileError):
        compile(spec, BYTES)

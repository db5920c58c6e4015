"""Docstring templates: values go in once and are never read as templates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.errors import CompileError
from guidedgen.template import parse_template


def test_arguments_conversions_and_formats() -> None:
    template = parse_template("{a} {b!r} {c:.2f}", names=["a", "b", "c"], owner="f()")
    assert template.render({"a": 1, "b": "x", "c": 2.0}) == "1 'x' 2.00"


def test_doubled_braces_are_braces() -> None:
    assert parse_template('{{"x": {a}}}', names=["a"], owner="f()").render({"a": 1}) == '{"x": 1}'


def test_indentation_of_the_source_is_removed() -> None:
    assert (
        parse_template("One\n\n    two {a}\n      three", names=["a"], owner="f()").render({"a": 2})
        == "One\n\ntwo 2\n  three"
    )


@given(st.text())
def test_values_are_inserted_as_they_are(value: str) -> None:
    assert (
        parse_template("<{a}|{b}>", names=["a", "b"], owner="f()").render({"a": value, "b": "{a}"})
        == f"<{value}|{{a}}>"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "f() has no docstring"),
        ("   ", "f() has no docstring"),
        ("{b}", "names {b}, which is not one of its parameters. They are: a."),
        ("{a.__class__}", "names {a.__class__}"),
        ("{a[0]}", "names {a[0]}"),
        ("{}", "names {}"),
        ("{0}", "names {0}"),
        ("{a", "is not a template"),
        ("a}", "is not a template"),
        ("{a:{a}}", "nests braces"),
    ],
)
def test_faults_are_found_when_it_is_read(text: str | None, told: str) -> None:
    with pytest.raises(CompileError) as caught:
        parse_template(text, names=["a"], owner="f()")
    assert told in str(caught.value)

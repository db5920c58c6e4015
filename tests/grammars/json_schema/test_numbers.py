"""Numbers of a schema: bounds and multiples agree with exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guidedgen.errors import CompileError, UnsatisfiableSchema, UnsupportedFeature
from guidedgen.testing import accepts
from tests.grammars.json_schema.feeding import compiled, taken, translated, valid_ones

NUMERALS = [
    "0",
    "-0",
    "7",
    "-7",
    "07",
    "+7",
    "1.",
    ".5",
    "1.0",
    "1.50",
    "-0.5",
    "1e3",
    "1E+3",
    "1.5e-07",
    "1e",
    "1e3.0",
    "Infinity",
]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "number"}, ["0", "-0", "7", "-7", "1.0", "1.50", "-0.5", "1e3", "1E+3", "1.5e-07"]),
        ({"type": "integer"}, ["0", "-0", "7", "-7", "1.0", "1e3", "1E+3"]),
        ({"type": "integer", "$schema": "http://json-schema.org/draft-04/schema#"}, ["0", "-0", "7", "-7"]),
        ({"type": ["integer", "number"]}, ["0", "-0", "7", "-7", "1.0", "1.50", "-0.5", "1e3", "1E+3", "1.5e-07"]),
        ({"type": "number", "minimum": 1.5}, ["7", "1.50", "1e3", "1E+3"]),
        ({"type": "number", "exclusiveMinimum": 1.5}, ["7", "1e3", "1E+3"]),
        ({"type": "number", "maximum": 0}, ["0", "-0", "-7", "-0.5"]),
        ({"type": "number", "exclusiveMaximum": 0}, ["-7", "-0.5"]),
        ({"type": "integer", "minimum": -7, "maximum": 0}, ["0", "-0", "-7"]),
    ],
)
def test_numerals_that_are_taken(schema: dict[str, Any], expected: list[str]) -> None:
    assert taken(schema, NUMERALS) == expected


def test_draft_4_writes_exclusive_bounds_as_booleans() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "minimum": 3,
        "exclusiveMinimum": True,
        "type": "number",
    }
    assert taken(schema, ["3", "3.0", "3.01", "4"]) == ["3.01", "4"]


def test_bounds_of_several_schemas_are_combined() -> None:
    schema = {"allOf": [{"minimum": 3}, {"exclusiveMaximum": 5}], "type": "integer"}
    assert taken(schema, ["2", "3", "4", "5"]) == ["3", "4"]


decimals = st.decimals(min_value=-2000, max_value=2000, places=3, allow_nan=False).map(lambda value: value.normalize())


@settings(max_examples=60)
@given(low=decimals, high=decimals, strict=st.booleans(), values=st.lists(decimals, min_size=1, max_size=8))
def test_bounds_agree_with_arithmetic(low: Any, high: Any, strict: bool, values: list[Any]) -> None:
    low, high = min(low, high), max(low, high)
    names = ("exclusiveMinimum", "exclusiveMaximum") if strict else ("minimum", "maximum")
    text = f'{{"type": "number", "{names[0]}": {low:f}, "{names[1]}": {high:f}}}'
    if strict and low == high:
        with pytest.raises(UnsatisfiableSchema):
            compiled(text)
        return
    constraint = compiled(text)
    for value in [*values, low, high]:
        inside = low < value < high if strict else low <= value <= high
        assert accepts(constraint, f"{value:f}") == inside
        scientific = _normal_form(value)
        assert scientific is None or accepts(constraint, scientific) == inside


def _normal_form(value: Any) -> str | None:
    """As a serialiser writes it with an exponent: 1.25e-3."""
    if not value:
        return None
    text = f"{value:e}".replace("E", "e")
    mantissa, exponent = text.split("e")
    return f"{mantissa}e{int(exponent)}"


@settings(max_examples=60)
@given(
    step=st.sampled_from([1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 25, 50, 60, 100, 125, 250]),
    low=st.none() | st.integers(-3000, 3000),
    high=st.none() | st.integers(-3000, 3000),
    values=st.lists(st.integers(-5000, 5000), min_size=1, max_size=10),
)
def test_multiples_agree_with_arithmetic(step: int, low: int | None, high: int | None, values: list[int]) -> None:
    schema: dict[str, Any] = {"type": "integer", "multipleOf": step}
    schema |= {} if low is None else {"minimum": low}
    schema |= {} if high is None else {"maximum": high}
    valid = [value for value in range(-6000, 6000) if value % step == 0 and _inside(value, low, high)]
    if not valid:
        with pytest.raises(UnsatisfiableSchema):
            compiled(schema)
        return
    constraint = compiled(schema)
    for value in [*values, valid[0], valid[-1], *(step * value for value in values)]:
        assert accepts(constraint, str(value)) == (value % step == 0 and _inside(value, low, high))


def _inside(value: int, low: int | None, high: int | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


@pytest.mark.parametrize("step", ["0.01", "0.1", "0.5", "0.25", "0.05", "0.125"])
def test_decimal_steps_agree_with_arithmetic(step: str) -> None:
    texts = ["0", "1", "-3", "0.5", "0.25", "19.99", "0.125", "0.3", "0.05", "7.10", "7.1000", "0.001", "-2.375", "1.0"]
    expected = [text for text in texts if (Fraction(text) / Fraction(step)).denominator == 1]
    assert taken(f'{{"type": "number", "multipleOf": {step}}}', texts) == expected


def test_decimal_steps_with_bounds() -> None:
    texts = ["-0.01", "0", "0.01", "19.99", "20", "20.01", "1.005"]
    assert taken({"multipleOf": 0.01, "minimum": 0, "maximum": 20}, texts) == ["0", "0.01", "19.99", "20"]


def test_a_step_that_needs_too_many_states_is_refused_with_its_pointer() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        translated({"properties": {"a": {"type": "integer", "multipleOf": 99991}}})
    assert (caught.value.pointer, caught.value.keyword) == ("/properties/a/multipleOf", "multipleOf")
    assert valid_ones({"type": "integer", "multipleOf": 99991}, [0, 99991, 99992, -199982]) == [0, 99991, -199982]


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "number", "minimum": 5, "maximum": 3}, "/minimum"),
        ({"type": "number", "minimum": 5, "exclusiveMaximum": 5}, "/minimum"),
        ({"type": "integer", "minimum": 1.2, "maximum": 1.8}, "/minimum"),
        ({"type": "integer", "multipleOf": 10, "minimum": 11, "maximum": 19}, "/minimum"),
    ],
)
def test_empty_ranges_are_refused(schema: dict[str, Any], pointer: str) -> None:
    with pytest.raises(UnsatisfiableSchema) as caught:
        compiled(schema)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"minimum": "3"}, "/minimum"),
        ({"maximum": True}, "/maximum"),
        ({"multipleOf": 0}, "/multipleOf"),
        ({"multipleOf": -1}, "/multipleOf"),
        (
            {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": 1},
            "/exclusiveMinimum",
        ),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "exclusiveMinimum": True}, "/exclusiveMinimum"),
    ],
)
def test_malformed_values_are_refused(schema: dict[str, Any], pointer: str) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(schema)
    assert caught.value.pointer == pointer


def test_bounds_are_exact_beyond_the_precision_of_floats() -> None:
    schema = '{"type": "integer", "minimum": 9007199254740993, "maximum": 9007199254740993}'
    assert taken(schema, ["9007199254740992", "9007199254740993", "9007199254740994"]) == ["9007199254740993"]

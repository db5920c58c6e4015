"""Numbers and white space that a type leaves endless end in a call, and the report says where."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import Field

import guidedgen as gg
from guidedgen.testing import byte_vocabulary

Script = Callable[..., tuple[gg.Model, Any]]

NINES = "9" * 100
SPACES = '{"a"' + " " * 500 + ": 1}"
ONE = {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"], "additionalProperties": False}
ANY_LAYOUT = gg.JsonSchema(ONE, whitespace="flexible")


def test_a_number_without_end_is_ended_and_told_of(script: Script) -> None:
    result = script(f"[{NINES}]")[0].generate("How many?", Annotated[list[int], Field(min_length=1, max_length=1)])
    assert result.text == f"[{'9' * 32}]"
    assert result.report.bounded == ("/0: a number of 32 digits",)


def test_white_space_without_end_is_ended_and_told_of(script: Script) -> None:
    result = script(SPACES)[0].generate("What?", ANY_LAYOUT)
    assert json.loads(result.text) == {"a": 1}
    assert " " * 64 in result.text
    assert " " * 65 not in result.text
    assert result.report.bounded == ("64 characters of white space in a row",)


def test_none_leaves_endless_what_is(script: Script) -> None:
    result = script(NINES)[0].generate("How many?", int, bounds=None)
    assert (result.text, result.report.bounded) == (NINES, ())


@pytest.mark.parametrize(
    ("output", "text", "bounds", "told"),
    [
        (list[int], "[1, 2, 3, 4]", gg.Bounds(items=3), "the value: an array of 3 items"),
        (tuple[str], '["abcdef"]', gg.Bounds(string=4), "/0: a string of 4 characters"),
        (float, "-1.2345", gg.Bounds(digits=3), "the value: a number of 3 digits"),
        (gg.JsonSchema({"type": "integer"}), "12345", gg.Bounds(digits=3), "the value: a number of 3 digits"),
    ],
)
def test_every_bound_acts_and_is_told_of(script: Script, output: Any, text: str, bounds: gg.Bounds, told: str) -> None:
    result = script(text)[0].generate("What?", output, bounds=bounds)
    assert result.error is None
    assert result.report.bounded == (told,)


def test_values_within_the_bounds_are_left_alone(script: Script) -> None:
    text = '{"i": 9223372036854775807, "f": -2.2250738585072014E-308, "s": "' + "x" * 300 + '"}'
    result = script(text)[0].generate("What?", gg.JsonSchema({"type": "object"}))
    assert (result.text, result.report.bounded) == (text, ())


def test_what_the_schema_requires_is_not_cut(script: Script) -> None:
    least = 10**40
    result = script(str(least + 7))[0].generate("What?", gg.JsonSchema({"type": "integer", "minimum": least}))
    assert result.value == least + 7


def test_bounds_of_the_output_itself_come_first(script: Script) -> None:
    output = gg.JsonSchema({"type": "integer"}, max_digits=50)
    result = script(NINES)[0].generate("How many?", output)
    assert len(result.text) == 50
    assert result.report.bounded == ("the value: a number of 50 digits",)


def test_the_value_behind_reasoning_is_bounded_too(script: Script) -> None:
    result = script("<think>" + " " * 80 + "</think>" + NINES)[0].generate("How many?", gg.Thinking(int))
    assert result.value == int("9" * 32)
    assert result.report.bounded == ("the value: a number of 32 digits",)


def test_spaces_in_strings_are_no_white_space(script: Script) -> None:
    text = json.dumps({"a": '\\"' + " " * 90})
    result = script(text)[0].generate("What?", gg.JsonSchema({"type": "object"}))
    assert (result.text, result.report.bounded) == (text, ())


def test_a_compiled_constraint_refuses_nothing() -> None:
    state: Any = gg.compile(int, byte_vocabulary()).start()
    for byte in NINES.encode():
        state = state.advance(byte)
    assert state.accepting


@pytest.mark.parametrize("bounds", [3, "none", {"digits": 3}])
def test_other_things_are_no_bounds(script: Script, bounds: Any) -> None:
    with pytest.raises(ValueError, match="bounds must be"):
        script("1")[0].generate("?", int, bounds=bounds)

"""What compiling must not cost: pairs of alternatives, combinations of patterns, characters that are only counted.

Limits on steps stand for time: each schema here once took a hundred times as many, or ended in LimitExceeded.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import guidedgen as gg
from guidedgen.testing import accepts as takes
from guidedgen.testing import byte_vocabulary

pytest.importorskip("guidedgen.kernel._native")

VOCABULARY = byte_vocabulary()


def compiled(schema: Any, *, steps: int) -> gg.Constraint:
    spec = gg.JsonSchema(schema, property_order="any", whitespace="flexible")
    return gg.compile(spec, VOCABULARY, limits=gg.Limits(steps=steps), implementation="native", cache=False)


def accepts(constraint: gg.Constraint, value: Any) -> bool:
    return takes(constraint, json.dumps(value).encode())


@pytest.mark.parametrize(("keyword", "count"), [("anyOf", 1000), ("oneOf", 300)])
def test_many_alternatives_told_apart_by_a_constant(keyword: str, count: int) -> None:
    alternatives = [
        {"properties": {"kind": {"const": f"k{i}"}}, "required": ["kind"], "type": "object"} for i in range(count)
    ]
    constraint = compiled({keyword: alternatives}, steps=100_000_000)
    assert accepts(constraint, {"kind": "k7", "other": 1})
    assert accepts(constraint, {"kind": f"k{count - 1}"})
    assert not accepts(constraint, {"kind": f"k{count}"})
    assert not accepts(constraint, {"other": "k7"})


def test_many_patterns_beside_declared_names() -> None:
    patterns = [f"^{name}:(en|nl)$" for name in "abcdefghijklmnopqrst"] + ["^contact:([0-3]):mail$", "x$"]
    schema = {
        "properties": {"a:en": {"type": "string"}, "plain": {"type": "string"}},
        "patternProperties": {pattern: {"const": number} for number, pattern in enumerate(patterns)},
        "additionalProperties": {"const": True},
    }
    constraint = compiled(schema, steps=1_000_000)
    for name in ["b:en", "t:nl", "contact:3:mail", "x", "ax", "b:en ", "contact:4:mail", "", "\u0001", 'qu"ote', "é"]:
        matching = [number for number, pattern in enumerate(patterns) if re.search(pattern, name)]
        assert accepts(constraint, {name: matching[0] if matching else True}), name
        assert not accepts(constraint, {name: False}), name
    assert not accepts(constraint, {"a:en": 0})  # declared as a string, and 0 by its pattern


def test_a_name_that_several_patterns_match_takes_what_all_ask_for() -> None:
    schema = {
        "patternProperties": {"a": {"minimum": 2}, "b": {"maximum": 4}, "^c": {"multipleOf": 3}},
        "additionalProperties": False,
    }
    constraint = compiled(schema, steps=1_000_000)
    for name, fits in {"a": 5, "b": 1, "ab": 4, "cab": 3, "c": 0}.items():
        assert accepts(constraint, {name: fits})
    for name, breaks in {"a": 1, "b": 5, "ab": 5, "cab": 4, "c": 1, "d": 3}.items():
        assert not accepts(constraint, {name: breaks})


def test_bounds_of_lengths_that_leave_nothing_are_not_searched() -> None:
    long, short = {"type": "string", "maxLength": 30_000}, {"type": "string", "minLength": 20_000}
    schema = {"oneOf": [long, {"type": "string"}, {"allOf": [short, {"not": {"minLength": 10_000}}]}]}
    constraint = compiled(schema, steps=2_000_000)
    assert accepts(constraint, "x" * 30_001)
    assert not accepts(constraint, "x" * 30_000)


def test_multiples_that_exclude_one_another_are_not_searched() -> None:
    with pytest.raises(gg.UnsatisfiableSchema):
        compiled({"type": "number", "multipleOf": 9_999_991, "not": {"multipleOf": 0.5}}, steps=2_000_000)


def test_a_schema_of_strings_met_twice_beside_numbers() -> None:
    text = {"type": "string", "minLength": 1}
    schema = {
        "$defs": {"text": text},
        "allOf": [{"$ref": "#/$defs/text"}, {"allOf": [{"$ref": "#/$defs/text"}]}, {"type": ["string", "number"]}],
    }
    constraint = compiled(schema, steps=1_000_000)
    assert accepts(constraint, "a")
    assert not accepts(constraint, 1)

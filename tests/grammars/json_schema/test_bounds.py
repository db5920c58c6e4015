"""Hard bounds that are asked for: what they hold, what they leave alone, and what the report says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guidedgen.errors import CompileError
from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.testing import byte_vocabulary

BYTES = byte_vocabulary()


def bounded(schema: Any, kernel: str, **settings: Any) -> GrammarConstraint:
    return compile(JsonSchema(schema, **settings), BYTES, implementation=kernel)


def takes(constraint: GrammarConstraint, text: str) -> bool:
    state: Any = constraint.start()
    for byte in text.encode():
        state = state.advance(byte)
        if state is None:
            return False
    return bool(state.accepting)


STRING = {"type": "string"}
NUMBER = {"type": "number"}
LIST = {"type": "array", "items": {"type": "null"}}


@pytest.mark.parametrize(
    ("schema", "settings", "taken", "refused"),
    [
        (STRING, {"max_string": 3}, ['"abc"', '""', '"\\u0041bc"'], ['"abcd"']),
        (STRING | {"minLength": 5}, {"max_string": 3}, ['"abcde"'], ['"abcd"', '"abcdef"']),
        (STRING | {"maxLength": 9}, {"max_string": 3}, ['"abcdefghi"'], ['"abcdefghij"']),
        (STRING | {"pattern": "^a*$"}, {"max_string": 3}, ['"aaa"'], ['"aaaa"', '"b"']),
        (STRING | {"pattern": "^a{7,}$"}, {"max_string": 3}, ['"aaaaaaaa"'], ['"aaa"']),
        ({"enum": ["abcdef"]}, {"max_string": 3}, ['"abcdef"'], ['"abc"']),
        (NUMBER, {"max_digits": 3}, ["123", "-1.23", "1.2e-3", "0"], ["1234", "1.234", "1.23e10"]),
        ({"type": "integer"}, {"max_digits": 3}, ["123", "-7"], ["1234", "100.00"]),
        (NUMBER | {"minimum": 100_000}, {"max_digits": 3}, ["100000", "100000.5"], ["99999", "100000.25"]),
        (LIST, {"max_items": 2}, ["[]", "[null, null]"], ["[null, null, null]"]),
        (LIST | {"minItems": 3}, {"max_items": 2}, ["[null, null, null]"], ["[null, null]"]),
        (LIST | {"maxItems": 3}, {"max_items": 2}, ["[null, null, null]"], ["[" + ", ".join(["null"] * 4) + "]"]),
        ({"prefixItems": [NUMBER, STRING], "type": "array"}, {"max_items": 1}, ["[1]", "[]"], ['[1, "a"]']),
        (LIST, {"max_whitespace": 2, "whitespace": "flexible"}, ["[null  ,\nnull ]", "[]"], ["[   null]"]),
    ],
)
def test_bounds(kernel: str, schema: Any, settings: dict[str, Any], taken: list[str], refused: list[str]) -> None:
    constraint = bounded(schema, kernel, **settings)
    assert [takes(constraint, text) for text in taken] == [True] * len(taken)
    assert [takes(constraint, text) for text in refused] == [False] * len(refused)
    free = {name: value for name, value in settings.items() if not name.startswith("max_")}
    assert all(takes(bounded(schema, kernel, **free), text) for text in taken)


def test_values_that_the_schema_leaves_open_are_bounded_too(kernel: str) -> None:
    constraint = bounded({}, kernel, max_string=2, max_items=1, max_digits=2)
    assert takes(constraint, json.dumps({"a": ["bc"], "d": 12}))
    for value in ({"a": "bcd"}, [1, 2], {"a": {"b": [123]}}):
        assert not takes(constraint, json.dumps(value))


def test_the_report_lists_the_bounds() -> None:
    report = bounded(STRING, "reference", max_string=3, max_digits=9).report
    listed = {entry.keyword: entry.note for entry in report.warnings}
    assert sorted(listed) == ["max_digits", "max_string"]
    assert "at most 3 characters" in listed["max_string"]
    assert not bounded(STRING, "reference").report.warnings


@pytest.mark.parametrize(
    "settings", [{"max_digits": 0}, {"max_string": -1}, {"max_items": 1.5}, {"max_whitespace": True}]
)
def test_bounds_that_leave_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(CompileError, match=next(iter(settings))):
        bounded(STRING, "reference", **settings)

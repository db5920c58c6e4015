"""Layouts: what `json.dumps` writes is taken, and what goes beyond a layout is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guidedgen.errors import CompileError
from guidedgen.grammars.specs import Indent
from guidedgen.testing import accepts
from tests.grammars.json_schema.feeding import compiled, taken

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"type": "integer"}}, "b": {"type": "object"}},
    "additionalProperties": False,
}
VALUE = {"a": [1, 2], "b": {"x": [], "y": {}, "z": [{"q": None}]}}
SPREAD = '\n{ "a"\t:\r\n[ 1 ,2 ] , "b" : { "x": [ ] } }  \n'


@pytest.mark.parametrize("value", [VALUE, {}, {"a": []}, {"b": {"x": 1}}])
def test_each_layout_takes_what_json_dumps_writes(value: Any) -> None:
    for options, whitespace in [
        ({}, "compact"),
        ({"indent": 2}, Indent(2)),
        ({"indent": 4}, Indent(4)),
        ({"indent": 0}, Indent(0)),
    ]:
        text = json.dumps(value, **options)  # type: ignore[arg-type]
        assert accepts(compiled(SCHEMA, whitespace=whitespace), text)
        assert accepts(compiled(SCHEMA, whitespace="flexible"), text)


def test_flexible_takes_any_json_whitespace_anywhere() -> None:
    assert taken(SCHEMA, [SPREAD, '{"a":[1,2]}', '{"a": [1\f]}', '{"a": [1 2]}', "{,}"], whitespace="flexible") == [
        SPREAD,
        '{"a":[1,2]}',
    ]


def test_compact_and_indented_take_nothing_else() -> None:
    texts = [
        '{"a": [1, 2]}',
        '{"a":[1,2]}',
        ' {"a": [1, 2]}',
        '{"a": [1, 2]}\n',
        '{\n  "a": [\n    1\n  ]\n}',
        '{\n "a": []\n}',
    ]
    assert taken(SCHEMA, texts) == texts[:1]
    assert taken(SCHEMA, texts, whitespace=Indent(2)) == [texts[4]]


def test_values_below_sixteen_levels_stand_on_one_line() -> None:
    def laid_out(value: Any, level: int) -> str:
        if level >= 16 or not isinstance(value, list):
            return json.dumps(value)
        outer, inner = "\n" + "  " * level, "\n" + "  " * (level + 1)
        return "[" + inner + f",{inner}".join(laid_out(item, level + 1) for item in value) + outer + "]"

    value: Any = [1, 2]
    for _ in range(18):
        value = [value, 3]
    constraint = compiled({}, whitespace=Indent(2))
    assert accepts(constraint, laid_out(value, 0))
    assert not accepts(constraint, json.dumps(value, indent=2))


@pytest.mark.parametrize("width", [-1, 17, 2.0, True])
def test_widths_that_make_no_sense_are_refused(width: Any) -> None:
    with pytest.raises(CompileError):
        Indent(width)

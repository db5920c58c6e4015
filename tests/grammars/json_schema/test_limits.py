"""Hostile schemas end in a typed error or compile quickly: no hang, no RecursionError."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from guidedgen.errors import CompileError, GrammarSyntaxError, LimitExceeded, UnsupportedFeature
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.limits import Limits
from guidedgen.testing import accepts
from tests.grammars.json_schema.feeding import BYTES, compiled, translated, valid_ones


def nested(depth: int, wrap: Any) -> Any:
    schema: Any = {"type": "integer"}
    for _ in range(depth):
        schema = wrap(schema)
    return schema


def test_a_schema_with_too_many_bytes_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="schema_bytes"):
        compile(JsonSchema({"enum": ["x" * 2000]}), BYTES, limits=Limits(schema_bytes=1000))


@pytest.mark.parametrize("depth", [100, 400, 5000, 100_000])
def test_deep_texts_are_refused_or_compiled(depth: int) -> None:
    text = '{"items": ' * depth + "{}" + "}" * depth
    if depth < 500:
        assert accepts(compile(JsonSchema(text), BYTES), "[" * depth + "]" * depth)
    else:
        with pytest.raises(LimitExceeded, match="depth"):
            compile(JsonSchema(text), BYTES)


@pytest.mark.parametrize("depth", [100, 5000])
def test_deep_values_are_refused_or_compiled(depth: int) -> None:
    schema = nested(depth, lambda inner: {"type": "object", "properties": {"a": inner}, "required": ["a"]})
    if depth < 500:
        assert accepts(compiled(schema), '{"a": ' * depth + "1" + "}" * depth)
    else:
        with pytest.raises(LimitExceeded, match="depth"):
            compiled(schema)


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
def test_deeply_nested_combinations(keyword: str) -> None:
    for depth in (50, 2000):
        try:
            assert valid_ones(nested(depth, lambda inner: {keyword: [inner]}), [1, "a"]) == [1]
        except LimitExceeded:
            assert depth == 2000


def test_long_chains_of_references() -> None:
    for length in (50, 3000):
        names = [f"d{index}" for index in range(length)]
        chain = {name: {"$ref": f"#/$defs/{other}"} for name, other in pairwise(names)}
        schema = {"$ref": "#/$defs/d0", "$defs": {**chain, names[-1]: {"type": "integer"}}}
        try:
            assert valid_ones(schema, [1, "a"]) == [1]
        except LimitExceeded:
            assert length == 3000


def test_products_of_alternatives_are_bounded() -> None:
    group = {
        "anyOf": [{"properties": {f"x{index}": {"const": index}}, "required": [f"x{index}"]} for index in range(8)]
    }
    schema = {"allOf": [json.loads(json.dumps(group).replace('"x', f'"q{index}')) for index in range(8)]}
    with pytest.raises(UnsupportedFeature, match="combinations"):
        translated(schema)
    first = {f"q{index}0": 0 for index in range(8)}
    assert valid_ones(schema, [first, {**first, "q30": 1}, {}], property_order="any") == [first]


def test_large_enumerations_compile() -> None:
    schema = {"enum": [f"value {index}" for index in range(5000)]}
    assert valid_ones(schema, ["value 4999", "value 5000"]) == ["value 4999"]


def test_large_counts_compile() -> None:
    schema = {"type": "array", "minItems": 100_000, "maxItems": 10**9, "items": {"type": "string", "maxLength": 10**9}}
    assert valid_ones(schema, [["a"]]) == []


@pytest.mark.parametrize(
    ("schema", "error"),
    [
        ("{", GrammarSyntaxError),
        ('{"a": 1,}', GrammarSyntaxError),
        ("", GrammarSyntaxError),
        ("3", CompileError),
        ("null", CompileError),
        ('{"minimum": NaN}', CompileError),
        ('{"minimum": 1e100000}', CompileError),
        ('{"minimum": ' + "9" * 5000 + "}", CompileError),
        ({"minimum": float("nan")}, CompileError),
        ({"minimum": float("inf")}, CompileError),
        ({"enum": [{1, 2}]}, CompileError),
        ([], CompileError),
        (3, CompileError),
        ({"type": int}, CompileError),
    ],
)
def test_what_is_no_json_schema_is_refused(schema: Any, error: type[CompileError]) -> None:
    with pytest.raises(error):
        compiled(schema)


def test_syntax_errors_have_line_and_column() -> None:
    with pytest.raises(GrammarSyntaxError) as caught:
        compiled('{\n  "type": integer\n}')
    assert (caught.value.line, caught.value.column) == (2, 11)


def test_the_schema_is_not_changed_and_not_shared() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"enum": [1]}}, "additionalProperties": False}
    before = json.dumps(schema)
    constraint = compiled(schema)
    schema["properties"]["a"]["enum"].append(2)
    assert json.dumps(schema) != before
    assert accepts(constraint, '{"a": 1}')
    assert not accepts(constraint, '{"a": 2}')

"""Arrays of a schema: items, tuples, lengths; what is malformed or cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from guidedgen.errors import CompileError, UnsatisfiableSchema
from tests.grammars.json_schema.feeding import compiled, valid_ones

INTEGER = {"type": "integer"}
STRING = {"type": "string"}
ARRAYS: list[Any] = [[], [1], ["a"], [1, "a"], ["a", 1], [1, "a", 2], [1, "a", "b"], [1, 2], [1, 2, 3], [1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"items": INTEGER}, [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]),
        ({"items": INTEGER, "minItems": 2, "maxItems": 3}, [[1, 2], [1, 2, 3]]),
        ({"items": False}, [[]]),
        ({"items": False, "prefixItems": [INTEGER, STRING]}, [[], [1], [1, "a"]]),
        ({"items": False, "prefixItems": [INTEGER, STRING], "minItems": 1}, [[1], [1, "a"]]),
        ({"items": INTEGER, "prefixItems": [INTEGER, STRING]}, [[], [1], [1, "a"], [1, "a", 2]]),
        ({"prefixItems": [INTEGER, STRING], "minItems": 3}, [[1, "a", 2], [1, "a", "b"]]),
        ({"items": INTEGER, "prefixItems": [INTEGER, STRING], "maxItems": 1}, [[], [1]]),
        ({"items": [INTEGER, STRING], "additionalItems": False}, [[], [1], [1, "a"]]),
        ({"items": [INTEGER, STRING], "additionalItems": STRING}, [[], [1], [1, "a"], [1, "a", "b"]]),
        ({"items": [INTEGER, STRING]}, [[], [1], [1, "a"], [1, "a", 2], [1, "a", "b"]]),
        ({"items": INTEGER, "additionalItems": False}, [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]),
        ({"prefixItems": [INTEGER, False]}, [[], [1]]),
        ({"allOf": [{"items": INTEGER, "minItems": 1}, {"prefixItems": [True], "items": False}]}, [[1]]),
        ({"maxItems": 0}, [[]]),
        ({"uniqueItems": False, "maxItems": 0}, [[]]),
    ],
)
def test_arrays_that_are_taken(schema: dict[str, Any], expected: list[Any]) -> None:
    assert valid_ones({"type": "array"} | schema, ARRAYS) == expected


def test_items_may_be_recursive() -> None:
    assert valid_ones({"type": "array", "items": {"$ref": "#"}}, [[], [[]], [[], [[]]], [1]]) == [[], [[]], [[], [[]]]]


@pytest.mark.parametrize(
    ("schema", "pointer", "other"),
    [
        ({"type": "array", "minItems": 3, "maxItems": 2}, "/minItems", "#/maxItems"),
        ({"type": "array", "minItems": 3, "prefixItems": [True, True], "items": False}, "/minItems", "#/items"),
        (
            {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 2, "maxLength": 1}},
            "/minItems",
            "#/items/minLength",
        ),
    ],
)
def test_arrays_that_cannot_be_are_refused(schema: dict[str, Any], pointer: str, other: str) -> None:
    with pytest.raises(UnsatisfiableSchema) as caught:
        compiled(schema)
    assert caught.value.pointer == pointer
    assert other in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"items": 3}, "/items"),
        ({"prefixItems": []}, "/prefixItems"),
        ({"prefixItems": {}}, "/prefixItems"),
        ({"minItems": "1"}, "/minItems"),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "items": [True]}, "/items"),
        ({"items": [1]}, "/items"),
    ],
)
def test_malformed_values_are_refused(schema: dict[str, Any], pointer: str) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(schema)
    assert caught.value.pointer == pointer

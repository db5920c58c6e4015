"""uniqueItems where few values are left: nothing valid is refused, and no walk is stuck."""

from __future__ import annotations

import importlib.util
import json
from itertools import product
from typing import Any

import pytest

from guidedgen.errors import UnsatisfiableSchema
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.testing import accepts
from tests.conformance.exact import read
from tests.conformance.standard import Standard
from tests.conformance.walks import Walk, crossing_vocabulary, text_of

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("guidedgen.kernel._native") is None, reason="the native kernel is not built"
)

TWO, THREE = {"enum": [1, 2]}, {"enum": [1, 2, 3]}
SCHEMAS: list[dict[str, Any]] = [
    {"const": [2, 1]},
    {"const": [1, 1]},
    {"enum": [[1, 2], [2, 2], [3]]},
    {"prefixItems": [TWO, TWO, TWO], "minItems": 3},
    {"prefixItems": [TWO, TWO, THREE], "minItems": 3},
    {"prefixItems": [TWO, {"const": 2}], "minItems": 2},
    {"prefixItems": [{"type": "integer"}, {"const": 2}], "minItems": 2},
    {"prefixItems": [{"const": 1}], "items": THREE, "minItems": 3},
    {"prefixItems": [{"const": 1}], "items": THREE, "minItems": 4},
    {"items": THREE, "minItems": 3},
    {"items": THREE, "minItems": 4},
    {"items": TWO, "minItems": 2, "contains": {"const": 1}},
    {"items": {"type": "boolean"}, "minItems": 2},
    {"items": {"type": ["boolean", "null"]}, "minItems": 3, "contains": {"const": True}},
    {"items": {"anyOf": [{"const": 1}, {"const": "a"}]}, "minItems": 2},
]
ITEMS = [None, False, True, 1, 2, 3, "a"]
WORLD = [list(items) for count in range(4) for items in product(ITEMS, repeat=count)]


@pytest.mark.parametrize("parts", SCHEMAS)
def test_what_is_taken_is_what_is_valid(parts: dict[str, Any]) -> None:
    schema = {"type": "array", "uniqueItems": True, **parts}
    vocabulary, standard = crossing_vocabulary(), Standard(read(json.dumps(schema)))
    valid = [value for value in WORLD if standard.is_valid(read(json.dumps(value)))]
    if not valid:
        with pytest.raises(UnsatisfiableSchema):
            compile(JsonSchema(schema), vocabulary, implementation="native")
        return
    constraint = compile(JsonSchema(schema), vocabulary, implementation="native")
    assert [value for value in WORLD if accepts(constraint, json.dumps(value), vocabulary)] == valid
    for seed in range(8):
        assert standard.is_valid(read(text_of(constraint, vocabulary, Walk(20, seed)).decode()))

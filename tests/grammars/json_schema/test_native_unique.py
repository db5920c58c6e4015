"""uniqueItems where few values are left: nothing valid is refused, and no walk is stuck."""

from __future__ import annotations

import importlib.util
import json
from decimal import Context
from itertools import product
from typing import Any

import pytest

from guidedgen.errors import LimitExceeded, UnsatisfiableSchema
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.testing import accepts, byte_vocabulary
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


# Of the second item masks take plain decimals and the form that serialisers write (docs/concepts/number-languages.md).
_NUMERALS = """
0 1 1e0 1e2000000000 1.0e2000000000 -1e2000000000 1.2e10000000000 1.2e9999999999 1e-9999999999 1E-09999999999
1e-9999999998 1e99999999999999999
"""
_OTHERS = """
0e9999999999 0.0e-99999999999999999 10e-1 10e1999999999 0.1e2000000001 12e9999999999 0.12e10000000001 0.01e-9999999997
100e99999999999999997
"""
NUMERALS, OTHERS = _NUMERALS.split(), _OTHERS.split()
EXACT = Context(prec=50, Emax=10**18 - 1, Emin=-(10**18) + 1)


@pytest.mark.parametrize("first", [*NUMERALS, *OTHERS])
def test_numbers_with_large_exponents_are_compared_exactly(first: str) -> None:
    """They used to end in an error while a text was written."""
    schema = {"type": "array", "items": {"type": "number"}, "uniqueItems": True}
    constraint = compile(JsonSchema(schema), byte_vocabulary(), implementation="native")
    for second in NUMERALS:
        equal = EXACT.create_decimal(first).compare(EXACT.create_decimal(second)) == 0
        assert accepts(constraint, f"[{first}, {second}]") is not equal, second


def test_numbers_whose_exponent_no_machine_number_holds_end_in_a_limit() -> None:
    schema = {"type": "array", "items": {"type": "number"}, "uniqueItems": True}
    constraint = compile(JsonSchema(schema), byte_vocabulary(), implementation="native")
    with pytest.raises(LimitExceeded, match="numbers that have to differ"):
        accepts(constraint, "[1e999999999999999999, 1e999999999999999998]")

"""`oneOf` of many objects that a tag tells apart: as cheap as its alternatives side by side, and as exact as ever."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guidedgen.testing import accepts
from tests.conformance.standard import Standard
from tests.grammars.json_schema.feeding import BYTES, compiled

ORDERS = ["schema", "any"]
KINDS = 24


def kind(number: int, tag: Any = None) -> dict[str, Any]:
    """An object whose other properties mean something else in each kind."""
    shared: dict[str, Any] = {
        name: {"type": "array", "items": {"type": "integer", "minimum": number, "maximum": number + 5}}
        for name in ("before", "other")
    }
    return {
        "type": "object",
        "properties": {**shared, "kind": {"const": f"k{number}"} if tag is None else tag},
        "required": ["kind"],
    }


def tagged(*more: Any, kinds: int = KINDS) -> dict[str, Any]:
    return {"oneOf": [*(kind(number) for number in range(kinds)), *more]}


VALUES: list[Any] = [
    {"before": [], "kind": "k3"},
    {"before": [5], "kind": "k3"},
    {"before": [5], "other": [2], "kind": "k3"},
    {"before": [2], "kind": "k4"},
    {"before": [8], "other": [3, 4], "kind": "k3"},
    {"kind": "k23"},
    {"kind": "k24"},
    {"before": []},
    {"other": [26], "kind": "x1"},
    {"other": [5], "kind": "x1"},
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "schema",
    [
        tagged(),
        tagged(kind(24, {"type": "string", "pattern": "^x"})),
        tagged(kind(24, {"type": "string", "pattern": "^k2"}), kinds=5),  # some values are valid under two
        tagged({"type": "object", "required": ["other"]}, kinds=5),
    ],
    ids=["listed", "a pattern", "an overlap", "no tag"],
)
def test_instances_are_judged_as_by_the_standard(schema: dict[str, Any], order: str) -> None:
    constraint = compiled(schema, property_order=order)
    standard = Standard(schema, draft=2020)
    expected = [value for value in VALUES if standard.is_valid(value)]
    assert [value for value in VALUES if accepts(constraint, json.dumps(value))] == expected
    assert 0 < len(expected) < len(VALUES)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("written", ["", "{", '{"before": [', '{"before": [12], "other": [', '{"before": [12], "ki'])
def test_every_place_has_a_completion_that_is_found_at_once(written: str, order: str) -> None:
    schema = {"type": "array", "items": tagged(), "minItems": 1}
    state: Any = compiled(schema, property_order=order).start().advance_bytes(b"[" + written.encode())
    text = "[" + written + BYTES.decode_bytes(state.shortest()).decode()
    assert Standard(schema, draft=2020).is_valid(json.loads(text))


@pytest.mark.parametrize(
    "equal",
    [
        ("1", "1.0"),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}'),
        ('[1, {"x": 1}]', '[1.0, {"x": 1.0}]'),
        ('"a"', r'"\u0061"'),
    ],
    ids=repr,
)
def test_equal_tags_tell_nothing_apart(equal: tuple[str, str]) -> None:
    kinds = [
        f'{{"type": "object", "required": ["kind"], '
        f'"properties": {{"kind": {{"const": {tag}}}, "p": {{"minimum": {least}}}}}}}'
        for least, tag in enumerate([*equal, "2", "3", "4", "5"])
    ]
    constraint = compiled(f'{{"oneOf": [{", ".join(kinds)}]}}', property_order="any", whitespace="flexible")
    assert not any(accepts(constraint, f'{{"kind": {tag}}}') for tag in equal)  # valid under both
    assert all(accepts(constraint, f'{{"kind": {tag}, "p": 0}}') for tag in equal)
    assert accepts(constraint, '{"kind": 3}')

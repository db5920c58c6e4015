"""Many conditions on one property, `allOf` of `if: {properties: {type: {const: ...}}}`: split by it, and exact."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

import guidedgen as gg
from guidedgen.testing import accepts
from tests.conformance.standard import Standard
from tests.grammars.json_schema.feeding import BYTES, compiled

ORDERS = ["schema", "any"]
KINDS = 7


def config(number: int) -> dict[str, Any]:
    """What kinds ask of a member that may stand before the tag: values overlap."""
    return {
        "properties": {"config": {"type": "object", "properties": {f"p{number}": {"type": "integer"}}}},
        "required": ["config"] if number % 2 else [],
    }


def conditions(kinds: int, needs_tag: bool) -> list[dict[str, Any]]:
    needs = {"required": ["type"]} if needs_tag else {}
    return [{"if": {"properties": {"type": {"const": f"k{n}"}}, **needs}, "then": config(n)} for n in range(kinds)]


def schema(listed: bool, required: bool, needs_tag: bool, kinds: int = KINDS) -> dict[str, Any]:
    tag: dict[str, Any] = {"enum": [*(f"k{n}" for n in range(kinds)), "z"]} if listed else {"type": ["string", "null"]}
    return {
        "type": "object",
        "properties": {"type": tag, "name": {"type": "string"}},
        "required": ["type"] if required else [],
        "allOf": conditions(kinds, needs_tag),
    }


def unevaluated(kinds: int = KINDS) -> dict[str, Any]:
    def option(n: int) -> dict[str, Any]:
        tag = {"const": f"k{n}"}
        return {"properties": {"type": tag, f"p{n}": {"type": "integer"}}, "required": ["type"] if n else []}

    base = {"type": "object", "properties": {"type": True, "name": True}, "unevaluatedProperties": False}
    return {**base, "anyOf": [option(n) for n in range(kinds)]}


CONFIGS: list[Any] = [None, {}, {"p1": 1}, {"p1": "x", "p2": 1}, {f"p{n}": "x" for n in range(KINDS)}]
VALUES: list[Any] = [
    {**({} if tag == "" else {"type": tag}), **more, **({} if value is None else {"config": value})}
    for tag, more, value in itertools.product(["", "k0", "k1", "k2", "z", "other", None], [{}, {"name": "n"}], CONFIGS)
] + [{"type": "k1", "p1": 3}, {"p0": 3}, {"type": "k1", "p0": 3}, {"type": "k1", "name": 1}, {"p1": 3}]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "asked",
    [*(schema(*flags) for flags in itertools.product([True, False], repeat=3)), unevaluated()],
    ids=[*("-".join(map(str, flags)) for flags in itertools.product([True, False], repeat=3)), "unevaluated"],
)
def test_instances_are_judged_as_by_the_standard(asked: dict[str, Any], order: str) -> None:
    constraint = compiled(asked, property_order=order)
    standard = Standard(asked, draft=2020)
    # In declared order undeclared names come last, and which are declared is a matter of the kind.
    values = [value for value in VALUES if order == "any" or len(value.get("config") or {}) < 2]
    expected = [value for value in values if standard.is_valid(value)]
    assert [value for value in values if accepts(constraint, json.dumps(value))] == expected
    assert 0 < len(expected) < len(values)
    if order == "any":
        behind = [dict(reversed(value.items())) for value in expected]
        assert [value for value in behind if accepts(constraint, json.dumps(value))] == behind


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("asked", [schema(True, True, True, 40), unevaluated(40)], ids=["conditions", "unevaluated"])
@pytest.mark.parametrize("written", ["", '{"', '{"ty', '{"type": "k3', '{"type": "k3", "na'])
def test_every_place_has_a_completion_and_is_proved(asked: dict[str, Any], written: str, order: str) -> None:
    constraint = compiled(asked, property_order=order)
    state: Any = constraint.start().advance_bytes(written.encode())
    text = written + BYTES.decode_bytes(state.shortest()).decode()
    assert Standard(asked, draft=2020).is_valid(json.loads(text))
    assert constraint.report.unproved == ()


def test_a_member_before_the_tag_does_not_multiply_its_meanings() -> None:
    asked = schema(True, True, True, 60)
    constraint = gg.compile(gg.JsonSchema(asked, property_order="any"), BYTES, limits=gg.Limits(steps=5_000_000))
    wrong, right = {f"p{n}": "x" for n in range(60) if n != 31}, {"p31": 3}
    assert accepts(constraint, json.dumps({"config": {**wrong, **right}, "type": "k31"}))
    assert not accepts(constraint, json.dumps({"config": {**wrong, **right}, "type": "k30"}))

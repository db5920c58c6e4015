"""A process that compiles hostile schemas in both property orders; see `tests/hostile_process.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from guidedgen.grammars.specs import JsonSchema
from tests.grammars.json_schema.hostile import HOSTILE, Schema
from tests.hostile_process import serve

ORDERS = ("schema", "any")


def in_both_orders(make: Callable[[], Schema]) -> dict[str, Callable[[], JsonSchema]]:
    """Makes the specs of one schema."""
    schema = make()
    return {order: partial(JsonSchema, schema, property_order=order) for order in ORDERS}


if __name__ == "__main__":
    serve({name: partial(in_both_orders, make) for name, make in HOSTILE.items()}, JsonSchema({"type": "string"}))

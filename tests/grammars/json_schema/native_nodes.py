"""What the native reader makes of a schema, for the tests about it."""

from __future__ import annotations

from typing import Any

from guidedgen.grammars.json_schema.native_schema import read_native
from guidedgen.grammars.json_schema.options import Options
from guidedgen.limits import Limits
from tests.grammars.json_schema.node_evaluator import Evaluator

LIMITS = Limits()


def nodes(schema: Any, *, limits: Limits = LIMITS, **options: Any) -> list[dict[str, Any]]:
    """What the reader makes of a schema; the root is first."""
    dumped: list[dict[str, Any]] = read_native(schema, Options(**options), limits).dump()  # type: ignore[assignment]
    return dumped


def node(schema: Any, **options: Any) -> dict[str, Any]:
    """The root."""
    return nodes(schema, **options)[0]


def valid(schema: Any, value: Any, **options: Any) -> bool:
    """Whether a value is valid, by the nodes."""
    return Evaluator(nodes(schema, **options)).valid(value)

"""Compiled output types are kept as long as they are used, and never mixed up."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel

import guidedgen as gg
from guidedgen.grammars.specs import spec_of
from guidedgen.limits import Limits
from guidedgen.outputs import OutputCache, cache_key
from guidedgen.vocabulary import Vocabulary

BYTES = Vocabulary.from_tokens([bytes([byte]) for byte in range(256)])


class Pair(BaseModel):
    a: int
    b: str


def key(output: Any) -> Any:
    return cache_key(spec_of(output))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Pair,
        lambda: list[Pair],
        lambda: Pair | None,
        lambda: {"type": "object", "properties": {"a": {}}},
        lambda: gg.JsonSchema({"type": "object"}, whitespace="flexible"),
        lambda: gg.Choice(["a", "b"]),
        lambda: gg.Regex("a+"),
        lambda: gg.Lark('start: "a"'),
        lambda: Literal["a", 1],
    ],
)
def test_equal_outputs_share_a_key(make: Any) -> None:
    assert key(make()) == key(make())
    assert hash(key(make())) == hash(key(make()))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Pair, list[Pair]),
        ({"properties": {"a": {}, "b": {}}}, {"properties": {"b": {}, "a": {}}}),
        (gg.JsonSchema({"type": "object"}), gg.JsonSchema({"type": "object"}, whitespace="flexible")),
        (gg.JsonSchema({"type": "string"}), gg.JsonSchema({"type": "string"}, max_string=9)),
        (gg.Choice([1]), gg.Choice([True])),
        (gg.Choice([1]), gg.Choice([1.0])),
        (gg.Choice(["1"]), gg.Choice([1])),
        (gg.Regex("a"), gg.Regex("a", syntax="ecma")),
        (gg.Lark("a: start"), gg.Regex("a: start")),
        (Literal[1], Literal[True]),
    ],
)
def test_different_outputs_do_not(one: Any, other: Any) -> None:
    assert key(one) != key(other)


def test_an_output_is_compiled_once() -> None:
    cache = OutputCache(BYTES)
    schema = {"type": "integer"}
    assert cache.get(Pair, None) is cache.get(Pair, None)
    assert cache.get(schema, None) is cache.get(dict(schema), None)
    assert cache.get(Pair, None) is not cache.get(Pair, Limits(depth=9))


def test_a_schema_that_changes_is_compiled_again() -> None:
    cache, schema = OutputCache(BYTES), {"type": "integer"}
    first = cache.get(schema, None)
    schema["type"] = "string"
    assert cache.get(schema, None) is not first


def test_the_least_recently_used_goes_first() -> None:
    cache = OutputCache(BYTES, kept=2)
    a, _ = cache.get(gg.Regex("a"), None), cache.get(gg.Regex("b"), None)
    assert cache.get(gg.Regex("a"), None) is a
    cache.get(gg.Regex("c"), None)
    assert cache.get(gg.Regex("a"), None) is a


def test_free_text_has_no_constraint() -> None:
    output = OutputCache(BYTES).get(str, None)
    assert (output.constraint, output.report, output.describe("short"), output.parse("x")) == (None, None, None, "x")

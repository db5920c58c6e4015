"""Schemas that mean harm: each compiles, or ends in a typed error, within seconds and a gigabyte; and so do its masks.

Each runs in a process with hard limits, in both property orders, with fifty random tokens after it is compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from guidedgen.errors import LimitExceeded
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.limits import Limits
from guidedgen.masks import allowed_tokens
from tests.grammars.json_schema.hostile import HOSTILE
from tests.hostile_process import SECONDS, Ask, worker
from tests.kernel.small_vocabulary import small_vocabulary

ENDS = ("LimitExceeded", "UnsatisfiableSchema", "UnsupportedFeature", "CompileError", "compiled")

# What has to come of some of them; the others may do better one day.
EXPECTED = {
    "one_of_nested_and_wide": "compiled, 50 tokens",
    "not_tower": "compiled, 50 tokens",
    "satisfiability_of_clauses": "LimitExceeded(steps)",
    "pigeons": "UnsatisfiableSchema",
    "pigeons_with_own_holes": "UnsatisfiableSchema",
    "huge_items_nested": "compiled, 50 tokens",
    "huge_properties_of_few_names": "UnsatisfiableSchema",
    "pattern_of_nested_counts": "compiled",
    "pattern_with_a_thousand_alternatives": "compiled",
    "pattern_of_many_groups": "LimitExceeded(depth)",
    "reference_to_itself": "CompileError",
    "references_in_a_circle": "CompileError",
    "reference_through_not": "CompileError",
    "reference_needing_itself": "UnsatisfiableSchema",
    "dynamic_references": "compiled",
    "references_doubling": "compiled, 50 tokens",
    "enumeration_of_ten_megabytes": "compiled, 50 tokens",
    "deep_items_as_values": "LimitExceeded(depth)",
    "deep_items_as_text": "LimitExceeded(depth)",
    "many_required": "compiled, 50 tokens",
}
# Seconds each: `make slow` runs them.
_LONG = """
one_of_overlapping_ranges one_of_overlapping_strings satisfiability_of_values patterns_that_all_hold
patterns_that_cannot_all_hold pattern_of_a_megabyte long_names one_of_nested_over_objects lookaheads
overlapping_pattern_properties exclusive_pattern_properties pattern_properties_with_names
enumeration_of_ten_megabytes enumeration_of_objects enumeration_of_numbers unique_items_of_an_enumeration
many_properties no_multiple_of_many_numbers dependent_schemas_in_a_web dependent_required_in_a_chain
unevaluated_over_many_alternatives unevaluated_items_over_contains contains_in_a_web contains_of_objects
contains_within_contains if_list satisfiability_of_clauses huge_lengths_with_pattern
"""
LONG = frozenset(_LONG.split())


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    with worker("tests.grammars.json_schema.hostile_worker") as answer:
        yield answer


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in HOSTILE]
)
def test_ends_quickly_in_little_memory(ask: Ask, name: str) -> None:
    result = ask(name)
    for order in ("schema", "any"):
        assert result.get(order, "").startswith(EXPECTED.get(name, ENDS)), result
        assert result[f"{order}_seconds"] < SECONDS, result
    assert result["mebibytes"] < 1200, result


def test_every_long_case_exists() -> None:
    assert set(HOSTILE) >= LONG
    assert set(EXPECTED) <= set(HOSTILE)


CLAUSES = HOSTILE["satisfiability_of_clauses"]
STRINGS = HOSTILE["one_of_overlapping_strings"]


@pytest.mark.parametrize(
    ("limit", "value", "schema"),
    [
        ("schema_bytes", 1000, {"enum": ["x" * 2000]}),
        ("schema_bytes", 1000, '{"enum": ["' + "x" * 2000 + '"]}'),
        ("schema_bytes", 1000, {"properties": {f"p{number}": {"type": "integer"} for number in range(200)}}),
        ("depth", 20, HOSTILE["deep_items_as_text"]()),
        ("depth", 20, {"const": [[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]}),
        ("expressions", 5_000, STRINGS()),
        ("steps", 100_000, CLAUSES()),
        ("steps", 100_000, STRINGS()),
        ("milliseconds", 30, CLAUSES()),
        ("milliseconds", 30, STRINGS()),
        ("cache_bytes", 1, HOSTILE["exclusive_pattern_properties"]()),
    ],
)
def test_each_limit_is_named_with_its_remedy(limit: str, value: int, schema: Any) -> None:
    pytest.importorskip("guidedgen.kernel._native")
    limits = Limits(**{limit: value})
    for order in ("schema", "any"):
        with pytest.raises(LimitExceeded, match=rf"limit {limit}={value} .*Limits\({limit}=\.\.\.\)") as caught:
            explore(schema, order, limits)
        assert (caught.value.limit, caught.value.value) == (limit, value)


@pytest.mark.parametrize(
    ("limit", "schema"),
    [
        ("depth", {"pattern": "(" * 600 + "a" + ")" * 600}),
        ("repeat", {"pattern": "a{5000000000}"}),
    ],
)
def test_limits_that_are_no_settings_say_so(limit: str, schema: Any) -> None:
    pytest.importorskip("guidedgen.kernel._native")
    with pytest.raises(LimitExceeded, match=r"not a setting: simplify the input") as caught:
        explore(schema, "schema", Limits())
    assert caught.value.limit == limit


def test_the_limit_of_states_is_named() -> None:
    """A text of a length that is 1 modulo two numbers and 0 modulo the third is far away."""
    pytest.importorskip("guidedgen.kernel._native")
    parts = [{"pattern": f"^(.{{{count}}})*{rest}$"} for count, rest in ((29, "."), (31, "."), (37, ""))]
    with pytest.raises(LimitExceeded, match=r"limit states=50 .*Limits\(states=\.\.\.\)"):
        explore({"type": "string", "minLength": 1, "allOf": parts}, "schema", Limits(states=50))


def explore(schema: Any, order: Any, limits: Limits) -> None:
    state = compile(
        JsonSchema(schema, property_order=order), small_vocabulary(), limits=limits, implementation="native"
    ).start()
    for _ in range(10):
        following = state.advance(int(allowed_tokens(state.mask())[0]))
        assert following is not None
        state = following


ALTERNATIVES = {
    "type": "object",
    "properties": {f"p{n}": {"enum": [n, "a", [n]]} for n in range(8)},
    "oneOf": [
        {"properties": {f"p{n}": {"const": n}, f"p{n + 1}": {"type": "string"}}, "required": [f"p{n}"]}
        for n in range(6)
    ],
    "dependentSchemas": {"p1": {"required": ["p3"]}, "p2": {"not": {"required": ["p5"]}}},
    "minProperties": 3,
    "additionalProperties": False,
}


@pytest.mark.parametrize("order", ["schema", "any"])
@pytest.mark.parametrize("steps", [2_000, 10_000, 50_000])
def test_a_call_that_reached_its_limit_changes_no_later_answer(steps: int, order: Any) -> None:
    """What a search that was cut short leaves in memory is what holds without the limit, or nothing."""
    pytest.importorskip("guidedgen.kernel._native")
    spec = JsonSchema(ALTERNATIVES, property_order=order)
    free = compile(spec, small_vocabulary(), implementation="native").start()
    tight, cut_short = None, 0
    for _ in range(200):  # attempts: each may remember some of what the one before it has found
        try:
            tight = (
                tight or compile(spec, small_vocabulary(), limits=Limits(steps=steps), implementation="native").start()
            )
            mask = tight.mask()
            assert (mask == free.mask()).all()
            token = int(allowed_tokens(mask)[-1])
            tight, free = (state.advance(token) for state in (tight, free))
            assert tight is not None
            assert free is not None
        except LimitExceeded as error:
            cut_short += error.limit == "steps"
    assert cut_short > 0 or steps > 10_000, "no call reached the limit: the test shows nothing"


def test_formulas_that_are_made_while_others_are_walked_over() -> None:
    """Found by fuzzing: many names of propertyNames' language, each a schema of its own, moved what was being read."""
    pytest.importorskip("guidedgen.kernel._native")
    schema = {"propertyNames": {"pattern": "^[ab]+$", "maxLength": 2}, "type": "object", "minProperties": 0}
    nested: Any = schema
    for level in range(40):
        nested = {"type": "object", "propertyNames": {"maxLength": level + 1}, "properties": {"a": nested}}
    for order in ("schema", "any"):
        explore(schema, order, Limits())
        explore(nested, order, Limits())

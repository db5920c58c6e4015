"""Masks against an independent validator: what it calls valid is taken in some order, what it calls invalid is not."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from guidedgen.errors import UnsatisfiableSchema, UnsupportedFeature, ValidationFailed
from guidedgen.grammars.compile import GrammarConstraint
from guidedgen.testing import accepts
from tests.conformance.instances import takes_in_some_order
from tests.grammars.json_schema.feeding import BYTES, compiled, text_of
from tests.grammars.json_schema.random_schemas import SCHEMAS, values

QUIET = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large])


def compiled_or_nothing(schema: Any, **options: Any) -> GrammarConstraint | None:
    """None where no value is valid; schemas that are refused are skipped."""
    try:
        return compiled(schema, **options)
    except UnsatisfiableSchema:
        return None
    except UnsupportedFeature:
        assume(False)
        raise


@settings(QUIET, max_examples=300)
@given(schema=SCHEMAS, candidates=st.lists(values(4), min_size=4, max_size=12))
def test_what_is_taken_is_what_is_valid(schema: Any, candidates: list[Any]) -> None:
    constraint = compiled_or_nothing(schema)
    validator = Draft202012Validator(schema)
    for value in candidates:
        if not validator.is_valid(value):
            assert constraint is None or not accepts(constraint, text_of(value)), value
        else:
            assert constraint is not None, value
            assert takes_in_some_order(constraint, schema, value), value


@settings(QUIET, max_examples=300)
@given(schema=SCHEMAS, candidates=st.lists(values(4), min_size=4, max_size=12))
def test_in_any_order_what_is_taken_is_what_is_valid(schema: Any, candidates: list[Any]) -> None:
    constraint = compiled_or_nothing(schema, property_order="any")
    validator = Draft202012Validator(schema)
    for value in candidates:
        taken = constraint is not None and accepts(constraint, text_of(value))
        assert taken == validator.is_valid(value), value


@settings(QUIET, max_examples=200)
@given(schema=SCHEMAS, seed=st.integers(0, 2**32), order=st.sampled_from(["schema", "any"]))
def test_what_a_random_walk_writes_is_valid(schema: Any, seed: int, order: str) -> None:
    constraint = compiled_or_nothing(schema, property_order=order)
    if constraint is None:
        return
    text = walk(constraint, random.Random(seed), steps=60)
    try:
        value = constraint.spec.parse(text)
    except ValidationFailed as error:
        if "occurs twice" in str(error) or "range of a float" in str(error):
            return  # the two things that masks leave to parse()
        raise
    if re.search(r"[eE]-\d{3}", text):
        return  # a number between two doubles, which the validator takes for zero
    assert Draft202012Validator(schema).is_valid(value), text


def walk(constraint: GrammarConstraint, choose: random.Random, steps: int) -> str:
    """Bytes drawn uniformly under the mask, closed with the shortest completion."""
    state: Any = constraint.start()
    tokens: list[int] = []
    for _ in range(steps):
        words = state.mask().astype("uint32")
        allowed = [token for token in range(256) if words[token >> 5] >> (token & 31) & 1]
        if not allowed or (state.accepting and choose.random() < 0.3):
            break
        tokens.append(choose.choice(allowed))
        state = state.advance(tokens[-1])
    return BYTES.decode_bytes([*tokens, *state.shortest()]).decode()


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(QUIET, max_examples=4000)
@given(
    schema=SCHEMAS,
    candidates=st.lists(values(4), min_size=4, max_size=12),
    seed=st.integers(0, 2**32),
    order=st.sampled_from(["schema", "any"]),
)
def test_both_on_many_more(schema: Any, candidates: list[Any], seed: int, order: str) -> None:
    test_what_is_taken_is_what_is_valid.hypothesis.inner_test(schema, candidates)  # type: ignore[attr-defined]
    test_in_any_order_what_is_taken_is_what_is_valid.hypothesis.inner_test(schema, candidates)  # type: ignore[attr-defined]
    test_what_a_random_walk_writes_is_valid.hypothesis.inner_test(schema, seed, order)  # type: ignore[attr-defined]

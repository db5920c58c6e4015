"""Brute force: over a whole small world of values, what a constraint takes is what is valid, and no prefix is stuck."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guidedgen.constraint import allowed_tokens
from guidedgen.errors import UnsatisfiableSchema, UnsupportedFeature
from tests.conformance.exact import names_twice, read
from tests.conformance.instances import takes, takes_in_some_order
from tests.conformance.standard import Standard
from tests.grammars.json_schema.feeding import BYTES, compiled, text_of
from tests.grammars.json_schema.small_worlds import DIALECTS, UNIVERSE, schemas

QUIET = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large])
TEXTS = [text_of(value) for value in UNIVERSE]
LIBRARIES = {
    7: jsonschema.Draft7Validator,
    2019: jsonschema.Draft201909Validator,
    2020: jsonschema.Draft202012Validator,
}

# Shares of the schemas that are drawn. What is refused may only become less.
REFUSED_AT_MOST = 0.35
TELLING_AT_LEAST = 0.4  # schemas under which some values of the world are valid and others are not


NAMES_OF_PLACES = {"$schema", "$defs", "$recursiveAnchor", "$dynamicAnchor"}


@dataclass
class Tally:
    """What became of the schemas."""

    counts: Counter[str] = field(default_factory=Counter)

    def share(self, kind: str) -> float:
        return self.counts[kind] / max(1, self.counts["all"])


def judge(schema: Any, seed: int, tally: Tally) -> None:
    """Hold one schema against the whole world, in any order, in declared order, and by walks."""
    tally.counts["all"] += 1
    standard = Standard(read(json.dumps(schema)))
    valid = [standard.is_valid(value) for value in UNIVERSE]
    tally.counts["telling"] += any(valid) and not all(valid)
    try:
        free = compiled(schema, property_order="any")
        ordered = compiled(schema)
    except UnsatisfiableSchema:
        assert not any(valid), TEXTS[valid.index(True)]
        tally.counts["unsatisfiable"] += 1
        return
    except UnsupportedFeature:
        tally.counts["refused"] += 1
        return
    for value, text, holds in zip(UNIVERSE, TEXTS, valid, strict=True):
        assert takes(free, text) == holds, text
        taken = takes(ordered, text)
        assert holds or not taken, f"declared order: {text}"
        assert taken or not holds or takes_in_some_order(ordered, schema, value), f"some order: {text}"
    for turn, constraint in enumerate([free, ordered]):
        no_prefix_is_stuck(constraint, standard, random.Random(seed + turn))


def no_prefix_is_stuck(constraint: Any, standard: Standard, choose: random.Random) -> None:
    """Walk at random; whatever is allowed can be completed, and what its shortest completion makes is valid."""
    state, written = constraint.start(), b""
    for _ in range(choose.randrange(24)):
        rest = BYTES.decode_bytes(state.shortest())
        text = (written + rest).decode()
        assert not names_twice(text), text
        assert standard.is_valid(read(text)), f"after {written!r}: {text}"
        allowed = [int(token) for token in allowed_tokens(state.mask())]
        likely = [token for token in allowed if chr(token) in '{}[]",:abc012']
        if not allowed:
            assert state.accepting, written
            return
        token = choose.choice(likely or allowed)
        state, written = state.advance(token), written + bytes([token])


def test_the_validator_agrees_with_two_libraries() -> None:
    """What decides here is what they say as well: nothing in this world needs exact numbers or ECMA-262."""

    @settings(QUIET, max_examples=30)
    @given(st.sampled_from(list(DIALECTS)).flatmap(lambda draft: st.tuples(st.just(draft), schemas(draft))))
    def each(pair: tuple[int, Any]) -> None:
        draft, schema = pair
        standard, library = Standard(schema), LIBRARIES[draft](schema)
        rust = jsonschema_rs.validator_for(schema)
        for value in UNIVERSE[::2]:
            valid = standard.is_valid(value)
            assert rust.is_valid(value) == valid, value
            assert python_says(library, value) in (valid, None), value

    each()


def python_says(library: Any, value: Any) -> bool | None:
    """The answer of jsonschema; None where it fails: on `additionalItems` beside boolean `items`."""
    try:
        return bool(library.is_valid(value))
    except TypeError:
        return None


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_keyword_decides_something_in_this_world() -> None:
    """Under some drawn schema of some draft, some value is valid only with, or only without, the keyword.

    Two may miss their chance: `additionalItems` wants a list beside it and `maxContains` few items.
    """
    decided: set[str] = set()
    drawn: set[str] = set()

    @settings(QUIET, max_examples=1000)
    @given(schema=st.sampled_from(list(DIALECTS)).flatmap(schemas))
    def each(schema: Any) -> None:
        drawn.update(schema)
        decided.update(keyword for keyword in schema.keys() - decided - NAMES_OF_PLACES if matters(schema, keyword))

    each()
    assert len(decided) > 35
    assert len(drawn - decided - NAMES_OF_PLACES) <= 2


def matters(schema: Any, keyword: str) -> bool:
    standard, without = Standard(schema), Standard({name: schema[name] for name in schema if name != keyword})
    return any(standard.is_valid(value) != without.is_valid(value) for value in UNIVERSE)


@pytest.mark.parametrize("draft", DIALECTS)
def test_what_is_taken_is_what_is_valid_over_a_whole_world(draft: int) -> None:
    hold(draft, examples=40)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("draft", DIALECTS)
def test_the_same_for_many_more_schemas(draft: int) -> None:
    hold(draft, examples=3000)


def hold(draft: int, examples: int) -> None:
    tally = Tally()

    @settings(QUIET, max_examples=examples)
    @given(schema=schemas(draft), seed=st.integers(0, 2**32))
    def each(schema: Any, seed: int) -> None:
        judge(schema, seed, tally)

    each()
    assert tally.share("refused") <= REFUSED_AT_MOST
    assert tally.share("telling") >= TELLING_AT_LEAST

"""`on_unsupported="validate"`: complete texts are checked by the state, so that other engines need no sampler of ours.

The native machine leaves hardly anything to check, so it is the translation that states are taken from here.
"""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guidedgen.constraint import AllOf, MaxTokens
from guidedgen.errors import CompileError, UnsatisfiableSchema, UnsupportedFeature, ValidationFailed
from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.masks import allowed_tokens
from guidedgen.testing import accepts, byte_vocabulary, check_constraint
from guidedgen.vocabulary import Vocabulary
from tests.grammars.json_schema.feeding import BYTES, compiled
from tests.grammars.json_schema.random_schemas import SCHEMAS as RANDOM_SCHEMAS
from tests.grammars.json_schema.random_schemas import values

LATEST = "https://json-schema.org/draft/2020-12/schema"
SMALL = byte_vocabulary([b'{"', b'": ', b", ", b"1]", b"2]", b"[1, ", b'"}', b"]]", b"}}", b"\xc3\xa9"])
ITEMS: list[Any] = [1, 2, 1.5, "a", "b", True, None, [1], [True], {"a": 1}]
ARRAYS = [list(items) for length in range(3) for items in itertools.product(ITEMS, repeat=length)]
OBJECTS = [
    dict(zip(names, values, strict=True))
    for length in range(3)
    for names in itertools.permutations("abc", length)
    for values in itertools.product([1, "x"], repeat=length)
]

SCHEMAS: dict[str, Any] = {
    "contains": {"type": "array", "contains": {"const": 2}},
    "counted contains": {"type": "array", "contains": {"type": "integer"}, "minContains": 2},
    "few contains": {"type": "array", "contains": {"type": "string"}, "minContains": 0, "maxContains": 1},
    "uniqueItems": {"type": "array", "uniqueItems": True},
    "unevaluatedItems": {"prefixItems": [{"type": "integer"}], "unevaluatedItems": {"type": "string"}},
    "not": {"not": {"items": {"type": "integer"}}},
    "if": {"if": {"contains": {"type": "string"}}, "then": {"maxItems": 1}},
    "oneOf": {"oneOf": [{"items": {"type": "integer"}}, {"items": {"type": "number"}}]},
    "unevaluatedProperties": {
        "allOf": [{"properties": {"a": {"type": "integer"}}}],
        "properties": {"b": True},
        "unevaluatedProperties": False,
    },
    "property": {
        "properties": {"a": {"not": {"not": {"const": 1}}}},
        "not": {"patternProperties": {"[bc]": {"type": "string"}}},
    },
}  # fmt: skip


def validated(schema: Any, vocabulary: Vocabulary = BYTES, **options: Any) -> GrammarConstraint:
    return compile(JsonSchema(schema, on_unsupported="validate", **options), vocabulary, implementation="reference")


@pytest.mark.parametrize("name", SCHEMAS)
def test_complete_means_valid(kernel: str, name: str) -> None:
    schema = {"$schema": LATEST, **SCHEMAS[name]}
    constraint = compile(
        JsonSchema(schema, on_unsupported="validate", property_order="any"), BYTES, implementation=kernel
    )
    oracle = jsonschema_rs.Draft202012Validator(schema)
    values = [*ARRAYS, *OBJECTS, 1, "a", None]
    verdicts = {json.dumps(value): (accepts(constraint, json.dumps(value)), oracle.is_valid(value)) for value in values}
    assert [(text, *verdict) for text, verdict in verdicts.items() if verdict[0] != verdict[1]] == []
    assert {verdict[0] for verdict in verdicts.values()} == {True, False}


@pytest.mark.parametrize("name", ["contains", "uniqueItems", "unevaluatedProperties", "oneOf"])
def test_the_report_says_so(name: str) -> None:
    report = validated(SCHEMAS[name], whitespace="compact").report
    assert name in [entry.keyword for entry in report.treated("validated")]
    assert name in [entry.keyword for entry in report.warnings]
    assert not report.exact
    assert report.treated("relaxed") == ()


@pytest.mark.parametrize("whitespace", ["compact", "flexible"])
@pytest.mark.parametrize("name", ["contains", "counted contains", "uniqueItems", "not"])
def test_the_laws_hold_where_masks_leave_a_way(name: str, whitespace: Any) -> None:
    constraint = validated({"type": "array", **SCHEMAS[name]}, SMALL, whitespace=whitespace)
    check_constraint(constraint, SMALL, walks=3, length=12)


def test_the_laws_hold_for_a_number() -> None:
    schema = {"type": "integer", "minimum": 0, "not": {"multipleOf": 2}}
    check_constraint(validated(schema, SMALL), SMALL, walks=3)


def test_the_value_is_not_closed_while_it_is_not_valid() -> None:
    state: Any = validated({"type": "array", "items": {"type": "integer"}, "contains": {"const": 2}}).start()
    assert state.mask()[ord("[") // 32] >> ord("[") % 32 & 1
    state = state.advance_bytes(b"[1")
    assert chr(93) not in map(chr, allowed_tokens(state.mask()))
    assert state.advance_bytes(b"]") is None
    assert b"]"[0] not in [byte for byte in range(256) if int.from_bytes(state.allowed_bytes(), "little") >> byte & 1]
    told = state.explain(ord("]"))
    assert told is not None
    assert "does not contain items" in str(told)
    assert told.offset == 0
    closed = state.advance_bytes(b", 2]")
    assert closed is not None
    assert closed.accepting
    assert not state.accepting


def test_a_token_that_closes_too_early_is_not_allowed() -> None:
    schema = {"type": "array", "items": {"enum": [1, 2]}, "contains": {"const": 2}}
    state: Any = validated(schema, SMALL).start().advance_bytes(b"[")
    assert state is not None
    texts = {SMALL.token_bytes(token) for token in allowed_tokens(state.mask()).tolist()}
    assert {b"1", b"2", b"2]"} <= texts
    assert b"1]" not in texts
    told = state.explain(256 + [b'{"', b'": ', b", ", b"1]"].index(b"1]"))
    assert told is not None
    assert (told.text, told.offset, told.complete) == (b"1]", 1, False)


def test_a_number_may_grow_until_it_is_valid() -> None:
    state: Any = validated({"type": "integer", "minimum": 0, "not": {"multipleOf": 2}}).start()
    state = state.advance_bytes(b"2")
    assert not state.accepting
    assert state.advance_bytes(b"1").accepting


def test_where_masks_leave_no_way_the_refusal_is_told() -> None:
    constraint = validated({"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 1, "contains": {"const": "b"}})
    state: Any = constraint.start().advance_bytes(b'["a"')  # type: ignore[union-attr]
    assert not state.mask().any()
    assert not state.accepting
    assert "does not contain items" in state.refusal
    assert state.forced() == ()
    assert constraint.start().advance_bytes(b'["b"').refusal is None  # type: ignore[union-attr]


def test_equal_names_in_one_object_are_refused_too() -> None:
    state: Any = validated({"type": "object"}).start().advance_bytes(b'{"a": 1, "a": 2')  # type: ignore[union-attr]
    assert state.advance_bytes(b"}") is None
    assert state.advance_bytes(b', "b": 1}') is None


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"contains": {"multipleOf": 0.01}}, "[19.99]"),  # in floats 19.99 / 0.01 is not whole
        ('{"contains": {"const": 12345678901234567890.1}}', "[12345678901234567890.1]"),
        ({"contains": {"type": "integer"}}, "[1.0]"),
        ({"contains": {"pattern": "^\\p{L}$"}}, '["é"]'),
        ({"contains": {"format": "date"}}, '["2024-02-29"]'),
        ({"items": {"format": "regex"}}, '["(a|b)", "\\\\1"]'),
        ({"uniqueItems": True}, '[[1], [true], {"a": 1}, {"a": true}]'),
    ],
)
def test_values_are_read_as_the_standard_says(schema: Any, text: str) -> None:
    assert accepts(validated(schema), text)
    assert JsonSchema(schema, on_unsupported="validate").parse(text) == json.loads(text)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"contains": {"multipleOf": 0.01}}, "[19.995]"),
        ('{"contains": {"const": 12345678901234567890.1}}', "[12345678901234567890.2]"),
        ({"contains": {"pattern": "^a$"}}, '["a\\n"]'),
        ({"contains": {"pattern": "^\\d$"}}, '["٣"]'),
        ({"contains": {"format": "date"}}, '["2023-02-29"]'),
        ({"items": {"format": "regex"}}, '["("]'),
        ({"uniqueItems": True}, "[[1], [true], [1.0]]"),
        ({"contains": {"type": "integer"}, "$schema": "http://json-schema.org/draft-04/schema#"}, "[1.0]"),
    ],
)
def test_and_not_as_a_library_does(schema: Any, text: str) -> None:
    if "draft-04" not in str(schema):  # draft 4 has no `contains`
        assert not accepts(validated(schema), text)
        with pytest.raises(ValidationFailed):
            JsonSchema(schema, on_unsupported="validate").parse(text)
    else:
        assert accepts(validated(schema), text)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    first=RANDOM_SCHEMAS,
    second=RANDOM_SCHEMAS,
    candidates=st.lists(values(4), min_size=4, max_size=10),
    seed=st.integers(0, 99),
)
def test_any_schema_below_them_is_checked(first: Any, second: Any, candidates: list[Any], seed: int) -> None:
    """What is accepted is what an independent validator accepts; what a random walk completes is valid."""
    schema = {"$schema": LATEST, "anyOf": [{"contains": first}, {"type": "object"}], "not": {"items": second}}
    try:
        constraint = validated(schema, property_order="any")
    except UnsupportedFeature:
        return
    except UnsatisfiableSchema:
        assert not any(jsonschema_rs.Draft202012Validator(schema).is_valid(value) for value in candidates)
        return
    oracle = jsonschema_rs.Draft202012Validator(schema)
    for value in [*candidates, *([item] for item in candidates)]:
        assert accepts(constraint, json.dumps(value)) == oracle.is_valid(value), value
    chance = random.Random(seed)
    state: Any = constraint.start()
    text = bytearray()
    for _ in range(25):
        if state.accepting:
            assert oracle.is_valid(json.loads(text)), text
        allowed = allowed_tokens(state.mask()).tolist()
        if not allowed:
            break
        text.append(chance.choice(allowed))
        state = state.advance(text[-1])


def test_older_keywords_count_where_no_draft_is_named() -> None:
    schema = {"items": [{"minimum": 1, "exclusiveMinimum": True}], "additionalItems": False, "uniqueItems": True}
    constraint = validated(schema)
    assert [text for text in ("[1]", "[2]", "[2, 3]", "[]") if accepts(constraint, text)] == ["[2]", "[]"]
    rooted = {
        "$schema": LATEST,
        "anyOf": [{"type": "integer"}, {"items": {"$ref": "#"}, "uniqueItems": True, "type": "array"}],
    }
    assert [
        text for text in ("1", "[[1], [true]]", "[[1], [2]]", "[[1], [1]]") if accepts(validated(rooted), text)
    ] == [
        "1",
        "[[1], [2]]",
    ]


def test_references_reach_the_registry() -> None:
    schema = {"contains": {"$ref": "urn:two"}}
    constraint = validated(schema, registry={"urn:two": {"const": 2}})
    assert [text for text in ("[2]", "[1]") if accepts(constraint, text)] == ["[2]"]


def test_what_nobody_can_check_is_refused_at_once() -> None:
    with pytest.raises(UnsupportedFeature, match="idn-hostname"):
        validated({"format": "idn-hostname"})
    with pytest.raises(UnsupportedFeature) as caught:
        validated({"contains": {"pattern": "(a)\\1"}})
    assert caught.value.pointer == "/contains/pattern"
    with pytest.raises(CompileError):
        accepts(validated({"contains": {"$ref": "#/nowhere"}}), "[1]")


def test_masks_alone_where_they_are_enough() -> None:
    constraint = validated({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False})
    assert constraint.checking is None
    assert constraint.report.exact


def test_it_works_beside_other_constraints() -> None:
    constraint = compiled(
        {"type": "array", "items": {"enum": [1]}, "minItems": 1, "contains": {"const": 1}}, on_unsupported="validate"
    )
    state: Any = AllOf([constraint, MaxTokens(20, BYTES)]).start()
    for token in b"[1]":
        out = np.zeros_like(state.mask())
        state.fill(out)
        assert out[token // 32] >> token % 32 & 1
        state = state.advance(token)
    assert state.accepting

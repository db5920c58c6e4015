"""Schemas with vocabularies that lack bytes: the texts are those that can be written, and no mask leads to another."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import guidedgen as gg
from guidedgen.errors import LimitExceeded, UnsatisfiableSchema, UnsupportedFeature
from guidedgen.testing import accepts
from tests.grammars.json_schema.feeding import BYTES, text_of
from tests.grammars.json_schema.random_schemas import SCHEMAS, values

QUIET = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large])
FAR = "\U00050000"  # F1 90 80 80 in UTF-8
ABSENT = b"\x04\x06\x13\x14\x16\x1d\xf1\xf2"  # what SmolLM2 lacks

absent_bytes = st.sets(st.sampled_from('abc"{}[],:0123456789.-eEuntls\\ é'), min_size=1, max_size=3).map("".join)


def without(absent: bytes) -> gg.Vocabulary:
    """The bytes as tokens; those that are absent have none."""
    return gg.Vocabulary.from_tokens([b"" if byte in absent else bytes([byte]) for byte in range(256)])


def compiled(schema: Any, vocabulary: gg.Vocabulary, **options: Any) -> gg.GrammarConstraint | None:
    """None where nothing can be written."""
    try:
        return gg.compile(gg.JsonSchema(schema, **options), vocabulary, cache=False)
    except UnsatisfiableSchema:
        return None
    except (UnsupportedFeature, LimitExceeded):
        assume(False)
        raise


def walk(constraint: gg.GrammarConstraint, choose: random.Random, steps: int) -> bytes:
    """Bytes drawn under the mask; from each state on there is a way to an end, unless the report says otherwise."""
    state: Any = constraint.start()
    text = b""
    for step in range(steps):
        allowed = [byte for byte in range(256) if state.mask()[byte >> 5] >> (byte & 31) & 1]
        if not allowed or (state.accepting and choose.random() < 0.3):
            break
        if step % 3 == 0:
            assert closed(state) or constraint.report.unproved
        text += bytes([choose.choice(allowed)])
        state = state.advance(text[-1])
    assert allowed or state.accepting or constraint.report.unproved
    return text + bytes(state.shortest())


def closed(state: Any) -> bool:
    for token in state.shortest():
        state = state.advance(token)
    return bool(state.accepting)


@settings(QUIET, max_examples=80)
@given(
    schema=SCHEMAS,
    absent=absent_bytes,
    seed=st.integers(0, 2**32),
    layout=st.sampled_from(["flexible", "compact"]),
    order=st.sampled_from(["schema", "any"]),
    candidates=st.lists(values(4), min_size=3, max_size=6),
)
def test_texts_are_those_of_any_vocabulary_that_can_be_written(
    schema: Any, absent: str, seed: int, layout: Any, order: Any, candidates: list[Any]
) -> None:
    gone = absent.encode()
    whole = compiled(schema, BYTES, whitespace=layout, property_order=order)
    part = compiled(schema, without(gone), whitespace=layout, property_order=order)
    for value in candidates:
        text = text_of(value)
        writable = not set(text.encode()) & set(gone)
        taken = whole is not None and writable and accepts(whole, text)
        assert (part is not None and writable and accepts(part, text)) == taken, text
    if part is not None:
        assert whole is not None
        text = walk(part, random.Random(seed), 40).decode()
        assert not set(text.encode()) & set(gone)
        assert accepts(whole, text), text


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"const": FAR}, '"\\uD900\\uDC00"'),
        ({"enum": [FAR, "xyz"]}, '"xyz"'),
        ({"type": "string", "pattern": f"^[{FAR}-\U00050100]$"}, '"\\uD900\\uDC00"'),
        ({"type": "string", "not": {"pattern": f"^[^{FAR}]*$"}}, '"\\uD900\\uDC00"'),
        ({"properties": {FAR: {"type": "null"}}, "required": [FAR], "type": "object"}, '{"\\uD900\\uDC00":null}'),
        ({"type": "object", "propertyNames": {"pattern": f"^{FAR}$"}, "minProperties": 1}, '{"\\uD900\\uDC00":0}'),
    ],
)
def test_what_cannot_be_written_raw_is_escaped_where_escapes_are_taken(schema: Any, text: str) -> None:
    constraint = compiled(schema, without(ABSENT), whitespace="flexible")
    assert constraint is not None
    assert bytes(constraint.start().shortest()).decode() == text


@pytest.mark.parametrize("schema", [{"const": FAR}, {"type": "object", "properties": {FAR: {}}, "required": [FAR]}])
def test_an_error_names_the_bytes(schema: Any) -> None:
    with pytest.raises(UnsatisfiableSchema, match=r"no token of the vocabulary has.* needs 0xF1"):
        gg.compile(gg.JsonSchema(schema, whitespace="compact"), without(ABSENT))
    gg.compile(gg.JsonSchema(schema, whitespace="compact"), BYTES)


def test_an_error_of_a_pattern_names_the_bytes() -> None:
    with pytest.raises(UnsatisfiableSchema, match=r"needs 0x04, 0x06"):
        gg.compile(gg.Regex("\x06x\x04"), without(ABSENT))
    with pytest.raises(UnsatisfiableSchema, match="no text matches"):
        gg.compile(gg.Regex("a(?!b)b"), without(ABSENT))


def test_a_name_that_cannot_be_written_does_not_come() -> None:
    schema = {"properties": {"ab": {"type": "null"}, "cd": {"type": "null"}}, "additionalProperties": False}
    constraint = compiled({**schema, "type": "object", "minProperties": 1}, without(b"b"))
    assert constraint is not None
    assert bytes(constraint.start().shortest()).decode() == '{"cd": null}'
    assert constraint.start().advance_bytes(b'{"a') is None
    assert compiled({**schema, "type": "object", "minProperties": 2}, without(b"b")) is None


def test_bytes_inside_longer_tokens_only_are_reported() -> None:
    """What is left of a text may have no tokens, which masks do not see: nothing is proved."""
    inside = gg.Vocabulary.from_tokens([*(bytes([byte]) for byte in range(256) if byte != ord("z")), b"za"])
    for spec in (gg.JsonSchema({}), gg.Regex("z?a+")):
        assert gg.compile(spec, inside).report.unproved == ("",)
        assert gg.compile(spec, without(b"z")).report.unproved == ()


def test_smollm2_has_no_way_into_a_dead_end(shared: Path) -> None:
    vocabulary = gg.Vocabulary.from_file(shared / "data" / "tokenizers" / "smollm2")
    assert set(ABSENT) <= set(vocabulary.absent_bytes)
    assert vocabulary.spells_text
    start = gg.compile(gg.Regex("\x04a|b\x04c|d"), vocabulary).start()
    assert [vocabulary.token_bytes(token) for token in start.forced()] == [b"d"]
    constraint = gg.compile(gg.JsonSchema({"enum": [FAR, "b\x04", "d"]}), vocabulary)
    assert vocabulary.decode_bytes(constraint.start().shortest()) == b'"d"'

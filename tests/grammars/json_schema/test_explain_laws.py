"""What holds for every explanation, on random schemas: exact offsets, pointers that resolve, paths of the text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guidedgen.errors import GuidedGenError
from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.kernel.explain import explain_text
from tests.grammars.json_schema.feeding import BYTES
from tests.grammars.json_schema.random_schemas import SCHEMAS, values

pytest.importorskip("guidedgen.kernel._native")


def resolved(document: Any, pointer: str) -> Any:
    """What a JSON pointer leads to (RFC 6901). Raises LookupError or ValueError where it leads nowhere."""
    for step in pointer.split("/")[1:]:
        token = step.replace("~1", "/").replace("~0", "~")
        document = document[int(token)] if isinstance(document, list) else document[token]
    return document


def same_path(open_: str | None, exact: str | None) -> bool:
    """Whether they agree but for the steps that a state does not remember."""
    if open_ is None or exact is None:
        return open_ is exact
    steps, others = open_.split("/"), exact.split("/")
    return len(steps) == len(others) and all(step in ("*", other) for step, other in zip(steps, others, strict=True))


def built(schema: Any, order: Any) -> GrammarConstraint | None:
    try:
        return compile(JsonSchema(schema, property_order=order), BYTES, implementation="native")
    except GuidedGenError:
        return None


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A JSON text, often with one byte changed."""
    text = bytearray(json.dumps(draw(values(6)), ensure_ascii=False).encode())
    if draw(st.booleans()):
        text[draw(st.integers(0, len(text) - 1))] = draw(st.sampled_from(b' "{}[],:ab019-.\\\n\xc3'))
    return bytes(text)


@settings(max_examples=150)
@given(schema=SCHEMAS, text=damaged(), order=st.sampled_from(["schema", "any"]))
def test_offsets_are_exact_and_pointers_lead_somewhere(schema: Any, text: bytes, order: str) -> None:
    constraint = built(schema, order)
    if constraint is None:
        return
    start = constraint.start()
    found = explain_text(start, text, labels={}, read=b"")
    before = start.advance_bytes(text[: found.offset])
    assert before is not None
    if found.offset < len(text):
        assert start.advance_bytes(text[: found.offset + 1]) is None
        assert text[found.offset] not in found.expected
        token = text[found.offset]
        told = before.explain(token)
        assert told is not None
        assert told.expectations == found.expectations
        assert same_path(told.instance, found.instance)
        assert str(told)
    for expectation in found.expectations:
        assert expectation.wanted
        if expectation.pointer is not None:
            resolved(schema, expectation.pointer)
    for pointer in found.pointers:
        assert isinstance(resolved(schema, pointer), dict | bool)


@settings(max_examples=100)
@given(value=values(8))
def test_paths_are_those_of_the_text(value: Any) -> None:
    """Every value of a text is found where it begins, by a schema that only numbers and strings break."""
    text = json.dumps(value, ensure_ascii=False)
    constraint = built({"title": "anything"}, "any")
    assert constraint is not None
    found = explain_text(constraint.start(), text.encode() + b"!", labels={}, read=b"")
    assert found.offset == len(text.encode())
    for end in range(len(text)):
        cut = text[:end]
        if cut.endswith((": ", "[", ", ")) and text[end] not in ']} "':
            told = explain_text(constraint.start(), cut.encode() + b"}", labels={}, read=b"")
            assert told.instance is not None
            at = resolved(value, told.instance)
            assert json.dumps(at, ensure_ascii=False) == text[end : end + len(json.dumps(at, ensure_ascii=False))]

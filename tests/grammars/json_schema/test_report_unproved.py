"""Where the report says that dead ends are not ruled out: only where a search for a completion gave up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guidedgen.errors import CompileError
from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.report import Report
from guidedgen.grammars.specs import JsonSchema
from guidedgen.kernel import InspectableState
from guidedgen.limits import Limits
from tests.grammars.json_schema.feeding import BYTES

pytest.importorskip("guidedgen.kernel._native")

FEW = Limits(steps=400_000)  # 40 of them for each search
SLICE = 97  # every so many files of the shared schemas
COUNTED: dict[str, Any] = {
    "properties": {
        "easy": {"type": "array", "minItems": 3},
        "hard": {
            "contains": {"type": "integer"},
            "minContains": 60,
            "allOf": [{"contains": {"minimum": 5}, "minContains": 60}],
        },
    }
}
NAMED: dict[str, Any] = {
    "properties": {
        "x": {
            "type": "object",
            "oneOf": [{"required": [f"k{number}"]} for number in range(6)],
            "anyOf": [{"required": [f"k{number}", f"m{number}"]} for number in range(6)],
            "minProperties": 3,
        }
    }
}


def compiled(schema: Any, limits: Limits | None = None) -> GrammarConstraint:
    return compile(JsonSchema(schema), BYTES, limits=limits, implementation="native")


def read(constraint: GrammarConstraint, text: bytes) -> InspectableState:
    """The state after a text, read byte by byte: each one is a call with its own steps."""
    state = constraint.start()
    for byte in text:
        after = state.advance_bytes(bytes([byte]))
        assert after is not None
        state = after
    return state


def test_it_is_told_as_texts_get_there() -> None:
    constraint = compiled(COUNTED, FEW)
    report = constraint.report
    told = []
    for text in (b"", b'{"easy": [1', b'{"hard": [1'):
        read(constraint, text)
        told.append(list(report.unproved))
    assert told == [[], [], ["/properties/hard", "/properties/hard/allOf/0"]]
    assert constraint.stats()["unproved"] > 0
    assert constraint.report is report


def test_places_of_names_and_counts_are_found() -> None:
    constraint = compiled(NAMED, Limits(steps=20_000))
    read(constraint, b'{"x": {')
    assert "/properties/x" in constraint.report.unproved
    assert all(pointer.startswith("/properties/x") for pointer in constraint.report.unproved)


@pytest.mark.parametrize(("schema", "text"), [(COUNTED, b'{"hard": [1'), (NAMED, b'{"x": {')])
def test_the_usual_limits_are_enough(schema: Any, text: bytes) -> None:
    constraint = compiled(schema)
    read(constraint, text)
    assert (constraint.report.unproved, constraint.stats()["unproved"]) == ((), 0)


def test_other_grammars_have_nothing_to_prove() -> None:
    constraint = compile(JsonSchema(COUNTED["properties"]["easy"]), BYTES, implementation="reference")
    assert constraint.report.unproved == ()
    assert Report().unproved == ()


def test_what_masks_allow_there_is_still_what_is_valid() -> None:
    """A proof that was given up widens nothing: the text closes only where it is valid."""
    constraint = compiled(COUNTED, FEW)
    few = b'{"hard": [' + b", ".join([b"7"] * 59)
    assert read(constraint, few).advance_bytes(b"]") is None
    assert read(constraint, few + b", 7]}").accepting


def texts_of(path: Path) -> tuple[Any, list[bytes]]:
    content = json.loads(path.read_text(encoding="utf-8"))
    tests = content.get("tests", [])
    return content["schema"], [json.dumps(test["data"], ensure_ascii=False).encode() for test in tests]


@pytest.mark.parametrize("order", ["schema", "any"])
def test_real_schemas_are_proved(shared: Path, order: Any) -> None:
    files = sorted((shared / "data" / "maskbench").glob("*.json"))[::SLICE]
    assert files
    for path in files:
        schema, texts = texts_of(path)
        try:
            constraint = compile(JsonSchema(schema, property_order=order), BYTES, implementation="native")
        except CompileError:
            continue
        for text in texts:
            constraint.start().advance_bytes(text.decode("utf-8", "replace").encode())
        assert constraint.report.unproved == (), path.name

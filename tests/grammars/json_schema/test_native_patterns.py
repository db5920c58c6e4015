"""Patterns that test the surrounding text inside unbounded repetitions: walks of constraints end in matching texts."""

from __future__ import annotations

import importlib.util
import json
import re
from typing import Any

import pytest

from guidedgen.errors import UnsatisfiableSchema
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from tests.conformance.walks import Walk, crossing_vocabulary, text_of

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("guidedgen.kernel._native") is None, reason="the native kernel is not built"
)


@pytest.mark.parametrize("lengths", [{}, {"minLength": 4, "maxLength": 9}])
@pytest.mark.parametrize(
    "pattern",
    [
        r"^([^,]+(,|$)){3,}$",
        r"^(\/?((\.{2})|([a-z0-9\-]*))($|\/))*$",
        r"^(\b\w+\b,?)+$",
        r"^(?:a(?=b*,)|b|,)*$",
        r"^(?:(?!ab).|,a)*$",
        r"^(?:a(?=(?:b|,$)*$)|b|,)*$",
    ],
)
def test_walks_match(pattern: str, lengths: dict[str, Any]) -> None:
    vocabulary = crossing_vocabulary()
    constraint = compile(
        JsonSchema({"type": "string", "pattern": pattern, **lengths}), vocabulary, implementation="native"
    )
    for seed in range(6):
        value = json.loads(text_of(constraint, vocabulary, Walk(40, seed)))
        assert re.search(pattern.replace("$", r"\Z"), value), value
        assert lengths.get("minLength", 0) <= len(value) <= lengths.get("maxLength", len(value))


@pytest.mark.parametrize("pattern", [r"^(a$b)+$", r"^(?:a(?=b)){2,}$", r"^(?:a\b){2,}$", r"^(?:(?=b)a|(?!.*c)c)+$"])
def test_repetitions_that_never_end_are_refused(pattern: str) -> None:
    with pytest.raises(UnsatisfiableSchema):
        compile(JsonSchema({"type": "string", "pattern": pattern}), crossing_vocabulary(), implementation="native")

"""The fuzzers' corpus through the Python binding, without clang: what the targets check holds of every input.

A schema's input is the schema on one line, a byte for the options, and a byte for each step of a walk; a pattern's is
the pattern, a line feed and a text. See guidedgen/kernel/native/fuzz/.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guidedgen.errors import CompileError, GuidedGenError, LimitExceeded
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import Indent, JsonSchema
from guidedgen.kernel import InspectableState
from guidedgen.limits import Limits
from guidedgen.masks import allowed_tokens
from guidedgen.vocabulary import Vocabulary

native = pytest.importorskip("guidedgen.kernel._native")

CORPUS = Path(__file__).parent / "corpus"
LIMITS = Limits(steps=20_000_000, expressions=500_000, milliseconds=1_000)
PIECES = (
    b'{"',
    b'": ',
    b'", "',
    b'"}',
    b", ",
    b"[[",
    b"]]",
    b"null",
    b"true",
    b"12",
    b"1.5",
    b"ab",
    b"aa",
    b'"a',
    b"  ",
    b"\xc3\xa9",
)
VOCABULARY = Vocabulary.from_tokens([bytes([byte]) for byte in range(256)] + list(PIECES))
STEPS = 12


def inputs(kind: str) -> list[Any]:
    return [pytest.param(path.read_bytes(), id=path.name) for path in sorted((CORPUS / kind).iterdir())]


@pytest.mark.parametrize("data", inputs("schema"))
def test_schemas_and_walks(data: bytes) -> None:
    line, _, rest = data.partition(b"\n")
    kind, choices = rest[0] & 31, rest[1 : 1 + STEPS]
    layouts: tuple[Any, ...] = ("compact", "flexible", Indent(2), "compact")
    try:
        schema = json.loads(line.decode(errors="replace"))
    except json.JSONDecodeError:
        return
    try:
        spec = JsonSchema(
            schema,
            property_order="any" if kind & 1 else "schema",
            whitespace=layouts[kind >> 1 & 3],
            format="annotation" if kind & 8 else "assert",
        )
        walk(compile(spec, VOCABULARY, limits=LIMITS, implementation="native").start(), choices)
    except (CompileError, LimitExceeded):
        return


def walk(state: InspectableState, choices: bytes) -> None:
    text = b""
    for choice in [*choices, None]:
        tokens = set(allowed_tokens(state.mask()).tolist())
        assert {token for token in range(VOCABULARY.size) if state.advance(token) is not None} == tokens
        following_bytes = int.from_bytes(state.allowed_bytes(), "little")
        assert {byte for byte in range(256) if following_bytes >> byte & 1} == {
            token for token in tokens if token < 256
        }
        assert tokens or state.accepting, f"a dead end after {text!r}"
        completes(state, text)
        if not tokens or choice is None:
            return
        token = choice if choice in tokens else sorted(tokens)[choice % len(tokens)]
        text += VOCABULARY.token_bytes(token)
        following = state.advance(token)
        assert following is not None
        state = following


def completes(state: InspectableState, text: bytes) -> None:
    """The shortest completion is taken, token by token under its own budget, and ends in JSON."""
    rest = state.shortest()
    for place, token in enumerate(rest[:64]):
        assert token in allowed_tokens(state.mask(len(rest) - place))
        text += VOCABULARY.token_bytes(token)
        following = state.advance(token)
        assert following is not None
        state = following
    if len(rest) <= 64:
        assert state.accepting
        json.loads(text.decode())


@pytest.mark.parametrize("data", inputs("pattern"))
def test_patterns_and_texts(data: bytes) -> None:
    line, _, text = data.partition(b"\n")
    try:
        pattern = line.decode()
        language = native.TextProbe("pattern", pattern)
        complement = native.TextProbe("not", [("pattern", pattern)])
    except (GuidedGenError, UnicodeDecodeError):
        return
    if not (text.isascii() and text.decode().isprintable()) or set(text) & set(b'"\\'):
        return
    assert language.holds(text) == language.matches(b'"' + text + b'"') != complement.holds(text)

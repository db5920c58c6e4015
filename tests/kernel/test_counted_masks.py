"""Masks inside strings of bounded length, token by token: long ones, escapes, ends, characters of several bytes."""

from __future__ import annotations

import importlib.util
import random

import numpy as np
import pytest

import guidedgen as gg

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("guidedgen.kernel._native") is None, reason="the native kernel is not built"
)


def vocabulary() -> gg.Vocabulary:
    """All bytes, words of up to 60 characters, and tokens that end a string, escape or cut characters."""
    chance = random.Random(1)
    tokens = {bytes([byte]) for byte in range(256)}
    for length in range(2, 61):
        for _ in range(60 if length < 12 else 4):
            tokens.add("".join(chance.choices("abcdeß€😀 ", k=length)).encode())
    tokens |= {
        b'"}',
        b'",',
        b'ab"',
        b'abcdef"]',
        b"a\\n",
        b"\\u00",
        b"\\u00e9ab",
        b"\\\\",
        "ä".encode() + b"\xe2",
        b"\x82\xac a",
    }
    return gg.Vocabulary.from_tokens(sorted(tokens))


VOCABULARY = vocabulary()
PREFIXES = [b'"', b'"abc', b'"a\\n', '"€'.encode(), b'"\xe2\x82', b'"' + 20 * b"a", b'"' + 31 * b"x"]


@pytest.mark.parametrize("least", [0, 3])
@pytest.mark.parametrize("most", [2, 6, 15, 30, 40, 59, 70])
def test_each_token_is_in_the_mask_where_it_can_be_read(most: int, least: int) -> None:
    bounded = {"type": "string", "maxLength": most, "minLength": least if least <= most else 0}
    schema = {"type": "array", "items": bounded}
    constraint = gg.compile(gg.JsonSchema(schema, whitespace="flexible"), VOCABULARY)
    out = np.zeros((VOCABULARY.size + 31) // 32, dtype=np.int32)
    looked = 0
    for prefix in PREFIXES:
        state = constraint.start().advance_bytes(b"[" + prefix)
        if state is None:
            continue
        looked += 1
        for _ in range(2):  # worked out, and known
            state.fill(out)
            bits = np.unpackbits(out.view(np.uint8), bitorder="little")[: VOCABULARY.size]
            can = [state.advance(token) is not None for token in range(VOCABULARY.size)]
            assert bits.astype(bool).tolist() == can
    assert looked >= 3

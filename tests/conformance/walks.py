"""Random walks under a constraint's masks, closed with the shortest completion, and what such a text must hold.

Uniform choice drowns in strings and whitespace; half of the steps therefore prefer what gives a text its structure.
Knows nothing of schemas.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from guidedgen.constraint import allowed_tokens
from guidedgen.errors import LimitExceeded
from guidedgen.testing import byte_vocabulary
from guidedgen.vocabulary import Vocabulary

STRUCTURE = frozenset(b'{}[]",:0123456789-.eEtfn')
SAMPLES = 3  # allowed and disallowed tokens that advance is asked about, at every position

# Tokens that cross the borders of lexemes, beside the single bytes.
_CROSSING = [
    b'{"', b'"}', b'": ', b'":', b'", "', b'","', b'"]', b'["', b"[]", b"{}", b"}}", b"]}", b"},", b"],", b'": "',
    b'": {', b'": [', b"true", b"false", b"null", b"true,", b"tr", b"ull", b"10", b"00", b"-1", b"0.", b".5", b"e1",
    b"E+", b"12,", b"1}", b"  ", b"\n ", b" \t", b"ab", b"the ", b"\\u00", b"\\ud83d\\ude00", b'\\"', b"\\\\", b"\\n",
    "é".encode(), "ß".encode()[:1], "日".encode(), "😀".encode(), "😀".encode()[:2], b'a"', b'id"',
    b"_", b"2024-", b"T10:",
]  # fmt: skip


class BrokenWalk(AssertionError):
    """A law of masks does not hold; says which, and after what text."""


@dataclass(frozen=True)
class Walk:
    """How a walk goes: the steps at most, and the seed of its choices."""

    steps: int
    seed: int


@lru_cache(maxsize=1)
def crossing_vocabulary() -> Vocabulary:
    """Bytes and tokens that cross borders."""
    return byte_vocabulary(_CROSSING)


def text_of(constraint: Any, vocabulary: Vocabulary, walk: Walk) -> bytes:
    """The text of one walk with its completion; raises BrokenWalk, and LimitExceeded where a step is too much work."""
    choose = random.Random(walk.seed)
    state: Any = constraint.start()
    tokens: list[int] = []
    for _ in range(choose.randrange(walk.steps + 1)):
        allowed = allowed_tokens(state.mask())
        written = vocabulary.decode_bytes(tokens)
        _expect(len(allowed) > 0 or state.accepting, "a dead end", written)
        if len(allowed) == 0 or (state.accepting and choose.random() < 0.05):
            break
        _agree(state, allowed, vocabulary, choose, written)
        tokens.append(_chosen(allowed, vocabulary, choose))
        state = state.advance(tokens[-1])
        _expect(state is not None, f"advance refuses {vocabulary.token_bytes(tokens[-1])!r}, which is allowed", written)
    return _closed(state, tokens, vocabulary)


def _closed(state: Any, tokens: list[int], vocabulary: Vocabulary) -> bytes:
    written = vocabulary.decode_bytes(tokens)
    try:
        rest = state.shortest()
    except LimitExceeded:
        raise
    except Exception as error:
        raise BrokenWalk(f"no completion ({type(error).__name__}: {error}) after {written!r}") from error
    for token in rest:
        state = state.advance(token)
        _expect(state is not None, "the shortest completion is not allowed", written)
    _expect(state.accepting, "the shortest completion is not complete", written)
    return vocabulary.decode_bytes([*tokens, *rest])


def _agree(state: Any, allowed: Any, vocabulary: Vocabulary, choose: random.Random, written: bytes) -> None:
    """Advance takes what the mask allows, and nothing else."""
    inside = set(map(int, allowed))
    samples = choose.sample(sorted(inside), min(SAMPLES, len(inside)))
    samples += [choose.randrange(vocabulary.size) for _ in range(SAMPLES)]
    for token in samples:
        taken = state.advance(token) is not None
        name = vocabulary.token_bytes(token)
        _expect(taken == (token in inside), f"mask and advance differ about {name!r}", written)


def _chosen(allowed: Any, vocabulary: Vocabulary, choose: random.Random) -> int:
    if choose.random() < 0.5:
        structural = [int(token) for token in allowed if _is_structural(vocabulary.token_bytes(int(token)))]
        if structural:
            return choose.choice(structural)
    return int(allowed[choose.randrange(len(allowed))])


def _is_structural(token: bytes) -> bool:
    return bool(token) and all(byte in STRUCTURE for byte in token)


def _expect(holds: bool, law: str, written: bytes) -> None:
    if not holds:
        raise BrokenWalk(f"{law}, after {written[-200:]!r}")

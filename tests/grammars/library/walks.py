"""Texts of a grammar: random walks under its masks, whose last steps are the shortest completion."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from guidedgen.constraint import allowed_tokens
from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.library import library
from guidedgen.kernel import compile_table
from guidedgen.masks import Mask
from guidedgen.testing import byte_vocabulary
from guidedgen.vocabulary import Vocabulary
from tests.grammars.library.samples import SAMPLES

PIECES = 400  # tokens of more than one byte
STEPS = 60


@cache
def vocabulary(name: str) -> Vocabulary:
    """All bytes, and the commonest pieces of a language's samples, which cross the borders of its terminals."""
    counts: Counter[bytes] = Counter()
    for text in SAMPLES[name]:
        written = text.encode()
        for size in (2, 3, 4, 6):
            counts.update(written[place : place + size] for place in range(len(written) - size + 1))
    return byte_vocabulary(sorted(piece for piece, _ in counts.most_common(PIECES)))


@cache
def constraint(name: str, start: str | None = None) -> GrammarConstraint:
    """A grammar of the library for that vocabulary."""
    return compile(library(name, start=start), vocabulary(name))


def with_tokens(name: str, tokens: Vocabulary) -> GrammarConstraint:
    """A grammar of the library for other tokens, from the table that it was read into for the walks."""
    made = constraint(name)
    table = made.compiled.table
    assert table is not None
    return replace(made, compiled=compile_table(table, tokens, limits=made.limits), vocabulary=tokens)


def reads(name: str, text: str | bytes) -> bool:
    """Whether a text is a complete text of a grammar, read byte by byte."""
    state = constraint(name).start().advance_bytes(text.encode() if isinstance(text, str) else text)
    return state is not None and state.accepting


def first_refused(compiled: GrammarConstraint, tokens: Sequence[int]) -> int | None:
    """The place of the first token that a mask does not allow, or that of the end; None: the text may end there."""
    state = compiled.start()
    for place, token in enumerate(tokens):
        if not _allows(state.mask(), token):
            return place
        after = state.advance(token)
        assert after is not None, f"the mask allows token {place}, which is refused"
        state = after
    return None if state.accepting else len(tokens)


def _allows(mask: Mask, token: int) -> bool:
    return bool(int(mask[token >> 5]) >> (token & 31) & 1)


def walk(name: str, seed: int, steps: int = STEPS, start: str | None = None) -> str:
    """A text that the masks allow; tokens from the samples are taken more often than arbitrary bytes."""
    choose = random.Random(seed)
    tokens = vocabulary(name)
    state = constraint(name, start).start()
    written: list[int] = []
    for _ in range(choose.randrange(1, steps + 1)):
        allowed = [int(token) for token in allowed_tokens(state.mask())]
        assert allowed or state.accepting, f"a dead end after {tokens.decode_bytes(written)!r}"
        if not allowed:
            break
        usual = [token for token in allowed if token < 127 or token > 255]
        token = choose.choice(usual if usual and choose.random() < 0.97 else allowed)
        after = state.advance(token)
        assert after is not None, (
            f"the mask allows {tokens.token_bytes(token)!r} after {tokens.decode_bytes(written)!r}"
        )
        state = after
        written.append(token)
    text = tokens.decode_bytes([*written, *state.shortest()])
    assert reads(name, text) or start is not None
    return text.decode()

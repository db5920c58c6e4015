"""For authors of constraints and strategies: a byte vocabulary, an explicit constraint, `accepts`, `check_constraint`.

Needs no test framework: a broken law raises AssertionError that names the law, the text before it, and what differs.
Helpers that need torch are loaded when they are first used (`_LAZY`), so that this module stays light.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from guidedgen.constraint import Constraint, State
from guidedgen.constraint_laws import Walker
from guidedgen.masks import Mask, allowed_tokens, check_mask, mask_of
from guidedgen.vocabulary import Vocabulary

# Name -> module that defines it: the strategy half, above this layer and with torch.
_LAZY: dict[str, str] = {
    "OneOf": "guidedgen.toy",
    "ToyModel": "guidedgen.toy",
    "check_strategy": "guidedgen.toy_laws",
    "toy_constraint": "guidedgen.toy_laws",
    "toy_vocabulary": "guidedgen.toy",
}


def __getattr__(name: str) -> Any:
    """Load a helper of the strategy half."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def byte_vocabulary(
    extra: Iterable[bytes] = (), *, special: Iterable[str] = (), eos: str = "<eos>", size: int | None = None
) -> Vocabulary:
    """Tokens 0 to 255 are the single bytes; then come `extra`, then `special` without bytes, then the end token.

    Args:
        extra: further tokens; the same bytes may be given twice.
        special: names of tokens that only a grammar that names them allows.
        eos: name of the end token.
        size: number of ids, to pad beyond the last one.
    """
    tokens = [*(bytes([byte]) for byte in range(256)), *extra]
    names = {name: len(tokens) + index for index, name in enumerate([*special, eos])}
    return Vocabulary.from_tokens([*tokens, *(b"" for _ in names)], eos=[eos], special=names, size=size)


def accepts(constraint: Constraint, text: str | bytes, vocabulary: Vocabulary | None = None) -> bool:
    """Whether `text` is allowed and complete.

    Args:
        constraint: what to ask.
        text: text stands for its UTF-8.
        vocabulary: tokenises the text; default: the constraint's own `vocabulary`, else one whose token b is byte b.
    """
    vocabulary = vocabulary or getattr(constraint, "vocabulary", None)
    exact = text.encode() if isinstance(text, str) else bytes(text)
    state: State | None = constraint.start()
    for token in exact if vocabulary is None else vocabulary.encode(text):
        state = None if state is None else state.advance(token)
    return state is not None and state.accepting


@dataclass(frozen=True, eq=False)
class ExplicitConstraint:
    """A finite set of texts, tried one by one: slow, obviously right, the oracle to compare others with."""

    texts: frozenset[bytes]
    vocabulary: Vocabulary = field(repr=False)

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""
        return self.vocabulary.size

    def start(self) -> ExplicitState:
        """Before the first byte."""
        return ExplicitState(self)


@dataclass(frozen=True, eq=False)
class ExplicitState:
    """A position of ExplicitConstraint: the bytes so far."""

    constraint: ExplicitConstraint
    text: bytes = b""
    done: str | None = None

    @cached_property
    def rest(self) -> frozenset[bytes]:
        """What may follow."""
        return frozenset(text[len(self.text) :] for text in self.constraint.texts if text.startswith(self.text))

    @property
    def accepting(self) -> bool:
        """Whether one of the texts ends here."""
        return b"" in self.rest

    def advance(self, token: int) -> ExplicitState | None:
        """The position after a token that continues one of the texts."""
        if not 0 <= token < self.constraint.vocab_size:
            return None
        more = self.constraint.vocabulary.token_bytes(token)
        continues = more and any(text.startswith(more) for text in self.rest)
        return replace(self, text=self.text + more) if continues else None

    def fill(self, out: Mask) -> None:
        """Ask `advance` about each token. Raises ValueError on a wrong shape or dtype."""
        check_mask(out, self.constraint.vocab_size)
        out[:] = self.mask()

    def mask(self) -> Mask:
        """Ask `advance` about each token, in a new array."""
        tokens = range(self.constraint.vocab_size)
        return mask_of(np.array([self.advance(token) is not None for token in tokens]))

    def forced(self) -> tuple[int, ...]:
        """Tokens as long as each is the only one."""
        state, tokens = self, list[int]()
        while not state.accepting and len(allowed := allowed_tokens(state.mask())) == 1:
            tokens.append(int(allowed[0]))
            after = state.advance(tokens[-1])
            assert after is not None
            state = after
        return tuple(tokens)


def check_constraint(
    constraint: Constraint,
    vocabulary: Vocabulary,
    *,
    walks: int = 10,
    length: int = 24,
    samples: int = 200,
    seed: int = 0,
    bytes_only: bool = True,
) -> None:
    """Walk a constraint at random and check every law of the protocol at every position.

    Args:
        constraint: what to check; compiled for `vocabulary`.
        vocabulary: small ones (up to 2048 tokens) are checked token by token, large ones by sampling.
        walks: number of walks from the start.
        length: tokens in a walk at most.
        samples: allowed and refused tokens to try at a position of a large vocabulary.
        seed: makes the walks repeatable.
        bytes_only: whether only bytes matter to the constraint, so that any tokenisation of a text must agree.

    Raises:
        AssertionError: where a law is broken.
    """
    chance = random.Random(seed)
    if constraint.vocab_size != vocabulary.size:
        raise AssertionError(f"vocab_size is {constraint.vocab_size}, the vocabulary has {vocabulary.size} tokens.")
    walker = Walker(constraint=constraint, vocabulary=vocabulary, samples=samples, chance=chance)
    for _ in range(walks):
        visited = walker.walk(length)
        if bytes_only:
            walker.check_tokenisation(visited[-1])
            walker.check_tokenisation(chance.choice(visited))

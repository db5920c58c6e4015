"""The laws of the constraint protocol, one check each; `guidedgen.testing.check_constraint` runs them.

A *trail* is a position together with how it was reached; a broken law is an AssertionError that tells it.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np

from guidedgen.constraint import AllOf, AllOfState, Completable, Constraint, State, fill_masks, fingerprint_of
from guidedgen.masks import Mask, allowed_tokens, mask_words
from guidedgen.vocabulary import Vocabulary


@dataclass(frozen=True)
class Trail:
    """A position, the same one under AllOf, and how it was reached."""

    vocabulary: Vocabulary
    state: State
    twin: State
    tokens: tuple[int, ...] = ()

    def fail(self, law: str, message: str) -> NoReturn:
        """Raise AssertionError with the law and the place."""
        text = self.vocabulary.decode_bytes(self.tokens)
        raise AssertionError(f"law broken: {law}. After {text!r} (tokens {list(self.tokens)}): {message}")

    def name(self, token: int) -> str:
        """A token for people."""
        known = token < self.vocabulary.size
        return f"token {token} {self.vocabulary.token_bytes(token)!r}" if known else f"bit {token} beyond the tokens"


@dataclass
class Walker:
    """Random walks over one constraint, each position checked."""

    constraint: Constraint
    vocabulary: Vocabulary
    samples: int
    chance: random.Random
    by_bytes: dict[bytes, list[int]] = field(default_factory=dict)
    met: dict[Hashable, Trail] = field(default_factory=dict)  # by fingerprint; keeps states alive

    def __post_init__(self) -> None:
        """Index the tokens that text may be cut into."""
        named = set(self.vocabulary.special.values())
        for token in range(self.vocabulary.size):
            if token not in named and (text := self.vocabulary.token_bytes(token)):
                self.by_bytes.setdefault(text, []).append(token)

    def walk(self, length: int) -> list[Trail]:
        """One walk, all laws but tokenisation checked on the way; returns the positions that it visited."""
        start = self.constraint.start()
        trail = Trail(self.vocabulary, start, AllOf([self.constraint]).start())
        visited = [trail]
        for _ in range(length):
            tokens = self.check_position(trail)
            if not tokens:
                break
            following = self.step(trail, self.pick(tokens))
            if trail.state.done is not None and following.state.done is None:
                following.fail("done never un-fires", f"it was {trail.state.done!r} one token before and is None now.")
            trail = following
            visited.append(trail)
        self.check_position(trail)
        _check_batch(visited, self.constraint.vocab_size)
        for trail in visited:
            self.check_fingerprint(trail)
        return visited

    def pick(self, tokens: list[int]) -> int:
        """An allowed token; half of the time its first byte is drawn first, since most tokens are letters."""
        if self.chance.random() < 0.5:
            return self.chance.choice(tokens)
        first = self.chance.choice(sorted({self.vocabulary.token_bytes(token)[:1] for token in tokens}))
        return self.chance.choice([token for token in tokens if self.vocabulary.token_bytes(token)[:1] == first])

    def step(self, trail: Trail, token: int) -> Trail:
        """The position after an allowed token."""
        state, twin = trail.state.advance(token), trail.twin.advance(token)
        if state is None or twin is None:
            law = "bit t is set iff advance(t) is a state" if state is None else "AllOf([c]) behaves as c"
            trail.fail(law, f"advance refuses {trail.name(token)}, which is allowed.")
        return replace(trail, state=state, twin=twin, tokens=(*trail.tokens, token))

    def check_position(self, trail: Trail) -> list[int]:
        """Every law that concerns one position; returns the allowed tokens."""
        mask = _check_shape(trail)
        tokens: list[int] = allowed_tokens(mask).tolist()
        _check_tokens(trail, tokens)
        self.check_advance(trail, tokens)
        _check_agreement(trail, mask)
        joint = isinstance(trail.state, AllOfState) and len(trail.state.masking) > 1
        if not tokens and not trail.state.accepting and trail.state.done is None and not joint:
            trail.fail("a mask is empty only when accepting", "no token is allowed, but the text is not complete.")
        self.check_forced(trail)
        if isinstance(trail.state, Completable):
            _check_budget(trail, trail.state, mask)
        _check_twin(trail, mask)
        return tokens

    def check_advance(self, trail: Trail, tokens: list[int]) -> None:
        """Bit t is set iff advance(t) is a state."""
        allowed, size = set(tokens), self.vocabulary.size
        tried: Iterable[int] = range(size)
        if size > 2048:
            tried = self.chance.sample(tokens, min(self.samples, len(tokens)))
            tried = {*tried, *(self.chance.randrange(size) for _ in range(self.samples))}
        for token in tried:
            if (trail.state.advance(token) is not None) != (token in allowed):
                bit = "set" if token in allowed else "not set"
                trail.fail(
                    "bit t is set iff advance(t) is a state",
                    f"the bit of {trail.name(token)} is {bit}, advance disagrees.",
                )

    def check_forced(self, trail: Trail) -> None:
        """Forced tokens are allowed one after another, each the only one, in incomplete positions."""
        law = "forced tokens are the only ones allowed, one after another"
        ahead = trail
        for token in trail.state.forced():
            allowed = allowed_tokens(ahead.state.mask()).tolist()
            if allowed != [token]:
                ahead.fail(law, f"{ahead.name(token)} is forced, but the allowed tokens are {allowed[:10]}.")
            if ahead.state.accepting:
                ahead.fail(law, f"{ahead.name(token)} is forced although the text is complete, so it may end here.")
            ahead = self.step(ahead, token)

    def check_fingerprint(self, trail: Trail) -> None:
        """Positions that share a fingerprint allow the same tokens."""
        known = fingerprint_of(trail.state)
        if known is None:
            return
        other = self.met.setdefault(known, trail)
        if trail.state.accepting != other.state.accepting or _difference(trail, trail.state.mask(), other.state.mask()):
            trail.fail("equal fingerprints are equal positions", f"it shares {known!r} with {list(other.tokens)}.")

    def check_tokenisation(self, trail: Trail) -> None:
        """Another tokenisation of the same bytes gives the same mask and the same `accepting`."""
        law = "tokenisation does not matter"
        tokens = [token for part in self.stretches(trail.tokens) for token in self.retokenise(part)]
        state: State | None = self.constraint.start()
        for index, token in enumerate(tokens):
            state = None if state is None else state.advance(token)
            if state is None:
                trail.fail(law, f"the same bytes as tokens {tokens} are refused at the token with index {index}.")
        if state is not None and state.accepting != trail.state.accepting:
            trail.fail(law, f"accepting is {trail.state.accepting}, but {state.accepting} after tokens {tokens}.")
        if state is not None and (difference := _difference(trail, trail.state.mask(), state.mask())):
            trail.fail(law, f"the mask after tokens {tokens} differs: {difference}")

    def stretches(self, tokens: tuple[int, ...]) -> list[int | bytes]:
        """Named tokens as they are, everything between them as bytes."""
        parts: list[int | bytes] = []
        named = set(self.vocabulary.special.values())
        for token in tokens:
            text = self.vocabulary.token_bytes(token)
            if token in named or not text:
                parts.append(token)
            elif parts and isinstance(parts[-1], bytes):
                parts[-1] += text
            else:
                parts.append(text)
        return parts

    def retokenise(self, part: int | bytes) -> list[int]:
        """Random tokens that write the same bytes."""
        if isinstance(part, int):
            return [part]
        longest = max(map(len, self.by_bytes))
        reachable = [False] * len(part) + [True]
        for start in range(len(part) - 1, -1, -1):
            stops = range(start + 1, min(len(part), start + longest) + 1)
            reachable[start] = any(reachable[stop] and part[start:stop] in self.by_bytes for stop in stops)
        tokens, start = list[int](), 0
        while start < len(part):
            stops = range(start + 1, min(len(part), start + longest) + 1)
            stop = self.chance.choice([stop for stop in stops if reachable[stop] and part[start:stop] in self.by_bytes])
            tokens.append(self.chance.choice(self.by_bytes[part[start:stop]]))
            start = stop
        return tokens


def _check_shape(trail: Trail) -> Mask:
    """The layout of masks, and that `fill` overwrites every word and refuses other arrays."""
    law, words = "a mask is int32 [ceil(V / 32)], and fill writes all of it", mask_words(trail.vocabulary.size)
    mask: Any = trail.state.mask()
    if not isinstance(mask, np.ndarray) or mask.dtype != np.int32 or mask.shape != (words,):
        trail.fail(law, f"mask() gives {getattr(mask, 'dtype', type(mask))} {getattr(mask, 'shape', '')}.")
    for word in (0, -1):
        out = np.full(words, word, dtype=np.int32)
        trail.state.fill(out)
        if not np.array_equal(out, mask):
            trail.fail(law, f"fill into an array of {word} gives another mask than mask().")
    refused: list[Any] = [np.zeros(words + 1, np.int32), np.zeros(words, np.int64), np.zeros((1, words), np.int32)]
    for wrong in refused:
        try:
            trail.state.fill(wrong)
        except ValueError:
            continue
        trail.fail(law, f"fill accepts {wrong.dtype} {wrong.shape}; it must raise ValueError.")
    checked: Mask = mask
    return checked


def _check_tokens(trail: Trail, tokens: list[int]) -> None:
    law, vocabulary = "only tokens with bytes or named ones are allowed, never an end token", trail.vocabulary
    named = set(vocabulary.special.values())
    for token in tokens:
        if token >= vocabulary.size:
            trail.fail(law, f"bit {token} is set beyond the {vocabulary.size} tokens.")
        if token in vocabulary.eos:
            trail.fail(law, f"the end token {token} is allowed; the sampler opens it where `accepting` is true.")
        if not vocabulary.token_bytes(token) and token not in named:
            trail.fail(law, f"token {token} has no bytes and no name.")


def _check_agreement(trail: Trail, mask: Mask) -> None:
    """Repeated calls agree, also after `advance` was called many times."""
    law, state = "repeated calls agree", trail.state
    if difference := _difference(trail, mask, state.mask()):
        trail.fail(law, f"the mask changed: {difference}")
    facts = [(state.accepting, state.forced()) for _ in range(2)]
    if facts[0] != facts[1]:
        trail.fail(law, f"(accepting, forced) was {facts[0]} and is {facts[1]}.")
    for token in allowed_tokens(mask)[:3].tolist():
        once, again = state.advance(token), state.advance(token)
        if once is not None and again is not None and (difference := _difference(trail, once.mask(), again.mask())):
            trail.fail(law, f"two calls of advance with {trail.name(token)} lead to different masks: {difference}")


def _check_budget(trail: Trail, state: Completable, mask: Mask) -> None:
    """A budget only narrows the mask, and the one that `shortest` needs leaves its first token, and so on."""
    law = "what `shortest` needs is budget enough"
    tokens = state.shortest()
    within = state.mask(len(tokens))
    if (within & ~mask).any():
        trail.fail(law, "a budget allows tokens that are not allowed without one.")
    following = state.advance(tokens[0]) if tokens else None
    if following is None:
        return  # complete, or a check beside the masks asks for more than `shortest` knows
    if tokens[0] not in allowed_tokens(within):
        trail.fail(law, f"the budget of {len(tokens)} refuses {trail.name(tokens[0])}, with which `shortest` begins.")
    if isinstance(following, Completable) and len(following.shortest()) > len(tokens) - 1:
        trail.fail(law, f"after {trail.name(tokens[0])} the shortest completion is no shorter.")


def _check_twin(trail: Trail, mask: Mask) -> None:
    law, state, twin = "AllOf([c]) behaves as c", trail.state, trail.twin
    if difference := _difference(trail, mask, twin.mask()):
        trail.fail(law, f"the mask differs: {difference}")
    for name in ("accepting", "done"):
        if getattr(state, name) != getattr(twin, name):
            trail.fail(law, f"{name} is {getattr(state, name)!r}, but {getattr(twin, name)!r} under AllOf.")
    if state.forced() != twin.forced():
        trail.fail(law, f"forced() is {state.forced()}, but {twin.forced()} under AllOf.")


def _check_batch(trails: list[Trail], vocab_size: int) -> None:
    out = np.full((len(trails), mask_words(vocab_size)), -1, dtype=np.int32)
    fill_masks([trail.state for trail in trails], out)
    for trail, row in zip(trails, out, strict=True):
        if difference := _difference(trail, trail.state.mask(), row):
            trail.fail("fill_masks gives the masks of its states", f"a row differs: {difference}")


def _difference(trail: Trail, first: Mask, second: Mask) -> str:
    """Where two masks differ, for people; empty where they are equal."""
    if np.array_equal(first, second):
        return ""
    token = int(allowed_tokens(first ^ second)[0])
    missing = token in allowed_tokens(first)
    return f"{trail.name(token)} is allowed in the {'first' if missing else 'second'} one only."

"""Random walks: texts sampled uniformly under the masks have to be JSON texts that the schema's validators accept."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from guidedgen.evaluate.engine import Completing, Matcher
from guidedgen.evaluate.probing import FirstBytes
from guidedgen.evaluate.reading import Bench, said
from guidedgen.evaluate.validators import Verdict
from guidedgen.masks import allowed_tokens
from guidedgen.vocabulary import Vocabulary

_END = 0.1  # chance to end where a text may end: uniform over the tokens it would hardly ever happen
_STRETCH = 8  # an engine that cannot complete a text may go on for as many times the length of a walk
_CLOSING = [b"}", b"]", b",", b":", b'"', b"0", b"{", b"[", b"t", b"f", b"n"]  # outside strings, best first
_EXAMPLES = 3
_COUNTERS = {
    "not json": "not_json",
    "invalid": "invalid",
    "disagreement": "disagreements",
    "unchecked": "unchecked",
}


@dataclass(frozen=True)
class Walk:
    """One sampled text.

    Attributes:
        tokens: what was sampled.
        ending: "closed"; "open" where it did not come to its end within the length; "dead end" where no token was
            allowed and the text could not end; "refused" where a token of the mask, or of the engine's own completion,
            was not taken.
    """

    tokens: list[int]
    ending: str


@dataclass(kw_only=True)
class Walks:
    """What came out for one schema. `closed` texts are valid unless counted as one of the last four.

    Attributes:
        closed: walks that came to an end.
        open: walks that did not within their length.
        dead_ends: walks that could neither go on nor end.
        refused: walks in which a token of the mask or of the engine's completion was refused.
        not_json: closed texts that cannot be parsed.
        invalid: closed texts that every validator refuses.
        disagreements: closed texts on which validators differ.
        unchecked: closed texts about which no validator could say anything.
        duplicate_keys: closed texts in which an object has a key twice.
        examples: a few of the faults.
        error: what the engine raised.
    """

    closed: int = 0
    open: int = 0
    dead_ends: int = 0
    refused: int = 0
    not_json: int = 0
    invalid: int = 0
    disagreements: int = 0
    unchecked: int = 0
    duplicate_keys: int = 0
    examples: list[str] = field(default_factory=list)
    error: str | None = None


class Walker:
    """Samples texts for one vocabulary."""

    def __init__(self, vocabulary: Vocabulary, bench: Bench, first_bytes: FirstBytes, *, length: int) -> None:
        self._vocabulary, self._bench, self._length = vocabulary, bench, length
        self._usable = first_bytes.spelled.copy()
        self._usable[list(bench.ends)] = False
        single = {
            vocabulary.token_bytes(token): token for token in np.flatnonzero(np.diff(vocabulary.offsets) == 1).tolist()
        }
        self._closing = [single[byte] for byte in _CLOSING if byte in single]
        self._quote = [single[b'"']] if b'"' in single else []

    def walk(self, matcher: Matcher, random: np.random.Generator) -> Walk:
        """Sample one text from the start of a matcher."""
        tokens: list[int] = []
        while True:
            accepting = matcher.accepting
            long = len(tokens) >= self._length
            if accepting and (long or random.random() < _END):
                return Walk(tokens, "closed")
            if long and isinstance(matcher, Completing):
                return self._completed(matcher, tokens)
            if len(tokens) >= self._length * _STRETCH:
                return Walk(tokens, "open")
            token = self._next(matcher, random, self._preferred(tokens) if long else ())
            if token is None:
                return Walk(tokens, "closed" if accepting else "dead end")
            if not matcher.commit(token):
                return Walk([*tokens, token], "refused")
            tokens.append(token)

    def _preferred(self, tokens: list[int]) -> list[int]:
        """What brings most JSON texts to their end from here."""
        text = re.sub(rb"\\.", b"", self._vocabulary.decode_bytes(tokens), flags=re.DOTALL)
        return self._quote if text.count(b'"') % 2 else self._closing

    def _next(self, matcher: Matcher, random: np.random.Generator, preferred: Sequence[int]) -> int | None:
        matcher.fill(self._bench.mask)
        if random.random() < 0.9:  # not always: the same token could be taken for ever
            for token in preferred:
                if self._bench.allows(token):
                    return token
        allowed = allowed_tokens(self._bench.mask)
        allowed = allowed[allowed < len(self._usable)]
        allowed = allowed[self._usable[allowed]]
        return int(allowed[random.integers(len(allowed))]) if len(allowed) else None

    def _completed(self, matcher: Completing, tokens: list[int]) -> Walk:
        walker: Any = matcher  # Completing says what it adds to a Matcher
        for token in matcher.shortest():
            tokens.append(token)
            if not walker.commit(token):
                return Walk(tokens, "refused")
        return Walk(tokens, "closed" if walker.accepting else "dead end")

    def text(self, walk: Walk) -> bytes:
        """The bytes of a walk."""
        return self._vocabulary.decode_bytes(walk.tokens)


def sample(start: Matcher, walker: Walker, *, count: int, seed: tuple[int, ...]) -> tuple[Walks, list[bytes]]:
    """Walk `count` times; the closed texts are judged afterwards, by `judge`."""
    walks, texts = Walks(), list[bytes]()
    try:
        for index in range(count):
            walk = walker.walk(start.fresh(), np.random.default_rng([*seed, index]))
            if walk.ending == "closed":
                walks.closed += 1
                texts.append(walker.text(walk))
            elif walk.ending == "open":
                walks.open += 1
            else:
                walks.dead_ends += walk.ending == "dead end"
                walks.refused += walk.ending == "refused"
                note(walks, walk.ending, walker.text(walk))
    except Exception as error:  # an engine may raise anything
        walks.error = said(error)
    return walks, texts


def judge(walks: Walks, text: bytes, verdict: Verdict) -> None:
    """Count what the validators say about a closed text."""
    if verdict.duplicate_key:
        walks.duplicate_keys += 1
    if verdict.fault is not None:
        counter = _COUNTERS[verdict.fault]
        setattr(walks, counter, getattr(walks, counter) + 1)
        note(walks, f"{verdict.fault} ({verdict.told})", text)


def note(walks: Walks, what: str, text: bytes) -> None:
    """Keep a few examples."""
    if len(walks.examples) < _EXAMPLES:
        shown = text.decode("utf-8", errors="backslashreplace")
        shown = re.sub(r"\s{8,}", "  …  ", shown)  # which tell nothing and would fill the line
        told = shown if len(shown) <= 400 else f"{shown[:200]} … {shown[-200:]}"
        walks.examples.append(f"{what}: {json.dumps(told)}")

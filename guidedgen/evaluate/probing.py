"""Do masks and commits agree? At sampled positions of valid instances, tokens in and out of the mask are committed.

A position is reached by committing its prefix on a fresh matcher, once for each token, since matchers change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from guidedgen.evaluate.engine import Matcher
from guidedgen.evaluate.reading import Bench, said
from guidedgen.masks import allowed_tokens
from guidedgen.vocabulary import Vocabulary

POSITIONS = 4  # of one schema, as far as it has as many
_EXAMPLES = 3


@dataclass(kw_only=True)
class Probes:
    """What came out.

    Attributes:
        inside: tokens in a mask that were committed.
        outside: tokens outside a mask that were committed.
        inside_refused: of the former, those that were refused.
        outside_taken: of the latter, those that were taken.
        examples: a few disagreements, as position, token and what happened.
        error: what the engine raised.
    """

    inside: int = 0
    outside: int = 0
    inside_refused: int = 0
    outside_taken: int = 0
    examples: list[str] = field(default_factory=list)
    error: str | None = None


class FirstBytes:
    """Tokens by their first byte: those outside a mask that begin like one inside are the ones an engine gets wrong."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        data = np.frombuffer(vocabulary.data, dtype=np.uint8)
        starts, lengths = vocabulary.offsets[:-1], np.diff(vocabulary.offsets)
        self.spelled: NDArray[np.bool_] = lengths > 0  # [V]
        self.first = np.full(vocabulary.size, -1, dtype=np.int16)  # [V]
        self.first[self.spelled] = data[starts[self.spelled]]

    def outside(self, allowed: NDArray[np.int64], size: int, random: np.random.Generator) -> list[int]:
        """Up to `size` tokens with bytes that are not in `allowed`: half of them begin like an allowed one."""
        free = self.spelled.copy()
        free[allowed] = False
        alike = free & np.isin(self.first, np.unique(self.first[allowed]))
        near = _sample(np.flatnonzero(alike), (size + 1) // 2, random)
        free[near] = False
        return [*near, *_sample(np.flatnonzero(free), size - len(near), random)]


def probe(
    start: Matcher,
    texts: Sequence[list[int]],
    bench: Bench,
    first_bytes: FirstBytes,
    *,
    tokens: int,
    random: np.random.Generator,
) -> Probes:
    """Commit about `tokens` tokens, half of them in the mask, at up to `POSITIONS` positions of `texts`.

    Args:
        start: gives fresh matchers.
        texts: instances that the engine accepted.
        bench: the mask's buffer.
        first_bytes: of the vocabulary.
        tokens: how many to try for the schema.
        random: chooses positions and tokens.
    """
    probes = Probes()
    places = [(text, position) for text in texts for position in range(len(text))]
    chosen = random.permutation(len(places))[:POSITIONS] if places else np.empty(0, dtype=np.int64)
    each = max(1, tokens // (2 * max(1, len(chosen))))
    try:
        for index in chosen:
            text, position = places[int(index)]
            _probe_at(start, text[:position], bench, first_bytes, each, random, probes)
    except Exception as error:  # an engine may raise anything
        probes.error = said(error)
    return probes


def _probe_at(
    start: Matcher,
    prefix: list[int],
    bench: Bench,
    first_bytes: FirstBytes,
    each: int,
    random: np.random.Generator,
    probes: Probes,
) -> None:
    matcher = _after(start, prefix)
    matcher.fill(bench.mask)
    allowed = np.setdiff1d(allowed_tokens(bench.mask), bench.ends)
    for token in _sample(allowed, each, random):
        probes.inside += 1
        if not _after(start, prefix).commit(token):
            probes.inside_refused += 1
            _note(probes, prefix, f"token {token} is in the mask and is refused")
    for token in first_bytes.outside(allowed, each, random):
        if token in bench.ends:
            continue
        probes.outside += 1
        if _after(start, prefix).commit(token):
            probes.outside_taken += 1
            _note(probes, prefix, f"token {token} is not in the mask and is taken")


def _after(start: Matcher, prefix: list[int]) -> Matcher:
    matcher = start.fresh()
    for token in prefix:
        if not matcher.commit(token):
            raise RuntimeError(f"token {token} was taken before and is refused now: the engine is not repeatable")
    return matcher


def _note(probes: Probes, prefix: list[int], what: str) -> None:
    if len(probes.examples) < _EXAMPLES:
        probes.examples.append(f"after {len(prefix)} tokens {prefix[-4:]}: {what}")


def _sample(tokens: NDArray[np.int64], size: int, random: np.random.Generator) -> list[int]:
    if len(tokens) <= size:
        return [int(token) for token in tokens]
    picked = random.integers(len(tokens), size=4 * size)  # a permutation of 128,000 would cost a millisecond
    return [int(tokens[index]) for index in dict.fromkeys(picked.tolist())][:size]

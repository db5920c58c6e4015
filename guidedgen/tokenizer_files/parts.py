"""What every reader returns: the bytes of each token in one buffer, and the names and reasons of the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from guidedgen.errors import VocabularyError

MAXIMUM_LENGTH = 2**11  # bytes of one token; kernels recurse along tokens
MAXIMUM_SIZE = 2**24  # ids beyond this are a damaged file, and would only allocate memory


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A tokenizer as bytes.

    Attributes:
        data: the bytes of all tokens, one after another.
        offsets: int64 [V + 1]; token t is `data[offsets[t]:offsets[t + 1]]`.
        special: id of every special or added token by its text.
        unused: why an id has no bytes although it is not special.
        eos: the end tokens that the tokenizer itself names.
        dummy_prefix: whether the tokenizer puts a space before a text when encoding and drops it when decoding.
    """

    data: bytes
    offsets: NDArray[np.int64]
    special: Mapping[str, int] = field(default_factory=dict)
    unused: Mapping[int, str] = field(default_factory=dict)
    eos: frozenset[int] = frozenset()
    dummy_prefix: bool = False

    @property
    def size(self) -> int:
        """Number of ids."""
        return len(self.offsets) - 1

    def tokens(self) -> list[bytes]:
        """The bytes of every id, in a new list."""
        bounds = self.offsets.tolist()
        return [self.data[start:stop] for start, stop in pairwise(bounds)]


def parts_of(
    tokens: list[bytes],
    *,
    special: Mapping[str, int] | None = None,
    unused: Mapping[int, str] | None = None,
    eos: Iterable[int] = (),
    dummy_prefix: bool = False,
) -> Parts:
    """Pack a list of tokens, `b""` for ids without bytes; such ids that are not special get a reason in `unused`.

    Raises:
        VocabularyError: where a special or end token is not an id of the list.
    """
    special, end = dict(special or {}), frozenset(eos)
    for name, token in [*special.items(), *(("end of sequence", token) for token in end)]:
        if type(token) is not int or not 0 <= token < len(tokens):
            raise VocabularyError(f"token {name!r} has the id {token!r}, but there are only {len(tokens)} ids.")
    offsets = np.zeros(len(tokens) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens)), out=offsets[1:])
    named = end.union(special.values())
    reasons = dict(unused or {})
    for token in np.flatnonzero(offsets[1:] == offsets[:-1]).tolist():
        if token not in named:
            reasons.setdefault(token, "no token has this id")
    return Parts(
        data=b"".join(tokens), offsets=offsets, special=special, unused=reasons, eos=end, dummy_prefix=dummy_prefix
    )


def place_tokens(named: Iterable[tuple[str, object]], extra: Iterable[object] = ()) -> list[str | None]:
    """Names by id, None for gaps, long enough for the ids in `extra` as well.

    Raises:
        VocabularyError: where an id is not a number in range, or two names share one.
    """
    entries = list(named)
    ids = [token for _, token in entries]
    top = -1
    for token in [*ids, *extra]:
        if type(token) is not int or not 0 <= token < MAXIMUM_SIZE:
            raise VocabularyError(f"token id {token!r} is not a number from 0 to {MAXIMUM_SIZE - 1}.")
        top = max(top, token)
    names: list[str | None] = [None] * (top + 1)
    for name, token in entries:
        assert isinstance(token, int)
        if names[token] is not None:
            raise VocabularyError(f"tokens {names[token]!r} and {name!r} share the id {token}.")
        names[token] = name
    return names

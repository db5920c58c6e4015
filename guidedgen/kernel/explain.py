"""Why a token is not allowed: worked out from what both kernels tell about a state, so it is written once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from guidedgen.constraint import Completable


class InspectableState(Completable, Protocol):
    """What the states of both kernels offer beyond `constraint.Completable`."""

    def advance(self, token: int) -> InspectableState | None:
        """The position after `token`, or None where it is not allowed."""

    def advance_bytes(self, data: bytes) -> InspectableState | None:
        """The position after these bytes, or None where they are not allowed."""

    def allowed_bytes(self) -> bytes:
        """The bytes that may come next: 32 bytes, bit b % 8 of byte b // 8, LSB first."""

    def labels(self) -> tuple[int, ...]:
        """The symbols of the grammar table that are being read or may come next."""

    @property
    def fingerprint(self) -> int:
        """A number that equal positions share."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a token is not allowed.

    Attributes:
        offset: how many of its bytes could still be read.
        expected: the bytes that may follow those.
        labels: names of what was being read there, or could begin: terminals, JSON pointers; sorted.
    """

    offset: int
    expected: frozenset[int]
    labels: tuple[str, ...]


def explain(
    state: InspectableState, token: int, *, token_bytes: bytes, labels: Mapping[int, str]
) -> Explanation | None:
    """Say where `token` goes wrong, or None where it is allowed.

    Args:
        state: the position.
        token: its id.
        token_bytes: its bytes; none for a special token.
        labels: names of the symbols of the state's grammar table.
    """
    if state.advance(token) is not None:
        return None
    offset = 0
    while offset < len(token_bytes):
        after = state.advance_bytes(token_bytes[offset : offset + 1])
        if after is None:
            break
        state, offset = after, offset + 1
    bits = int.from_bytes(state.allowed_bytes(), "little")
    names = {labels[symbol] for symbol in state.labels() if symbol in labels}
    expected = frozenset(byte for byte in range(256) if bits >> byte & 1)
    return Explanation(offset=offset, expected=expected, labels=tuple(sorted(names)))

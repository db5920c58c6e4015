"""Why a token is not allowed: worked out from what both kernels tell about a state, so it is written once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast

from guidedgen.constraint import Completable
from guidedgen.explanation import Explanation

if TYPE_CHECKING:
    from collections.abc import Callable

    from guidedgen.vocabulary import Vocabulary

__all__ = ["Explanation", "InspectableState", "explain", "explainer"]


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

    def explain(self, token: int) -> Explanation | None:
        """Why `token` is not allowed, or None where it is; IndexError where there is no such token."""

    @property
    def fingerprint(self) -> int:
        """A number that equal positions share."""


def explainer(
    vocabulary: Vocabulary, labels: Mapping[int, str]
) -> Callable[[InspectableState, int], Explanation | None]:
    """What `State.explain` calls, for the states of one grammar: it holds neither the grammar nor any state."""
    return partial(explain, vocabulary=vocabulary, labels=labels)


def explain(
    state: InspectableState, token: int, *, vocabulary: Vocabulary, labels: Mapping[int, str]
) -> Explanation | None:
    """Say where `token` goes wrong, or None where it is allowed.

    Args:
        state: the position.
        token: its id.
        vocabulary: the bytes of the tokens.
        labels: names of the symbols of the state's grammar table.

    Raises:
        IndexError: there is no such token.
    """
    text = vocabulary.token_bytes(token)
    return None if state.advance(token) is not None else explain_text(state, text, labels=labels)


def explain_text(state: InspectableState, text: bytes, *, labels: Mapping[int, str]) -> Explanation:
    """Say where a text goes wrong; behind its end where all of it could be read."""
    offset = 0
    while offset < len(text):
        after = state.advance_bytes(text[offset : offset + 1])
        if after is None:
            break
        state, offset = after, offset + 1
    bits = int.from_bytes(state.allowed_bytes(), "little")
    return Explanation(
        offset=offset,
        expected=frozenset(byte for byte in range(256) if bits >> byte & 1),
        labels=named(state, labels),
        text=text,
        complete=state.accepting,
    )


def named(state: InspectableState, labels: Mapping[int, str]) -> tuple[str, ...]:
    """What is being read: the table's symbols by name, and the places that states of schemas name; sorted."""
    where = getattr(state, "where", None)
    named = () if where is None else cast("Iterable[str]", where())
    places = [f"#{place}" if place.startswith(("/", ":")) else place for place in named]
    return tuple(sorted({*(labels[symbol] for symbol in state.labels() if symbol in labels), *places}))

"""Why a token is not allowed: worked out from what both kernels tell about a state, so it is written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from guidedgen.constraint import Completable
from guidedgen.explanation import Expectation, Explanation, place_label
from guidedgen.instance_path import open_steps, pointer_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from guidedgen.vocabulary import Vocabulary

__all__ = ["Explanation", "InspectableState", "Place", "explain", "explainer", "places_of"]

_KEYS_NAMED: Final = 8


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
    if state.advance(token) is not None:
        return None
    return explain_text(state, text, labels=labels, read=getattr(state, "text", None))


def explain_text(
    state: InspectableState, text: bytes, *, labels: Mapping[int, str], read: bytes | None = None
) -> Explanation:
    """Say where a text goes wrong; behind its end where all of it could be read.

    Args:
        state: the position before it.
        text: the text.
        labels: names of the symbols of the state's grammar table.
        read: everything before the text, where that is known: states do not remember it.
    """
    offset = 0
    while offset < len(text):
        after = state.advance_bytes(text[offset : offset + 1])
        if after is None:
            break
        state, offset = after, offset + 1
    bits = int.from_bytes(state.allowed_bytes(), "little")
    places = places_of(state, text[offset] if offset < len(text) else -1)
    return Explanation(
        offset=offset,
        expected=frozenset(byte for byte in range(256) if bits >> byte & 1),
        labels=_labels(state, labels, places),
        text=text,
        complete=state.accepting,
        expectations=tuple(dict.fromkeys(asked for place in places for asked in place.expectations)),
        instance=_instance(places, None if read is None else read + text[:offset]),
    )


@dataclass(frozen=True, kw_only=True)
class Place:
    """One way of reading a text under a JSON Schema.

    Attributes:
        path: of the value that is being read, or of the object or array around the name or bracket that is; None stands
            for a step that the state does not remember.
        pointers: the places of the schema that apply to it.
        keys: declared names that may come, or that the name so far may become.
        expectations: what keywords ask for there.
    """

    path: tuple[str | None, ...]
    pointers: tuple[str, ...]
    keys: tuple[str, ...]
    expectations: tuple[Expectation, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of it."""
        schemas = tuple(map(place_label, self.pointers))
        if not schemas or not 0 < len(self.keys) <= _KEYS_NAMED:
            return schemas
        return tuple(f"key {key!r} of {schemas[0]}" for key in self.keys)


def places_of(state: InspectableState, byte: int = -1) -> tuple[Place, ...]:
    """Where states of the native JSON machine stand; none for other states. `byte`: what is refused there, or -1."""
    where = getattr(state, "where", None)
    if where is None:
        return ()
    return tuple(
        Place(
            path=path,
            pointers=pointers,
            keys=keys,
            expectations=tuple(Expectation(wanted=wanted, pointer=pointer) for pointer, wanted in asked),
        )
        for path, pointers, keys, asked in where(byte)
    )


def _instance(places: Sequence[Place], read: bytes | None) -> str | None:
    """The pointer of the first place's path, with the steps of the text where that is known."""
    if not places:
        return None
    path = next((place for place in places if place.expectations), places[0]).path
    if read is None:
        return pointer_to(path)
    return pointer_to(open_steps(read.decode("utf-8", errors="replace"))[: len(path)])


def named(state: InspectableState, labels: Mapping[int, str]) -> tuple[str, ...]:
    """What is being read: the table's symbols by name, and places of schemas; sorted."""
    return _labels(state, labels, places_of(state))


def _labels(state: InspectableState, labels: Mapping[int, str], places: Sequence[Place]) -> tuple[str, ...]:
    symbols = {labels[symbol] for symbol in state.labels() if symbol in labels}
    return tuple(sorted(symbols.union(*(place.labels for place in places))))

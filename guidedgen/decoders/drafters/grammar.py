"""Drafts that the constraint dictates: where the next bytes are fixed and only their spelling in tokens is open.

Taking such bytes without asking would change the distribution, since the model may spell them otherwise; as drafts in
the tokenizer's own spelling they are nearly always right, and verified.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import Any

from guidedgen.constraint import AllOfState, State
from guidedgen.decoders.drafters.base import Outcome, Request, Setting
from guidedgen.decoders.tree import DraftTree, chain
from guidedgen.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True)
class Forced:
    """The bytes that must come next, in the tokenizer's spelling.

    The last token is left out where bytes that are not forced follow it: it may be spelled with them.

    Args:
        most_bytes: looked for at a time.
    """

    most_bytes: int = 200

    def __post_init__(self) -> None:
        """Check the setting."""
        if self.most_bytes < 1:
            raise ValueError(f"most_bytes={self.most_bytes!r} must be at least 1")

    def open(self, setting: Setting) -> ForcedSession:
        """See `Drafter.open`."""
        return ForcedSession(setting.vocabulary, self.most_bytes)


class ForcedSession:
    """Keeps nothing: the state says all."""

    def __init__(self, vocabulary: Vocabulary, most_bytes: int) -> None:
        self._vocabulary = vocabulary
        self._most_bytes = most_bytes

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        return [chain(self.spelled(request.tip.state)[: request.most]) for request in requests]

    def spelled(self, state: State) -> list[int]:
        """The bytes that must come next, in the tokenizer's spelling."""
        text, ends = forced_bytes(state, self._most_bytes)
        if not text:
            return []
        try:
            tokens = self._vocabulary.encode(text.decode())
        except UnicodeDecodeError:  # it begins or ends within a character
            tokens = self._vocabulary.encode(text)
        return tokens if ends else tokens[:-1]

    def observe(self, outcome: Outcome) -> None:
        """See `DraftSession.observe`."""


def forced_bytes(state: State, most: int) -> tuple[bytes, bool]:
    """The bytes that every continuation begins with, as far as one part of the state dictates them.

    Returns:
        At most `most` bytes, and whether the text is over or at a choice that no token can reach into.
    """
    longest, ends = b"", False
    for part in _byte_readers(state):
        forced = bytearray()
        while len(forced) < most and not part.accepting:
            byte = _single(part.allowed_bytes())
            if byte is None:
                break
            forced.append(byte)
            part = part.advance_bytes(bytes([byte]))
        if len(forced) > len(longest):
            longest, ends = bytes(forced), part.accepting and not any(part.allowed_bytes())
    return longest, ends


def _byte_readers(state: State) -> Iterator[Any]:
    """The parts of a state that read bytes."""
    if isinstance(state, AllOfState):
        for part in state.parts:
            yield from _byte_readers(part)
    elif hasattr(state, "allowed_bytes") and hasattr(state, "advance_bytes"):
        yield state


def _single(allowed: bytes) -> int | None:
    """The only byte of a set of 32 bytes, or None."""
    bits = int.from_bytes(allowed, "little")
    return bits.bit_length() - 1 if bits and bits & (bits - 1) == 0 else None

"""States that check the complete text: for what masks cannot enforce, without the sampler's help.

A `ValidatedState` follows a kernel's state and remembers the text. It is accepting only where a check of the whole text
finds nothing, and it refuses the token that would close the value while the check still finds something: the value can
then go on, if the masks leave a way. Where they leave none, no token is allowed (a dead end), and `refusal` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from guidedgen.explanation import Explanation
from guidedgen.kernel import InspectableState
from guidedgen.masks import Mask, allowed_tokens
from guidedgen.vocabulary import Vocabulary

_SPACE: Final = frozenset(b" \t\n\r")
_OPENERS, _CLOSERS, _QUOTE, _BACKSLASH = frozenset(b"{["), frozenset(b"}]"), ord('"'), ord("\\")


@dataclass(frozen=True, slots=True)
class Outline:
    """How far a JSON text has come.

    Attributes:
        depth: open objects and arrays.
        string: inside a string.
        escape: behind a backslash.
        begun: the value has begun.
        ended: the value is closed; only whitespace may follow. Never set within a number.
    """

    depth: int = 0
    string: bool = False
    escape: bool = False
    begun: bool = False
    ended: bool = False

    def after(self, data: bytes) -> Outline:
        """The outline after some bytes of a text that masks allow."""
        depth, string, escape, begun, ended = self.depth, self.string, self.escape, self.begun, self.ended
        for byte in data:
            if string:
                if escape:
                    escape = False
                elif byte == _BACKSLASH:
                    escape = True
                elif byte == _QUOTE:
                    string, ended = False, depth == 0
            elif byte in _SPACE:
                ended = ended or (begun and depth == 0)
            else:
                begun = True
                string = byte == _QUOTE
                depth += (byte in _OPENERS) - (byte in _CLOSERS)
                ended = byte in _CLOSERS and depth == 0
        return Outline(depth, string, escape, begun, ended)


class Checking:
    """What all states of one constraint share: the check, and what tokens can do to a text."""

    def __init__(self, vocabulary: Vocabulary, check: Callable[[str], str | None]) -> None:
        self.vocabulary = vocabulary
        self.check = check

    @cached_property
    def _closing(self) -> NDArray[np.int32]:
        """By token, how many of its bytes could close an object or array."""
        return self._count(b"}]")

    @cached_property
    def _quotes(self) -> NDArray[np.int32]:
        return self._count(b'"')

    def _count(self, wanted: bytes) -> NDArray[np.int32]:
        found = np.isin(np.frombuffer(self.vocabulary.data, dtype=np.uint8), np.frombuffer(wanted, dtype=np.uint8))
        total = np.concatenate([[0], np.cumsum(found, dtype=np.int64)])
        counts: NDArray[np.int32] = np.diff(total[self.vocabulary.offsets]).astype(np.int32)
        return counts

    def may_close(self, outline: Outline, tokens: NDArray[np.int64]) -> Iterator[int]:
        """Those of the tokens after which the value may be complete; all but these certainly leave it open."""
        if outline.depth:
            tokens = tokens[self._closing[tokens] >= outline.depth]
        elif outline.string:
            tokens = tokens[self._quotes[tokens] > 0]
        return iter(tokens.tolist())


_Written: TypeAlias = "tuple[_Written | None, bytes]"
"""A text by its pieces, the last one first: forks share what they have in common."""


@dataclass(frozen=True, eq=False)
class ValidatedState:
    """A position of a constraint whose complete texts are checked; implements `guidedgen.kernel.InspectableState`."""

    inner: InspectableState
    checking: Checking = field(repr=False)
    outline: Outline = field(default=Outline(), repr=False)
    written: _Written | None = field(default=None, repr=False)

    @property
    def text(self) -> bytes:
        """The text so far."""
        pieces: list[bytes] = []
        written = self.written
        while written is not None:
            written, piece = written
            pieces.append(piece)
        return b"".join(reversed(pieces))

    @cached_property
    def _fault(self) -> str | None:
        """What is wrong with the text, which is complete as far as masks know."""
        return self.checking.check(self.text.decode("utf-8", errors="replace"))

    @property
    def accepting(self) -> bool:
        """Whether the text is complete and the check finds nothing."""
        return self.inner.accepting and self._fault is None

    @property
    def done(self) -> str | None:
        """The wrapped state's."""
        return self.inner.done

    @property
    def fingerprint(self) -> int:
        """A number that equal positions share."""
        return hash((self.inner.fingerprint, self.text))

    @property
    def refusal(self) -> str | None:
        """What the check says about the shortest completion that masks allow; None where it is valid."""
        rest = self.checking.vocabulary.decode_bytes(self.inner.shortest())
        return self.checking.check((self.text + rest).decode("utf-8", errors="replace"))

    @cached_property
    def _words(self) -> Mask:
        words = self.inner.mask()
        view = words.view(np.uint32)
        for token in self.checking.may_close(self.outline, allowed_tokens(words)):
            after = self.inner.advance(token)
            if after is None or self._followed(after, self.checking.vocabulary.token_bytes(token)) is None:
                view[token // 32] &= np.uint32(~(1 << token % 32) & 0xFFFFFFFF)
        words.setflags(write=False)
        return words

    def fill(self, out: Mask, budget: int | None = None) -> None:
        """Write the allowed tokens into `out`; see `guidedgen.constraint.Completable.fill`. The check has no budget."""
        self.inner.fill(out, budget)  # refuses what is no mask
        out &= self._words

    def mask(self, budget: int | None = None) -> Mask:
        """The allowed tokens in a new array."""
        return self._words.copy() if budget is None else self.inner.mask(budget) & self._words

    def advance(self, token: int) -> ValidatedState | None:
        """The position after `token`, or None where it is not allowed."""
        after = self.inner.advance(token)
        return None if after is None else self._followed(after, self.checking.vocabulary.token_bytes(token))

    def advance_bytes(self, data: bytes) -> ValidatedState | None:
        """The position after these bytes, or None where they are not allowed."""
        after = self.inner.advance_bytes(data)
        return None if after is None else self._followed(after, data)

    def _followed(self, inner: InspectableState, data: bytes) -> ValidatedState | None:
        """The position at `inner`; None where the value would be closed although something is wrong with it."""
        after = ValidatedState(inner, self.checking, self.outline.after(data), (self.written, data))
        return None if after._is_final() and not after.accepting else after

    def _is_final(self) -> bool:
        """Whether the value is complete and can only be followed by whitespace."""
        if not self.inner.accepting or self.outline.depth or self.outline.string:
            return False
        return self.outline.ended or not _bytes(self.inner) - _SPACE

    def forced(self) -> tuple[int, ...]:
        """Tokens that must come next, in order."""
        tokens: list[int] = []
        state: ValidatedState | None = self
        for token in self.inner.forced():
            state = None if state is None or state.accepting else state.advance(token)
            if state is None:
                break
            tokens.append(token)
        return tuple(tokens)

    def shortest(self) -> tuple[int, ...]:
        """The shortest completion that masks allow: a lower bound, since the check may ask for more."""
        return self.inner.shortest()

    def allowed_bytes(self) -> bytes:
        """The bytes that may come next: 32 bytes, bit b % 8 of byte b // 8, LSB first."""
        allowed = [byte for byte in _bytes(self.inner) if self.advance_bytes(bytes([byte])) is not None]
        return sum(1 << byte for byte in allowed).to_bytes(32, "little")

    def labels(self) -> tuple[int, ...]:
        """The symbols that are being read or may come next."""
        return self.inner.labels()

    def where(self, byte: int = -1) -> list[Any]:
        """The places of a schema that are being read, where the wrapped state names them."""
        where: Callable[[int], list[Any]] | None = getattr(self.inner, "where", None)
        return [] if where is None else where(byte)

    def explain(self, token: int) -> Explanation | None:
        """Why `token` is not allowed: what masks say, or what is wrong with the value that it would close."""
        if self.advance(token) is not None:
            return None
        told = self.inner.explain(token)
        if told is not None:
            return told
        text, state = self.checking.vocabulary.token_bytes(token), self
        offset = 0
        while (after := state.advance_bytes(text[offset : offset + 1])) is not None:
            state, offset = after, offset + 1
        closed = state.inner.advance_bytes(text[offset : offset + 1])
        assert closed is not None
        fault = replace(state, inner=closed, written=(state.written, text[offset : offset + 1]))._fault
        expected = frozenset(_bytes(state.inner))
        return Explanation(offset=offset, expected=expected, labels=(str(fault),), text=text, complete=state.accepting)


def _bytes(state: InspectableState) -> frozenset[int]:
    bits = int.from_bytes(state.allowed_bytes(), "little")
    return frozenset(byte for byte in range(256) if bits >> byte & 1)

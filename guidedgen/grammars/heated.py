"""States that say at which temperature the next token is drawn, where rules of a grammar set one.

The terminals of such rules have symbols of their own in the table (`GrammarTable.heats`). A `HeatedState` follows a
state, and looks up those that are being read or may come next; the sampler asks for `temperature` before it draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from guidedgen.explanation import Explanation
    from guidedgen.kernel import InspectableState
    from guidedgen.masks import Mask

_NO_HEATS: Final[Mapping[int, float]] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class HeatedState:
    """A position of a grammar whose rules set temperatures; implements `guidedgen.kernel.InspectableState`.

    Attributes:
        inner: the position.
        heats: temperatures, by symbol.
        beside: a position of the rules themselves, where `inner` is one of an automaton that does not know which of
            them it is in; `heats` are those of its symbols.
    """

    inner: InspectableState
    heats: Mapping[int, float] = field(repr=False)
    beside: InspectableState | None = None

    @cached_property
    def temperature(self) -> float | None:
        """The highest that a terminal which is being read or may come next has; None: none has any."""
        read = self.inner if self.beside is None else self.beside
        return max((self.heats[label] for label in read.labels() if label in self.heats), default=None)

    @property
    def accepting(self) -> bool:
        """Whether the text so far is complete."""
        return self.inner.accepting

    @property
    def done(self) -> str | None:
        """The wrapped state's."""
        return self.inner.done

    @property
    def fingerprint(self) -> int:
        """A number that equal positions share."""
        return self.inner.fingerprint

    def fill(self, out: Mask, budget: int | None = None) -> None:
        """Write the allowed tokens into `out`; see `guidedgen.constraint.Completable.fill`."""
        self.inner.fill(out, budget)

    def mask(self, budget: int | None = None) -> Mask:
        """The allowed tokens in a new array."""
        return self.inner.mask(budget)

    def advance(self, token: int) -> HeatedState | None:
        """The position after `token`, or None where it is not allowed."""
        inner = self.inner.advance(token)
        beside = None if self.beside is None else self.beside.advance(token)
        return None if inner is None else self._at(inner, beside)

    def advance_bytes(self, data: bytes) -> HeatedState | None:
        """The position after these bytes, or None where they are not allowed."""
        inner = self.inner.advance_bytes(data)
        beside = None if self.beside is None else self.beside.advance_bytes(data)
        return None if inner is None else self._at(inner, beside)

    def _at(self, inner: InspectableState, beside: InspectableState | None) -> HeatedState:
        lost = beside is None and self.beside is not None  # the rules do not read what the automaton does
        return HeatedState(inner, _NO_HEATS if lost else self.heats, beside)

    def forced(self) -> tuple[int, ...]:
        """Tokens that must come next, in order."""
        return self.inner.forced()

    def shortest(self) -> tuple[int, ...]:
        """Tokens that complete the text."""
        return self.inner.shortest()

    def allowed_bytes(self) -> bytes:
        """The bytes that may come next: 32 bytes, bit b % 8 of byte b // 8, LSB first."""
        return self.inner.allowed_bytes()

    def labels(self) -> tuple[int, ...]:
        """The symbols that are being read or may come next."""
        return self.inner.labels()

    def where(self, byte: int = -1) -> list[Any]:
        """The places of a schema that are being read, where the wrapped state names them."""
        where: Callable[[int], list[Any]] | None = getattr(self.inner, "where", None)
        return [] if where is None else where(byte)

    def explain(self, token: int) -> Explanation | None:
        """Why `token` is not allowed, or None where it is."""
        return self.inner.explain(token)

"""`+` and `|` for everything that a text can be constrained to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guidedgen.grammars.combinators import Either, Sequence


class Combinable:
    """`a + b` is `Sequence(a, b)`, `a | b` is `Either(a, b)`; one of the two may be a text or a Python type."""

    def __add__(self, other: Any) -> Sequence:
        """This, and then `other`."""
        from guidedgen.grammars.combinators import Sequence  # late: combinations are specs themselves

        return Sequence(self, other)

    def __radd__(self, other: Any) -> Sequence:
        """`other`, and then this."""
        from guidedgen.grammars.combinators import Sequence

        return Sequence(other, self)

    def __or__(self, other: Any) -> Either:
        """This or `other`."""
        from guidedgen.grammars.combinators import Either

        return Either(self, other)

    def __ror__(self, other: Any) -> Either:
        """`other` or this."""
        from guidedgen.grammars.combinators import Either

        return Either(other, self)

"""Free text that ends where one of some triggers has been read: its lexemes, and the same rule for finished texts.

A text is scanned from the left; the trigger that is complete first *fires*, of several that end at the same place the
longest. Free text never contains a trigger, so where it ends does not depend on how it was cut into tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from guidedgen.byte_search import ByteSearch
from guidedgen.grammars import char_regex, ir
from guidedgen.grammars.assembly import Assembly
from guidedgen.grammars.marked_text import split_special

ANY_TEXT: Final = char_regex.to_utf8(char_regex.ANY_TEXT)
_BYTE: Final = ir.ByteSet((1 << 256) - 1)
_ALL: Final = ir.Repeat(_BYTE, 0, None)


@dataclass(frozen=True)
class Triggers:
    """The texts that end free text.

    Attributes:
        texts: no empty ones.
        text: what free text may be apart from that.
    """

    texts: tuple[str, ...]
    text: ir.Expression = ANY_TEXT

    @cached_property
    def encoded(self) -> tuple[bytes, ...]:
        """The triggers' bytes."""
        return tuple(dict.fromkeys(text.encode() for text in self.texts))

    def without(self, ending: bytes = b"") -> ir.Expression:
        """Free text without any trigger, which ends with some bytes."""
        allowed = self.text if not ending else ir.Concat((self.text, ir.Literal(ending)))
        if not self.encoded:
            return allowed
        contains = ir.Concat((_ALL, _any_of(self.encoded), _ALL))
        return ir.Intersection((allowed, ir.Complement(contains)))

    def before(self, trigger: str) -> ir.Expression:
        """Free text behind which this trigger, the only one, is complete at its own end and nowhere before."""
        wanted = trigger.encode()
        borders = [size for size in range(1, len(wanted)) if wanted.startswith(wanted[size:])]
        early = [ir.Complement(ir.Concat((_ALL, ir.Literal(wanted[:size])))) for size in borders]
        return ir.Intersection((self.without(), *early)) if early else self.without()

    def until(self, trigger: str) -> ir.Expression:
        """Free text and then this trigger, which fires at its end and nowhere before."""
        wanted = trigger.encode()
        earlier = ir.Concat((_ALL, _any_of(self.encoded), _BYTE, _ALL))
        longer = [text for text in self.encoded if len(text) > len(wanted) and text.endswith(wanted)]
        refused = [earlier, *([ir.Concat((_ALL, _any_of(longer)))] if longer else [])]
        return ir.Intersection((ir.Concat((self.text, ir.Literal(wanted))), *(ir.Complement(each) for each in refused)))

    def first(self, data: bytes, start: int, stop: int) -> tuple[int, int] | None:
        """Where the trigger that fires first begins and ends."""
        _, found, length = self._search.feed(0, data[start:stop])
        return (start + length - len(found), start + length) if found else None

    @cached_property
    def _search(self) -> ByteSearch:
        return ByteSearch(self.encoded)

    def fired(self, text: str) -> str | None:
        """The trigger that fires first in a text, if it stands at its beginning; None otherwise."""
        data = text.encode()
        found = self.first(data, 0, len(data))
        return data[: found[1]].decode() if found is not None and found[0] == 0 else None


def _any_of(texts: Iterable[bytes]) -> ir.Expression:
    literals: Sequence[ir.Expression] = [ir.Literal(text) for text in texts]
    return literals[0] if len(literals) == 1 else ir.Union(tuple(literals))


def text_until(triggers: Triggers, trigger: str, scope: Assembly) -> ir.Node:
    """Free text and a trigger. Special tokens in the trigger stand by themselves; what is before them is text."""
    first, *others = split_special(trigger, scope.special)
    label = f"text {trigger!r}"
    if isinstance(first, ir.SpecialToken):
        before, rest = ir.Terminal(triggers.without(), label), [first, *others]
    elif others:
        before, rest = ir.Terminal(triggers.without(first.text), label), others
    else:
        return ir.Terminal(triggers.until(trigger), label)
    return ir.Sequence((before, *(ir.Terminal(piece) if isinstance(piece, ir.Literal) else piece for piece in rest)))

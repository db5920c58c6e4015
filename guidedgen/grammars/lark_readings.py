"""What terminals take behind what was read before them, and how each is kept to where it may begin.

Texts that end in some context leave marks: the names of all sets of contexts that it is not in. A terminal that takes
something in some contexts only is kept apart from the name of that set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.looking_back import Contexts
from guidedgen.grammars.preferred import Preferred

_BEGINNING: Final = b""  # what needs a text before it is kept apart from this
_READ: Final = b"."  # a mark that any text leaves where some terminal needs one before it


@dataclass(frozen=True, eq=False)
class Lexeme:
    """Texts of a terminal.

    Attributes:
        name: the terminal's, or that of the terminal that owns them.
        terminal: what they oblige the rest to.
        texts: the texts.
        contexts: where they may begin.
    """

    name: str
    terminal: ir.Terminal
    texts: cr.Regex
    contexts: frozenset[int]


class Readings:
    """What some terminals take, by context; there is one context where none of them looks back.

    Args:
        taken: what each can take, by name.

    Raises:
        UnsupportedFeature: there are too many contexts.
    """

    def __init__(self, taken: Mapping[str, Preferred]) -> None:
        patterns = [found.looks for found in taken.values() if found.looks is not None]
        self.taken = taken
        self.contexts = Contexts(patterns) if patterns else None
        self.every = frozenset(range(1 if self.contexts is None else len(self.contexts)))
        self._known: dict[tuple[str, tuple[tuple[bool, int], ...]], Preferred] = {}

    def of(self, name: str, context: int) -> Preferred:
        """What a terminal takes in a context; the same object where contexts make no difference."""
        found = self.taken[name]
        if found.looks is None or found.within is None or self.contexts is None:
            return found
        key = (name, self.contexts.seen(found.looks, context))
        if key not in self._known:
            self._known[key] = found.within(self.contexts.within(found.looks, key[1]))
        return self._known[key]

    def alike(self, names: Collection[str]) -> list[frozenset[int]]:
        """The contexts, those together in which all of some terminals take the same."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for context in sorted(self.every):
            groups.setdefault(tuple(id(self.of(name, context)) for name in names), []).append(context)
        return [frozenset(group) for group in groups.values()]


class Marks:
    """Names for sets of contexts.

    Args:
        readings: what terminals take.
        lexemes: all that can be read.
    """

    def __init__(self, readings: Readings, lexemes: Iterable[Lexeme]) -> None:
        self._contexts = readings.contexts
        self._every = readings.every
        self._groups: dict[tuple[int, frozenset[int]], list[frozenset[int]]] = {}
        self._names: dict[frozenset[int], bytes] = {}
        self._from_start = False
        if self._contexts is None:
            return
        told = self._contexts.description
        for lexeme in lexemes:
            for group in self._grouped(lexeme):
                if group != self._every:
                    digest = hashlib.sha256(f"{told} {sorted(group)}".encode()).hexdigest()
                    self._names[group] = digest[:8].encode()
        self._from_start = any(0 not in group for group in self._names)

    def _grouped(self, lexeme: Lexeme) -> list[frozenset[int]]:
        assert self._contexts is not None
        key = (id(lexeme.texts), lexeme.contexts)
        if key not in self._groups:
            self._groups[key] = self._contexts.groups(lexeme.texts, lexeme.contexts)
        return self._groups[key]

    def spread(self, lexeme: Lexeme) -> list[ir.Terminal]:
        """A lexeme as one terminal for each set of contexts that it may begin in and each way to end, with marks."""
        if self._contexts is None or not self._names:
            return [lexeme.terminal]
        found: list[ir.Terminal] = []
        for group in self._grouped(lexeme):
            apart = () if group == self._every else (self._names[group], *(() if 0 in group else (_BEGINNING,)))
            first = min(group)
            ends: dict[tuple[bytes, ...], set[int]] = {}
            for context in self._contexts.after(lexeme.texts, first):
                ends.setdefault(self._left_by(context), set()).add(context)
            for marks, contexts in ends.items():
                alone = len(ends) == 1
                texts = None if alone else self._contexts.leading(lexeme.texts, first, contexts)
                found.append(_marked(lexeme.terminal, texts, marks, apart))
        return found

    def _left_by(self, context: int) -> tuple[bytes, ...]:
        names = sorted(name for group, name in self._names.items() if context not in group)
        return (_READ, *names) if self._from_start else tuple(names)


def _marked(
    terminal: ir.Terminal, texts: cr.Regex | None, marks: tuple[bytes, ...], apart: tuple[bytes, ...]
) -> ir.Terminal:
    if not marks and not apart and texts is None:
        return terminal
    whole = terminal.expression
    longest = whole if isinstance(whole, ir.Longest) else ir.Longest(whole, ir.Nothing())
    accepted = longest.accepted if texts is None else cr.to_utf8(texts)
    return replace(terminal, expression=replace(longest, accepted=accepted, marks=marks, apart=apart))

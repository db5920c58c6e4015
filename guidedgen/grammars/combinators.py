"""Specs made of specs: `Sequence`, `Either`, `Repeat`, `Maybe`, `Named`, and `SpecialToken`.

A part is any spec, a Python type (its JSON text, `str`: any text), a list (a `Choice`), or a text: exactly this text.
Values mirror the structure, see each class. Where a text can be read in several ways, earlier parts take as much as
they can, and of alternatives the first one that fits counts.
"""

from __future__ import annotations

import collections.abc
from dataclasses import dataclass, field
from typing import Any, Final

from guidedgen.errors import CompileError, ValidationFailed
from guidedgen.grammars import char_regex, ir
from guidedgen.grammars.assembly import Assembly
from guidedgen.grammars.marked_text import encode, match_literal
from guidedgen.grammars.reading import Reading, boundaries, chain, split
from guidedgen.grammars.report import Report
from guidedgen.grammars.specs import Translated, spec_of
from guidedgen.grammars.translation import Spec, Translation
from guidedgen.limits import Limits

_DEEPEST: Final = 100  # combinations inside combinations; reading them recurses


class Composite(Translated):
    """What combinations share. A subclass says what it is made of, how it becomes a grammar, and how it is read."""

    depth: int

    def embedded(self, scope: Assembly) -> ir.Node:
        """The grammar of this spec, inside another one."""
        raise NotImplementedError

    def ends(self, reading: Reading, start: int) -> collections.abc.Sequence[int]:
        """Where a text of this spec that starts here may end, the preferred end first."""
        raise NotImplementedError

    def value(self, reading: Reading, start: int, end: int) -> Any:
        """The value of a text of this spec."""
        raise NotImplementedError

    def translate(self, limits: Limits) -> Translation:
        """Raises what the parts raise."""
        return self.translate_for(limits, {})

    def translate_for(self, limits: Limits, special: collections.abc.Mapping[str, int]) -> Translation:
        """As `translate`, where the names of a vocabulary's special tokens stand for these tokens."""
        scope = Assembly(limits=limits, special=special)
        node = scope.node(self)
        entries = tuple(entry for report in scope.reports for entry in report.entries)
        grammar = ir.Grammar(start=node, rules=scope.rules)
        return Translation(grammar=grammar, report=Report(entries), check=self._wrong if scope.checked else None)

    def parse(self, text: str) -> Any:
        """The value of a finished text.

        Raises:
            ValidationFailed: it is no text of this spec, or a part's own validation refuses it.
        """
        data = encode(text)
        reading = Reading(data)
        if len(data) not in reading.ends(self, 0):
            raise ValidationFailed("the text is not of the form that was asked for", raw=text)
        return self.value(reading, 0, len(data))

    def _wrong(self, text: str) -> str | None:
        try:
            self.parse(text)
        except ValidationFailed as refused:
            return str(refused)
        return None


def part_of(given: Any) -> Spec[Any]:
    """Anything that may be a part of a combination, as a spec. Raises `CompileError` where it is none."""
    if isinstance(given, str):
        return Text(given)
    return spec_of(given) or AnyTextSpec()


def depth_of(parts: collections.abc.Iterable[Spec[Any]]) -> int:
    """How deep combinations are nested. Raises `CompileError` where that is too deep."""
    depth = 1 + max((getattr(part, "depth", 0) for part in parts), default=0)
    if depth > _DEEPEST:
        hint = "Use a grammar (gg.Lark) for recursive structure."
        raise CompileError(f"combinations are nested more than {_DEEPEST} deep", hint=hint)
    return depth


@dataclass(frozen=True)
class Text(Composite):
    """Exactly this text. It is what a `str` in a combination stands for; its value is the text."""

    text: str
    depth = 0

    def __post_init__(self) -> None:
        try:
            self.text.encode()
        except UnicodeEncodeError:
            hint = "Remove the lone surrogate."
            raise CompileError(f"the text {self.text!r} cannot be encoded as UTF-8", hint=hint) from None

    def embedded(self, scope: Assembly) -> ir.Node:
        """One lexeme; names of special tokens in it are those tokens."""
        return scope.literal(self.text, repr(self.text))

    def ends(self, reading: Reading, start: int) -> list[int]:
        """Behind the text."""
        end = match_literal(reading.data, start, self.text.encode())
        return [] if end is None else [end]

    def value(self, reading: Reading, start: int, end: int) -> str:
        """The text."""
        return self.text


@dataclass(frozen=True)
class SpecialToken(Composite):
    """One special token of the vocabulary, by name; its value is the name."""

    name: str
    depth = 0

    def embedded(self, scope: Assembly) -> ir.Node:
        """The token."""
        return ir.SpecialToken(self.name)

    def ends(self, reading: Reading, start: int) -> list[int]:
        """Behind the token."""
        end = match_literal(reading.data, start, self.name.encode())
        return [] if end is None else [end]

    def value(self, reading: Reading, start: int, end: int) -> str:
        """The name."""
        return self.name


@dataclass(frozen=True)
class AnyTextSpec(Composite):
    """Any text, also none; what `str` stands for in a combination."""

    depth = 0

    def embedded(self, scope: Assembly) -> ir.Node:
        """One lexeme."""
        return ir.Terminal(char_regex.to_utf8(char_regex.ANY_TEXT), "text")

    def ends(self, reading: Reading, start: int) -> list[int]:
        """Every place up to the next special token."""
        return boundaries(reading.data, start, reading.plain_until(start))[::-1]

    def value(self, reading: Reading, start: int, end: int) -> str:
        """The text."""
        return reading.text(start, end)


@dataclass(frozen=True)
class Named(Composite):
    """A part with a name: a `Sequence` with named parts has a dict as its value.

    Args:
        name: the key.
        part: what is named.
    """

    name: str
    part: Any
    depth: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "part", part_of(self.part))
        object.__setattr__(self, "depth", depth_of((self.part,)))

    def embedded(self, scope: Assembly) -> ir.Node:
        """The part."""
        return scope.node(self.part)

    def ends(self, reading: Reading, start: int) -> collections.abc.Sequence[int]:
        """Those of the part."""
        return reading.ends(self.part, start)

    def value(self, reading: Reading, start: int, end: int) -> Any:
        """That of the part."""
        return reading.value(self.part, start, end)


@dataclass(frozen=True, init=False)
class Sequence(Composite):
    """Parts one after another; `a + b` is short for it.

    The value leaves literal texts out. With named parts it is a dict of them; otherwise the value of the one part that
    is no literal text, or a tuple of the values of several. Of literal texts alone it is the whole text.

    Raises:
        CompileError: two parts have the same name.
    """

    parts: tuple[Any, ...]
    depth: int = field(init=False, repr=False, compare=False)

    def __init__(self, *parts: Any) -> None:
        flat: list[Spec[Any]] = []
        for part in map(part_of, parts):
            flat.extend(part.parts if type(part) is Sequence else (part,))
        names = [part.name for part in flat if isinstance(part, Named)]
        twice = next((name for name in names if names.count(name) > 1), None) if len(names) < 1000 else None
        if twice is not None or len(set(names)) < len(names):
            raise CompileError(f"two parts of a Sequence are called {twice!r}", hint="Give each a name of its own.")
        object.__setattr__(self, "parts", tuple(flat))
        object.__setattr__(self, "depth", depth_of(flat))

    def embedded(self, scope: Assembly) -> ir.Node:
        """The parts' nodes in order."""
        return ir.Sequence(tuple(scope.node(part) for part in self.parts))

    def ends(self, reading: Reading, start: int) -> list[int]:
        """Where the last part may end."""
        return chain(reading, self.parts, start)

    def value(self, reading: Reading, start: int, end: int) -> Any:
        """A dict of named parts, one value, or a tuple of values."""
        spans = split(reading, self.parts, start, end)
        found = list(zip(self.parts, spans, strict=True))
        if any(isinstance(part, Named) for part in self.parts):
            return {part.name: reading.value(part, *span) for part, span in found if isinstance(part, Named)}
        values = [reading.value(part, *span) for part, span in found if not isinstance(part, Text | SpecialToken)]
        if not values:
            return "".join(reading.value(part, *span) for part, span in found)
        return values[0] if len(values) == 1 else tuple(values)


@dataclass(frozen=True, init=False)
class Either(Composite):
    """One of several; `a | b` is short for it. The value is that of the first option that fits.

    For texts alone, `Choice` is the shorter way.

    Raises:
        CompileError: there is no option.
    """

    options: tuple[Any, ...]
    depth: int = field(init=False, repr=False, compare=False)

    def __init__(self, *options: Any) -> None:
        flat: list[Spec[Any]] = []
        for option in map(part_of, options):
            flat.extend(option.options if type(option) is Either else (option,))
        if not flat:
            raise CompileError("Either needs at least one option", hint="Add options.")
        object.__setattr__(self, "options", tuple(flat))
        object.__setattr__(self, "depth", depth_of(flat))

    def embedded(self, scope: Assembly) -> ir.Node:
        """Any of the options' nodes."""
        return ir.Choice(tuple(scope.node(option) for option in self.options))

    def ends(self, reading: Reading, start: int) -> list[int]:
        """Those of all options."""
        return list(dict.fromkeys(end for option in self.options for end in reading.ends(option, start)))

    def value(self, reading: Reading, start: int, end: int) -> Any:
        """That of the first option with this text."""
        fitting = next(option for option in self.options if end in reading.ends(option, start))
        return reading.value(fitting, start, end)


@dataclass(frozen=True)
class Maybe(Composite):
    """A part that may be left out; the value is its value, or None."""

    part: Any
    depth: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "part", part_of(self.part))
        object.__setattr__(self, "depth", depth_of((self.part,)))

    def embedded(self, scope: Assembly) -> ir.Node:
        """The part at most once."""
        return ir.Repetition(scope.node(self.part), 0, 1)

    def ends(self, reading: Reading, start: int) -> list[int]:
        """Those of the part, or here."""
        return list(dict.fromkeys((*reading.ends(self.part, start), start)))

    def value(self, reading: Reading, start: int, end: int) -> Any:
        """The part's value, None where it was left out."""
        return reading.value(self.part, start, end) if end in reading.ends(self.part, start) else None


@dataclass(frozen=True)
class Repeat(Composite):
    """A part several times; the value is the list of its values.

    Args:
        part: what is repeated.
        min: at least so often.
        max: at most so often; None for no limit.
        separator: what stands between two of them.

    Raises:
        CompileError: impossible counts.
    """

    part: Any
    min: int = 0
    max: int | None = None
    separator: Any = field(default=None, kw_only=True)
    depth: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        least, most = self.min, self.max
        if type(least) is not int or least < 0 or (most is not None and (type(most) is not int or most < least)):
            raise CompileError(f"a part cannot be repeated from {least} to {most} times", hint="Use 0 <= min <= max.")
        object.__setattr__(self, "part", part_of(self.part))
        between = None if self.separator is None else part_of(self.separator)
        object.__setattr__(self, "separator", between)
        object.__setattr__(self, "depth", depth_of((self.part, between or self.part)))

    def embedded(self, scope: Assembly) -> ir.Node:
        """A repetition, with the separator before all parts but the first."""
        part = scope.node(self.part)
        if self.separator is None or self.max == 0:
            return ir.Repetition(part, self.min, self.max)
        more = ir.Sequence((scope.node(self.separator), part))
        high = None if self.max is None else self.max - 1
        some = ir.Sequence((part, ir.Repetition(more, max(self.min - 1, 0), high)))
        return ir.Repetition(some, 0, 1) if self.min == 0 else some

    def ends(self, reading: Reading, start: int) -> list[int]:
        """The farthest first."""
        return sorted(self._reached(reading, start), reverse=True)

    def value(self, reading: Reading, start: int, end: int) -> list[Any]:
        """The values of the parts, of as few parts as possible."""
        parts: list[Spec[Any]] = [self.part] * self._reached(reading, start)[end]
        if self.separator is not None:
            parts = [part for each in parts for part in (self.separator, each)][1:]
        spans = split(reading, parts, start, end)
        return [reading.value(self.part, *span) for span in spans[:: 1 if self.separator is None else 2]]

    def _reached(self, reading: Reading, start: int) -> dict[int, int]:
        """Every place where the repetition may end, and after how many parts."""
        return reading.once((id(self), start), lambda: self._search(reading, start))

    def _search(self, reading: Reading, start: int) -> dict[int, int]:
        found: dict[int, int] = {start: 0} if self.min == 0 else {}
        places, known, count = {start}, set[int](), 0
        while places and (self.max is None or count < self.max):
            joined = self.separator is not None and count > 0
            starts = {after for at in places for after in (reading.ends(self.separator, at) if joined else (at,))}
            after = {end for at in starts for end in reading.ends(self.part, at)}
            count += 1
            if count >= self.min:
                for end in after:
                    found.setdefault(end, count)
            if count > self.min and (after == places or (self.max is None and found.keys() == known)):
                break  # parts of no length: more of them lead nowhere else
            places, known = after, set(found)
        return found

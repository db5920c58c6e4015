"""What the parsers of both regex dialects share: reading alternation, concatenation, groups and quantifiers.

Groups are kept on an explicit stack, so nesting is bounded by `Limits.depth` and not by Python's stack. The dialects
(`regex_python.py`, `regex_ecma.py`) say what groups, escapes, classes and single characters mean.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from guidedgen.errors import GrammarSyntaxError, LimitExceeded, UnsupportedFeature
from guidedgen.grammars.char_set import CharSet, union_of
from guidedgen.grammars.regex_atomic import atomic
from guidedgen.grammars.regex_tree import Alternatives, Loop, Tree, alternatives, loop, serial
from guidedgen.limits import Limits

_LOOK: Final = 1 << 12  # steps between looks at the clock
_HEX: Final = frozenset("0123456789abcdefABCDEF")

ClassItem: TypeAlias = int | CharSet
"""A member of a class: one code point, or a set such as `\\d`."""


@dataclass(slots=True)
class Group:
    """A group that is being read: its finished alternatives, the parts of the current one, and how it is closed."""

    close: Callable[[Tree], Tree]
    place: int
    in_order: bool = False
    options: list[Tree] = field(default_factory=list)
    parts: list[Tree] = field(default_factory=list)
    sealed: str | None = None  # why the last part cannot be repeated

    def body(self) -> Tree:
        """Return what has been read."""
        options = [*self.options, serial(self.parts)]
        return Alternatives(tuple(options)) if self.in_order and len(options) > 1 else alternatives(options)


class RegexParser:
    """One run over one pattern; subclasses implement the methods that raise NotImplementedError.

    With `keep_lazy`, lazy quantifiers are marked in the tree; otherwise they are read as greedy ones. With `in_order`,
    alternatives and quantifiers stay as they are written.
    """

    def __init__(self, pattern: str, limits: Limits, *, keep_lazy: bool = False, in_order: bool = False) -> None:
        self._keep_lazy = keep_lazy
        self._in_order = in_order
        self.text = pattern
        self.place = 0
        self._limits = limits
        self._groups = [Group(lambda body: body, 0, in_order)]
        self._end = time.thread_time() + limits.milliseconds / 1000
        limits.check("schema_bytes", len(pattern))

    def began(self, started: float) -> None:
        """Count processor time from a moment of `time.thread_time()` before."""
        self._end = started + self._limits.milliseconds / 1000

    def parse(self) -> Tree:
        """Read the whole pattern.

        Raises:
            GrammarSyntaxError: the pattern is not valid.
            UnsupportedFeature: it is valid, but a construct is not regular or not supported.
            LimitExceeded: groups nest deeper than `Limits.depth`, a count exceeds `Limits.repeat`, or reading takes
                longer than `Limits.milliseconds`.
        """
        steps = 0
        while self.place < len(self.text):
            self._step(self.text[self.place])
            steps += 1
            if steps % _LOOK == 0 and time.thread_time() > self._end:
                raise LimitExceeded("milliseconds", self._limits.milliseconds, "processor time of reading one pattern")
        if len(self._groups) > 1:
            raise self.error("missing ), unterminated group", self._groups[-1].place, hint="Close the group.")
        return self._groups[0].body()

    def _step(self, char: str) -> None:
        start = self.place
        if char == "|":
            self.place += 1
            group = self._groups[-1]
            group.options.append(serial(group.parts))
            group.parts, group.sealed = [], None
        elif char == "(":
            self.open_group()
        elif char == ")":
            self._close_group()
        elif (bounds := self.quantifier()) is not None:
            self._quantify(*bounds, start)
        else:
            self.atom(char)

    def add(self, part: Tree, *, sealed: str | None = None) -> None:
        """Append a part to the current alternative; `sealed` says why no quantifier may follow, if that is so."""
        self._groups[-1].parts.append(part)
        self._groups[-1].sealed = sealed

    def push(self, close: Callable[[Tree], Tree], place: int) -> None:
        """Begin a group; `close` turns its body into the part that it stands for."""
        self._groups.append(Group(close, place, self._in_order))
        if len(self._groups) > self._limits.depth:
            raise LimitExceeded("depth", self._limits.depth, "groups of the pattern are nested deeper")

    def _close_group(self) -> None:
        if len(self._groups) == 1:
            raise self.error("unbalanced parenthesis", self.place, hint="Escape it as \\).")
        self.place += 1
        group = self._groups.pop()
        self.add(group.close(group.body()))

    def _quantify(self, low: int, high: int | None, place: int) -> None:
        group = self._groups[-1]
        if not group.parts:
            raise self.error("nothing to repeat", place, hint="Escape the character to match it.")
        if group.sealed is not None:
            raise self.error(group.sealed, place, hint="Put what is repeated into a group.")
        if high is not None and high < low:
            raise self.error("the minimum of a repetition is above its maximum", place)
        self._limits.check("repeat", max(low, high or 0))
        if self.possessive_suffix():
            group.parts[-1] = self.atomic(Loop(group.parts[-1], low, high, place), place)
        else:
            lazy = self.lazy_suffix(place) and self._keep_lazy and low != high
            build = Loop if self._in_order else loop
            group.parts[-1] = build(group.parts[-1], low, high, place, lazy=lazy)
        group.sealed = "multiple repeat"

    def quantifier(self) -> tuple[int, int | None] | None:
        """Read a quantifier without its suffix, or return None and read nothing."""
        bounds = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self.text[self.place])
        if bounds is not None:
            self.place += 1
            return bounds
        return self.braces() if self.text[self.place] == "{" else None

    def braces(self) -> tuple[int, int | None] | None:
        """Read `{...}` if it is a quantifier."""
        raise NotImplementedError

    def lazy_suffix(self, place: int) -> bool:
        """Read what may follow a quantifier and tell whether it made it lazy; as a whole match that says the same."""
        return self.accept("?")

    def possessive_suffix(self) -> bool:
        """Read what may follow a quantifier and tell whether it gives nothing back."""
        return False

    def atomic(self, tree: Tree, place: int) -> Tree:
        """Return what takes what `tree` takes at first, whatever follows.

        Raises:
            UnsupportedFeature: what that is is not said by what follows each part of it.
        """
        found = atomic(tree, place)
        if found is None:
            what = "an atomic group or possessive quantifier around what can match in several ways"
            raise self.unsupported(what, place, hint="Use a plain group or quantifier, or say by (?!...) what follows.")
        return found

    def open_group(self) -> None:
        """Read the beginning of a group and call `push` (or `add`, for one without a body)."""
        raise NotImplementedError

    def atom(self, char: str) -> None:
        """Read anything else and `add` what it stands for."""
        raise NotImplementedError

    def class_item(self) -> ClassItem:
        """Read one member of a character class."""
        raise NotImplementedError

    def char_class(self, *, leading_bracket: bool) -> CharSet:
        """Read `[...]`; with `leading_bracket`, a `]` that comes first is a member."""
        start = self.place
        self.place += 1
        negated = self.accept("^")
        chars = self._class_members(start, leading_bracket)
        return ~chars if negated else chars

    def fold(self, chars: CharSet) -> CharSet:
        """Return the characters that match where those of `chars` are written one by one or as a range."""
        return chars

    def item_set(self, item: ClassItem) -> CharSet:
        """Return what a class member matches; case folding does not apply to sets such as `\\W`."""
        return self.fold(CharSet.single(item)) if isinstance(item, int) else item

    def _class_members(self, start: int, leading_bracket: bool) -> CharSet:
        sets: list[CharSet] = []
        if leading_bracket and self.accept("]"):
            self.place -= 1
            sets.append(self._class_range(start))
        while not self.accept("]"):
            if self.place >= len(self.text):
                raise self.error("unterminated character class", start, hint="Close it with ].")
            sets.append(self._class_range(start))
        return union_of(sets)

    def _class_range(self, start: int) -> CharSet:
        place = self.place
        low = self.class_item()
        if not self.text.startswith("-", self.place) or self.text.startswith("]", self.place + 1):
            return self.item_set(low)
        self.place += 1
        if self.place >= len(self.text):
            raise self.error("unterminated character class", start, hint="Close it with ].")
        high = self.class_item()
        if not isinstance(low, int) or not isinstance(high, int):
            # `[\w-.]`: a set cannot begin or end a range, so the hyphen means itself (ECMA-262, B.1.2.4).
            return union_of([self.item_set(low), self.item_set(high), CharSet.from_text("-")])
        if high < low:
            raise self.error("bad character range", place, hint="Swap its ends.")
        return self.fold(CharSet.of((low, high)))

    def accept(self, text: str) -> bool:
        """Read `text` if it comes next."""
        if self.text.startswith(text, self.place):
            self.place += len(text)
            return True
        return False

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read what `pattern` matches here."""
        found = pattern.match(self.text, self.place)
        if found is not None:
            self.place = found.end()
        return found

    def hexadecimal(self, count: int, start: int) -> int:
        """Read exactly `count` hexadecimal digits."""
        text = self.text[self.place : self.place + count]
        if len(text) < count or not _HEX.issuperset(text):
            raise self.error("incomplete escape", start, hint=f"Write {count} hexadecimal digits.")
        self.place += count
        return int(text, 16)

    def until(self, closing: str, start: int) -> str:
        """Read up to `closing` and past it."""
        end = self.text.find(closing, self.place)
        if end < 0:
            raise self.error(f"missing {closing}", start)
        text = self.text[self.place : end]
        self.place = end + len(closing)
        return text

    def error(self, message: str, place: int, *, hint: str | None = None) -> GrammarSyntaxError:
        """Return a syntax error at an offset of the pattern."""
        return syntax_error(self.text, message, place, hint=hint)

    def unsupported(self, what: str, place: int, *, hint: str | None = None) -> UnsupportedFeature:
        """Return an error for a construct that is not turned into a constraint."""
        return unsupported_error(self.text, what, place, hint=hint)


def syntax_error(pattern: str, message: str, place: int, *, hint: str | None = None) -> GrammarSyntaxError:
    """Return a syntax error at an offset of a pattern."""
    line = pattern.count("\n", 0, place) + 1
    column = place - (pattern.rfind("\n", 0, place) + 1) + 1
    return GrammarSyntaxError(
        f"invalid regular expression: {message}", line=line, column=column, source=pattern, keyword="pattern", hint=hint
    )


def unsupported_error(pattern: str, what: str, place: int, *, hint: str | None = None) -> UnsupportedFeature:
    """Return an error for a valid construct at an offset of a pattern that cannot be enforced."""
    shown = pattern if len(pattern) <= 200 else f"{pattern[:200]}..."
    return UnsupportedFeature(
        f"regular expression {shown!r}, column {place + 1}: {what} cannot be enforced exactly",
        keyword="pattern",
        hint=hint or "Rewrite the pattern without it.",
    )

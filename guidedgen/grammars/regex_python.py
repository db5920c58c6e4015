"""Parser for Python's `re` syntax (str patterns), in the version of the running interpreter.

`re.compile` decides whether a pattern is valid, so only valid ones are read here. Meanings follow `re` exactly, Unicode
classes and simple case folding included; what is not regular is refused by name.
"""

from __future__ import annotations

import re
import sys
import time
import unicodedata
import warnings
from typing import Final

from guidedgen.errors import LimitExceeded
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.char_set import ANY, CharSet
from guidedgen.grammars.regex_parser import ClassItem, RegexParser, syntax_error
from guidedgen.grammars.regex_tree import (
    Ahead,
    Tree,
    line_end,
    line_start,
    look_ahead,
    look_behind,
    no_word_boundary,
    text_end,
    text_start,
    word_boundary,
)
from guidedgen.grammars.unicode_tables import (
    ASCII_SPACE,
    DIGITS,
    NEWLINE,
    WORD,
    ignore_case,
    python_class,
)
from guidedgen.limits import Limits

_BRACES: Final = re.compile(r"\{(?!\})(\d*)(?:(,)(\d*))?\}", re.ASCII)
_FLAGS: Final = re.compile(r"\(\?([aiLmsux]*)(?:-([imsx]+))?([:)])")
_NAME: Final = re.compile(r"\(\?P<\w+>")
_OCTAL: Final = re.compile(r"0[0-7]{0,2}|[0-3][0-7]{2}")
_OCTAL_IN_CLASS: Final = re.compile(r"[0-7]{1,3}")
_SIMPLE_ESCAPES: Final = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_HEX_ESCAPES: Final = {"x": 2, "u": 4, "U": 8}
_ASCII_CLASSES: Final = {"d": DIGITS, "s": ASCII_SPACE, "w": WORD}
# Mark after "(?", whether negative, whether a lookbehind.
_LOOKS: Final = (("=", False, False), ("!", True, False), ("<=", False, True), ("<!", True, True))
# Plain integers: the enum's operators would dominate the time for long patterns.
_A, _I, _M, _S, _U, _X = (int(flag) for flag in (re.A, re.I, re.M, re.S, re.U, re.X))
_FLAG_OF: Final = {"a": _A, "i": _I, "m": _M, "s": _S, "u": _U, "x": _X}
_NO_REFERENCES: Final = "Write out what the group can be, as in \"[^\"]*\"|'[^']*': what was read is not remembered."
_NO_CLASSES: Final = r"Patterns are those of Python's re, which has no \p{...}: [^\W\d_] is any letter, \d any digit."
_HINTS: Final = {rf"bad escape \{letter}": _NO_CLASSES for letter in "pP"}
# Since Python 3.14, \B holds in an empty text.
_NO_BOUNDARY_IN_EMPTY_TEXT: Final = sys.version_info >= (3, 14)


def parse_python(pattern: str, limits: Limits, *, keep_lazy: bool = False, in_order: bool = False) -> Tree:
    """Read a pattern in Python's syntax.

    Args:
        pattern: its text.
        limits: bounds on it.
        keep_lazy: mark lazy quantifiers in the tree.
        in_order: keep alternatives and quantifiers as they are written.

    Raises:
        GrammarSyntaxError: `re.compile` refuses the pattern.
        UnsupportedFeature: a backreference, conditional, atomic group or possessive quantifier.
        LimitExceeded: it is nested too deeply, or a count is too large.
    """
    limits.check("schema_bytes", len(pattern))
    started = time.thread_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(pattern)
    except re.error as error:
        raise syntax_error(pattern, error.msg, error.pos or 0, hint=_HINTS.get(error.msg)) from None
    except OverflowError:
        raise LimitExceeded("repeat", limits.repeat, "a count of the pattern is beyond what re reads") from None
    except RecursionError:
        raise LimitExceeded("depth", limits.depth, "groups of the pattern are nested deeper than re reads") from None
    reader = _PythonParser(pattern, limits, compiled.flags, keep_lazy=keep_lazy, in_order=in_order)
    reader.began(started)
    return reader.parse()


class _PythonParser(RegexParser):
    def __init__(self, pattern: str, limits: Limits, flags: int, *, keep_lazy: bool, in_order: bool) -> None:
        super().__init__(pattern, limits, keep_lazy=keep_lazy, in_order=in_order)
        self._flags = flags

    def atom(self, char: str) -> None:
        start = self.place
        if self._flags & _X and char in " \t\n\r\v\f":
            self.place += 1
        elif self._flags & _X and char == "#":
            end = self.text.find("\n", self.place)
            self.place = len(self.text) if end < 0 else end + 1
        elif char == "[":
            self.add(self.char_class(leading_bracket=True))
        elif char == "\\":
            self.place += 1
            self.add(self._escape(start))
        else:
            self.place += 1
            self.add(self._plain(char, start))

    def _plain(self, char: str, start: int) -> Tree:
        multiline = bool(self._flags & _M)
        if char == ".":
            return ANY if self._flags & _S else ~NEWLINE
        if char == "^":
            return line_start(NEWLINE, start) if multiline else text_start(start)
        if char == "$":
            # Without _M it also holds before a newline that ends the text.
            return line_end(NEWLINE, start) if multiline else Ahead(cr.repeat(NEWLINE, 0, 1), start)
        return self.fold(CharSet.single(ord(char)))

    def fold(self, chars: CharSet) -> CharSet:
        if not self._flags & _I:
            return chars
        return ignore_case(chars, ascii_only=bool(self._flags & _A))

    def braces(self) -> tuple[int, int | None] | None:
        found = self.match(_BRACES)
        if found is None:
            return None
        low = int(found[1] or 0)
        if found[2] is None:
            return low, low
        return low, int(found[3]) if found[3] else None

    def possessive_suffix(self) -> bool:
        return sys.version_info >= (3, 11) and self.accept("+")

    def open_group(self) -> None:
        start = self.place
        if not self.accept("(?"):
            self.place += 1
            self.push(lambda body: body, start)
        elif self.accept("#"):
            self.until(")", start)
        elif self.accept("P="):
            what = f"the backreference to group {self.until(')', start)!r}"
            raise self.unsupported(what, start, hint=_NO_REFERENCES)
        elif self.accept("("):
            raise self.unsupported("a conditional group", start, hint="Write out both cases as alternatives.")
        elif self.accept(">"):
            self.push(lambda body: self.atomic(body, start), start)
        elif not self._look_around(start):
            self.place = start
            self._flag_group(start)

    def _look_around(self, start: int) -> bool:
        for mark, negative, behind in _LOOKS:
            if self.accept(mark):
                self._push_scoped(start, negative=negative, behind=behind)
                return True
        return False

    def _push_scoped(self, start: int, *, negative: bool, behind: bool) -> None:
        build = look_behind if behind else look_ahead
        self.push(lambda body: build(body, negative, start), start)

    def _flag_group(self, start: int) -> None:
        if self.match(_NAME):
            self.push(lambda body: body, start)
            return
        found = self.match(_FLAGS)
        if found is None:
            raise self.error("unknown extension", start)
        if found[3] == ")":
            return  # Global flags: already among those of the compiled pattern.
        outside = self._flags

        def close(body: Tree) -> Tree:
            self._flags = outside
            return body

        self.push(close, start)
        for name in found[1]:
            # The two character types exclude each other.
            self._flags = self._flags & ~(_A | _U) if name in "au" else self._flags
            self._flags |= _FLAG_OF[name]
        for name in found[2] or "":
            self._flags &= ~_FLAG_OF[name]

    def _escape(self, start: int) -> Tree:
        char = self.text[self.place]
        if char in "AZbB":
            self.place += 1
            return self._position(char, start)
        octal = self.match(_OCTAL)
        if octal is not None:
            return self.fold(CharSet.single(int(octal[0], 8)))
        if char in "123456789":
            raise self.unsupported("a backreference", start, hint=_NO_REFERENCES)
        return self.item_set(self._escaped(start))

    def _position(self, char: str, start: int) -> Tree:
        word = self._class_of("w")
        if char == "A":
            return text_start(start)
        if char == "Z":
            return text_end(start)
        if char == "b":
            return word_boundary(word, start)
        return no_word_boundary(word, start, in_empty_text=_NO_BOUNDARY_IN_EMPTY_TEXT)

    def _escaped(self, start: int) -> ClassItem:
        """Read what follows a backslash, where it means the same inside and outside classes."""
        char = self.text[self.place]
        self.place += 1
        if char in _HEX_ESCAPES:
            return self.hexadecimal(_HEX_ESCAPES[char], start)
        if char == "N":
            self.place += 1
            return ord(unicodedata.lookup(self.until("}", start)))
        if char in "dsw":
            return self._class_of(char)
        if char in "DSW":
            return ~self._class_of(char.lower())
        return _SIMPLE_ESCAPES.get(char, ord(char))

    def class_item(self) -> ClassItem:
        start = self.place
        if not self.accept("\\"):
            self.place += 1
            return ord(self.text[start])
        if self.accept("b"):
            return 8
        octal = self.match(_OCTAL_IN_CLASS)
        return int(octal[0], 8) if octal is not None else self._escaped(start)

    def _class_of(self, letter: str) -> CharSet:
        return _ASCII_CLASSES[letter] if self._flags & _A else python_class(letter)

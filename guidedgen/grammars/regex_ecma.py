"""Parser for ECMA-262 regular expressions with the `u` flag and no others, as JSON Schema means them.

Real schemas write escapes that the `u` flag forbids (`\\-`, `\\_`, `\\"`), lone braces and `[\\w-.]`; they are read as
Annex B of ECMA-262 reads them. Letters that are no escape stay errors, since other dialects give them a meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from guidedgen.grammars.char_set import CharSet
from guidedgen.grammars.regex_parser import ClassItem, RegexParser
from guidedgen.grammars.regex_tree import (
    Tree,
    look_ahead,
    look_behind,
    no_word_boundary,
    text_end,
    text_start,
    word_boundary,
)
from guidedgen.grammars.unicode_names import BINARY, GENERAL_CATEGORY, SCRIPTS
from guidedgen.grammars.unicode_tables import (
    DIGITS,
    ECMA_SPACE,
    LINE_TERMINATORS,
    WORD,
    general_category,
    unicode_property,
)
from guidedgen.limits import Limits

_BRACES: Final = re.compile(r"\{(\d+)(?:(,)(\d*))?\}", re.ASCII)
_NO_MINIMUM: Final = re.compile(r"\{,\d*\}", re.ASCII)
_GROUP_NAME: Final = re.compile(r"[^\W\d][\w$]*>|\$[\w$]*>")
_MODIFIERS: Final = re.compile(r"[ims]*(?:-[ims]*)?:")
_CODE_POINT: Final = re.compile(r"\{([0-9a-fA-F]+)\}")
_LOW_SURROGATE: Final = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_PROPERTY: Final = re.compile(r"\{(?:(\w+)=)?(\w+)\}", re.ASCII)
_CONTROL_ESCAPES: Final = {"f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_CLASS_ESCAPES: Final = {"d": DIGITS, "s": ECMA_SPACE, "w": WORD}
_MAX_CODE: Final = 0x10FFFF


def parse_ecma(pattern: str, limits: Limits) -> Tree:
    """Read a pattern in ECMA-262 syntax (section 22.2.1).

    Raises:
        GrammarSyntaxError: the pattern is not valid.
        UnsupportedFeature: a backreference, modifiers, or a Unicode property whose table is missing.
        LimitExceeded: it is nested too deeply, or a count is too large.
    """
    return _EcmaParser(pattern, limits).parse()


class _EcmaParser(RegexParser):
    def atom(self, char: str) -> None:
        start = self.place
        if char == "[":
            self.add(self.char_class(leading_bracket=False))
            return
        self.place += 1
        if char == "\\":
            self._escape(start)
        elif char == ".":
            self.add(~LINE_TERMINATORS)
        elif char == "^":
            self._assertion(text_start(start))
        elif char == "$":
            self._assertion(text_end(start))
        else:
            self.add(CharSet.single(ord(char)))

    def _assertion(self, test: Tree) -> None:
        self.add(test, sealed="an assertion cannot be repeated")

    def braces(self) -> tuple[int, int | None] | None:
        if _NO_MINIMUM.match(self.text, self.place):
            raise self.error("a quantifier without a minimum", self.place, hint="Write {0,n}, or escape the brace.")
        found = self.match(_BRACES)
        if found is None:
            return None
        low = int(found[1])
        if found[2] is None:
            return low, low
        return low, int(found[3]) if found[3] else None

    def open_group(self) -> None:
        start = self.place
        if not self.accept("(?"):
            self.place += 1
            self.push(lambda body: body, start)
        elif self.accept(":"):
            self.push(lambda body: body, start)
        elif not self._look_around(start):
            self._named_group(start)

    def _look_around(self, start: int) -> bool:
        for mark, negative in (("=", False), ("!", True)):
            if self.accept(mark):
                self._push_look(start, look_ahead, negative)
                return True
            if self.accept(f"<{mark}"):
                self._push_look(start, look_behind, negative)
                return True
        return False

    def _push_look(self, start: int, build: Callable[[Tree, bool, int], Tree], negative: bool) -> None:
        self.push(lambda body: build(body, negative, start), start)

    def _named_group(self, start: int) -> None:
        if self.accept("<") and self.match(_GROUP_NAME):
            self.push(lambda body: body, start)
        elif self.match(_MODIFIERS):
            raise self.unsupported("a group with modifiers", start)
        else:
            hint = "ECMA-262 has (?:...), (?=...), (?!...), (?<=...), (?<!...) and (?<name>...)."
            raise self.error("unknown kind of group", start, hint=hint)

    def _escape(self, start: int) -> None:
        if self.accept("b"):
            self._assertion(word_boundary(WORD, start))
        elif self.accept("B"):
            self._assertion(no_word_boundary(WORD, start, in_empty_text=True))
        elif self.accept("k") or self.text[self.place : self.place + 1] in tuple("123456789"):
            raise self.unsupported("a backreference", start)
        else:
            self.add(self.item_set(self._escaped(start)))

    def _escaped(self, start: int) -> ClassItem:
        """Read what follows a backslash, where it means the same inside and outside classes."""
        if self.place >= len(self.text):
            raise self.error("a backslash at the end", start, hint="Write \\\\ to match a backslash.")
        char = self.text[self.place]
        self.place += 1
        if char in _CONTROL_ESCAPES:
            return _CONTROL_ESCAPES[char]
        if char in _CLASS_ESCAPES:
            return _CLASS_ESCAPES[char]
        if char in "DSW":
            return ~_CLASS_ESCAPES[char.lower()]
        if char in "pP":
            chars = self._property(start)
            return ~chars if char == "P" else chars
        return self._one_character(char, start)

    def _one_character(self, char: str, start: int) -> int:
        if char == "u":
            return self._unicode_escape(start)
        if char == "x":
            return self.hexadecimal(2, start)
        if char == "0" and not self.text[self.place : self.place + 1].isdigit():
            return 0
        if char == "c" and re.match("[A-Za-z]", self.text[self.place : self.place + 1]):
            self.place += 1
            return ord(self.text[self.place - 1]) % 32
        if char.isascii() and char.isalnum():
            hint = _ANCHOR_HINTS.get(char, "Remove the backslash.")
            raise self.error(f"\\{char} is no escape of ECMA-262", start, hint=hint)
        return ord(char)

    def _unicode_escape(self, start: int) -> int:
        braced = self.match(_CODE_POINT)
        if braced is not None:
            code = int(braced[1], 16)
            if code > _MAX_CODE:
                raise self.error("a code point above 10FFFF", start)
            return code
        code = self.hexadecimal(4, start)
        low = self.match(_LOW_SURROGATE) if 0xD800 <= code <= 0xDBFF else None
        return code if low is None else 0x10000 + ((code - 0xD800) << 10) + int(low[1], 16) - 0xDC00

    def _property(self, start: int) -> CharSet:
        found = self.match(_PROPERTY)
        if found is None:
            raise self.error("incomplete Unicode property", start, hint="Write \\p{Name} or \\p{Name=Value}.")
        name, value = found[1], found[2]
        if name is None or name in GENERAL_CATEGORY:
            chars = general_category(value)
            if chars is not None:
                return chars
        if name in SCRIPTS or (name is None and value in BINARY):
            return self._tabulated(name, value, start)
        raise self.error(f"unknown Unicode property {found[0]}", start, hint="Names are case-sensitive in ECMA-262.")

    def _tabulated(self, name: str | None, value: str, start: int) -> CharSet:
        try:
            chars = unicode_property(value, None) if name is None else unicode_property(name, value)
        except ImportError:
            raise self.unsupported(f"the Unicode property {value}", start, hint="Install the regex package.") from None
        if chars is None:
            raise self.error(f"unknown Unicode property value {value!r}", start)
        return chars

    def class_item(self) -> ClassItem:
        start = self.place
        if not self.accept("\\"):
            self.place += 1
            return ord(self.text[start])
        return 8 if self.accept("b") else self._escaped(start)


_ANCHOR_HINTS: Final = {"A": "Write ^.", "Z": "Write $.", "z": "Write $."}

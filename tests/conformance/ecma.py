"""Regular expressions of ECMA-262 with the `u` flag, translated for the `regex` module. For validators in tests only.

JSON Schema wants this dialect (2020-12 core, 6.4). Python's own differs in what `$`, `.`, `\\d`, `\\w`, `\\s` and `\\b`
mean, and validators that hand patterns to it inherit that. Independent of the package's own front end on purpose.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import regex

# ECMA-262, 22.2.2.9 CharacterClassEscape: WhiteSpace and LineTerminator.
_SPACE = r"\t\n\x0B\f\r \xA0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000\uFEFF"
_WORD = "A-Za-z0-9_"
_CLASSES = {"d": "0-9", "w": _WORD, "s": _SPACE}
_EDGE = rf"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))"
_NO_EDGE = rf"(?:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]))"
_CONTROLS = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_QUANTIFIER = regex.compile(r"\{[0-9]+(?:,[0-9]*)?\}")


class NotEcma(ValueError):
    """The pattern is no ECMA-262 pattern, or uses what is not translated."""


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> Any:
    """The pattern for `regex`; raises NotEcma."""
    try:
        return regex.compile(_Translation(pattern).run(), regex.VERSION1)
    except regex.error as error:
        raise NotEcma(f"{pattern!r}: {error}") from error


def search(pattern: str, text: str) -> bool:
    """Whether the pattern matches somewhere in the text."""
    return compiled(pattern).search(text) is not None


class _Translation:
    """One pass over a pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def run(self) -> str:
        parts: list[str] = []
        quantified = False
        while self.at < len(self.pattern):
            start = self.at
            parts.append(self._next(quantified))
            quantified = self.pattern[start] in "*+?" or (self.pattern[start] == "{" and self.at > start + 1)
        return "".join(parts)

    def _next(self, quantified: bool) -> str:
        letter = self.pattern[self.at]
        if letter == "\\":
            return self._escape()
        if letter == "[":
            return self._class()
        self.at += 1
        if letter == "(" and self.pattern.startswith("?", self.at):
            if not regex.match(r"\?(?:[:=!]|<[=!]|<[A-Za-z_$])", self.pattern[self.at :]):
                raise NotEcma(self.pattern)
            return letter
        if letter == "{":
            found = _QUANTIFIER.match(self.pattern, self.at - 1)
            if found is None:
                return r"\{"
            self.at = found.end()
            return found.group()
        if letter in "+*" and quantified:
            raise NotEcma(f"{self.pattern!r}: nothing to repeat")
        return {".": r"[^\n\r\u2028\u2029]", "$": r"\Z", "}": r"\}", "]": r"\]"}.get(letter, letter)

    def _escape(self) -> str:
        letter = self._after_backslash()
        if letter in _CLASSES:
            return f"[{_CLASSES[letter]}]"
        if letter.lower() in _CLASSES:
            return f"[^{_CLASSES[letter.lower()]}]"
        if letter in "pP":
            return self._property(letter)
        if letter in "bB":
            return _EDGE if letter == "b" else _NO_EDGE
        if letter in "123456789":
            return f"(?:\\{letter})"
        if letter == "k":
            name = self._between("<", ">")
            return f"(?P={name})"
        return regex.escape(self._character(letter))

    def _after_backslash(self) -> str:
        if self.at + 1 >= len(self.pattern):
            raise NotEcma(f"{self.pattern!r} ends with a backslash")
        self.at += 2
        return self.pattern[self.at - 1]

    def _property(self, letter: str) -> str:
        return f"\\{letter}{{{self._between('{', '}')}}}"

    def _between(self, opening: str, closing: str) -> str:
        end = self.pattern.find(closing, self.at)
        if not self.pattern.startswith(opening, self.at) or end < 0:
            raise NotEcma(self.pattern)
        inner, self.at = self.pattern[self.at + 1 : end], end + 1
        return inner

    def _character(self, letter: str) -> str:
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter == "c":
            self.at += 1
            return chr(ord(self.pattern[self.at - 1]) % 32)
        if letter == "0":
            return "\0"
        if letter == "x":
            return chr(self._hexadecimal(2))
        if letter == "u":
            return self._unicode()
        if letter.isalnum():
            raise NotEcma(f"{self.pattern!r}: \\{letter} means nothing with the u flag")
        return letter

    def _unicode(self) -> str:
        if self.pattern.startswith("{", self.at):
            return chr(int(self._between("{", "}"), 16))
        unit = self._hexadecimal(4)
        if 0xD800 <= unit < 0xDC00 and self.pattern.startswith("\\u", self.at):
            self.at += 2
            return chr(0x10000 + ((unit - 0xD800) << 10) + self._hexadecimal(4) - 0xDC00)
        return chr(unit)

    def _hexadecimal(self, digits: int) -> int:
        text = self.pattern[self.at : self.at + digits]
        if not regex.fullmatch(rf"[0-9A-Fa-f]{{{digits}}}", text):
            raise NotEcma(self.pattern)
        self.at += digits
        return int(text, 16)

    def _class(self) -> str:
        self.at += 1
        negated = self.pattern.startswith("^", self.at)
        self.at += negated
        parts: list[str] = []
        while not self.pattern.startswith("]", self.at):
            if self.at >= len(self.pattern):
                raise NotEcma(f"{self.pattern!r}: a class does not end")
            parts.append(self._member())
        self.at += 1
        if not parts:
            return r"[\s\S]" if negated else "(?!)"
        return f"[{'^' if negated else ''}{''.join(parts)}]"

    def _member(self) -> str:
        letter = self.pattern[self.at]
        if letter == "-":  # a range where it stands between two characters, which `regex` reads the same way
            self.at += 1
            at_the_edge = self.pattern[self.at - 2] in "[^" or self.pattern.startswith("]", self.at)
            return r"\-" if at_the_edge or self._after_a_class() else "-"
        if letter != "\\":
            self.at += 1
            return regex.escape(letter, special_only=False)
        letter = self._after_backslash()
        if letter in _CLASSES:
            return f"[{_CLASSES[letter]}]"
        if letter.lower() in _CLASSES:
            return f"[^{_CLASSES[letter.lower()]}]"
        if letter in "pP":
            return self._property(letter)
        return regex.escape("\b" if letter == "b" else self._character(letter), special_only=False)

    def _after_a_class(self) -> bool:
        """Whether the hyphen just read has a class escape on one side: then it is itself (Annex B.1.2)."""
        before, after = self.pattern[self.at - 3 : self.at - 1], self.pattern[self.at : self.at + 2]
        return regex.fullmatch(r"\\[dDwWsS]", before) is not None or regex.fullmatch(r"\\[dDwWsS]", after) is not None

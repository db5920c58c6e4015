"""Terminals with `&`, `~` and `%regex`: what lark's own terminals cannot say, evaluated over characters.

`~` binds tighter than repetition, `&` tighter than `|`. The complement is taken in all texts of characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.lark_scan import Word
from guidedgen.grammars.text_source import Source

Lookup: TypeAlias = Callable[[str], cr.Regex]
Node: TypeAlias = Callable[[Lookup], cr.Regex]
"""A part of a terminal: from the terminals by name to its language."""

_MOST_CHUNKS = 2_000


@dataclass(eq=False)
class TerminalReader:
    """Reads the body of one terminal.

    Attributes:
        words: what stands behind the colon.
        literal: names a string or pattern of Lark as a terminal of its own.
    """

    source: Source
    words: Sequence[Word]
    literal: Callable[[str, int], str]
    _at: int = 0

    def read(self) -> Node:
        """The whole body. Raises `GrammarSyntaxError`."""
        try:
            node = self._alternatives()
        except RecursionError:
            place = self.words[0].start
            raise self.source.error("a terminal is nested too deeply", hint="Name its parts.", at=place) from None
        if self._at < len(self.words):
            raise self._unexpected()
        return node

    def _peek(self) -> Word | None:
        return self.words[self._at] if self._at < len(self.words) else None

    def _sees(self, sign: str) -> bool:
        word = self._peek()
        return word is not None and word.is_one_of(sign)

    def _take(self, sign: str) -> bool:
        if self._sees(sign):
            self._at += 1
            return True
        return False

    def _unexpected(self) -> Exception:
        word = self._peek()
        place = self.words[-1].end if word is None and self.words else (word.start if word else 0)
        shown = "the end of the terminal" if word is None else repr(word.text)
        return self.source.error(f"{shown} was not expected", hint="Write a string, a pattern or a terminal.", at=place)

    def _alternatives(self) -> Node:
        options = [self._conjunction()]
        while self._take("|"):
            options.append(self._conjunction())
        return options[0] if len(options) == 1 else lambda named: cr.union([option(named) for option in options])

    def _conjunction(self) -> Node:
        parts = [self._sequence()]
        while self._take("&"):
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else lambda named: cr.intersection([part(named) for part in parts])

    def _sequence(self) -> Node:
        parts = [self._repeated()]
        while (word := self._peek()) is not None and not word.is_one_of("|&)]"):
            parts.append(self._repeated())
        return parts[0] if len(parts) == 1 else lambda named: cr.concat([part(named) for part in parts])

    def _repeated(self) -> Node:
        node = self._negated()
        while (bounds := self._bounds()) is not None:
            node = partial(_repeat, node, *bounds)
        return node

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("?", (0, 1)), ("*", (0, None)), ("+", (1, None))):
            if self._take(sign):
                return bounds
        following = self.words[self._at : self._at + 4]
        texts = [word.text for word in following]
        if self._sees("~") and len(following) > 1 and following[1].kind == "number":
            low = int(texts[1])
            ranged = len(following) == 4 and texts[2] == ".." and following[3].kind == "number"
            self._at += 4 if ranged else 2
            return low, int(texts[3]) if ranged else low
        return self._braces()

    def _braces(self) -> tuple[int, int | None] | None:
        if not self._sees("{"):
            return None
        end = next((i for i in range(self._at, len(self.words)) if self.words[i].is_one_of("}")), None)
        inside = "".join(word.text for word in self.words[self._at + 1 : end])
        found = re.fullmatch(r"(\d*)(,?)(\d*)", inside)
        if end is None or found is None or inside in ("", ","):
            raise self._unexpected()
        self._at = end + 1
        low = int(found[1] or 0)
        return low, (int(found[3]) if found[3] else None) if found[2] else low

    def _negated(self) -> Node:
        if self._take("~"):
            inner = self._negated()
            return lambda named: cr.complement(inner(named))
        return self._atom()

    def _atom(self) -> Node:
        word = self._peek()
        if word is None:
            raise self._unexpected()
        self._at += 1
        if word.kind in ("string", "pattern"):
            text = word.text
            if word.kind == "string" and self._peek_text() == "..":
                text = f"{text}..{self.words[self._at + 1].text}" if self._at + 1 < len(self.words) else text
                self._at += 2
            name = self.literal(text, word.start)
            return lambda named: named(name)
        if word.kind == "name":
            return lambda named: named(word.text)
        if word.kind == "json" and word.text == "%regex":
            built = structured(self.source, word)
            return lambda _: built
        if word.is_one_of("(["):
            inner = self._alternatives()
            if not self._take(")" if word.text == "(" else "]"):
                raise self._unexpected()
            return inner if word.text == "(" else lambda named: cr.repeat(inner(named), 0, 1)
        self._at -= 1
        raise self._unexpected()

    def _peek_text(self) -> str:
        word = self._peek()
        return "" if word is None else word.text


def _repeat(node: Node, low: int, high: int | None, named: Lookup) -> cr.Regex:
    return cr.repeat(node(named), low, high)


def structured(source: Source, word: Word) -> cr.Regex:
    """What `%regex {...}` says: any part of a text, from one chunk, word or character to another."""
    value = json.loads(word.value)
    known = {"substring_chunks", "substring_words", "substring_chars"}
    if not isinstance(value, dict) or len(value) != 1 or not known.issuperset(value):
        hint = f"It takes one of {', '.join(sorted(known))}."
        raise source.error("%regex says something unknown", hint=hint, at=word.start, keyword="%regex")
    ((kind, given),) = value.items()
    chunks = _chunks(kind, given)
    if chunks is None:
        wanted = "a list of strings" if kind == "substring_chunks" else "a string"
        raise source.error(f"{kind} must be {wanted}", hint="Correct it.", at=word.start, keyword="%regex")
    if len(chunks) > _MOST_CHUNKS:
        raise UnsupportedFeature(f"%regex over {len(chunks)} chunks", hint=f"Use at most {_MOST_CHUNKS} of them.")
    return substring(chunks)


def characters_of(word: Word) -> str | None:
    """The text of `%regex {"substring_chars": "..."}`, where it says that: an automaton holds long ones."""
    value = json.loads(word.value)
    text = value.get("substring_chars") if isinstance(value, dict) and len(value) == 1 else None
    return text if isinstance(text, str) else None


def _chunks(kind: str, given: Any) -> list[str] | None:
    if kind == "substring_chunks":
        return given if isinstance(given, list) and all(isinstance(chunk, str) for chunk in given) else None
    if not isinstance(given, str):
        return None
    return list(given) if kind == "substring_chars" else re.findall(r"\w+|\W", given)


def substring(chunks: Sequence[str]) -> cr.Regex:
    """Any run of chunks, the empty one included."""
    rest: cr.Regex = cr.EPSILON
    starts: list[cr.Regex] = []
    for chunk in reversed(chunks):
        rest = cr.concat([cr.literal(chunk), cr.repeat(rest, 0, 1)])
        starts.append(rest)
    return cr.union([cr.EPSILON, *starts])

"""Lark text as words and statements, as far as extensions need it: knows strings, patterns, comments and JSON texts.

What is no word of Lark is left for lark itself to refuse: reading plain Lark never fails here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from guidedgen.grammars.text_source import Source

Kind: TypeAlias = Literal[
    "comment", "string", "pattern", "token", "directive", "name", "number", "newline", "space", "json", "other"
]

_WORDS: Final = re.compile(
    r"""(?P<comment>//[^\n]*|\#[^\n]*)
      | (?P<string>"(?:\\.|[^"\\\n])*"i?)
      | (?P<pattern>/(?:\\.|[^/\\])+/[imslux]*)
      | (?P<token><\[[^\]\n]*\]>|</?[A-Za-z_|][^<>\n]*>)
      | (?P<directive>%[A-Za-z_]+)
      | (?P<name>[A-Za-z_]\w*(?:-(?!>)\w+)*)
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<newline>\n)
      | (?P<space>[ \t\r\f]+|\\[ ]*\n)
      | (?P<other>->|\.\.|.)""",
    re.VERBOSE | re.DOTALL,
)
_WITH_JSON: Final = frozenset(["%json", "%regex", "%llguidance"])
_SPACE: Final = re.compile(r"\s*")
_DECODER: Final = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of the text. A directive with a JSON value is one word of kind "json"; `value` is its JSON text."""

    kind: Kind
    text: str
    start: int
    end: int
    value: str = ""

    def is_one_of(self, texts: str) -> bool:
        """Whether it is one of these signs."""
        return self.kind == "other" and self.text in texts


@dataclass(frozen=True, slots=True)
class Statement:
    """One definition or directive.

    Attributes:
        head: words before the colon of a definition; all words of a directive up to its arguments.
        body: what it says, without comments, spaces and line ends.
        words: all words, those included.
    """

    head: tuple[Word, ...]
    body: tuple[Word, ...]
    words: tuple[Word, ...]

    @property
    def name(self) -> Word | None:
        """The rule or terminal that is defined, if one is."""
        return next((word for word in self.head if word.kind == "name"), None)

    @property
    def directive(self) -> str | None:
        """The directive that it begins with, if it does."""
        first = next((word for word in self.head if word.kind not in _BLANK), None)
        return first.text if first is not None and first.kind in ("directive", "json") else None

    @property
    def start(self) -> int:
        """Where it begins."""
        return self.words[0].start

    @property
    def end(self) -> int:
        """Where it ends, without the line end."""
        return self.words[-1].end


_BLANK: Final = frozenset(["comment", "space", "newline"])


def words_of(source: Source) -> Iterator[Word]:
    """The words of a text, none left out.

    Raises:
        GrammarSyntaxError: what stands behind `%json` or `%regex` is not JSON.
    """
    text, at = source.text, 0
    while at < len(text):
        found = _WORDS.match(text, at)
        assert found is not None  # anything matches as a sign
        kind: Kind = found.lastgroup  # type: ignore[assignment]
        end = found.end()
        if kind == "directive" and found[0] in _WITH_JSON:
            value, end = _json_at(source, end, found[0])
            yield Word("json", found[0], at, end, value)
        else:
            yield Word(kind, found[0], at, end)
        at = end


def _json_at(source: Source, at: int, directive: str) -> tuple[str, int]:
    space = _SPACE.match(source.text, at)
    begin = at if space is None else space.end()
    try:
        _, end = _DECODER.raw_decode(source.text, begin)
    except json.JSONDecodeError as error:
        hint = f"Write a JSON object behind {directive}, without comments in it."
        raise source.error(f"{directive}: {error.msg}", hint=hint, at=error.pos, keyword=directive) from None
    except RecursionError:
        raise source.error(f"{directive}: nested too deeply", hint="Nest it less.", at=begin) from None
    return source.text[begin:end], end


def statements_of(source: Source) -> list[Statement]:
    """The text as statements: a line that begins with `|` continues the one before it."""
    lines: list[list[Word]] = []
    blank: list[Word] = []  # since the last line with words
    fresh = True
    for word in words_of(source):
        if word.kind in _BLANK:
            blank.append(word)
            fresh = fresh or word.kind == "newline"
            continue
        if fresh and not (lines and word.is_one_of("|")):
            lines.append([])
        else:
            lines[-1] += blank
        lines[-1].append(word)
        blank, fresh = [], False
    return [_statement(line) for line in lines]


def _statement(words: list[Word]) -> Statement:
    plain = tuple(word for word in words if word.kind not in _BLANK)
    depth = 0
    for index, word in enumerate(plain):
        depth += word.is_one_of("[{(") - word.is_one_of("]})")
        if depth == 0 and word.is_one_of(":"):
            return Statement(plain[:index], plain[index + 1 :], tuple(words))
    return Statement(plain[:1], plain[1:], tuple(words))

"""A grammar's text while it is read: where the reader stands, and errors that name the place.

Shared by the front ends that read grammars themselves; it knows none of their notations.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import PurePath
from typing import Final

from guidedgen.errors import CompileError, GrammarSyntaxError

_FILE_NAME: Final = re.compile(r"[^\s\"'{}:]{1,250}\.(json|lark|gbnf|ebnf|bnf|txt)")


class Source:
    """A text and an offset into it."""

    def __init__(self, text: str, dialect: str) -> None:
        """Start at the beginning; `dialect` is what errors call the notation."""
        self.text = text
        self.dialect = dialect
        self.offset = 0
        self.suspect: str | None = None
        """What may have gone wrong earlier; the hint of an error that comes later says it as well."""

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read what matches here, if anything does."""
        found = pattern.match(self.text, self.offset)
        if found is not None:
            self.offset = found.end()
        return found

    def sees(self, prefix: str) -> bool:
        """Whether the text goes on with `prefix`."""
        return self.text.startswith(prefix, self.offset)

    @property
    def at_end(self) -> bool:
        """Whether all is read."""
        return self.offset >= len(self.text)

    def shown(self) -> str:
        """What stands here, for a message: a character, or the end."""
        return "the end of the grammar" if self.at_end else repr(self.text[self.offset])

    def error(
        self, message: str, *, hint: str, at: int | None = None, keyword: str | None = None
    ) -> GrammarSyntaxError:
        """An error at an offset (by default, here)."""
        offset = min(self.offset if at is None else at, len(self.text))
        line, column = self.line_and_column(offset)
        return GrammarSyntaxError(
            f"invalid {self.dialect} grammar: {message}",
            line=line,
            column=column,
            source=self.text,
            keyword=keyword,
            hint=hint if self.suspect is None else f"{hint} {self.suspect}",
        )

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """The 1-based line and column of an offset."""
        return self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset)


def refuse_file(given: object, kind: str) -> None:
    """Refuse a path, or the name of a file, where the text of one is wanted. Raises `CompileError`."""
    if isinstance(given, PurePath) or (isinstance(given, str) and _FILE_NAME.fullmatch(given)):
        hint = f"Give its text: Path({str(given)!r}).read_text()."
        raise CompileError(f"{str(given)!r} is the name of a file, not {kind}", hint=hint)


def check_texts(kind: str, text: object, start: object) -> None:
    """Refuse a grammar, or the name of its start rule, that is no text. Raises `CompileError`."""
    refuse_file(text, kind)
    if not (isinstance(text, str) and isinstance(start, str)):
        raise CompileError(f"{kind} and the name of its start rule must be strings", hint="Give the grammar's text.")


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest of the `known` names, if one is near."""
    near = difflib.get_close_matches(name, list(known), n=3)
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else None

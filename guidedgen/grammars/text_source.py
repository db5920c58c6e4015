"""A grammar's text while it is read: where the reader stands, and errors that name the place.

Shared by the front ends that read grammars themselves; it knows none of their notations.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from guidedgen.errors import GrammarSyntaxError


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


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest of the `known` names, if one is near."""
    near = difflib.get_close_matches(name, list(known), n=3)
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else None

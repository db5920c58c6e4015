"""Every error that guidedgen raises on purpose.

    GuidedGenError
    ├── CompileError(pointer, keyword, hint)      also ValueError
    │   ├── UnsupportedFeature                    the input asks for something that is not enforced
    │   ├── UnsatisfiableSchema                   no value at all is valid
    │   └── GrammarSyntaxError(line, column)      a regex, grammar or schema text that cannot be read
    ├── VocabularyError                           also ValueError: a tokenizer that cannot be turned into bytes
    ├── SavedConstraintError(reason)              also ValueError: a saved constraint that cannot be used
    ├── LimitExceeded(limit, value)               also RuntimeError: a configured limit was reached
    ├── BudgetTooSmall(minimum)                   also ValueError: max_tokens cannot hold any valid value
    ├── DeadEnd                                   also RuntimeError: no token is allowed and the text is incomplete
    ├── ValidationFailed(raw, attempts)           also ValueError: a finished text did not validate
    ├── ToolError                                 also RuntimeError: a tool that cannot be run
    └── ModelError                                also RuntimeError: a model cannot be loaded or run

Each message says where the fault is and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_WIDTH: Final = 120  # characters of a line that are quoted


class GuidedGenError(Exception):
    """Root of the tree: `except gg.GuidedGenError` catches all of them."""


class CompileError(GuidedGenError, ValueError):
    """A type, schema or grammar cannot be turned into a constraint.

    Args:
        message: what is wrong.
        pointer: JSON pointer into the schema (`""` is its root), or None where there is no schema.
        keyword: the offending keyword or construct, or None.
        hint: what to do about it, or None.

    Attributes:
        tool: the tool whose parameters the pointer leads into, or None.
    """

    tool: str | None = None

    def __init__(
        self,
        message: str,
        *,
        pointer: str | None = None,
        keyword: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.reason = message
        self.pointer = pointer
        self.keyword = keyword
        self.hint = hint
        super().__init__(self._text())

    def _text(self) -> str:
        place = "" if self.pointer is None else f" (at {'#' + self.pointer})"
        remedy = "" if self.hint is None else f" {self.hint}"
        return f"{self.reason}{place}.{remedy}"


class UnsupportedFeature(CompileError):
    """The input is well formed but uses something that would not be enforced exactly."""


class UnsatisfiableSchema(CompileError):
    """No value satisfies the schema or grammar.

    Args:
        message: why.
        pointers: of all keywords that contradict each other, as far as known; `pointer` is the first of them.
    """

    def __init__(
        self,
        message: str,
        *,
        pointer: str | None = None,
        keyword: str | None = None,
        hint: str | None = None,
        pointers: Sequence[str] = (),
    ) -> None:
        self.pointers = tuple(pointers) or (() if pointer is None else (pointer,))
        super().__init__(message, pointer=pointer, keyword=keyword, hint=hint)


class GrammarSyntaxError(CompileError):
    """A text could not be parsed.

    Args:
        message: what was expected.
        line: 1-based line, or None where unknown.
        column: 1-based column, or None where unknown.
        source: the text itself; the offending line is quoted with a caret.
    """

    def __init__(
        self,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        source: str | None = None,
        pointer: str | None = None,
        keyword: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.line = line
        self.column = column
        self.source = source
        super().__init__(message, pointer=pointer, keyword=keyword, hint=hint)

    def _text(self) -> str:
        text = super()._text()
        if self.line is None:
            return text
        text = f"line {self.line}, column {self.column}: {text}"
        lines = (self.source or "").split("\n")
        if self.source and 0 < self.line <= len(lines):
            text += "\n" + _marked(lines[self.line - 1].rstrip("\r"), max(0, (self.column or 1) - 1))
        return text


def _marked(line: str, column: int) -> str:
    """A line, or what is around the column of a long one, and a mark below it."""
    first = max(0, min(column - _WIDTH // 2, len(line) - _WIDTH))
    shown = line[first : first + _WIDTH]
    lead, tail = "..." if first else "", "..." if first + _WIDTH < len(line) else ""
    padding = "".join("\t" if char == "\t" else " " for char in shown[: column - first])
    padding += " " * (column - first - len(padding)) + " " * len(lead)
    return f"  {lead}{shown}{tail}\n  {padding}^"


class VocabularyError(GuidedGenError, ValueError):
    """The bytes of a tokenizer's tokens cannot be determined."""


class SavedConstraintError(GuidedGenError, ValueError):
    """A file with a saved constraint cannot be used.

    Args:
        message: why, and what to do.
        reason: "damaged" (cut, altered, or no such file), "version", "size", "vocabulary", "spec" (it holds another
            one) or "kernel" (it needs the native one).
    """

    def __init__(self, message: str, *, reason: str) -> None:
        self.reason = reason
        super().__init__(message)


class LimitExceeded(GuidedGenError, RuntimeError):
    """A limit that the caller can raise was reached.

    Args:
        limit: name of the limit, as it is spelled in `Limits`.
        value: the configured value.
        detail: what needed more, or where.
        remedy: what to do; by default, to raise the limit in `Limits`.
    """

    def __init__(self, limit: str, value: float, detail: str = "", *, remedy: str | None = None) -> None:
        self.limit = limit
        self.value = value
        tail = f": {detail}" if detail else ""
        hint = remedy or f"Raise it with Limits({limit}=...) if the input is trusted."
        super().__init__(f"limit {limit}={value} exceeded{tail}. {hint}")


class BudgetTooSmall(GuidedGenError, ValueError):
    """`max_tokens` is smaller than the shortest valid output.

    Args:
        minimum: the number of tokens that would be enough.
    """

    def __init__(self, message: str, *, minimum: int) -> None:
        self.minimum = minimum
        super().__init__(message)


class DeadEnd(GuidedGenError, RuntimeError):
    """No token is allowed although the text is not complete."""


class ValidationFailed(GuidedGenError, ValueError):
    """A finished text did not validate.

    Args:
        raw: the last text that the model produced.
        attempts: every text that was tried, oldest first.
    """

    def __init__(self, message: str, *, raw: str, attempts: Sequence[str] = ()) -> None:
        self.raw = raw
        self.attempts = tuple(attempts)
        super().__init__(message)


class ToolError(GuidedGenError, RuntimeError):
    """A call of a tool that cannot be run: it has no function, or took too long."""


class ModelError(GuidedGenError, RuntimeError):
    """A model or its tokenizer cannot be loaded, or cannot do what is asked."""

"""Grammars of real languages, ready to use: `library("sql")` is a `Lark` spec. The texts are the `.lark` files here.

What each covers, and what it leaves out, is said in the first lines of its file and in `LIBRARY`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from guidedgen.errors import CompileError
from guidedgen.grammars.lark_lalr import Indentation
from guidedgen.grammars.specs import Lark

__all__ = ["LIBRARY", "LibraryGrammar", "library"]


@dataclass(frozen=True, kw_only=True)
class LibraryGrammar:
    """A grammar of the library.

    Attributes:
        name: its name for `library`, and that of its file.
        about: the language, in a few words.
        judge: the program that decides in tests which texts belong to the language.
        starts: the rules that it may start with; the first is the default.
        options: those of `Lark` that it is read with.
    """

    name: str
    about: str
    judge: str
    starts: tuple[str, ...] = ("start",)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The grammar in Lark's notation."""
        return resources.files(__name__).joinpath(f"{self.name}.lark").read_text(encoding="utf-8")

    @property
    def subset(self) -> str:
        """What the grammar covers and what it leaves out: the comment that its file begins with."""
        lines = []
        for line in self.text.splitlines():
            if not line.startswith("//"):
                break
            lines.append(line.removeprefix("//").strip())
        return "\n".join(lines)


# Languages whose words can be told apart before the parser sees them, which is the fastest way to read them. No blocks
# by indentation but in Python.
_SCANNED: Final = {"parser": "lalr", "lexer": "basic", "indent": None}

_GRAMMARS: Final = (
    LibraryGrammar(
        name="arithmetic",
        about="arithmetic expressions",
        judge="Python's ast",
        options=_SCANNED,
    ),
    LibraryGrammar(
        name="csv",
        about="comma-separated values (RFC 4180)",
        judge="Python's csv, and the RFC's rules",
        options=_SCANNED,
    ),
    LibraryGrammar(name="email", about="e-mail addresses (RFC 5321, RFC 5322)", judge="the RFCs' rules"),
    LibraryGrammar(name="graphql", about="GraphQL requests", judge="graphql-core", options=_SCANNED),
    LibraryGrammar(
        name="iso8601",
        about="dates, times, durations and intervals (ISO 8601)",
        judge="Python's datetime",
        starts=("start", "datetime", "date", "time", "duration", "interval"),
    ),
    LibraryGrammar(
        name="java",
        about="Java source files",
        judge="javac's parser, tree-sitter-java",
        starts=("start", "statements"),
        options=_SCANNED,
    ),
    LibraryGrammar(name="json", about="JSON (RFC 8259)", judge="Python's json", options=_SCANNED),
    LibraryGrammar(name="jsonl", about="JSON lines, one value a line", judge="Python's json", options=_SCANNED),
    LibraryGrammar(name="markdown_table", about="tables of GitHub Flavored Markdown", judge="markdown-it"),
    LibraryGrammar(
        name="python",
        about="Python 3.11 modules, with their indentation",
        judge="Python's ast",
        options=_SCANNED | {"indent": Indentation(tab=None, deepest=40)},
    ),
    LibraryGrammar(name="shell_arguments", about="words that a POSIX shell takes as they are", judge="sh and shlex"),
    LibraryGrammar(
        name="sql",
        about="SQL statements in SQLite's dialect",
        judge="sqlite3",
        starts=("start", "query"),
        options=_SCANNED,
    ),
    LibraryGrammar(
        name="typescript",
        about="TypeScript source and declaration files",
        judge="tree-sitter-typescript",
        options=_SCANNED | {"lexer": "contextual"},
    ),
    LibraryGrammar(name="url", about="URIs and URLs (RFC 3986)", judge="the RFC's rules", starts=("start", "http_url")),
    LibraryGrammar(name="verilog", about="a subset of Verilog modules", judge="Icarus Verilog", options=_SCANNED),
)

LIBRARY: Final[Mapping[str, LibraryGrammar]] = MappingProxyType({grammar.name: grammar for grammar in _GRAMMARS})
"""The grammars by name."""


def library(name: str, *, start: str | None = None) -> Lark:
    """Return a grammar of the library, to generate with or to compile; its value is the text.

    Args:
        name: one of the names in the guide "Library of grammars", such as "json", "sql" or "python".
        start: another rule to start with, where the guide lists some.

    Raises:
        CompileError: there is no such grammar, or it does not start there.
    """
    grammar = LIBRARY.get(name)
    if grammar is None:
        raise CompileError(f"the library has no grammar {name!r}", hint=f"It has {', '.join(LIBRARY)}.")
    if start is not None and start not in grammar.starts:
        known = ", ".join(grammar.starts)
        raise CompileError(f"the grammar {name!r} does not start with {start!r}", hint=f"It starts with {known}.")
    return Lark(grammar.text, start=start or grammar.starts[0], **grammar.options)

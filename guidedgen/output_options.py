"""What to generate, as the command line says it: a file, a type, a grammar of the library, a pattern or choices."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from guidedgen.errors import CompileError
from guidedgen.grammars.grammar_specs import Ebnf, Gbnf
from guidedgen.grammars.library import library
from guidedgen.grammars.specs import Choice, JsonSchema, Lark, Regex

if TYPE_CHECKING:
    from guidedgen.grammars.tools import Tools

_FILES: Mapping[str, Callable[[str], Any]] = {"--schema": JsonSchema, "--lark": Lark, "--gbnf": Gbnf, "--ebnf": Ebnf}
_KNOWN_MODULES = ("builtins", "typing", "datetime", "decimal", "uuid")


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """The options of which one may be given.

    Attributes:
        files: by option, `--schema` and those of grammars.
        type_: a Python type, as `imported_type` takes it.
        grammar: a name in the library of grammars.
        tools: what `tools_named` made.
    """

    files: Mapping[str, Path | None]
    type_: str | None = None
    grammar: str | None = None
    regex: str | None = None
    choice: list[str] | None = None
    tools: Tools | None = None

    def output(self) -> Any:
        """The output type that exactly one of the options names; None where none was given.

        Raises:
            typer.BadParameter: several were given.
            CompileError: the type cannot be imported, or the file or the library's grammar is not there.
        """
        given = [make for is_given, make in self._makers() if is_given]
        if len(given) > 1:
            names = ", ".join([*_FILES, "--type", "--library", "--regex", "--choice"])
            raise typer.BadParameter(f"give only one of {names} and --tools")
        return given[0]() if given else None

    def _makers(self) -> list[tuple[bool, Callable[[], Any]]]:
        return [
            *((path is not None, partial(_from_file, option, path)) for option, path in self.files.items()),
            (self.type_ is not None, lambda: imported_type(self.type_ or "")),
            (self.grammar is not None, lambda: library(self.grammar or "")),
            (self.regex is not None, lambda: Regex(self.regex or "")),
            (bool(self.choice), lambda: Choice(self.choice or [])),
            (self.tools is not None, lambda: self.tools),
        ]


def _from_file(option: str, path: Path | None) -> Any:
    return _FILES[option](_text(path or Path()))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CompileError(f"{path} cannot be read: {error.strerror}", hint="Give the path of a file.") from error
    except UnicodeDecodeError as error:
        raise CompileError(f"{path} is not UTF-8: {error}", hint="Save it as UTF-8 text.") from error


def imported_type(name: str) -> Any:
    """The type behind `module:Name`, also with parameters: `shop:Page[Item]`, `list[date]`.

    Known without a module are the names of builtins, typing, datetime, decimal and uuid.

    Raises:
        CompileError: the module or the name is not there, or the expression is wrong.
    """
    module, colon, expression = name.partition(":")
    if not colon or not re.fullmatch(r"[\w.]+", module):
        module, expression = "", name
    sys.path.insert(0, "")
    scope: dict[str, Any] = {}
    try:
        for known in (*_KNOWN_MODULES, module) if module else _KNOWN_MODULES:
            scope.update(vars(importlib.import_module(known)))
        return eval(expression, scope)  # the user's own command line
    except (ImportError, NameError, AttributeError, SyntaxError, TypeError) as error:
        raise CompileError(
            f"the type {name!r} cannot be imported: {error}",
            hint="Name it as module:Name, or as a type of Python's own: list[str], dict[str, date].",
        ) from error

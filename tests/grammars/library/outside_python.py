"""Whether a Python file uses what the grammar leaves out: by CPython's tokens and tree of it."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise

from guidedgen.grammars.library import LIBRARY

_WORDS = LIBRARY["python"].text


def _pattern(name: str) -> re.Pattern[str]:
    found = re.search(rf"^{name}(?:\.\d)?: /(.*)/$", _WORDS, re.MULTILINE)
    assert found is not None
    return re.compile(found[1])


_NAME, _ESCAPE = _pattern("NAME"), _pattern("_ESCAPE")


def _tokens(text: str) -> list[tokenize.TokenInfo]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(tokenize.generate_tokens(io.StringIO(text, newline="").readline))


def _has_a_name(token: tokenize.TokenInfo) -> bool:
    """Whether a string has a named character that the grammar does not know."""
    if token.type != tokenize.STRING or re.match("[fFuU]?['\"]", token.string) is None:
        return False
    named = re.finditer(r"(?<!\\)(?:\\\\)*(\\N\{[^}]*\})", token.string)
    return any(_ESCAPE.fullmatch(found[1]) is None for found in named)


def _gaps(tokens: list[tokenize.TokenInfo], text: str) -> Iterator[str]:
    """What stands between tokens of one logical line, where that is more than one line."""
    lines = text.splitlines(keepends=True)
    for before, after in pairwise(tokens):
        if before.end[0] < after.start[0] and before.type not in (tokenize.NEWLINE, tokenize.NL):
            middle = lines[before.end[0] : after.start[0] - 1]
            yield lines[before.end[0] - 1][before.end[1] :] + "".join(middle) + lines[after.start[0] - 1]


def _indents(tokens: list[tokenize.TokenInfo]) -> bool:
    outer = [""]
    for token in tokens:
        if token.type == tokenize.DEDENT:
            outer.pop()
        if token.type == tokenize.INDENT:
            more = token.string.removeprefix(outer[-1])
            odd = re.fullmatch("\f*\t* *", token.string) is None or not token.string.startswith(outer[-1])
            if odd or len(more) > 40:
                return True
            outer.append(token.string)
    return False


def _subjects(text: str) -> bool:
    lines = text.encode().splitlines(keepends=True)
    matches = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Match)]
    headers = (b"".join(lines[node.lineno - 1 :])[node.col_offset + 5 :].lstrip() for node in matches)
    return any(re.match(rb"[(\[+\-*]|not\b", header) is not None for header in headers)


REASONS: dict[str, Callable[[str, list[tokenize.TokenInfo]], bool]] = {
    "named characters": lambda _, tokens: any(map(_has_a_name, tokens)),
    "letters of other scripts": lambda _, tokens: any(
        token.type in (tokenize.NAME, tokenize.ERRORTOKEN)
        and token.string.strip()
        and not _NAME.fullmatch(token.string)
        for token in tokens
    ),
    "line continuations": lambda text, tokens: any(re.search(r"\\\r?\n[^ \t\f]", gap) for gap in _gaps(tokens, text)),
    "indentation": lambda _, tokens: _indents(tokens),
    "subjects of match": lambda text, _: _subjects(text),
    "the last line": lambda text, _: re.search(r"\n[ \t\f]+(?:#.*)?\Z", text) is not None,
    "carriage returns": lambda text, _: re.search(r"\r(?!\n)", text) is not None,
}


def python(text: str) -> str | None:
    """The first of the things that the grammar's head lists that a file uses."""
    tokens = _tokens(text)
    return next((reason for reason, uses in REASONS.items() if uses(text, tokens)), None)

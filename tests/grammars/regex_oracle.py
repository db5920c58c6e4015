"""Compares patterns with `re` over all short texts of an alphabet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import product

from guidedgen.errors import UnsatisfiableSchema
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from tests.kernel.helpers import accepts, compile_grammar


def texts(alphabet: str, length: int) -> Iterator[str]:
    """All texts up to a length."""
    for count in range(length + 1):
        yield from map("".join, product(alphabet, repeat=count))


def accepted(node: cr.Regex, candidates: Iterable[str], kernel: str) -> set[str]:
    """The candidates that a kernel accepts."""
    try:
        compiled = compile_grammar(ir.Terminal(cr.to_utf8(node)), kernel)
    except UnsatisfiableSchema:
        return set()
    return {text for text in candidates if accepts(compiled, text.encode())}


def matched(matches: Callable[[str], re.Match[str] | None], candidates: Iterable[str]) -> set[str]:
    """The candidates that a method of a compiled pattern matches from end to end."""
    found = ((text, matches(text)) for text in candidates)
    return {text for text, match in found if match is not None and match.span() == (0, len(text))}

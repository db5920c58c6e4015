"""The library's grammars in lark itself, and random texts derived from their rules."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import lark.lexer
from lark import Lark, LarkError, Token
from lark.grammar import NonTerminal, Symbol
from lark.indenter import DedentError, Indenter

import guidedgen.grammars.library

FOLDER = Path(guidedgen.grammars.library.__file__).parent
IMPOSSIBLE = 10**9
TAB = 1000


class Blocks(Indenter):
    """Python's blocks, as lark reads them."""

    NL_type = "_NEWLINE"
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    OPEN_PAREN_types = ["LPAR", "LSQB", "LBRACE"]  # noqa: RUF012  # as in the class above
    CLOSE_PAREN_types = ["RPAR", "RSQB", "RBRACE"]  # noqa: RUF012
    tab_len = TAB

    def handle_NL(self, token: Token) -> Iterator[Token]:  # noqa: N802  # as in the class above
        """As lark does, where tabs are so wide that columns tell them from blanks; other mixtures are refused."""
        if self.paren_level == 0:
            width = token.rsplit("\n", 1)[1].lstrip("\f")
            if not re.fullmatch("\t* *", width):
                raise DedentError("blanks before tabs")
            column = width.count("\t") * TAB + width.count(" ")
            inner = self.indent_level[-1]
            if column > inner and inner % TAB and column // TAB > inner // TAB:
                raise DedentError("a tab where the line around has a blank")
        yield from super().handle_NL(token)


@cache
def parser(name: str) -> Lark:
    """lark's LALR parser of a grammar."""
    lark.lexer.has_interegular = False  # would look for collisions of terminals, for minutes
    blocks = Blocks() if name == "python" else None
    text = (FOLDER / f"{name}.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", lexer="basic", postlex=blocks, maybe_placeholders=False)


def parses(name: str, text: str) -> bool:
    """Whether lark accepts a text."""
    try:
        parser(name).parse(text)
    except LarkError:
        return False
    return True


class Deriver:
    """Texts of a grammar's rules; terminals are one of a few given texts, or the keyword that they are."""

    def __init__(self, name: str, texts: Mapping[str, Sequence[str]]) -> None:
        made = parser(name)
        self._options: dict[str, list[list[Symbol]]] = {}
        for rule in made.rules:
            self._options.setdefault(rule.origin.name, []).append(list(rule.expansion))
        self._texts = {terminal.name: [terminal.pattern.value] for terminal in made.terminals} | dict(texts)
        self._cost = dict.fromkeys(self._options, IMPOSSIBLE)
        while self._improves():
            pass

    def _improves(self) -> bool:
        found = {name: 1 + min(map(self._total, options)) for name, options in self._options.items()}
        better = found != self._cost
        self._cost = found
        return better

    def _total(self, option: Sequence[Symbol]) -> int:
        return min(IMPOSSIBLE, sum(self._of(symbol) for symbol in option))

    def _of(self, symbol: Symbol) -> int:
        if symbol.is_term:
            return IMPOSSIBLE if symbol.name == "_NEVER" else 0
        return self._cost[symbol.name]

    def words(self, chance: random.Random, size: int) -> list[str]:
        """The terminals' texts of one derivation; after `size` rules it takes the shortest way."""
        words: list[str] = []
        waiting: list[Symbol] = [NonTerminal("start")]
        while waiting:
            symbol = waiting.pop()
            if symbol.is_term:
                words.append(chance.choice(self._texts[symbol.name]))
                continue
            options = [option for option in self._options[symbol.name] if self._total(option) < IMPOSSIBLE]
            size -= 1
            if size < 0:
                least = min(map(self._total, options))
                options = [option for option in options if self._total(option) == least]
            waiting += reversed(chance.choice(options))
        return words

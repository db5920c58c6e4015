"""EBNF in two standard notations: ISO/IEC 14977, and that of the XML specification."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from guidedgen.errors import CompileError
from guidedgen.grammars import ebnf_iso, ebnf_w3c, ir
from guidedgen.grammars.rule_grammar import assemble
from guidedgen.grammars.rule_tree import Rule
from guidedgen.grammars.text_source import Source
from guidedgen.limits import Limits

Syntax: TypeAlias = Literal["auto", "iso", "w3c"]

_DEFAULT_LIMITS: Final = Limits()
_QUOTED: Final = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|/\*.*?\*/|\(\*.*?\*\)", re.DOTALL)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_READERS: Final = {"iso": ("ISO EBNF", ebnf_iso.read_rules), "w3c": ("W3C EBNF", ebnf_w3c.read_rules)}


def parse(
    text: str, *, start: str | None = None, syntax: Syntax = "auto", limits: Limits = _DEFAULT_LIMITS
) -> ir.Grammar:
    """Return the grammar that an EBNF text describes; rules keep their names as labels.

    Args:
        text: the grammar.
        start: the rule to begin with; None takes the first.
        syntax: "iso" (ISO/IEC 14977), "w3c" (the notation of the XML specification), or "auto": W3C where `::=` stands
            outside quotes.
        limits: bounds on the text and on what it expands to.

    Raises:
        GrammarSyntaxError: the text is not in that notation, or a name is not defined.
        UnsupportedFeature: a special sequence, or an exception that is not regular.
        LimitExceeded: one of `limits`.
    """
    source, rules = read(text, syntax, limits)
    begin = first_rule(source, rules) if start is None else start
    return assemble(rules, start=begin, source=source, limits=limits)


def first_rule(source: Source, rules: Sequence[Rule]) -> str:
    """The name of the first rule. Raises `GrammarSyntaxError` where there is none."""
    if not rules:
        raise source.error("there is no rule", hint="Write name = body; or name ::= body.")
    return rules[0].name


def read(text: str, syntax: Syntax, limits: Limits) -> tuple[Source, list[Rule]]:
    """The rules in the order of the text, and the text itself. Raises as `parse` does."""
    limits.check("schema_bytes", len(text))
    if syntax not in ("auto", *_READERS):
        raise CompileError(f"the syntax {syntax!r} is not known", hint='Use "auto", "iso" or "w3c".')
    chosen = ("w3c" if "::=" in _QUOTED.sub("", text) else "iso") if syntax == "auto" else syntax
    name, reader = _READERS[chosen]
    source = Source(text, name)
    half = _SURROGATE.search(text)
    if half is not None:
        hint = "D800 to DFFF are halves of pairs: write the character itself."
        raise source.error(f"U+{ord(half[0]):04X} is no character", at=half.start(), hint=hint)
    return source, reader(source, limits)

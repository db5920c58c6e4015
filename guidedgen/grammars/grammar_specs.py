"""Grammars in the notations of other tools as specs: `Gbnf` and `Ebnf`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from guidedgen.grammars import ebnf_text, gbnf_text, ir
from guidedgen.grammars.combining import Combinable
from guidedgen.grammars.notes import NO_TEXT, note, unproductive
from guidedgen.grammars.report import Entry
from guidedgen.grammars.rule_grammar import assemble, unreached_rules
from guidedgen.grammars.rule_tree import Rule
from guidedgen.grammars.text_source import Source, check_texts
from guidedgen.grammars.translation import Translation
from guidedgen.limits import Limits


class _Rules(Combinable):
    """What the two have in common. There is no lexer: terminals may end wherever they can."""

    def translate(self, limits: Limits) -> Translation:
        """Raises `GrammarSyntaxError` with line and column, `UnsupportedFeature` and `LimitExceeded`."""
        source, rules, start = self.read(limits)
        grammar = assemble(rules, start=start, source=source, limits=limits)
        return Translation(grammar=grammar, notes=partial(_notes, source, rules, start, grammar))

    def grammar(self, limits: Limits) -> ir.Grammar:
        """The grammar alone."""
        return self.translate(limits).grammar

    def parse(self, text: str) -> str:
        """The text itself."""
        return text

    def read(self, limits: Limits) -> tuple[Source, list[Rule], str]:
        """The text, its rules, and the name of the first. Raises as `translate` does."""
        raise NotImplementedError


@dataclass(frozen=True)
class Gbnf(_Rules):
    """A text of a grammar in GBNF, the notation of llama.cpp; its value is the text.

    Args:
        text: the grammar.
        start: the rule to begin with.
    """

    text: str
    start: str = field(default="root", kw_only=True)

    def read(self, limits: Limits) -> tuple[Source, list[Rule], str]:
        """The text, its rules, and the name of the first. Raises as `translate` does."""
        check_texts("a GBNF grammar", self.text, self.start)
        source = Source(self.text, "GBNF")
        return source, gbnf_text.read_rules(source, limits), self.start


@dataclass(frozen=True)
class Ebnf(_Rules):
    """A text of a grammar in EBNF; its value is the text.

    Args:
        text: the grammar.
        start: the rule to begin with; None takes the first.
        syntax: "iso" (ISO/IEC 14977), "w3c" (the notation of the XML specification), or "auto": W3C where `::=` stands
            outside quotes.
    """

    text: str
    start: str | None = field(default=None, kw_only=True)
    syntax: ebnf_text.Syntax = field(default="auto", kw_only=True)

    def read(self, limits: Limits) -> tuple[Source, list[Rule], str]:
        """The text, its rules, and the name of the first. Raises as `translate` does."""
        check_texts("an EBNF grammar", self.text, self.start or "")
        source, rules = ebnf_text.read(self.text, self.syntax, limits)
        return source, rules, ebnf_text.first_rule(source, rules) if self.start is None else self.start


def _notes(source: Source, rules: Sequence[Rule], start: str, grammar: ir.Grammar) -> tuple[Entry, ...]:
    """What a grammar may not have meant, in the order of its text."""
    told = unreached_rules(rules, start)
    for name in unproductive(grammar):
        told[name] = f"{told[name]}; {NO_TEXT}" if name in told else NO_TEXT
    return tuple(
        note(rule.name, told[rule.name], source.line_and_column(rule.place)[0]) for rule in rules if rule.name in told
    )

"""The rules of a grammar as `rule_tree` has them, to be drawn: of every notation, with literals as they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from lark.grammar import NonTerminal, Symbol

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.grammar_specs import Ebnf, Gbnf
from guidedgen.grammars.lark_extensions import extend
from guidedgen.grammars.lark_loader import Loaded
from guidedgen.grammars.lark_text import label_of_terminal, load_extended
from guidedgen.grammars.rule_grammar import rules_by_name
from guidedgen.grammars.rule_tree import Body, Chain, Chars, Either, Name, Rule, Times
from guidedgen.grammars.specs import Lark
from guidedgen.limits import Limits


@singledispatch
def drawable_rules(spec: Any, limits: Limits) -> Sequence[Rule]:
    """The rules of a spec, in their order.

    Raises:
        CompileError: the grammar cannot be read.
        UnsupportedFeature: specs of this kind have no rules.
    """
    raise UnsupportedFeature(f"{type(spec).__name__} has no rules to draw", hint="Draw grammars: Lark, GBNF or EBNF.")


@drawable_rules.register(Gbnf)
@drawable_rules.register(Ebnf)
def _(spec: Gbnf | Ebnf, limits: Limits) -> Sequence[Rule]:
    source, rules, start = spec.read(limits)
    rules_by_name(rules, start, source)
    return rules


@drawable_rules.register
def _(spec: Lark, limits: Limits) -> Sequence[Rule]:
    extended = extend(spec.text)
    loaded = load_extended(extended, start=spec.start, import_paths=spec.import_paths, limits=limits)
    labels = {terminal.name: label_of_terminal(terminal, loaded) for terminal in loaded.terminals}
    labels |= {name: word.text for name, word in extended.placeholders.items()}
    origins: dict[str, list[list[Symbol]]] = {}
    for rule in loaded.rules:
        origins.setdefault(str(rule.origin.name), []).append(list(rule.expansion))
    drawing = _Drawing(origins, labels)
    rules = [Rule(name, drawing.body(name), 0) for name in origins if not name.startswith("__")]
    return [*rules, *_terminals(loaded)]


def _terminals(loaded: Loaded) -> list[Rule]:
    """The terminals that the text names, as patterns."""
    return [
        Rule(
            "ignored" if terminal.name.startswith("__") else str(terminal.name),
            Chars(cr.EPSILON, f"/{_plain(terminal.pattern.to_regexp())}/"),
            0,
        )
        for terminal in loaded.terminals
        if terminal.name in loaded.defined_terminals
    ]


def _plain(pattern: str) -> str:
    """A pattern without the groups that lark puts around all of it."""
    whole = re.fullmatch(r"\(\?:([^()]*)\)", pattern)
    return pattern if whole is None else whole[1]


@dataclass(frozen=True)
class _Drawing:
    """Rules as lark compiled them; names that it made up for repetitions are replaced by what they stand for."""

    origins: Mapping[str, list[list[Symbol]]]
    labels: Mapping[str, str]

    def body(self, name: str) -> Body:
        """What a rule consists of."""
        return _either([self._chain(option) for option in self.origins[name]])

    def _chain(self, symbols: Sequence[Symbol]) -> Body:
        parts = tuple(map(self._part, symbols))
        return parts[0] if len(parts) == 1 else Chain(parts)

    def _part(self, symbol: Symbol) -> Body:
        name = str(symbol.name)
        if isinstance(symbol, NonTerminal):
            return self._repeated(name) if name.startswith("__") and name in self.origins else Name(name, 0)
        label = self.labels.get(name, name)
        return Name(label, 0) if label.isidentifier() else Chars(cr.EPSILON, label)

    def _repeated(self, name: str) -> Body:
        """A rule that lark made up: `x | itself x` is a repetition."""
        items = [option for option in self.origins[name] if not option or str(option[0].name) != name]
        inner = _either([self._chain(option) for option in items])
        return inner if len(items) == len(self.origins[name]) else Times(inner, 1, None)


def _either(options: Sequence[Body]) -> Body:
    return options[0] if len(options) == 1 else Either(tuple(options))

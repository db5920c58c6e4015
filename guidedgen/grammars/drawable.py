"""The rules of a grammar as `rule_tree` has them, to be drawn: of every notation, with literals as they are written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import singledispatch
from typing import Any

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.grammar_specs import Ebnf, Gbnf
from guidedgen.grammars.lark_extensions import extend
from guidedgen.grammars.lark_loader import Loaded
from guidedgen.grammars.lark_text import load_extended
from guidedgen.grammars.rule_grammar import rules_by_name
from guidedgen.grammars.rule_tree import Body, Chain, Chars, Either, Name, Rule, Times, Token
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
    loaded = load_extended(extend(spec.text), start=spec.start, import_paths=(), limits=limits)
    grammar = spec.grammar(limits)
    made_up = {name: body for name, body in grammar.rules.items() if name.startswith("__")}
    rules = [Rule(name, _body(body, made_up), 0) for name, body in grammar.rules.items() if name not in made_up]
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


def _body(root: ir.Node, made_up: dict[str, ir.Node]) -> Body:
    """A rule of Lark; names that lark made up for repetitions are replaced by what they stand for."""
    match root:
        case ir.Terminal():
            label = root.label or "text"
            return Name(label, 0) if label.isidentifier() else Chars(cr.EPSILON, label)
        case ir.Reference() if root.name in made_up:
            rest = {name: body for name, body in made_up.items() if name != root.name}
            return _body(made_up[root.name], rest)
        case ir.Reference():
            return Name(root.name, 0)
        case ir.Sequence():
            parts = [part for part in root.parts if not (isinstance(part, ir.Terminal) and part.label == "ignored")]
            bodies = tuple(_body(part, made_up) for part in parts)
            return bodies[0] if len(bodies) == 1 else Chain(bodies)
        case ir.Choice():
            return Either(tuple(_body(option, made_up) for option in root.options))
        case ir.Repetition():
            return Times(_body(root.inner, made_up), root.low, root.high)
        case ir.SpecialToken():
            return Token(root.name, False, root.name)
        case _:
            return Chars(cr.EPSILON, getattr(root, "label", None) or type(root).__name__)

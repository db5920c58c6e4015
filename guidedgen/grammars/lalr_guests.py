"""Parts of an LALR grammar that lark does not know: JSON, special tokens, declared terminals, rules with ends.

Each is a *guest* of the automaton: a terminal that no scanner reads. It stands where the parser expects it and competes
with nothing, as such parts do beside Earley's basic lexer. A rule becomes one as a whole: what is in it is its text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from lark.grammar import NonTerminal, Rule, Symbol, Terminal

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import ir
from guidedgen.grammars.captures import nodes_of
from guidedgen.grammars.lark_loader import Loaded

_SOMETHING: Final = ir.Repeat(ir.ByteSet((1 << 256) - 1), 1, None)


def with_guests(
    loaded: Loaded, parts: Mapping[str, ir.Node], *, start: str, keep: Collection[str]
) -> tuple[Loaded, dict[str, ir.Scope]]:
    """The rules as lark's analysis is to see them, and the guests by the names of their terminals.

    Args:
        loaded: the grammar.
        parts: by name of a rule or a declared terminal, what is a guest.
        start: the rule to begin with.
        keep: terminals that are needed although no rule mentions them.

    Raises:
        UnsupportedFeature: a part that is another LALR grammar, or one of structure that may be empty.
    """
    mentioned = {str(symbol.name) for rule in loaded.rules for symbol in rule.expansion}
    parts = {name: node for name, node in parts.items() if name in mentioned or _is_rule(name, loaded)}
    optional = {name for name, node in parts.items() if _may_be_empty(node)}
    guests = {name: ir.Scope(ir.Grammar(start=_something(name, node))) for name, node in parts.items()}
    for name, guest in guests.items():
        if any(isinstance(node, ir.Lalr) for node, _ in nodes_of(guest, guest.grammar)):
            hint = 'Give that one parser="earley", or both.'
            raise UnsupportedFeature(f"terminal {name} is an LALR grammar within another", keyword=name, hint=hint)
    rules = [_with_optional(rule, optional) for rule in loaded.rules if str(rule.origin.name) not in parts]
    options = {str(rule.origin.name): rule.options for rule in loaded.rules}
    for name in parts:
        rule = _is_rule(name, loaded)
        if rule or name in optional:
            rules.append(Rule(NonTerminal(name), [Terminal(name)], options=options.get(name)))
        if name in optional:
            rules.append(Rule(NonTerminal(name), [], order=1, options=options.get(name)))
    rules = _reached(rules, start)
    reached = {str(rule.origin.name) for rule in _reached(list(loaded.rules), start)}
    dead = [rule for rule in loaded.rules if str(rule.origin.name) not in reached]  # lark's scanners read those, too
    used = {*(str(symbol.name) for rule in (*rules, *dead) for symbol in rule.expansion), *loaded.ignored, *keep}
    terminals = [terminal for terminal in loaded.terminals if terminal.name in used]
    return replace(loaded, rules=rules, terminals=terminals), guests


def _is_rule(name: str, loaded: Loaded) -> bool:
    return any(str(rule.origin.name) == name for rule in loaded.rules)


def _with_optional(rule: Rule, optional: Collection[str]) -> Rule:
    """A rule in which terminals that may be empty are rules."""
    if not any(symbol.is_term and str(symbol.name) in optional for symbol in rule.expansion):
        return rule
    body: list[Symbol] = [
        NonTerminal(str(symbol.name)) if symbol.is_term and str(symbol.name) in optional else symbol
        for symbol in rule.expansion
    ]
    return Rule(rule.origin, body, rule.order, rule.alias, rule.options)


def _reached(rules: list[Rule], start: str) -> list[Rule]:
    """Rules without those that only stood in a rule that has become a guest."""
    bodies: dict[str, list[Rule]] = {}
    for rule in rules:
        bodies.setdefault(str(rule.origin.name), []).append(rule)
    seen, work = {start}, [start]
    while work:
        fresh = {str(s.name) for rule in bodies.get(work.pop(), []) for s in rule.expansion if not s.is_term} - seen
        seen |= fresh
        work += fresh
    return [rule for rule in rules if str(rule.origin.name) in seen]


def _something(name: str, node: ir.Node) -> ir.Node:
    """A part without the empty text."""
    if not _may_be_empty(node):
        return node
    match node:
        case ir.Terminal():
            return replace(node, expression=_without_empty(ir.accepted(node.expression)))
        case ir.Limited() | ir.Capture():
            return replace(node, node=_something(name, node.node))
        case ir.Repetition() if (node.low, node.high) == (0, 1):
            return _something(name, node.inner)
        case ir.Choice():
            options = [option for option in node.options if not _is_nothing(option)]
            return ir.Choice(tuple(_something(name, option) for option in options))
    hint = "Let it have at least one character, and make it optional in the rules."
    raise UnsupportedFeature(f"terminal {name} may be empty, which no LALR parser reads", keyword=name, hint=hint)


def _is_nothing(node: ir.Node) -> bool:
    if isinstance(node, ir.Terminal):
        text = node.expression
        return isinstance(text, ir.Epsilon) or (isinstance(text, ir.Literal) and not text.text)
    return isinstance(node, ir.Sequence) and not node.parts


def _without_empty(texts: ir.Expression) -> ir.Expression:
    if isinstance(texts, ir.Union):
        kept = tuple(option for option in texts.options if not isinstance(option, ir.Epsilon))
        if not any(map(_nullable, kept)):
            return kept[0] if len(kept) == 1 else ir.Union(kept)
    return ir.Intersection((texts, _SOMETHING))


def _may_be_empty(node: ir.Node, grammar: ir.Grammar | None = None, within: tuple[str, ...] = ()) -> bool:
    """Whether the empty text is among those of a node."""
    match node:
        case ir.Terminal():
            return not isinstance(node.expression, ir.Longest) and _nullable(node.expression)
        case ir.Sequence():
            return all(_may_be_empty(part, grammar, within) for part in node.parts)
        case ir.Choice():
            return any(_may_be_empty(option, grammar, within) for option in node.options)
        case ir.Repetition():
            return node.low == 0 or _may_be_empty(node.inner, grammar, within)
        case ir.Unordered():
            return node.low == 0 and not any(member.required for member in node.members)
        case ir.Limited() | ir.Capture() | ir.Heated():
            return _may_be_empty(node.node, grammar, within)
        case ir.Scope():
            return _may_be_empty(node.grammar.start, node.grammar)
        case ir.Reference() if grammar is not None and node.name not in within:
            return _may_be_empty(grammar.rules[node.name], grammar, (*within, node.name))
    return False


def _nullable(texts: ir.Expression) -> bool:
    match texts:
        case ir.Epsilon():
            return True
        case ir.Literal():
            return not texts.text
        case ir.Concat() | ir.Intersection():
            return all(map(_nullable, texts.parts))
        case ir.Union():
            return any(map(_nullable, texts.options))
        case ir.Complement():
            return not _nullable(texts.inner)
        case ir.Repeat():
            return texts.low == 0 or _nullable(texts.inner)
        case ir.Automaton():
            states, _, least = texts.table[:3].tolist()
            accepting = texts.table[len(texts.table) - (states + 31) // 32]
            return bool(least == 0 and accepting & 1)
    return False

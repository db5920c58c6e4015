"""Lark grammars as text (https://lark-parser.readthedocs.io): to rules over lexemes.

The language is that of lark's Earley parser with `lexer="dynamic_complete"`: context-free, every terminal may match
wherever its pattern does, and there is no longest match, no keyword priority and no lexer state. Texts of `%ignore` may
stand before, between and after all terminals; they too may end early, where lark takes the longest match at once (with
`%ignore /#.*/`, "#a" may also be "#", ignored, and then "a"). Priorities and aliases shape trees, not texts: they have
no effect here. A terminal's pattern sees only its own text: tests that would look beyond it are refused. Its lazy
quantifiers stop as in `re.match`; the order of its alternatives does not matter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from lark.grammar import NonTerminal, Rule, Symbol
from lark.lexer import PatternStr, TerminalDef

from guidedgen.errors import CompileError, GrammarSyntaxError, UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.lark_extensions import Extended, extend
from guidedgen.grammars.lark_loader import Loaded, load, place_of, without_comments
from guidedgen.grammars.lark_rules import Terminals, placeholder_nodes, with_attributes
from guidedgen.grammars.regex_text import parse_terminal
from guidedgen.limits import Limits

_DEFAULT_LIMITS: Final = Limits()
_LOOK_AHEAD: Final = re.compile(r"(?<!\\)\(\?[=!]|\\b")


def parse(
    text: str,
    *,
    start: str = "start",
    import_paths: Iterable[str] = (),
    limits: Limits = _DEFAULT_LIMITS,
    terminals: Mapping[str, ir.Node] | None = None,
    json: ir.JsonText | None = None,
) -> ir.Grammar:
    """Return the grammar that a Lark text describes; rules and terminals keep their names as labels.

    Args:
        text: the grammar; `lark_extensions.py` lists what it may say beyond lark's.
        start: the rule to begin with.
        import_paths: folders in which `%import` looks before lark's own library.
        limits: bounds on the text and on what it expands to.
        terminals: what `%declare`d terminals stand for.
        json: how the texts of `%json` are read and laid out; its schema does not matter.

    Raises:
        GrammarSyntaxError: the text is no Lark grammar, a name is not defined, or a pattern is invalid.
        UnsupportedFeature: a `%declare`d terminal that is not given, or a pattern that is not regular.
        LimitExceeded: one of `limits`.
    """
    limits.check("schema_bytes", len(text))
    extended = extend(text)
    loaded = load_extended(extended, start=start, import_paths=import_paths, limits=limits)
    nodes = {**(terminals or {}), **placeholder_nodes(extended, json)}
    named = _terminals(extended, loaded, terminals or {}, limits)
    names = {str(s.name) for rule in loaded.rules for s in rule.expansion if not isinstance(s, NonTerminal)}
    known = {terminal.name for terminal in loaded.terminals} | set(extended.terminals)
    expressions = {name: named(name) for name in {*names, *loaded.ignored} if name in known}
    ignored = _ignored(expressions, loaded.ignored)
    labels = {terminal.name: _label(terminal, loaded) for terminal in loaded.terminals}
    bare: dict[str, ir.Node] = {
        name: ir.Terminal(cr.to_utf8(found), labels.get(name, name)) for name, found in expressions.items()
    }
    bare.update(nodes)
    lexemes = {name: _followed_by(node, ignored) for name, node in bare.items()}
    origins = _by_origin(loaded.rules)
    rules = {name: _body(name, options, lexemes) for name, options in origins.items()}
    first: ir.Node = ir.Reference(start)
    grammar = ir.Grammar(start=first if ignored is None else ir.Sequence((ignored, first)), rules=rules)
    for name, attributes in extended.attributes.items():
        if name in rules:
            single = all(len(option) == 1 and str(option[0].name) in bare for option in origins[name])
            body = _body(name, origins[name], bare) if single else rules[name]
            closed = single and all(_is_closed(expressions.get(str(option[0].name))) for option in origins[name])
            held = with_attributes(name, body, grammar, attributes, named, ignored, closed)
            rules[name] = _followed_by(held, ignored) if single or not attributes.captures_only else held
    return grammar


def _is_closed(expression: cr.Regex | None) -> bool:
    """Whether all that its texts begin with is among its texts, as far as the form shows."""
    free = isinstance(expression, cr.Repeat) and expression.low == 0 and isinstance(expression.inner, cr.CharSet)
    return free or isinstance(expression, cr.Epsilon)


def load_extended(extended: Extended, *, start: str, import_paths: Iterable[str], limits: Limits) -> Loaded:
    """What lark makes of a text without its extensions; errors are about the text that was given."""
    keep = bool(extended.terminals or extended.literals or extended.attributes)
    try:
        return load(extended.text, start=start, import_paths=import_paths, limits=limits, keep_terminals=keep)
    except GrammarSyntaxError as error:
        if not extended.extended:
            raise
        raise extended.error(error) from None


def _terminals(extended: Extended, loaded: Loaded, given: Mapping[str, ir.Node], limits: Limits) -> Terminals:
    by_name = {terminal.name: terminal for terminal in loaded.terminals}

    def plain(name: str) -> cr.Regex | None:
        terminal = by_name.get(name)
        return None if terminal is None else _expression(terminal, extended, limits)

    return Terminals(plain, extended, given)


def lint(
    text: str, *, start: str = "start", import_paths: Iterable[str] = (), limits: Limits = _DEFAULT_LIMITS
) -> tuple[str, ...]:
    """Return notes about a grammar that can be read but may not say what was meant; raises as `parse` does."""
    extended = extend(text)
    loaded = load_extended(extended, start=start, import_paths=import_paths, limits=limits)
    return tuple(told for _, told in remarks(loaded, extended, text, limits))


def remarks(loaded: Loaded, extended: Extended, text: str, limits: Limits) -> list[tuple[str, str]]:
    """The same for a loaded grammar: names of rules and terminals, each with what is odd about it."""
    return [*_unused_rules(loaded), *_unused_terminals(loaded, text), *_odd_terminals(loaded, extended, limits)]


def _expression(terminal: TerminalDef, extended: Extended, limits: Limits) -> cr.Regex:
    pattern = terminal.pattern
    if isinstance(pattern, PatternStr) and not pattern.flags:
        return cr.literal(pattern.value)
    try:
        return parse_terminal(pattern.to_regexp(), limits=limits)
    except GrammarSyntaxError as error:
        text, place = extended.source.text, extended.literals.get(terminal.name)
        line, column = place_of(text, terminal.name) if place is None else extended.source.line_and_column(place)
        called = f"terminal {terminal.name}" if place is None else "a pattern"
        message = f"{called}: {error.reason} in /{pattern.to_regexp()}/"
        hint = error.hint or "Correct the pattern."
        raise GrammarSyntaxError(
            message, line=line, column=column, source=text, keyword=terminal.name, hint=hint
        ) from None
    except UnsupportedFeature as error:
        message = f"terminal {terminal.name}: {error.reason}"
        raise UnsupportedFeature(message, keyword=terminal.name, hint=error.hint) from None


def _label(terminal: TerminalDef, loaded: Loaded) -> str:
    """What people call a terminal: its name, or its text or pattern where lark made the name up."""
    pattern = terminal.pattern
    if terminal.name in loaded.defined_terminals:
        return str(terminal.name)
    literal = isinstance(pattern, PatternStr)
    written = json.dumps(pattern.value, ensure_ascii=False) if literal else f"/{pattern.value}/"
    return written + "".join(sorted(pattern.flags))


def _ignored(expressions: Mapping[str, cr.Regex], names: Iterable[str]) -> ir.Terminal | None:
    """Any run of ignored texts, as one lexeme."""
    parts = [expressions[name] for name in names if name in expressions]
    if not parts:
        return None
    return ir.Terminal(cr.to_utf8(cr.repeat(cr.union(parts), 0, None)), "ignored")


def _followed_by(terminal: ir.Node, ignored: ir.Terminal | None) -> ir.Node:
    return terminal if ignored is None else ir.Sequence((terminal, ignored))


def _by_origin(rules: Iterable[Rule]) -> dict[str, list[list[Symbol]]]:
    options: dict[str, list[list[Symbol]]] = {}
    for rule in rules:
        options.setdefault(str(rule.origin.name), []).append(list(rule.expansion))
    return options


def _body(name: str, options: list[list[Symbol]], lexemes: Mapping[str, ir.Node]) -> ir.Node:
    """A rule's alternatives; the left-recursive lists that lark makes of `x+` become repetitions again."""
    itself = NonTerminal(name)
    longer = [option[1:] for option in options if len(option) > 1 and option[0] == itself]
    shorter = [option for option in options if option[:1] != [itself]]
    nodes = [_sequence(option, lexemes) for option in shorter]
    single = nodes[0] if len(nodes) == 1 else ir.Choice(tuple(nodes))
    if longer and longer == shorter:
        return ir.Repetition(single, 1, None)
    rest = [_sequence(option, lexemes) for option in options if option[:1] == [itself]]
    return ir.Choice((*nodes, *rest)) if rest else single


def _sequence(symbols: list[Symbol], lexemes: Mapping[str, ir.Node]) -> ir.Node:
    nodes = tuple(_node(symbol, lexemes) for symbol in symbols)
    return nodes[0] if len(nodes) == 1 else ir.Sequence(nodes)


def _node(symbol: Symbol, lexemes: Mapping[str, ir.Node]) -> ir.Node:
    name = str(symbol.name)
    if isinstance(symbol, NonTerminal):
        return ir.Reference(name)
    if name not in lexemes:
        message = f"terminal {name} is declared but has no pattern"
        raise UnsupportedFeature(message, keyword=name, hint=f"Define it: {name}: /pattern/.")
    return lexemes[name]


def _unused_rules(loaded: Loaded) -> list[tuple[str, str]]:
    used = {str(rule.origin.name).split("{")[0] for rule in loaded.rules}
    return [(name, f"rule {name} is never reached") for name in loaded.defined_rules if name not in used]


def _unused_terminals(loaded: Loaded, text: str) -> list[tuple[str, str]]:
    used = {terminal.name for terminal in loaded.terminals}
    bare = without_comments(text)

    def mentions(name: str) -> int:
        return len(re.findall(rf"(?<!\w){re.escape(name)}(?!\w)", bare))

    return [
        (name, f"terminal {name} is never used")
        for name in loaded.defined_terminals
        if name not in used and mentions(name) == 1
    ]


def _odd_terminals(loaded: Loaded, extended: Extended, limits: Limits) -> list[tuple[str, str]]:
    notes: list[tuple[str, str]] = []
    for terminal in loaded.terminals:
        try:
            nullable = _expression(terminal, extended, limits).nullable
        except CompileError as error:
            notes.append((terminal.name, str(error)))
            continue
        if nullable:
            told = f"terminal {terminal.name} matches the empty text, which lark's own Earley parser refuses"
            notes.append((terminal.name, told))
        if not isinstance(terminal.pattern, PatternStr) and _LOOK_AHEAD.search(terminal.pattern.value):
            told = f"terminal {terminal.name} looks ahead, but only at its own text, not at what follows it"
            notes.append((terminal.name, told))
    return notes

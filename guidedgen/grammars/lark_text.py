"""Lark grammars as text (https://lark-parser.readthedocs.io): to rules over lexemes, for lark's Earley parser.

Which texts terminals take, and what is ignored between them, is decided as by the lexer that is chosen
(`lark_lexing.py`, docs/concepts/lexing.md). Priorities of rules and aliases shape trees, not texts: they have no effect
here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

from lark.grammar import NonTerminal, Rule, Symbol
from lark.lexer import PatternStr, TerminalDef

from guidedgen.errors import CompileError, GrammarSyntaxError, UnsupportedFeature
from guidedgen.grammars import ir, lark_lexing
from guidedgen.grammars.lark_loader import Loaded, load, place_of, without_comments
from guidedgen.grammars.preferred import Preferred, preferred, preferred_literal
from guidedgen.limits import Limits

_DEFAULT_LIMITS: Final = Limits()

EarleyLexer: TypeAlias = Literal["dynamic", "dynamic_complete", "basic"]


def parse(
    text: str,
    *,
    start: str = "start",
    lexer: EarleyLexer = "dynamic",
    import_paths: Iterable[str] = (),
    limits: Limits = _DEFAULT_LIMITS,
) -> ir.Grammar:
    """Return the grammar that a Lark text describes; rules and terminals keep their names as labels.

    Args:
        text: the grammar.
        start: the rule to begin with.
        lexer: which of lark's lexers for Earley decides what terminals take.
        import_paths: folders in which `%import` looks before lark's own library.
        limits: bounds on the text and on what it expands to.

    Raises:
        GrammarSyntaxError: the text is no Lark grammar, a name is not defined, or a pattern is invalid.
        UnsupportedFeature: a `%declare`d terminal, or a pattern that is not regular or looks around in a way that is
            not enforced.
        LimitExceeded: one of `limits`.
    """
    loaded = load(text, start=start, import_paths=import_paths, limits=limits)
    taken = {terminal.name: taken_texts(terminal, text, limits) for terminal in loaded.terminals}
    if lexer == "basic":
        lexemes = lark_lexing.basic(loaded.terminals, taken, loaded.ignored)
    else:
        lexemes = lark_lexing.dynamic(taken, loaded.ignored, lexer)
    rules = {name: _body(name, options, lexemes.nodes) for name, options in _by_origin(loaded.rules).items()}
    first: ir.Node = ir.Reference(start)
    whole = first if lexemes.ignored is None else ir.Sequence((lexemes.ignored, first))
    return ir.Grammar(start=whole, rules=rules)


def lint(
    text: str, *, start: str = "start", import_paths: Iterable[str] = (), limits: Limits = _DEFAULT_LIMITS
) -> tuple[str, ...]:
    """Return notes about a grammar that can be read but may not say what was meant; raises as `parse` does."""
    loaded = load(text, start=start, import_paths=import_paths, limits=limits)
    return (*_unused_rules(loaded), *_unused_terminals(loaded, text), *_odd_terminals(loaded, text, limits))


def taken_texts(terminal: TerminalDef, text: str, limits: Limits) -> Preferred:
    """What a lexer can take of a terminal; errors name its place in the grammar `text`."""
    pattern = terminal.pattern
    if isinstance(pattern, PatternStr) and not pattern.flags:
        return preferred_literal(pattern.value)
    try:
        return preferred(pattern.to_regexp(), limits=limits)
    except GrammarSyntaxError as error:
        line, column = place_of(text, terminal.name)
        message = f"terminal {terminal.name}: {error.reason} in /{pattern.to_regexp()}/"
        hint = error.hint or "Correct the pattern."
        raise GrammarSyntaxError(
            message, line=line, column=column, source=text, keyword=terminal.name, hint=hint
        ) from None
    except UnsupportedFeature as error:
        message = f"terminal {terminal.name}: {error.reason}"
        raise UnsupportedFeature(message, keyword=terminal.name, hint=error.hint) from None


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


def _unused_rules(loaded: Loaded) -> list[str]:
    used = {str(rule.origin.name).split("{")[0] for rule in loaded.rules}
    return [f"rule {name} is never reached" for name in loaded.defined_rules if name not in used]


def _unused_terminals(loaded: Loaded, text: str) -> list[str]:
    used = {terminal.name for terminal in loaded.terminals}
    bare = without_comments(text)

    def mentions(name: str) -> int:
        return len(re.findall(rf"(?<!\w){re.escape(name)}(?!\w)", bare))

    return [
        f"terminal {name} is never used"
        for name in loaded.defined_terminals
        if name not in used and mentions(name) == 1
    ]


def _odd_terminals(loaded: Loaded, text: str, limits: Limits) -> list[str]:
    notes = []
    for terminal in loaded.terminals:
        try:
            nullable = taken_texts(terminal, text, limits).texts.nullable
        except CompileError as error:
            notes.append(str(error))
            continue
        if nullable:
            notes.append(f"terminal {terminal.name} matches the empty text, which lark's own Earley parser refuses")
    return notes

"""Lark grammars as text (https://lark-parser.readthedocs.io): to rules over lexemes.

The language is that of lark's Earley parser with `lexer="dynamic_complete"`: context-free, every terminal may match
wherever its pattern does, and there is no longest match, no keyword priority and no lexer state. Texts of `%ignore` may
stand before, between and after all terminals; they too may end early, where lark takes the longest match at once (with
`%ignore /#.*/`, "#a" may also be "#", ignored, and then "a"). Priorities and aliases shape trees, not texts: they have
no effect here. A terminal's pattern sees only its own text: tests that would look beyond it are refused. Its lazy
quantifiers stop as in `re.match`; the order of its alternatives does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from lark.grammar import NonTerminal, Rule, Symbol
from lark.lexer import PatternStr, TerminalDef

from guidedgen.errors import CompileError, GrammarSyntaxError, UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.lark_loader import Loaded, load, place_of, without_comments
from guidedgen.grammars.regex_text import parse_terminal
from guidedgen.limits import Limits

_DEFAULT_LIMITS: Final = Limits()
_LOOK_AHEAD: Final = re.compile(r"(?<!\\)\(\?[=!]|\\b")


def parse(
    text: str, *, start: str = "start", import_paths: Iterable[str] = (), limits: Limits = _DEFAULT_LIMITS
) -> ir.Grammar:
    """Return the grammar that a Lark text describes; rules and terminals keep their names as labels.

    Args:
        text: the grammar.
        start: the rule to begin with.
        import_paths: folders in which `%import` looks before lark's own library.
        limits: bounds on the text and on what it expands to.

    Raises:
        GrammarSyntaxError: the text is no Lark grammar, a name is not defined, or a pattern is invalid.
        UnsupportedFeature: a `%declare`d terminal, or a pattern that is not regular.
        LimitExceeded: one of `limits`.
    """
    loaded = load(text, start=start, import_paths=import_paths, limits=limits)
    expressions = {terminal.name: terminal_regex(terminal, text, limits) for terminal in loaded.terminals}
    ignored = _ignored(expressions, loaded.ignored)
    lexemes: dict[str, ir.Node] = {
        name: _followed_by(ir.Terminal(cr.to_utf8(expression), name), ignored)
        for name, expression in expressions.items()
    }
    rules = {name: _body(name, options, lexemes) for name, options in _by_origin(loaded.rules).items()}
    first: ir.Node = ir.Reference(start)
    return ir.Grammar(start=first if ignored is None else ir.Sequence((ignored, first)), rules=rules)


def lint(
    text: str, *, start: str = "start", import_paths: Iterable[str] = (), limits: Limits = _DEFAULT_LIMITS
) -> tuple[str, ...]:
    """Return notes about a grammar that can be read but may not say what was meant; raises as `parse` does."""
    loaded = load(text, start=start, import_paths=import_paths, limits=limits)
    return (*_unused_rules(loaded), *_unused_terminals(loaded, text), *_odd_terminals(loaded, text, limits))


def terminal_regex(terminal: TerminalDef, text: str, limits: Limits) -> cr.Regex:
    """The texts of a terminal; errors name its place in the grammar `text`."""
    pattern = terminal.pattern
    if isinstance(pattern, PatternStr) and not pattern.flags:
        return cr.literal(pattern.value)
    try:
        return parse_terminal(pattern.to_regexp(), limits=limits)
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


def _ignored(expressions: Mapping[str, cr.Regex], names: Iterable[str]) -> ir.Terminal | None:
    """Any run of ignored texts, as one lexeme."""
    parts = [expressions[name] for name in names if name in expressions]
    if not parts:
        return None
    return ir.Terminal(cr.to_utf8(cr.repeat(cr.union(parts), 0, None)), "ignored")


def _followed_by(terminal: ir.Terminal, ignored: ir.Terminal | None) -> ir.Node:
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
            nullable = terminal_regex(terminal, text, limits).nullable
        except CompileError as error:
            notes.append(str(error))
            continue
        if nullable:
            notes.append(f"terminal {terminal.name} matches the empty text, which lark's own Earley parser refuses")
        if not isinstance(terminal.pattern, PatternStr) and _LOOK_AHEAD.search(terminal.pattern.value):
            notes.append(f"terminal {terminal.name} looks ahead, but only at its own text, not at what follows it")
    return notes

"""Lark grammars as text (https://lark-parser.readthedocs.io): to rules over lexemes, for lark's Earley parser.

Which texts terminals take, and what is ignored between them, is decided as by the lexer that is chosen
(`lark_lexing.py`, docs/concepts/lexing.md). Priorities of rules and aliases shape trees, not texts: they have no effect
here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from lark.grammar import NonTerminal, Rule, Symbol
from lark.lexer import PatternStr, TerminalDef

from guidedgen.errors import CompileError, GrammarSyntaxError, LimitExceeded, UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir, lark_lexing
from guidedgen.grammars.lark_extensions import Extended, extend
from guidedgen.grammars.lark_hints import place_of_pattern
from guidedgen.grammars.lark_loader import Loaded, check_text, load, place_of, without_comments
from guidedgen.grammars.lark_rules import Terminals, placeholder_nodes, with_attributes
from guidedgen.grammars.preferred import Preferred, preferred, preferred_literal
from guidedgen.grammars.regex_text import parse_terminal
from guidedgen.grammars.regex_tree import Tree
from guidedgen.limits import Limits

_DEFAULT_LIMITS: Final = Limits()
_ESCAPES: Final = str.maketrans({"\n": r"\n", "\r": r"\r", "\t": r"\t"})  # lark writes these out in patterns
_MADE_UP: Final = re.compile(r"__(?:IGNORE|ANON)_\d+")  # lark's names for terminals without one


@dataclass(frozen=True)
class _Held:
    """A rule with attributes.

    Attributes:
        node: its texts.
        ends: whether what is ignored behind its text is not part of it yet.
    """

    node: ir.Node
    ends: bool


EarleyLexer: TypeAlias = Literal["dynamic", "dynamic_complete", "basic"]


def parse(
    text: str,
    *,
    start: str = "start",
    lexer: EarleyLexer = "dynamic",
    import_paths: Iterable[str] = (),
    limits: Limits = _DEFAULT_LIMITS,
    terminals: Mapping[str, ir.Node] | None = None,
    json: ir.JsonText | None = None,
) -> ir.Grammar:
    """Return the grammar that a Lark text describes; rules and terminals keep their names as labels.

    Args:
        text: the grammar; `lark_extensions.py` lists what it may say beyond lark's.
        start: the rule to begin with.
        lexer: which of lark's lexers for Earley decides what terminals take.
        import_paths: folders in which `%import` looks before lark's own library.
        limits: bounds on the text and on what it expands to.
        terminals: what `%declare`d terminals stand for.
        json: how the texts of `%json` are read and laid out; its schema does not matter.

    Raises:
        GrammarSyntaxError: the text is no Lark grammar, a name is not defined, or a pattern is invalid.
        UnsupportedFeature: a `%declare`d terminal that is not given, or a pattern that is not regular or looks around
            in a way that is not enforced.
        LimitExceeded: one of `limits`.
    """
    check_text(text, limits)
    extended = extend(text)
    loaded = load_extended(extended, start=start, import_paths=import_paths, limits=limits)
    try:
        return _assembled(extended, loaded, start, lexer, limits, terminals or {}, json)
    except RecursionError:
        detail = "terminals or rules are made of each other more levels deep than can be followed"
        raise LimitExceeded("depth", limits.depth, detail) from None


def _assembled(
    extended: Extended,
    loaded: Loaded,
    start: str,
    lexer: EarleyLexer,
    limits: Limits,
    terminals: Mapping[str, ir.Node],
    json: ir.JsonText | None,
) -> ir.Grammar:
    """The grammar of what lark has read; see `parse`."""
    nodes = {**terminals, **placeholder_nodes(extended, json, limits)}
    named = _terminals(extended, loaded, terminals, limits)
    lexemes = _lexemes(extended, loaded, named, lexer, start, limits)
    grammar, _ = _with_held_rules(extended, loaded, start, nodes, named, lexemes)
    rules = {
        name: body if (heat := _heat(extended, name)) is None else ir.Heated(body, heat)
        for name, body in grammar.rules.items()
    }
    return ir.Grammar(start=grammar.start, rules=rules)


def _heat(extended: Extended, name: str) -> float | None:
    return extended.attributes[name].temperature if name in extended.attributes else None


def _with_held_rules(
    extended: Extended,
    loaded: Loaded,
    start: str,
    nodes: Mapping[str, ir.Node],
    named: Terminals,
    lexemes: lark_lexing.Lexemes,
) -> tuple[ir.Grammar, dict[str, _Held]]:
    """The rules as they stand, and those with attributes as these make them."""
    bare = {**lexemes.bare, **nodes}
    followed = {
        **lexemes.nodes,
        **{name: lark_lexing.followed_by(node, lexemes.ignored) for name, node in nodes.items()},
    }
    origins = _by_origin(loaded.rules)
    rules = {name: _body(name, options, followed) for name, options in origins.items()}
    first: ir.Node = ir.Reference(start)
    whole = first if lexemes.ignored is None else ir.Sequence((lexemes.ignored, first))
    grammar = ir.Grammar(start=whole, rules=rules)
    held: dict[str, _Held] = {}
    for name in _inner_first(origins):
        if name in extended.attributes:
            one = _with_attributes(name, origins[name], bare, grammar, extended, named, lexemes.ignored)
            rules[name] = lark_lexing.followed_by(one.node, lexemes.ignored) if one.ends else one.node
            held[name] = one
    return grammar, held


def _inner_first(options: Mapping[str, list[list[Symbol]]]) -> list[str]:
    """The rules, each behind those that it is made of, as far as they are not made of it."""
    order: list[str] = []
    seen: set[str] = set()
    for start in options:
        work = [(start, False)]
        while work:
            name, done = work.pop()
            if done:
                order.append(name)
            elif name not in seen:
                seen.add(name)
                inner = [str(s.name) for option in options[name] for s in option if isinstance(s, NonTerminal)]
                work += [(name, True), *((one, False) for one in inner if one in options)]
    return order


def parts_beside(
    extended: Extended,
    loaded: Loaded,
    *,
    start: str,
    lexer: EarleyLexer,
    limits: Limits,
    terminals: Mapping[str, ir.Node],
    json: ir.JsonText | None,
) -> dict[str, ir.Node]:
    """What a grammar has that lark does not know, by the name of a terminal or rule, without what is ignored behind it.

    Declared terminals, JSON, special tokens, terminals with operators; and the texts of rules with limits and ends.
    """
    nodes = {**terminals, **placeholder_nodes(extended, json, limits)}
    named = _terminals(extended, loaded, terminals, limits)
    lexemes = _lexemes(extended, loaded, named, lexer, start, limits)
    _, held = _with_held_rules(extended, loaded, start, nodes, named, lexemes)
    wanted = {name: one.node for name, one in held.items() if not extended.attributes[name].captures_only}
    return nodes | {name: lexemes.bare[name] for name in extended.terminals if name in lexemes.bare} | wanted


def _lexemes(
    extended: Extended, loaded: Loaded, named: Terminals, lexer: EarleyLexer, start: str, limits: Limits
) -> lark_lexing.Lexemes:
    """The terminals that rules name, as the lexer reads them."""
    names = {str(s.name) for rule in loaded.rules for s in rule.expansion if not isinstance(s, NonTerminal)}
    used = [terminal for terminal in loaded.terminals if terminal.name in {*names, *loaded.ignored}]
    taken = {terminal.name: taken_texts(terminal, extended, limits) for terminal in used}
    labels = {terminal.name: label_of_terminal(terminal, loaded) for terminal in used}
    composite = [name for name in extended.terminals if name in {*names, *loaded.ignored}]
    check_tests_before(taken, extended)
    if lexer != "basic":
        taken.update((name, Preferred(named(name))) for name in composite)
        return lark_lexing.dynamic(taken, loaded.ignored, lexer, labels)
    competing = _competing(loaded, extended, start)
    beside = {name: found for name, found in taken.items() if name not in competing}
    beside |= {name: Preferred(named(name)) for name in composite}
    rivals = [terminal for terminal in used if terminal.name in competing]
    return lark_lexing.basic(rivals, taken, loaded.ignored, labels, beside)


def _competing(loaded: Loaded, extended: Extended, start: str) -> set[str]:
    """The terminals that a lexer reads: not those of rules with limits or ends alone, which say where they end."""
    held = {name for name, found in extended.attributes.items() if not found.captures_only}
    origins = _by_origin(loaded.rules)
    outside = _reached(origins, start, held)
    dead = origins.keys() - _reached(
        origins, start, set()
    )  # rules that only mention each other: lark reads on for them
    rules = {*outside, *dead} - held
    symbols = (symbol for name in rules for option in origins.get(name, []) for symbol in option)
    return {str(symbol.name) for symbol in symbols if not isinstance(symbol, NonTerminal)} | set(loaded.ignored)


def _reached(origins: Mapping[str, list[list[Symbol]]], start: str, closed: Collection[str]) -> set[str]:
    """The rules that a rule leads to, without a look into some."""
    seen, work = {start}, [start]
    while work:
        name = work.pop()
        for symbol in (symbol for option in origins.get(name, []) for symbol in option if name not in closed):
            inner = str(symbol.name)
            if isinstance(symbol, NonTerminal) and inner not in seen:
                seen.add(inner)
                work.append(inner)
    return seen


def check_tests_before(taken: Mapping[str, Preferred], extended: Extended, made: Collection[str] = ()) -> None:
    """Refuse tests of the text before a terminal where that is not known. `made`: declared terminals without a text."""
    held = any(not attributes.captures_only for attributes in extended.attributes.values())
    if not (extended.placeholders or extended.declared - set(made) or held):
        return
    for name, found in taken.items():
        if found.looks is not None:
            what = "JSON, special tokens, declared terminals, and rules with limits or ends"
            message = f"terminal {name} tests the text before it, beside {what}"
            raise UnsupportedFeature(message, keyword=name, hint="Say in the grammar what may stand there.")


def _with_attributes(
    name: str,
    options: list[list[Symbol]],
    bare: Mapping[str, ir.Node],
    grammar: ir.Grammar,
    extended: Extended,
    named: Terminals,
    ignored: ir.Node | None,
) -> _Held:
    """A rule with what is said about it. A body that is terminals only is taken without what is ignored behind them."""
    attributes = extended.attributes[name]
    terminals = [str(option[0].name) for option in options if len(option) == 1 and str(option[0].name) in bare]
    single = len(terminals) == len(options)
    wanted = () if attributes.captures_only else terminals
    texts = [named(terminal) for terminal in wanted if named.knows(terminal)]
    body = grammar.rules[name]
    if single and len(texts) == len(terminals) and not attributes.captures_only:
        body = ir.Terminal(cr.to_utf8(cr.union(texts)), name)  # all that patterns match: where it ends is said here
    elif single:
        body = _body(name, options, bare)
    closed = single and len(texts) == len(terminals) and all(map(_is_closed, texts))
    held = with_attributes(name, body, grammar, attributes, named, ignored, closed)
    return _Held(held, ends=single or not attributes.captures_only)


def _is_closed(expression: cr.Regex) -> bool:
    """Whether all that its texts begin with is among its texts, as far as the form shows."""
    free = isinstance(expression, cr.Repeat) and expression.low == 0 and isinstance(expression.inner, cr.CharSet)
    return free or isinstance(expression, cr.Epsilon)


def load_extended(
    extended: Extended, *, start: str, import_paths: Iterable[str], limits: Limits, keep: Iterable[str] = ()
) -> Loaded:
    """What lark makes of a text without its extensions; errors are about the text that was given."""
    every = bool(extended.terminals or extended.literals or extended.attributes)
    try:
        return load(
            extended.text, start=start, import_paths=import_paths, limits=limits, keep=keep, keep_terminals=every
        )
    except GrammarSyntaxError as error:
        if not extended.extended:
            raise
        raise extended.error(error) from None


def _terminals(extended: Extended, loaded: Loaded, given: Mapping[str, ir.Node], limits: Limits) -> Terminals:
    by_name = {terminal.name: terminal for terminal in loaded.terminals}

    def plain(name: str) -> cr.Regex | None:
        terminal = by_name.get(name)
        return None if terminal is None else matched_texts(terminal, extended, limits)

    return Terminals(plain, extended, given, frozenset(by_name))


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


def matched_texts(terminal: TerminalDef, extended: Extended, limits: Limits) -> cr.Regex:
    """All texts that a terminal's pattern matches; errors as of `taken_texts`."""
    pattern = terminal.pattern
    if isinstance(pattern, PatternStr) and not pattern.flags:
        return cr.literal(pattern.value)
    with _pattern_errors(terminal, extended):
        return parse_terminal(pattern.to_regexp(), limits=limits)


def taken_texts(terminal: TerminalDef, extended: Extended, limits: Limits) -> Preferred:
    """What a lexer can take of a terminal; errors name its place in the grammar."""
    pattern = terminal.pattern
    if isinstance(pattern, PatternStr) and not pattern.flags:
        return preferred_literal(pattern.value)
    with _pattern_errors(terminal, extended):
        found = preferred(pattern.to_regexp(), limits=limits)
    if found.within is None:
        return found
    within = found.within

    def told(tree: Tree) -> Preferred:
        with _pattern_errors(terminal, extended):
            return within(tree)

    return replace(found, within=told)


@contextmanager
def _pattern_errors(terminal: TerminalDef, extended: Extended) -> Iterator[None]:
    """Errors in a terminal's pattern name the terminal and its place in the grammar."""
    place = extended.literals.get(terminal.name)
    called = f"terminal {terminal.name}" if place is None else "a pattern"
    try:
        yield
    except GrammarSyntaxError as error:
        text = extended.source.text
        line, column = place_of(text, terminal.name) if place is None else extended.source.line_and_column(place)
        called = f"terminal {terminal.name}" if place is None and line is not None else "a pattern"
        if line is None:  # lark made the name up
            line, column = place_of_pattern(text, terminal.pattern.value)
        message = f"{called}: {error.reason} in /{terminal.pattern.to_regexp()}/"
        hint = error.hint or "Correct the pattern."
        raise GrammarSyntaxError(
            message, line=line, column=column, source=text, keyword=terminal.name, hint=hint
        ) from None
    except UnsupportedFeature as error:
        raise UnsupportedFeature(f"{called}: {error.reason}", keyword=terminal.name, hint=error.hint) from None


def label_of_terminal(terminal: TerminalDef, loaded: Loaded) -> str:
    """What people call a terminal: its name, or its text or pattern where lark made the name up."""
    pattern = terminal.pattern
    if terminal.name in loaded.defined_terminals and not _MADE_UP.fullmatch(terminal.name):
        return str(terminal.name)
    literal = isinstance(pattern, PatternStr)
    written = json.dumps(pattern.value, ensure_ascii=False) if literal else f"/{pattern.value.translate(_ESCAPES)}/"
    return written + "".join(sorted(pattern.flags))


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
            nullable = taken_texts(terminal, extended, limits).whole.nullable
        except CompileError as error:
            notes.append((terminal.name, str(error)))
            continue
        if nullable:
            told = f"terminal {terminal.name} matches the empty text, which lark's own Earley parser refuses"
            notes.append((terminal.name, told))
    return notes

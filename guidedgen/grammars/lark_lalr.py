"""Lark grammars for lark's LALR(1) parser: to an automaton that accepts what `lark.Lark(text, parser="lalr")` parses.

Conflicts are resolved as lark does: a shift wins over a reduction, and of several reductions that of the rule with the
highest priority; where that does not decide, the grammar is refused. Indentation stands for lark's `Indenter`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from lark.exceptions import GrammarError
from lark.lexer import TerminalDef

from guidedgen.errors import CompileError, GrammarSyntaxError, UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.lalr_guests import with_guests
from guidedgen.grammars.lalr_tables import Blocks, LalrLexer, build
from guidedgen.grammars.lark_extensions import Extended, extend
from guidedgen.grammars.lark_lexing import is_told, scanned
from guidedgen.grammars.lark_loader import Loaded, check_text, lark_errors, place_of
from guidedgen.grammars.lark_readings import Lexeme, Marks, Readings
from guidedgen.grammars.lark_text import check_tests_before, label_of_terminal, load_extended, parts_beside, taken_texts
from guidedgen.grammars.preferred import Preferred
from guidedgen.limits import Limits

_DEFAULT_LIMITS: Final = Limits()
_COLLISION: Final = re.compile(r"collision in Terminal\('([^']*)'\)")
_RULE: Final = re.compile(r"<(.*)>", re.DOTALL)
_MOST_COLUMNS: Final = 1000
_NOTHING: Final = ir.Sequence(())


@dataclass(frozen=True, kw_only=True)
class Indentation:
    """Blocks by indentation, as `lark.indenter.Indenter` reads them; the defaults fit lark's own Python grammar.

    A line's column is where its text begins. Deeper than the line before, the newline is followed by `indent`; at a
    column of an outer block, by one `dedent` for each block that ends there; at another column, the text is refused.
    Within brackets newlines count as ignored. The end of the text ends all blocks.

    Args:
        newline: the terminal that a line ends with. Its text has all up to the first text of the next line: blanks, and
            lines with blanks and comments alone.
        indent: declared by `%declare`, what a block begins with.
        dedent: declared by `%declare`, what a block ends with.
        open: terminals that open brackets.
        close: terminals that close brackets.
        tab: how many columns a tab stands for. None: lines begin with tabs, then blanks, and those of a block with all
            that the line around begins with, so that no width decides; other mixtures are refused. lark always counts.
        deepest: the most columns by which a block may stand to the right of the one around it. lark has no such bound.

    Raises:
        CompileError: a width that is not positive, or that is beyond all reason.
    """

    newline: str = "_NEWLINE"
    indent: str = "_INDENT"
    dedent: str = "_DEDENT"
    open: tuple[str, ...] = field(default=("LPAR", "LSQB", "LBRACE"))
    close: tuple[str, ...] = field(default=("RPAR", "RSQB", "RBRACE"))
    tab: int | None = 8
    deepest: int = 16

    def __post_init__(self) -> None:
        """Check the widths."""
        for name in ("tab", "deepest"):
            value = getattr(self, name)
            if name == "tab" and value is None:
                continue
            if type(value) is not int or not 1 <= value <= _MOST_COLUMNS:
                hint = f"Give a number of columns from 1 to {_MOST_COLUMNS}."
                raise CompileError(f"Indentation({name}={value!r}) makes no sense", hint=hint)
        object.__setattr__(self, "open", tuple(self.open))
        object.__setattr__(self, "close", tuple(self.close))


def parse(
    text: str,
    *,
    start: str = "start",
    lexer: LalrLexer | None = "contextual",
    indent: Indentation | None = None,
    import_paths: Iterable[str] = (),
    limits: Limits = _DEFAULT_LIMITS,
    terminals: Mapping[str, ir.Node] | None = None,
    json: ir.JsonText | None = None,
) -> ir.Grammar:
    """The grammar of the texts that lark's LALR(1) parser accepts.

    What lark does not know is read where the parser expects it (`lalr_guests.py`).

    Args:
        text: the grammar.
        start: the rule to begin with.
        lexer: which terminals compete for a text: those that the parser's state has actions for, or all of them; None:
            all ways to read a text are followed (no lexer of lark).
        indent: where the grammar has blocks by indentation.
        import_paths: folders in which `%import` looks before lark's own library.
        limits: bounds on the text and on what it expands to.
        terminals: what `%declare`d terminals stand for.
        json: how the texts of `%json` are read and laid out; its schema does not matter.

    Raises:
        GrammarSyntaxError: the text is no Lark grammar, a pattern is invalid or matches the empty text, or rules cannot
            be told apart.
        UnsupportedFeature: a pattern that is not regular, or an extension that goes with Earley alone.
        LimitExceeded: one of `limits`.
    """
    keep = () if indent is None else (indent.newline,)
    check_text(text, limits)
    extended = extend(text)
    loaded = load_extended(extended, start=start, import_paths=import_paths, limits=limits, keep=keep)
    _check_extensions(extended, loaded)
    blocks = None if indent is None else _blocks(indent, loaded, text)
    made = () if indent is None else (indent.indent, indent.dedent)
    parts = _parts_beside(extended, loaded, start, lexer, limits, terminals or {}, json, made)
    loaded, guests = with_guests(loaded, parts, start=start, keep=keep)
    taken = {terminal.name: taken_texts(terminal, extended, limits) for terminal in loaded.terminals}
    check_tests_before(taken, extended, made)
    readings = Readings(taken)
    lexes = lexer is not None
    lexed = {one.name: _terminal(one, readings, loaded, text, lexes=lexes) for one in loaded.terminals}
    read: dict[str, ir.Terminal | ir.Scope] = {**lexed, **guests}
    _check_declared(loaded, read, indent, text)
    with lark_errors(text, limits):
        try:
            node = build(loaded, read, start=start, lexer=lexer, blocks=blocks)
        except GrammarError as error:
            raise _conflict(text, str(error)) from None
    return ir.Grammar(start=_with_ways(node, loaded, readings) if _depends(node, loaded, taken) else node)


def _check_extensions(extended: Extended, loaded: Loaded) -> None:
    """Refuse what depends on how an automaton reads a text."""
    ignored = next((name for name in loaded.ignored if name in extended.terminals), None)
    if ignored is not None:
        message = "%ignore of a terminal with & or ~ does not go with an LALR parser"
        raise UnsupportedFeature(message, keyword="%ignore", hint='Use parser="earley", or write it as one pattern.')


def _parts_beside(
    extended: Extended,
    loaded: Loaded,
    start: str,
    lexer: LalrLexer | None,
    limits: Limits,
    terminals: Mapping[str, ir.Node],
    json: ir.JsonText | None,
    made: Sequence[str],
) -> dict[str, ir.Node]:
    """What lark does not know, by name; nothing in most grammars. `made`: terminals that indentation makes."""
    held = any(not found.captures_only for found in extended.attributes.values())
    if not (extended.placeholders or extended.terminals or terminals or held):
        return {}
    parts = parts_beside(
        extended,
        loaded,
        start=start,
        lexer="basic" if lexer == "basic" else "dynamic",
        limits=limits,
        terminals={**dict.fromkeys(made, _NOTHING), **terminals},
        json=json,
    )
    return {name: part for name, part in parts.items() if name not in made}


def told_by_rules(text: str) -> str | None:
    """Which attribute of some rule says something that only rules as they stand know; raises as `parse` does."""
    for found in extend(text).attributes.values():
        if found.capture or found.stop_capture:
            return "capture"
        if found.temperature is not None:
            return "temperature"
    return None


def _terminal(terminal: TerminalDef, readings: Readings, loaded: Loaded, text: str, *, lexes: bool) -> ir.Terminal:
    """A terminal that scanners read: what it takes, and what that obliges the rest to."""
    name, label = terminal.name, label_of_terminal(terminal, loaded)
    several = [readings.of(name, min(contexts)) for contexts in readings.alike([name])]
    whole = cr.union(found.whole for found in several)
    if whole.nullable:
        line, column = place_of(text, name)
        raise GrammarSyntaxError(
            f"terminal {name} matches the empty text, which no lexer reads",
            line=line,
            column=column,
            source=text,
            keyword=name,
            hint="Let it match at least one character, and make it optional in the rules.",
        )
    accepted, found = cr.to_utf8(whole), several[0]
    if len(several) > 1 and not lexes:
        message = f"terminal {name} tests the text before it, which is not told apart without a lexer"
        raise UnsupportedFeature(message, keyword=name, hint='Use lexer="contextual".')
    if len(several) > 1 or found.looks_for_more:
        return ir.Terminal(accepted, label)  # in place of that stands what scanners tell
    if not lexes or found.alone:
        return ir.Terminal(accepted, label)
    tracked = accepted if cr.is_nothing(found.broken) else cr.to_utf8(cr.union([found.texts, found.broken]))
    return ir.Terminal(ir.Longest(accepted, tracked), label)


def _depends(node: ir.Lalr, loaded: Loaded, taken: Mapping[str, Preferred]) -> bool:
    """Whether what terminals take depends on what stands around in ways that no order of a scanner says."""
    if not node.scanners:
        return False
    if any(found.looks is not None or found.looks_for_more for found in taken.values()):
        return True
    names = [terminal.name for terminal in loaded.terminals]
    pairs = {
        (names[own], names[rival])
        for scanner in node.scanners
        for place, own in enumerate(scanner.order)
        for rival in scanner.order[:place]
        if not cr.is_nothing(taken[names[rival]].broken)
    }
    return not all(is_told(taken[own], taken[rival]) for own, rival in sorted(pairs))


def _with_ways(node: ir.Lalr, loaded: Loaded, readings: Readings) -> ir.Lalr:
    """The automaton whose scanners tell what they read, with all that it depends on."""
    numbers = {terminal.name: number for number, terminal in enumerate(loaded.terminals)}
    labels = {terminal.name: label_of_terminal(terminal, loaded) for terminal in loaded.terminals}
    told = []
    for scanner in node.scanners:
        known = {*scanner.order, *chain.from_iterable(scanner.keywords.values())}
        definitions = [terminal for number, terminal in enumerate(loaded.terminals) if number in known]
        told.append(scanned(definitions, readings, loaded.ignored, labels))
    marks = Marks(readings, [lexeme for both in told for lexemes in both for lexeme in lexemes])

    def ways(lexemes: Sequence[Lexeme]) -> dict[int, tuple[ir.Terminal, ...]]:
        found: dict[int, list[ir.Terminal]] = {}
        for lexeme in lexemes:
            found.setdefault(numbers[lexeme.name], []).extend(marks.spread(lexeme))
        return {number: tuple(terminals) for number, terminals in sorted(found.items())}

    made = []
    for found, skipped in told:
        read, gone = ways(found), ways(skipped)
        made.append(ir.Scanner(order=tuple(sorted({*read, *gone})), keywords={}, ways=read, skipped=gone))
    return replace(node, scanners=tuple(made))


def _blocks(indent: Indentation, loaded: Loaded, text: str) -> Blocks:
    known = {str(symbol.name) for rule in loaded.rules for symbol in rule.expansion if symbol.is_term}
    known |= {terminal.name for terminal in loaded.terminals}
    for role in ("newline", "indent", "dedent"):
        name = getattr(indent, role)
        if name not in known:
            raise GrammarSyntaxError(
                f"Indentation({role}={name!r}) is a terminal that no rule mentions",
                source=text,
                keyword=name,
                hint="Name the terminals of the grammar; those for blocks are declared: %declare _INDENT _DEDENT.",
            )
    return Blocks(
        newline=indent.newline,
        indent=indent.indent,
        dedent=indent.dedent,
        opening=indent.open,
        closing=indent.close,
        tab=indent.tab or 0,
        deepest=indent.deepest,
    )


def _check_declared(loaded: Loaded, terminals: Iterable[str], indent: Indentation | None, text: str) -> None:
    """Refuse terminals without a pattern that indentation does not make."""
    made = set() if indent is None else {indent.indent, indent.dedent}
    for rule in loaded.rules:
        for symbol in rule.expansion:
            name = str(symbol.name)
            if symbol.is_term and name not in terminals and name not in made:
                line, column = place_of(text, name)
                raise GrammarSyntaxError(
                    f"terminal {name} is declared but has no pattern",
                    line=line,
                    column=column,
                    source=text,
                    keyword=name,
                    hint=f"Define it ({name}: /pattern/), or name it in Indentation(...).",
                )


def _conflict(text: str, message: str) -> GrammarSyntaxError:
    """What lark calls a reduce/reduce collision, with the rules that collide and the place of the first of them."""
    terminal = _COLLISION.search(message)
    rules = [found[1] for line in message.splitlines() if (found := _RULE.search(line)) is not None]
    if terminal is None or not rules:
        return GrammarSyntaxError(
            f"invalid Lark grammar: {message}", source=text, hint="See the grammar reference of lark."
        )
    line, column = place_of(text, rules[0].split(" ")[0])
    before = "the end of the text" if terminal[1] == "$END" else terminal[1]
    return GrammarSyntaxError(
        f"no LALR(1) grammar: before {before} any of these rules could end: {'; '.join(rules)}",
        line=line,
        column=column,
        source=text,
        hint='Give one of them a priority (name.1: ...), write them as one rule, or use parser="earley".',
    )

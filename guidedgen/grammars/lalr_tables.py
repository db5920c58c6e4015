"""LALR(1) automata of Lark grammars: lark's own analysis, conflict rules and all, as numbers (`ir.Lalr`).

States are numbered in the order in which symbols, by name, lead to them: equal grammars give equal tables. The order
of a scanner's terminals, and which of them own a text that two match, is that of `lark.lexer`: `BasicLexer` sorts,
`_create_unless` lets a terminal that is a plain text win over a pattern of equal priority that matches all of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lark.common import ParserConf
from lark.grammar import NonTerminal, Rule, Symbol
from lark.lexer import PatternRE, PatternStr, TerminalDef
from lark.parsers.grammar_analysis import LR0ItemSet
from lark.parsers.lalr_analysis import LALR_Analyzer

from guidedgen.grammars import ir
from guidedgen.grammars.lark_loader import Loaded, in_order, without_warnings

LalrLexer: TypeAlias = Literal["contextual", "basic"]
_END: Final = "$END"


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """The names that `ir.Indentation` has numbers for."""

    newline: str
    indent: str
    dedent: str
    opening: tuple[str, ...]
    closing: tuple[str, ...]
    tab: int
    deepest: int


def build(
    loaded: Loaded,
    terminals: Mapping[str, ir.Terminal | ir.Scope],
    *,
    start: str,
    lexer: LalrLexer | None,
    blocks: Blocks | None = None,
) -> ir.Lalr:
    """The automaton of a grammar.

    Args:
        loaded: the grammar.
        terminals: of every terminal with a pattern, its texts; of those that no scanner reads, a grammar.
        start: the rule to begin with.
        lexer: None: any terminal that the state accepts may match, as far as it likes.
        blocks: where indentation makes terminals.

    Raises:
        lark.exceptions.GrammarError: two rules may be reduced at one place, and priorities do not decide.
    """
    return _Build(loaded, start).table(terminals, lexer, blocks)


class _Build:
    """lark's analysis of one grammar, and the numbers given to what is in it."""

    def __init__(self, loaded: Loaded, start: str) -> None:
        self._loaded = loaded
        self._analysis = LALR_Analyzer(ParserConf(list(loaded.rules), {}, [start]))
        compute: Callable[[], None] = self._analysis.compute_lalr  # without annotations in lark
        compute()
        self._root = self._analysis.lr0_start_states[start]
        (first,) = self._root.kernel
        self._rules: list[Rule] = [first.rule, *loaded.rules]
        self._rule_numbers = {rule: number for number, rule in enumerate(self._rules)}
        self._nonterminals = list(dict.fromkeys(str(rule.origin.name) for rule in self._rules))
        self._nonterminal_numbers = {name: number for number, name in enumerate(self._nonterminals)}
        named = [terminal.name for terminal in loaded.terminals]
        mentioned = [str(symbol.name) for rule in self._rules for symbol in rule.expansion if symbol.is_term]
        self._terminals = list(dict.fromkeys([*named, *mentioned]))
        self._terminal_numbers = {name: number for number, name in enumerate([*self._terminals, _END])}
        self._states = self._in_order()
        self._state_numbers = {id(state): number for number, state in enumerate(self._states)}

    def table(
        self, terminals: Mapping[str, ir.Terminal | ir.Scope], lexer: LalrLexer | None, blocks: Blocks | None
    ) -> ir.Lalr:
        """The whole automaton."""
        end = self._root.transitions[next(iter(self._root.kernel)).next]
        actions = [self._actions(state) for state in self._states]
        indentation = None if blocks is None else self._indentation(blocks)
        scanners, scanner_of = ([], []) if lexer is None else self._scanners(actions, lexer, indentation)
        return ir.Lalr(
            terminals=tuple(terminals.get(name) for name in self._terminals),
            nonterminals=tuple(self._nonterminals),
            rules=tuple(self._rule(rule) for rule in self._rules),
            actions=tuple(actions),
            gotos=tuple(self._gotos(state) for state in self._states),
            kernels=tuple(
                tuple(sorted((self._rule_numbers[item.rule], item.index) for item in state.kernel))
                for state in self._states
            ),
            start=0,
            end=self._state_numbers[id(end)],
            ignored=tuple(self._terminal_numbers[name] for name in self._loaded.ignored),
            scanners=tuple(scanners),
            scanner_of=tuple(scanner_of),
            resolved=tuple(sorted({self._rule_numbers[rule] for state in self._states for rule in _losers(state)})),
            indentation=indentation,
        )

    def _in_order(self) -> list[LR0ItemSet]:
        states, known = [self._root], {id(self._root)}
        for state in states:  # grows meanwhile
            for _, after in sorted(state.transitions.items(), key=lambda entry: (entry[0].is_term, entry[0].name)):
                if id(after) not in known:
                    known.add(id(after))
                    states.append(after)
        return states

    def _rule(self, rule: Rule) -> tuple[int, tuple[int, ...]]:
        return self._nonterminal_numbers[str(rule.origin.name)], tuple(map(self._symbol, rule.expansion))

    def _symbol(self, symbol: Symbol) -> int:
        if isinstance(symbol, NonTerminal):
            return -1 - self._nonterminal_numbers[str(symbol.name)]
        return self._terminal_numbers[str(symbol.name)]

    def _actions(self, state: LR0ItemSet) -> dict[int, int]:
        """What `LALR_Analyzer.compute_lalr1_states` decides: shifts first, then the rule of the highest priority."""
        actions = {
            self._terminal_numbers[str(symbol.name)]: self._state_numbers[id(after)]
            for symbol, after in state.transitions.items()
            if symbol.is_term
        }
        for symbol, rules in state.lookaheads.items():
            rule = max(rules, key=lambda rule: rule.options.priority or 0)
            actions.setdefault(self._terminal_numbers[str(symbol.name)], -1 - self._rule_numbers[rule])
        return dict(sorted(actions.items()))

    def _gotos(self, state: LR0ItemSet) -> dict[int, int]:
        found = {
            self._nonterminal_numbers[str(symbol.name)]: self._state_numbers[id(after)]
            for symbol, after in state.transitions.items()
            if not symbol.is_term
        }
        return dict(sorted(found.items()))

    def _indentation(self, blocks: Blocks) -> ir.Indentation:
        number = self._terminal_numbers.__getitem__

        def numbers(names: Iterable[str]) -> tuple[int, ...]:
            return tuple(self._terminal_numbers[name] for name in names if name in self._terminal_numbers)

        return ir.Indentation(
            newline=number(blocks.newline),
            indent=number(blocks.indent),
            dedent=number(blocks.dedent),
            opening=numbers(blocks.opening),
            closing=numbers(blocks.closing),
            tab=blocks.tab,
            deepest=blocks.deepest,
        )

    def _scanners(
        self, actions: Sequence[Mapping[int, int]], lexer: LalrLexer, indentation: ir.Indentation | None
    ) -> tuple[list[ir.Scanner], list[int]]:
        """The scanner of every state; states that accept the same share one."""
        order = _Order(self._loaded.terminals, self._terminal_numbers)
        every = frozenset(order.ranked)
        always = {self._terminal_numbers[name] for name in self._loaded.ignored}
        always |= set() if indentation is None else {indentation.newline}
        accepted = [every if lexer == "basic" else (set(found) | always) & every for found in actions]
        numbers: dict[frozenset[int], int] = {}
        scanner_of = [numbers.setdefault(frozenset(terminals), len(numbers)) for terminals in accepted]
        return [order.scanner(terminals) for terminals in numbers], scanner_of


class _Order:
    """The order in which lark's lexers try terminals."""

    def __init__(self, terminals: Iterable[TerminalDef], numbers: Mapping[str, int]) -> None:
        order = in_order(terminals)
        self.ranked = [numbers[terminal.name] for terminal in order]
        self._owners: dict[int, list[tuple[int, bool]]] = {}
        texts = [terminal for terminal in order if isinstance(terminal.pattern, PatternStr)]
        for terminal in order:
            if isinstance(terminal.pattern, PatternRE):
                owners = [(numbers[text.name], swallowed) for text, swallowed in _owned(terminal, texts)]
                self._owners[numbers[terminal.name]] = owners

    def scanner(self, accepted: frozenset[int]) -> ir.Scanner:
        """The scanner of a set of terminals."""
        swallowed, keywords = set(), {}
        for terminal, owners in self._owners.items():
            present = [(owner, gone) for owner, gone in owners if owner in accepted]
            if terminal in accepted and present:
                keywords[terminal] = tuple(owner for owner, _ in present)
                swallowed |= {owner for owner, gone in present if gone}
        order = tuple(terminal for terminal in self.ranked if terminal in accepted and terminal not in swallowed)
        return ir.Scanner(order=order, keywords=keywords)


def _owned(terminal: TerminalDef, texts: Iterable[TerminalDef]) -> Iterator[tuple[TerminalDef, bool]]:
    """The plain terminals that own their text although `terminal` matches it; and whether it stands in for them."""
    with without_warnings():
        pattern = re.compile(terminal.pattern.to_regexp())
    for text in texts:
        found = pattern.match(text.pattern.value) if text.priority == terminal.priority else None
        if found and found.group(0) == text.pattern.value:
            yield text, set(text.pattern.flags) <= set(terminal.pattern.flags)


def _losers(state: LR0ItemSet) -> Iterator[Rule]:
    """The rules that are not reduced somewhere in a state because of a conflict."""
    for symbol, rules in state.lookaheads.items():
        best = max(rules, key=lambda rule: rule.options.priority or 0)
        yield from (rule for rule in rules if symbol in state.transitions or rule is not best)

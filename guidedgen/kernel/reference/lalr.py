"""LALR(1) automata: what a stack of states expects, what becomes of it, and what completing it costs at least.

*Stack*: the states from the first to the one on top, the frame to go on in once the automaton's text is complete, the
columns of the blocks around, how many brackets are open, and what the text before obliges the rest to. An item of a
row is a stack, as others are a production with a dot. *Input*: a terminal, or a newline behind which a line begins
at a column. *Guest*: a terminal whose texts are those of a symbol of the grammar around; rows wait for it as for any
other symbol.

A terminal can come where the reductions that it calls for end in a state that shifts it; an action for it is not
enough, since automata merge what may follow a rule in different contexts.

The least cost is worked out from the rules alone: a rule that stands at a place is completed, then whatever it is part
of, down to the start rule. Automata in which conflicts were resolved, or newlines lead to columns, may need more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from guidedgen.errors import CompileError, LimitExceeded
from guidedgen.kernel.lalr_table import unpack
from guidedgen.kernel.reference.expressions import Expression, Expressions, Op
from guidedgen.kernel.reference.structure import Cost
from guidedgen.kernel.table import SymOp

if TYPE_CHECKING:
    from guidedgen.kernel.reference.rows import Frame
    from guidedgen.kernel.table import GrammarTable

States: TypeAlias = tuple[int, ...]
# A terminal, of a newline that ends a line the column of the next one, and whether it is ignored.
Input: TypeAlias = tuple[int, int | None, bool]

_MOST_REDUCTIONS = 5_000
_MOST_WAYS = 20  # to see which rules are open
_TAB_COLUMN = 1 << 16  # a tab in a column, where `tab` is 0
_SPACE, _TAB, _NEWLINE = (1 << ord(character) for character in " \t\n")
_OTHER_BLANKS = 1 << ord("\f") | 1 << ord("\r")


@dataclass(frozen=True, slots=True)
class Stack:
    """See the module."""

    automaton: Automaton
    states: States
    frame: Frame
    columns: tuple[int, ...] = (0,)
    brackets: int = 0
    obligation: Expression | None = None


class Automaton:
    """One LALR symbol of a table; `expressions` has the texts of TERMINAL symbols."""

    def __init__(self, table: GrammarTable, symbol: int, expressions: dict[int, Expression], make: Expressions) -> None:
        _, offset, count = table.symbols[symbol].tolist()
        header, arrays = unpack(table.pool, offset, count)
        lists = {name: array.tolist() for name, array in arrays.items()}
        self._header = header
        self._make = make
        self.symbols: list[int] = lists["terminal_symbol"]
        self._texts = [expressions.get(symbol) for symbol in self.symbols]
        self._ways = _divided(lists["way_first"], lists["way"])
        self._told = {symbol: expressions[symbol] for symbol in (max(way, -1 - way) for way in lists["way"])}
        if any(text is not None and text.nullable for text in (*self._texts, *self._told.values())):
            raise CompileError(f"symbols[{symbol}]: a terminal of an automaton may be empty")
        texts = [SymOp(table.symbols[symbol, 0]) is SymOp.TERMINAL for symbol in self.symbols]
        self._guests = {t for t, known in enumerate(texts) if self.symbols[t] >= 0 and not known}
        self._names: list[int] = lists["nonterminal_symbol"]
        self._ignored: list[int] = lists["ignored"]
        self._opening, self._closing = set(lists["opening"]), set(lists["closing"])
        self._left: list[int] = lists["rule_left"]
        self._bodies = _divided(lists["rule_first"], lists["body"])
        self._actions = _mappings(lists["action_first"], lists["action_terminal"], lists["action"])
        self._gotos = _mappings(lists["goto_first"], lists["goto_nonterminal"], lists["goto"])
        rules = _divided(lists["kernel_first"], lists["kernel_rule"])
        places = _divided(lists["kernel_first"], lists["kernel_place"])
        self._scanner_of: list[int] = lists["scanner_of"]
        self._orders = list(pairwise(lists["order_first"]))
        self._order: list[int] = lists["order"]
        self._owners = _divided(lists["owner_first"], lists["owner"])
        self._kernels = [list(zip(*kernel, strict=True)) for kernel in zip(rules, places, strict=True)]
        self._costs: list[Cost] = [math.inf] * header["nonterminals"]

    @property
    def exact(self) -> bool:
        """Whether every stack can be completed, at the cost that follows from the rules."""
        made = self._header["resolved"] or self._header["newline"] >= 0 or self._scanner_of
        return not made and not self._guests

    @property
    def guests(self) -> list[int]:
        """The symbols of terminals that no scanner reads: they stand where the automaton expects them."""
        return [self.symbols[terminal] for terminal in self._guests]

    def start(self, frame: Frame, obligation: Expression | None = None) -> Stack:
        """The stack before any text."""
        return Stack(self, (self._header["start"],), frame, obligation=obligation)

    def expected(self, stack: Stack) -> Iterator[tuple[Input, Stack]]:
        """What can come next, with the stack after it; what is ignored leaves the stack as it is."""
        newline, dropped = self._header["newline"], stack.brackets > 0
        for terminal in self._actions[stack.states[-1]]:
            if terminal < len(self._texts) and terminal != newline and self._texts[terminal] is not None:
                after = self._after(stack, terminal)
                if after is not None:
                    yield (terminal, None, False), after
        for terminal in self._ignored:
            yield (terminal, None, True), stack
        if dropped:
            yield (newline, None, False), stack
        if newline >= 0 and not dropped:
            for column in (*stack.columns, *self._deeper(stack.columns[-1])):
                below = self._next_line(stack, column)
                if below is not None:
                    yield (newline, column, False), below

    def expected_guests(self, stack: Stack) -> Iterator[tuple[int, Stack]]:
        """The symbols of guests that can come next, with the stack after each."""
        for terminal in self._actions[stack.states[-1]]:
            after = self._after(stack, terminal) if terminal in self._guests else None
            if after is not None:
                yield self.symbols[terminal], after

    def lexemes(self, stack: Stack, read: Input) -> list[Expression]:
        """How the texts of an input are read in a state: several, where a scanner has several places for them.

        A scanner takes the first terminal of its order that matches at all, with the text that it prefers: what an
        earlier one matches a beginning of is not this one's, and what follows must not make another match of either. It
        decides to ignore a text before it looks up which other terminal owns it.
        """
        terminal, column, ignored = read
        if not self._scanner_of:
            return [self._longest([self._accepted(terminal)], [], [self._tracked(terminal)], column)]
        first, last = self._orders[self._scanner_of[stack.states[-1]]]
        if self._told:
            return self._read_ways(range(first, last), terminal, column, ignored)
        found = []
        for place in range(first, last):
            ordered, owners = self._order[place], [] if ignored else self._owners[place]
            if (ordered in self._ignored) != ignored or (terminal != ordered and terminal not in owners):
                continue
            earlier = [self._accepted(other) for other in self._order[first:place]]
            before = owners[: owners.index(terminal)] if terminal in owners else owners
            gone = [self._accepted(owner) for owner in before]
            gone += [self._matched(other) for other in self._order[first:place]]
            wanted = [self._accepted(ordered), self._accepted(terminal)]
            if terminal == self._header["newline"] and column is None:
                wanted.append(self._blank_line())
            found.append(self._longest(wanted, gone, [self._tracked(ordered), *earlier], column))
        return found

    def _read_ways(self, places: range, terminal: int, column: int | None, ignored: bool) -> list[Expression]:
        """What a scanner tells."""
        mine = [way for place in places if self._order[place] == terminal for way in self._ways[place]]
        skipped = ignored and terminal != self._header["newline"]
        texts = [self._told[max(way, -1 - way)] for way in mine if (way < 0) == skipped]
        if terminal != self._header["newline"]:
            return texts
        line = self._blank_line() if column is None else self._ends_at(column)
        halves = [text.args[:2] if text.op is Op.LONGEST else (text, self._make.empty) for text in texts]
        return [self._make.longest(self._make.intersection([text, line]), tracked) for text, tracked in halves]

    def _longest(
        self, wanted: list[Expression], gone: list[Expression], tracked: list[Expression], column: int | None
    ) -> Expression:
        make = self._make
        parts = [*wanted, make.complement(make.union(gone)), *([] if column is None else [self._ends_at(column)])]
        return make.longest(make.intersection(parts), make.union(tracked))

    def _matched(self, terminal: int) -> Expression:
        """Texts that a terminal takes a beginning of: what it tracks besides its texts are those it gives up."""
        make, texts = self._make, self._accepted(terminal)
        broken = make.intersection([self._tracked(terminal), make.complement(texts)])
        gone = make.complement(make.concat(broken, make.all))
        return make.intersection([make.concat(texts, make.all), gone])

    def _accepted(self, terminal: int) -> Expression:
        text = self._texts[terminal]
        assert text is not None
        return text.args[0] if text.op is Op.LONGEST else text

    def _tracked(self, terminal: int) -> Expression:
        text = self._texts[terminal]
        assert text is not None
        return text.args[1] if text.op is Op.LONGEST else self._make.empty

    def complete(self, stack: Stack) -> bool:
        """Whether the text may end."""
        states: States | None = stack.states
        for _ in stack.columns[1:]:
            states = states and self._read(states, self._header["dedent"])
        seen: list[States] = []
        while states:
            action = self._actions[states[-1]].get(len(self._texts))
            states = None if action is None else self._reduce(states, -1 - action, seen)
            if states and states[-1] == self._header["end"]:
                return True
        return False

    def _after(self, stack: Stack, terminal: int) -> Stack | None:
        """The stack after a terminal that is no newline."""
        states = self._read(stack.states, terminal)
        brackets = stack.brackets + (terminal in self._opening) - (terminal in self._closing)
        return None if states is None or brackets < 0 else replace(stack, states=states, brackets=brackets)

    def _next_line(self, stack: Stack, column: int) -> Stack | None:
        """The stack after a newline behind which a line begins at a column."""
        states, columns = self._read(stack.states, self._header["newline"]), stack.columns
        if column > columns[-1]:
            states = states and self._read(states, self._header["indent"])
            columns = (*columns, column)
        while column < columns[-1]:
            states = states and self._read(states, self._header["dedent"])
            columns = columns[:-1]
        return None if states is None else replace(stack, states=states, columns=columns)

    def _read(self, states: States, terminal: int) -> States | None:
        """Reduce until the terminal is shifted."""
        now: States | None = states
        seen: list[States] = []
        while now is not None:
            action = self._actions[now[-1]].get(terminal)
            if action is None:
                return None
            if action >= 0:
                return (*now, action)
            now = self._reduce(now, -1 - action, seen)
        return None

    def _reduce(self, states: States, rule: int, seen: list[States]) -> States | None:
        """The stack after a reduction; None too where the reductions before one terminal, `seen`, would never end.

        They do not where they come back to a stack, or to the state on top of one that is still there below.
        """
        kept = states[: len(states) - len(self._bodies[rule])]
        after = self._gotos[kept[-1]].get(self._left[rule]) if kept else None
        if after is None:
            return None
        reduced = (*kept, after)
        if any(old == reduced or (old == kept[: len(old)] and old[-1] == after) for old in seen):
            return None
        if len(seen) == _MOST_REDUCTIONS:
            remedy = "It is not a setting: simplify the grammar, or use the native kernel."
            raise LimitExceeded("steps", _MOST_REDUCTIONS, "reductions before a single terminal", remedy=remedy)
        seen.append(reduced)
        return reduced

    def _deeper(self, column: int) -> Iterator[int]:
        """Columns at which a line may be deeper: of tabs and blanks, where `tab` is 0 (see `Lalr::each_deeper`)."""
        deepest = self._header["deepest"]
        yield from range(column + 1, column + 1 + deepest)
        if self._header["tab"] == 0 and column % _TAB_COLUMN == 0:
            yield from range(column + _TAB_COLUMN, column + (deepest + 7) // 8 * _TAB_COLUMN + 1, _TAB_COLUMN)

    def _ends_at(self, column: int) -> Expression:
        """Texts whose last line is blank and so many columns wide."""
        make, tab = self._make, self._header["tab"]
        if tab == 0:
            tabs, rest = divmod(column, _TAB_COLUMN)
            counts = ((_OTHER_BLANKS, 0, None), (_TAB, tabs, tabs), (_SPACE, rest, rest))
            parts = [make.repeat(make.byte_set(byte), least, most) for byte, least, most in counts]
            line = make.concat(parts[0], make.concat(parts[1], parts[2]))
            return make.concat(make.concat(make.all, make.byte_set(_NEWLINE)), line)
        blanks = make.repeat(make.byte_set(_OTHER_BLANKS), 0, None)
        wide = [blanks]
        for width in range(1, column + 1):
            first = [make.concat(make.byte_set(_SPACE), wide[width - 1])]
            if width >= tab:
                first.append(make.concat(make.byte_set(_TAB), wide[width - tab]))
            wide.append(make.concat(blanks, make.union(first)))
        return make.concat(make.concat(make.all, make.byte_set(_NEWLINE)), wide[column])

    def _blank_line(self) -> Expression:
        """Texts whose last line is blank."""
        make = self._make
        blanks = make.repeat(make.byte_set(_SPACE | _TAB | _OTHER_BLANKS), 0, None)
        return make.concat(make.concat(make.all, make.byte_set(_NEWLINE)), blanks)

    # --- for people

    def open_rules(self, states: States, *, over: bool) -> list[tuple[int, ...]]:
        """The rules that a stack is in the midst of, outermost first: symbols that name them, for each way to see it.

        The state on top knows the rules whose beginning was read; below that beginning stands the state in which they
        were predicted, as the first part of the first part... of a rule whose beginning was read there.

        Args:
            states: the stack.
            over: whether a rule of which nothing is missing is not open any more.
        """
        names = self._names
        found: list[tuple[int, ...]] = []
        work: list[tuple[int, int, int, tuple[int, ...]]] = []
        for rule, place in self._kernels[states[-1]]:
            done = over and place == len(self._bodies[rule])
            work.append((len(states) - 1, rule, place, () if done else (names[self._left[rule]],)))
        while work and len(found) < _MOST_WAYS:
            height, rule, place, inner = work.pop()
            if rule == 0:
                found.append(inner[1:] if inner[:1] == (names[self._left[0]],) else inner)
                continue
            height -= place
            for outer, read in self._kernels[states[height]]:
                body = self._bodies[outer]
                if read == len(body) or body[read] >= 0:
                    continue
                chain = self._first_parts(-1 - body[read], self._left[rule])
                if chain is not None:
                    begun = () if outer == 0 else (names[self._left[outer]],)
                    work.append((height, outer, read, (*begun, *(names[part] for part in chain), *inner)))
        return found

    def _first_parts(self, whole: int, part: int) -> tuple[int, ...] | None:
        """Nonterminals from `whole`, each of which can begin with the next, to `part` (left out): a shortest way."""
        ways: dict[int, tuple[int, ...]] = {whole: ()}
        for now in (queue := [whole]):
            if now == part:
                return ways[now]
            for left, body in zip(self._left, self._bodies, strict=True):
                if left == now and body and body[0] < 0 and -1 - body[0] not in ways:
                    ways[-1 - body[0]] = (*ways[now], now)
                    queue.append(-1 - body[0])
        return None

    # --- costs

    def set_costs(self, costs: dict[int, Cost]) -> Cost:
        """Work out what nonterminals cost, given the costs of TERMINAL symbols; returns the least cost of a text."""
        self._terminal_costs = [costs.get(symbol, 0) for symbol in self.symbols]
        changed = True
        while changed:
            changed = False
            for left, body in zip(self._left, self._bodies, strict=True):
                cost = self._body_cost(body)
                if cost < self._costs[left]:
                    self._costs[left], changed = cost, True
        return self._costs[self._left[0]]

    def _body_cost(self, body: list[int]) -> Cost:
        return sum(self._terminal_costs[part] if part >= 0 else self._costs[-1 - part] for part in body)

    def cost(self, stack: Stack, outside: Cost) -> Cost:
        """Least cost of completing a text from a stack; `outside`: after the automaton's text."""
        finished: list[dict[int, Cost]] = []  # for each state below the top, what costs follow its nonterminals
        for height, state in enumerate(stack.states[:-1]):
            finished.append(
                self._after_nonterminals(
                    state, [self._below(finished, height, item, outside) for item in self._kernels[state]]
                )
            )
        top = len(stack.states) - 1
        ways = (
            self._body_cost(self._bodies[rule][place:]) + self._below(finished, top, (rule, place), outside)
            for rule, place in self._kernels[stack.states[-1]]
        )
        return min(ways, default=math.inf)

    def _below(self, finished: list[dict[int, Cost]], height: int, item: tuple[int, int], outside: Cost) -> Cost:
        """What follows once the rule of an item of the state at some height is complete."""
        rule, place = item
        return outside if height == 0 else finished[height - place].get(self._left[rule], math.inf)

    def _after_nonterminals(self, state: int, after: list[Cost]) -> dict[int, Cost]:
        """What follows each nonterminal that is predicted in a state, given what follows the rules at its places."""
        costs: dict[int, Cost] = {}
        work = [
            (self._bodies[rule], place, cost) for (rule, place), cost in zip(self._kernels[state], after, strict=True)
        ]
        while work:
            body, place, cost = work.pop()
            if place == len(body) or body[place] >= 0:
                continue
            nonterminal = -1 - body[place]
            cost += self._body_cost(body[place + 1 :])
            if cost < costs.get(nonterminal, math.inf):
                costs[nonterminal] = cost
                work += [
                    (body, 0, cost) for left, body in zip(self._left, self._bodies, strict=True) if left == nonterminal
                ]
        return costs


def _divided(first: list[int], entries: list[int]) -> list[list[int]]:
    return [entries[begin:end] for begin, end in pairwise(first)]


def _mappings(first: list[int], keys: list[int], values: list[int]) -> list[dict[int, int]]:
    divided = zip(_divided(first, keys), _divided(first, values), strict=True)
    return [dict(zip(*entries, strict=True)) for entries in divided]

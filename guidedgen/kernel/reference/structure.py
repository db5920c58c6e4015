"""Symbols as productions, expanded on demand, and what is known about them beforehand.

*Part*: a symbol as it stands in a production. A counted repetition is one part for each pair of remaining counts, made
when it is reached: `c{m,n}` has the single production `c c{m-1,n-1}`. An unordered one is likewise one part for each
`Remainder` that is reached, with one production for each item that may come next.

*Cost* of a part: the least number of bytes that spell it, a special token counting as one. Cost 0 means that the part
may be empty, infinite that it produces nothing at all; productions with such parts are left out. Costs are least fixed
points, found by Knuth's generalisation of Dijkstra's algorithm (Information Processing Letters 6(1), 1977).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from guidedgen.errors import CompileError, UnsatisfiableSchema
from guidedgen.kernel.reference.expressions import Expression
from guidedgen.kernel.reference.lexeme import Lexemes
from guidedgen.kernel.reference.unordered import Items, Remainder
from guidedgen.kernel.table import GrammarTable, SymOp

if TYPE_CHECKING:
    from guidedgen.kernel.reference.lalr import Automaton, Input, Stack

Cost = float  # an exact int, or math.inf
RANKED = (*range(0x30, 0x7F), *range(0x30), *range(0x7F, 0x100))  # '0' to '~' first: pleasant to read


@dataclass(slots=True, eq=False)
class Part:
    """One symbol, as interned by `Structure`.

    Attributes:
        op: TERMINAL and TOKEN are read; the others are expanded.
        symbol: its row in the table.
        low, high: what is left to repeat, for a REPETITION.
        cost: the least it takes to spell it, see the module.
        expression: of a TERMINAL, the state that its automaton starts in.
        remainder: what is left of an UNORDERED.
        limit: how many tokens a TERMINAL may take; None: any number.
        fence: of a RULE: what its terminals oblige the rest to ends with its text.
    """

    op: SymOp
    symbol: int
    low: int
    high: int | None
    cost: Cost
    expression: Expression | None = None
    remainder: Remainder | None = None
    limit: int | None = None
    fence: bool = False


@dataclass(slots=True, eq=False)
class Production:
    """What a part may consist of.

    Attributes:
        parts: one after another, never empty.
        rest: `rest[d]` is the cost of `parts[d:]`.
    """

    parts: tuple[Part, ...]
    rest: tuple[Cost, ...]


class Structure:
    """The symbols of one table; a LIMITED is a TERMINAL with a limit.

    `terminals` maps these symbols to the expressions of their texts. `fits` tells whether one can end within so many
    tokens. `automata` are the LALR symbols.
    """

    def __init__(
        self,
        table: GrammarTable,
        terminals: dict[int, Expression],
        lexemes: Lexemes,
        fits: Callable[[Expression, int], bool],
        automata: Mapping[int, Automaton] = MappingProxyType({}),
    ) -> None:
        ops = [SymOp(op) for op in table.symbols[:, 0].tolist()]
        self._ops = [SymOp.TERMINAL if op is SymOp.LIMITED else op for op in ops]
        self._a: list[int] = table.symbols[:, 1].tolist()
        self._b: list[int] = table.symbols[:, 2].tolist()
        self._limits = {symbol: self._b[symbol] for symbol, op in enumerate(ops) if op is SymOp.LIMITED}
        self._fits = fits
        self._pool: list[int] = table.pool.tolist()
        self._terminals = terminals
        self._lexemes = lexemes
        self._automata = automata
        self._lexeme_parts: dict[tuple[int, int, Input], tuple[Part, ...]] = {}
        self._items = {
            symbol: Items.read(self._pool, self._a[symbol], self._b[symbol])
            for symbol, op in enumerate(self._ops)
            if op is SymOp.UNORDERED
        }
        self._guest_costs: dict[int, Cost] = {}
        self._costs = self._least_costs()
        guests = {symbol for automaton in automata.values() for symbol in automaton.guests}
        if guests:  # they have no automata in them, whose costs depend on theirs
            self._guest_costs = {symbol: self._costs[symbol] for symbol in guests}
            self._check_guests()
            self._costs = self._least_costs()
        self._check_items()
        self._parts: dict[tuple[int, int, int | None] | tuple[int, Remainder], Part] = {}
        self._productions: dict[Part, tuple[Production, ...]] = {}

    def __len__(self) -> int:
        """How many parts have been made."""
        return len(self._parts)

    def forget(self) -> None:
        """Drop the parts and productions; those that are in use stay valid."""
        self._parts, self._productions, self._lexeme_parts = {}, {}, {}

    def tokens(self, part: Part) -> list[int]:
        """The token ids of a TOKEN."""
        return self._children(part.symbol)

    def part(self, symbol: int) -> Part:
        """A symbol as part of a production."""
        if self._ops[symbol] is SymOp.REPETITION:
            return self._repetition(symbol, *self._bounds(symbol))
        if self._ops[symbol] is SymOp.UNORDERED:
            return self._unordered(symbol, self._items[symbol].whole)
        key = (symbol, 0, None)
        known = self._parts.get(key)
        if known is None:
            made = Part(self._ops[symbol], symbol, 0, None, self._costs[symbol], self._terminals.get(symbol))
            made.limit = self._limits.get(symbol)
            made.fence = self._ops[symbol] is SymOp.RULE and self._b[symbol] == 1
            known = self._parts.setdefault(key, made)
        return known

    def _repetition(self, symbol: int, low: int, high: int | None) -> Part:
        child_cost = self._costs[self._a[symbol]]
        low = low if child_cost else 0
        key = (symbol, low, high)
        known = self._parts.get(key)
        if known is None:
            cost = low * child_cost if low else 0
            known = self._parts.setdefault(key, Part(SymOp.REPETITION, symbol, low, high, cost))
        return known

    def _unordered(self, symbol: int, remainder: Remainder) -> Part:
        key = (symbol, remainder)
        known = self._parts.get(key)
        if known is None:
            cost = remainder.cost(self._items[symbol], self._costs.__getitem__)
            made = Part(SymOp.UNORDERED, symbol, 0, None, cost, remainder=remainder)
            known = self._parts.setdefault(key, made)
        return known

    def automaton(self, part: Part) -> Automaton:
        """What a LALR part is run by."""
        return self._automata[part.symbol]

    def expected(self, stack: Stack) -> Iterator[tuple[Part, Stack]]:
        """The terminals that can come next on a stack, with the stacks after them; what has no text is left out."""
        automaton = stack.automaton
        for read, after in automaton.expected(stack):
            key = (id(automaton), stack.states[-1], read)
            known = self._lexeme_parts.get(key)
            if known is None:
                made = tuple(self._lexeme(automaton.symbols[read[0]], text) for text in automaton.lexemes(stack, read))
                known = self._lexeme_parts.setdefault(key, made)
            for part in known:
                if part.cost != math.inf and automaton.cost(after, 0) != math.inf:
                    yield part, after

    def guests(self, stack: Stack) -> Iterator[tuple[Part, Stack]]:
        """The guests that can come next on a stack, with the stacks after them."""
        for symbol, after in stack.automaton.expected_guests(stack):
            if stack.automaton.cost(after, 0) != math.inf:
                yield self.part(symbol), after

    def _lexeme(self, symbol: int, text: Expression) -> Part:
        return Part(SymOp.TERMINAL, symbol, 0, None, self._lexemes.distance(text), text)

    def productions(self, part: Part) -> tuple[Production, ...]:
        """The ways to expand a part that produce something, without the empty one (its cost tells of that)."""
        known = self._productions.get(part)
        if known is None:
            known = self._productions[part] = tuple(self._expand(part))
        return known

    def _expand(self, part: Part) -> Iterator[Production]:
        bodies: Iterable[list[Part]]
        match part.op:
            case SymOp.SEQUENCE:
                bodies = [[self.part(child) for child in self._children(part.symbol)]]
            case SymOp.CHOICE:
                bodies = [[self.part(child)] for child in self._children(part.symbol)]
            case SymOp.RULE:
                bodies = [[self.part(self._a[part.symbol])]]
            case SymOp.UNORDERED:
                bodies = self._next_items(part)
            case _:
                bodies = [self._unrolled_once(part)]
        for body in bodies:
            if body and all(child.cost != math.inf for child in body):
                yield Production(tuple(body), _suffix_costs(body))

    def _unrolled_once(self, part: Part) -> list[Part]:
        if part.high == 0:
            return []
        first = self.part(self._a[part.symbol])
        if part.high == 1:
            return [first]
        high = None if part.high is None else part.high - 1
        return [first, self._repetition(part.symbol, max(part.low - 1, 0), high)]

    def _next_items(self, part: Part) -> Iterator[list[Part]]:
        assert part.remainder is not None
        items = self._items[part.symbol]
        before = [] if part.remainder.first else [self.part(items.separator)]
        for item, rest in part.remainder.following(items):
            after = self._unordered(part.symbol, rest)
            if after.cost != math.inf:
                more = next(rest.following(items), None) is not None
                yield [*before, self.part(item), *([after] if more else [])]

    def _check_guests(self) -> None:
        for symbol, cost in self._guest_costs.items():
            if cost == 0:
                raise CompileError(f"symbols[{symbol}]: a guest of an automaton may be empty")
            if cost == math.inf:
                raise UnsatisfiableSchema("a part of the grammar produces no text at all", hint="Relax it.")

    def _check_items(self) -> None:
        """Refuse items that may be empty; from now on, items that produce nothing are out of the way."""
        for symbol, items in self._items.items():
            if any(self._costs[child] == 0 for child in items.symbols):
                raise CompileError(f"symbols[{symbol}]: a member, the rest or the separator may be empty")
            self._items[symbol] = items.producing(self._costs.__getitem__)

    def _children(self, symbol: int) -> list[int]:
        if self._ops[symbol] is SymOp.UNORDERED:
            return self._items[symbol].symbols
        if self._ops[symbol] in (SymOp.SEQUENCE, SymOp.CHOICE, SymOp.TOKEN):
            return self._pool[self._a[symbol] : self._a[symbol] + self._b[symbol]]
        return [self._a[symbol]]

    def _bounds(self, symbol: int) -> tuple[int, int | None]:
        low, high = self._pool[self._b[symbol] : self._b[symbol] + 2]
        return low, None if high < 0 else high

    def _least_costs(self) -> list[Cost]:
        """Cost of every symbol; symbols are settled in order of their cost."""
        costs: list[Cost] = [math.inf] * len(self._ops)
        waiting, users = self._uses()
        queue = [(self._leaf_cost(symbol), symbol) for symbol in range(len(self._ops)) if not waiting[symbol]]
        heapq.heapify(queue)
        while queue:
            cost, symbol = heapq.heappop(queue)
            if cost >= costs[symbol]:
                continue
            costs[symbol] = cost
            for user in users[symbol]:
                waiting[user] -= 1
                candidate = self._user_cost(user, symbol, costs, waiting[user])
                if candidate < costs[user]:
                    heapq.heappush(queue, (candidate, user))
        return costs

    def _uses(self) -> tuple[list[int], list[list[int]]]:
        """For every symbol: how many children it waits for, and who waits for it (once for each mention)."""
        waiting = [0] * len(self._ops)
        users: list[list[int]] = [[] for _ in self._ops]
        for symbol, op in enumerate(self._ops):
            if op in (SymOp.TERMINAL, SymOp.TOKEN, SymOp.LALR) or self._may_be_skipped(symbol):
                continue
            children = self._children(symbol)
            waiting[symbol] = len(children) + (op is SymOp.CHOICE and not children)
            for child in children:
                users[child].append(symbol)
        return waiting, users

    def _may_be_skipped(self, symbol: int) -> bool:
        """Whether a symbol may be empty whatever it consists of."""
        match self._ops[symbol]:
            case SymOp.REPETITION:
                return self._bounds(symbol)[0] == 0
            case SymOp.UNORDERED:
                return self._items[symbol].whole.low == 0 and not self._items[symbol].required
            case _:
                return False

    def _leaf_cost(self, symbol: int) -> Cost:
        match self._ops[symbol]:
            case SymOp.TERMINAL:
                distance = self._lexemes.distance(self._terminals[symbol])
                limit = self._limits.get(symbol)
                if limit is None or distance == math.inf or self._fits(self._terminals[symbol], limit):
                    return distance
                return math.inf
            case SymOp.LALR:
                return self._text_cost(self._automata[symbol])
            case SymOp.TOKEN:
                return 1 if self._b[symbol] else math.inf
            case _:
                return 0  # an empty sequence, or a repetition that may be empty

    def _text_cost(self, automaton: Automaton) -> Cost:
        """The least cost of a text of an automaton; 0 only where it may be empty."""
        lexemes = {
            symbol: self._lexemes.distance(self._terminals[symbol])
            for symbol in automaton.symbols
            if symbol in self._terminals
        }
        lexemes |= {symbol: self._guest_costs.get(symbol, 1) for symbol in automaton.guests}
        least = automaton.set_costs(lexemes)
        return 0 if automaton.complete(automaton.start(None)) else max(least, 1)

    def _user_cost(self, user: int, settled: int, costs: list[Cost], waiting: int) -> Cost:
        """What `user` costs now that its child `settled` has its final cost and `waiting` children have none yet."""
        match self._ops[user]:
            case SymOp.CHOICE | SymOp.RULE:
                return costs[settled]
            case SymOp.REPETITION:
                return self._bounds(user)[0] * costs[settled]
            case SymOp.UNORDERED:
                return self._items[user].whole.cost(self._items[user], costs.__getitem__)
            case _:
                return sum(costs[child] for child in self._children(user)) if waiting == 0 else math.inf


def _suffix_costs(parts: list[Part]) -> tuple[Cost, ...]:
    costs: list[Cost] = [0]
    for part in reversed(parts):
        costs.append(costs[-1] + part.cost)
    return tuple(reversed(costs))

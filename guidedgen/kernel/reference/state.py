"""Positions in a text. A state is a set of half-read terminals and, between terminals, a row.

*Reading*: (state of the terminal's automaton, row that expected it, terminal), after at least one byte of the terminal.
A byte steps every reading, and every terminal that the row expects; where an automaton accepts, the terminal may end
here, and the rows behind all such terminals are merged into the next state's row. What may not follow then is part of
these rows.

Every state can be completed: dead readings are dropped and rows only expect what produces something. "Completed" means
by bytes and named special tokens; a vocabulary in which some byte cannot be spelt can still run into a dead end.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from guidedgen.constraint import Mask
from guidedgen.explanation import Explanation
from guidedgen.kernel.reference.expressions import Expression
from guidedgen.kernel.reference.rows import Expected, Row
from guidedgen.kernel.reference.structure import Cost, Part

if TYPE_CHECKING:
    from guidedgen.kernel.reference.grammar import Grammar

Reading: TypeAlias = tuple[Expression, Row, Expected, int | None]
"""Where a terminal is, what expected it in which row, and how many tokens it may still take (None: any number)."""

_MOST_FORCED = 256


@dataclass(slots=True, eq=False, repr=False)
class State:
    """One hash-consed position; implements `guidedgen.constraint.State`. Only `Grammar` makes them.

    Attributes:
        readings: the half-read terminals.
        row: what comes next between terminals, or None inside of all of them.
        after: memo of `step`.
        words: memo of the mask.
        stays: memo of `States.staying_bytes`.
        cost: memo of `States.cost`.
        need: memo of `Completions.need`.
    """

    _grammar: Grammar
    _serial: int
    readings: frozenset[Reading]
    row: Row | None
    after: dict[int, State | None] = field(default_factory=dict)
    words: Mask | None = None
    stays: int | None = None
    cost: Cost | None = None
    need: Cost | None = None

    @property
    def accepting(self) -> bool:
        """Whether the text so far is complete."""
        return self.row is not None and self.row.accepting

    @property
    def done(self) -> str | None:
        """No stop rule ever fires here."""
        return None

    @property
    def fingerprint(self) -> int:
        """A number that equal positions share as long as they are in the grammar's cache."""
        return self._serial

    def fill(self, out: Mask, budget: int | None = None) -> None:
        """Write the allowed tokens into `out`; see `guidedgen.constraint.State.fill`."""
        given, words = np.asarray(out), self._grammar.mask_words
        if given is not out or given.dtype != np.int32 or given.shape != (words,):
            raise ValueError(f"mask buffer: expected an int32 array [{words}]")
        if not (given.flags.writeable and given.flags.c_contiguous):
            raise ValueError("mask buffer: expected a writable, contiguous array")
        out[:] = self._mask(budget)

    def mask(self, budget: int | None = None) -> Mask:
        """The allowed tokens in a new array; see `guidedgen.constraint.State.fill`."""
        return self._mask(budget).copy()

    def _mask(self, budget: int | None) -> Mask:
        if budget is not None and budget < 0:
            raise ValueError(f"budget={budget}: give a number of tokens from 0 up, or None.")
        with self._grammar.operation():
            if budget is not None:
                return self._grammar.fill_within(self, budget)
            if self.words is None:
                self.words = self._grammar.fill(self)
            return self.words

    def advance(self, token: int) -> State | None:
        """The position after `token`, or None where it is not allowed."""
        with self._grammar.operation():
            return self._grammar.advance(self, token)

    def advance_bytes(self, data: bytes) -> State | None:
        """The position after these bytes, or None where they are not allowed."""
        with self._grammar.operation():
            return self._grammar.advance_bytes(self, data)

    def forced(self) -> tuple[int, ...]:
        """The only tokens that can come next, one after another; at most 256."""
        tokens: list[int] = []
        state: State | None = self
        with self._grammar.operation():
            while state is not None and not state.accepting and len(tokens) < _MOST_FORCED:
                only = self._grammar.only_token(state)
                if only is None:
                    break
                tokens.append(only)
                state = self._grammar.advance(state, only)
        return tuple(tokens)

    def shortest(self) -> tuple[int, ...]:
        """Tokens that complete the text with the fewest bytes (special tokens count as one), as few as spell those."""
        with self._grammar.operation():
            return self._grammar.completions.tokens(self)

    def allowed_bytes(self) -> bytes:
        """The bytes that may come next: 32 bytes, bit b % 8 of byte b // 8, LSB first."""
        with self._grammar.operation():
            return self._grammar.live_bytes(self).to_bytes(32, "little")

    def labels(self) -> tuple[int, ...]:
        """The symbols of the table (terminals and token sets) that are being read or may come next, ascending."""
        with self._grammar.operation():
            return tuple(sorted({part.symbol for part in self._grammar.states.expected(self)}))

    def explain(self, token: int) -> Explanation | None:
        """Why `token` is not allowed, or None where it is; IndexError where there is no such token."""
        return self._grammar.explainer(self, token)


class States:
    """The states of one grammar and the steps between them, by bytes and by special tokens."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._lexemes = grammar.lexemes
        self._rows = grammar.rows
        self._viability = grammar.viability
        self._limits = grammar.limits
        self._serial = 0
        self._table: dict[tuple[frozenset[Reading], Row | None], State] = {}

    def __len__(self) -> int:
        """How many states there are."""
        return len(self._table)

    def forget(self) -> None:
        """Drop the states; those that are in use stay valid, without their memos."""
        for state in self._table.values():
            state.after, state.words, state.stays = {}, None, None
        self._table = {}

    def make(self, readings: Iterable[Reading], row: Row | None) -> State:
        """The state with these parts."""
        key = (frozenset(readings), row)
        known = self._table.get(key)
        if known is None:
            self._limits.check("states", len(key[0]), "terminals being read at once")
            self._serial += 1
            if row is not None:
                self._viability.settle(row)
            known = self._table.setdefault(key, State(self._grammar, self._serial, key[0], row))
        return known

    def step(self, state: State, byte: int) -> State | None:
        """The state after one byte, or None."""
        if byte in state.after:
            return state.after[byte]
        readings: dict[tuple[Expression, Row, Expected], int | None] = {}
        rows: set[Row] = set()
        for lexeme, row, expected, left in _candidates(state):
            target = self._lexemes.steps(lexeme)[byte]
            if target is None:
                continue
            if target.nullable:
                rows.add(self._rows.after(row, expected, self._lexemes.obligation(target)))
            if self._lexemes.live_bytes(target):
                known = readings.get((target, row, expected))
                readings[target, row, expected] = left if left is None or known is None else max(left, known)
        row_between = self._rows.merge(rows) if rows else None
        counted = [(*reading, left) for reading, left in readings.items()]
        after = self.make(counted, row_between) if readings or rows else None
        state.after[byte] = after
        return after

    def end_token(self, state: State) -> State | None:
        """The state if a token ends here: terminals that cannot end in the tokens left to them are given up."""
        if not any(left is not None for *_, left in state.readings):
            return state
        kept = []
        for lexeme, row, part, left in state.readings:
            after = None if left is None else left - 1
            if after is None or (after > 0 and self._grammar.counts.fits(lexeme, after)):
                kept.append((lexeme, row, part, after))
        return self.make(kept, state.row) if kept or state.row is not None else None

    def step_special(self, state: State, token: int) -> State | None:
        """The state after a special token, which may only stand between terminals."""
        if state.row is None or token not in state.row.tokens:
            return None
        return self.make((), self._rows.after(state.row, token))

    def either(self, left: State | None, right: State | None) -> State | None:
        """The state that is both: one token can be read as a special one and as its bytes."""
        if left is None or right is None:
            return right if left is None else left
        rows = {row for row in (left.row, right.row) if row is not None}
        return self.make(left.readings | right.readings, self._rows.merge(rows) if rows else None)

    def live_bytes(self, state: State) -> int:
        """The set of bytes that may come next; bit b stands for byte b."""
        return reduce(operator.or_, (self._lexemes.live_bytes(lexeme) for lexeme, *_ in _candidates(state)), 0)

    def expected(self, state: State) -> Iterator[Part]:
        """The terminals that are being read or may begin, and the special tokens that may come next."""
        yield from (expected[0] for lexeme, _, expected, _ in _candidates(state) if self._lexemes.live_bytes(lexeme))
        if state.row is not None:
            for items in state.row.tokens.values():
                yield from (item[0].parts[item[1] - 1] for item in items if isinstance(item, tuple))

    def staying_bytes(self, state: State) -> int:
        """The set of bytes that lead from the state to itself."""
        if state.stays is None:
            state.stays = sum(1 << byte for byte in range(256) if self.step(state, byte) is state)
        return state.stays

    def specials(self, state: State) -> Iterable[int]:
        """The special tokens that may come next."""
        return () if state.row is None else state.row.tokens

    def cost(self, state: State) -> Cost:
        """Bytes of the shortest completion; a special token counts as one."""
        if state.cost is None:
            ways = [self._viability.cost_within(*reading[:3]) for reading in state.readings]
            if state.row is not None:
                ways.append(self._viability.cost(state.row))
            state.cost = min(ways, default=math.inf)
        return state.cost

    def nearer_bytes(self, state: State) -> int:
        """The set of bytes that a shortest completion, not an empty one, may begin with."""
        least = self.cost(state)
        result = 0
        for lexeme, row, expected, _ in _candidates(state):
            for mask, target in self._lexemes.live_successors(lexeme):
                if self._viability.cost_within(target, row, expected) == least - 1:
                    result |= mask
        return result


def _candidates(state: State) -> Iterator[Reading]:
    """The terminals that are being read or may begin, with the states of their automata."""
    yield from state.readings
    if state.row is not None:
        for expected in state.row.terminals:
            yield expected[1], state.row, expected, expected[0].limit

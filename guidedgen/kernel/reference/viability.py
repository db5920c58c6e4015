"""Whether a text can be completed under the obligations that its terminals leave, and in how many bytes.

*Obligation*: what must not begin behind a terminal, see `Lexemes.obligation`. A row says what may follow by structure;
obligations can leave nothing of that. A row is viable where some text leads from it to an end, found by a search over
rows (A*, guided by the costs without obligations). A settled row expects only what leads to viable rows.
"""

from __future__ import annotations

import heapq
import itertools
import math

from guidedgen.errors import LimitExceeded
from guidedgen.kernel.reference.expressions import Expression, Expressions, Op
from guidedgen.kernel.reference.lexeme import Lexemes
from guidedgen.kernel.reference.rows import Expected, Row, Rows
from guidedgen.kernel.reference.structure import Cost


class Viability:
    """What the rows of one grammar still cost. `lexing` says whether any terminal leaves obligations."""

    def __init__(self, rows: Rows, lexemes: Lexemes, make: Expressions, *, lexing: bool, limit: int) -> None:
        self._rows = rows
        self._lexemes = lexemes
        self._make = make
        self._lexing = lexing
        self._limit = limit
        self._costs: dict[Row, Cost] = {}
        self._settled: set[Row] = set()

    def forget(self) -> None:
        """Drop what was memoised."""
        self._costs, self._settled = {}, set()

    def settle(self, row: Row) -> Row:
        """Take away what the row expects and what cannot be completed; returns the row."""
        if self._lexing and row not in self._settled:
            row.terminals = {
                start: items
                for expected, items in row.terminals.items()
                if (start := self._restricted(row, expected)) is not None
            }
            row.tokens = {
                token: items
                for token, items in row.tokens.items()
                if self.cost(self._rows.after(row, token)) != math.inf
            }
            self._settled.add(row)
        return row

    def _restricted(self, row: Row, expected: Expected) -> Expected | None:
        part, start = expected
        ends = self._lexemes.ends(start)
        bad = frozenset(
            tracked
            for tracked, obligation, _ in ends
            if self.cost(self._rows.after(row, expected, obligation)) == math.inf
        )
        if not bad:
            return expected
        if len(bad) == len(ends) or start.op is not Op.LONGEST:
            return None
        return part, self._make.longest(start.args[0], start.args[1], bad)

    def cost(self, row: Row) -> Cost:
        """Bytes of the shortest completion of a row; a special token counts as one."""
        if not self._lexing:
            return row.cost
        if row not in self._costs:
            self._search(row)
        return self._costs[row]

    def cost_within(self, lexeme: Expression, row: Row, expected: Expected) -> Cost:
        """The same of a terminal that is being read."""
        ways = (
            length + self.cost(self._rows.after(row, expected, obligation))
            for _, obligation, length in self._lexemes.ends(lexeme)
        )
        return min(ways, default=math.inf)

    def _search(self, start: Row) -> None:
        """A* from `start` to the nearest row whose cost is known; notes the costs along the way."""
        reached: dict[Row, Cost] = {start: 0}
        before: dict[Row, Row] = {}
        order = itertools.count()
        queue = [(start.cost, next(order), 0.0, start)]
        while queue:
            _, _, cost, row = heapq.heappop(queue)
            if cost > reached[row]:
                continue
            rest = 0 if row.accepting else self._costs.get(row)
            if rest is not None:
                self._note_path(row, rest, reached, before)
                return
            for target, length in self._following(row):
                if cost + length < reached.get(target, math.inf) and self._least(target) != math.inf:
                    reached[target] = cost + length
                    before[target] = row
                    heapq.heappush(queue, (cost + length + self._least(target), next(order), cost + length, target))
            if len(reached) > self._limit:
                raise LimitExceeded("states", self._limit, "looking for a completion that the lexing rules allow")
        self._costs.update(dict.fromkeys(reached, math.inf))

    def _least(self, row: Row) -> Cost:
        return self._costs.get(row, row.cost)

    def _following(self, row: Row) -> list[tuple[Row, Cost]]:
        by_bytes = [
            (self._rows.after(row, expected, obligation), length)
            for expected in row.terminals
            for _, obligation, length in self._lexemes.ends(expected[1])
        ]
        return by_bytes + [(self._rows.after(row, token), 1) for token in row.tokens]

    def _note_path(self, row: Row, rest: Cost, reached: dict[Row, Cost], before: dict[Row, Row]) -> None:
        whole = reached[row] + rest
        self._costs[row] = rest
        while row in before:
            row = before[row]
            self._costs[row] = whole - reached[row]

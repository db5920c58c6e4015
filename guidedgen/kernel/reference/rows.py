"""Rows: Earley sets without input offsets, hash-consed, so that equal situations share one row.

*Item*: (production, dot, frame): the parts before the dot have been read, the frame says who waits for the production.
*Frame*: (row, part): the row in which `part` was predicted; `row.callers[part]` are the items that go on behind it.
`ROOT` is the frame of the start symbol. An item whose dot stands before its last part hands its own frame on to that
part (a tail call), so right recursion and repetition need no more rows than right-linear grammars do.
*Row*: the items that are active at one position, completed: whoever is waited for and may be finished is finished. What
a row predicts is derived from that. A part that may be empty is also skipped where it is predicted, which is why
nothing ever has to be completed inside the row that predicted it, and left recursion, cycles and hidden recursion need
no special care.

Sources: J. Earley, An efficient context-free parsing algorithm, CACM 13(2), 1970; J. Aycock, R. N. Horspool, Practical
Earley parsing, Computer Journal 45(6), 2002 (nullable parts); J. Leo, A general context-free parsing algorithm running
in linear time on every LR(k) grammar, TCS 82, 1991 (tail calls).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from guidedgen.errors import LimitExceeded
from guidedgen.kernel.reference.lalr import Stack
from guidedgen.kernel.reference.structure import Cost, Part, Production, Structure
from guidedgen.kernel.table import SymOp

Frame: TypeAlias = "tuple[Row, Part] | None"
Item: TypeAlias = "tuple[Production, int, Frame] | Stack"
Items: TypeAlias = "dict[Item, None]"  # a set in order of insertion, so that ties are broken the same way in every run
ROOT: Frame = None


@dataclass(slots=True, eq=False)
class Row:
    """One hash-consed Earley set.

    Attributes:
        serial: creation order.
        items: the active items, their dots before some part.
        accepting: whether the start symbol is complete here.
        terminals: what may be read next, and the items once it has been.
        tokens: the special tokens that may come next, and the items after each.
        callers: for every part predicted here without a tail call, the items behind it.
        finish: for each of those parts, the least cost of completing the text once the part is complete.
        cost: the least cost of completing the text from here.
        after: memo of `Rows.after`.
    """

    serial: int
    items: Items
    accepting: bool
    terminals: dict[Part, Items] = field(default_factory=dict)
    tokens: dict[int, Items] = field(default_factory=dict)
    callers: dict[Part, Items] = field(default_factory=dict)
    finish: dict[Part, Cost] = field(default_factory=dict)
    cost: Cost = math.inf
    after: dict[Part | int, Row] = field(default_factory=dict)


class Rows:
    """The rows of one grammar."""

    def __init__(self, structure: Structure, start: Part, *, limit: int) -> None:
        self._structure = structure
        self._limit = limit
        self._serial = 0
        self._table: dict[tuple[frozenset[Item], bool], Row] = {}
        self._start = Production((start,), (start.cost, 0))

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._table)

    def forget(self) -> None:
        """Drop the rows; those that are in use stay valid, without their memos."""
        for row in self._table.values():
            row.after = {}
        self._table = {}

    def first(self) -> Row:
        """The row before any text."""
        return self._complete([(self._start, 0, ROOT)])

    def after(self, row: Row, read: Part | int) -> Row:
        """The row once a terminal (a part), or a special token (its id), that `row` expects has been read."""
        known = row.after.get(read)
        if known is None:
            items = row.terminals[read] if isinstance(read, Part) else row.tokens[read]
            known = row.after[read] = self._complete(items)
        return known

    def merge(self, rows: set[Row]) -> Row:
        """The row of a position that several rows describe.

        Keeping them apart would be right too, but their number can grow exponentially with the length of an ambiguous
        text.
        """
        if len(rows) == 1:
            return next(iter(rows))
        in_order = sorted(rows, key=lambda row: row.serial)
        items = dict.fromkeys(item for row in in_order for item in row.items)
        return self._intern(items, any(row.accepting for row in rows))

    def _complete(self, items: Iterable[Item]) -> Row:
        """The row of these items and of everything that they finish."""
        agenda = list(items)
        seen = dict.fromkeys(agenda)
        accepting = False
        while agenda:
            item = agenda.pop()
            if isinstance(item, Stack):
                if not item.automaton.complete(item):
                    continue
                frame = item.frame
            else:
                production, dot, frame = item
                if production.rest[dot] != 0:
                    continue
            if frame is None:
                accepting = True
            else:
                row, part = frame
                fresh = [item for item in row.callers[part] if item not in seen]
                seen.update(dict.fromkeys(fresh))
                agenda.extend(fresh)
        return self._intern(dict.fromkeys(filter(_goes_on, seen)), accepting)

    def _intern(self, items: Items, accepting: bool) -> Row:
        key = (frozenset(items), accepting)
        known = self._table.get(key)
        if known is None:
            self._serial += 1
            row = Row(self._serial, items, accepting)
            self._predict(row)
            self._settle_costs(row)
            known = self._table.setdefault(key, row)
        return known

    def _predict(self, row: Row) -> None:
        """Derive from the items what may be read next and who waits for what."""
        agenda = list(row.items)
        seen: set[Item] = set(agenda)
        predicted: set[tuple[Part, Frame]] = set()
        while agenda:
            if len(seen) + len(predicted) > self._limit:
                raise LimitExceeded("states", self._limit, "configurations at one position of the text")
            item = agenda.pop()
            if isinstance(item, Stack):
                for lexeme, after in self._structure.expected(item):
                    row.terminals.setdefault(lexeme, {})[after] = None
                continue
            production, dot, frame = item
            part = production.parts[dot]
            last = dot + 1 == len(production.parts)
            behind: Item = (production, dot + 1, frame)
            if part.cost == 0 and not last and behind not in seen:
                seen.add(behind)
                agenda.append(behind)
            if part.op is SymOp.TERMINAL:
                row.terminals.setdefault(part, {})[behind] = None
            elif part.op is SymOp.TOKEN:
                for token in self._structure.tokens(part):
                    row.tokens.setdefault(token, {})[behind] = None
            else:
                called: tuple[Part, Frame] = (part, frame) if last else (part, (row, part))
                if not last:
                    row.callers.setdefault(part, {})[behind] = None
                if part.op is SymOp.LALR:
                    agenda.append(self._structure.automaton(part).start(called[1]))
                elif called not in predicted:
                    predicted.add(called)
                    expanded = ((body, 0, called[1]) for body in self._structure.productions(part))
                    agenda.extend(item for item in expanded if item not in seen)

    def _settle_costs(self, row: Row) -> None:
        """Fill `finish` and `cost`: shortest paths through the frames, those of older rows being known."""
        waiting: dict[Part, list[tuple[Part, Item]]] = {}
        queue: list[tuple[Cost, int, Part]] = []
        order = 0
        for part, items in row.callers.items():
            for item in items:
                assert not isinstance(item, Stack)
                frame = item[2]
                if frame is not None and frame[0] is row:
                    waiting.setdefault(frame[1], []).append((part, item))
                else:
                    queue.append((item[0].rest[item[1]] + _frame_cost(frame), order, part))
                    order += 1
        heapq.heapify(queue)
        while queue:
            cost, _, part = heapq.heappop(queue)
            if part in row.finish:
                continue
            row.finish[part] = cost
            for user, behind in waiting.get(part, ()):
                assert not isinstance(behind, Stack)
                order += 1
                heapq.heappush(queue, (behind[0].rest[behind[1]] + cost, order, user))
        row.cost = 0 if row.accepting else min(map(_item_cost, row.items), default=math.inf)


def _goes_on(item: Item) -> bool:
    """Whether something is left of an item to be read."""
    return isinstance(item, Stack) or item[1] < len(item[0].parts)


def _item_cost(item: Item) -> Cost:
    if isinstance(item, Stack):
        return item.automaton.cost(item, _frame_cost(item.frame))
    production, dot, frame = item
    return production.rest[dot] + _frame_cost(frame)


def _frame_cost(frame: Frame) -> Cost:
    return 0 if frame is None else frame[0].finish[frame[1]]

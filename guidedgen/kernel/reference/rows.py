"""Rows: Earley sets without input offsets, hash-consed, so that equal situations share one row.

*Item*: (production, dot, frame, obligation): the parts before the dot have been read, the frame says who waits for the
production. The obligation is what must not begin here (`Lexemes.obligation`, None: anything may); it passes from what
is finished to those who waited, and from who waits to what is predicted.
*Frame*: (row, (part, obligation)): the row in which `part` was predicted, and under which obligation;
`row.callers[part, obligation]` are the items that go on behind it. A fence that was predicted under no obligation ends
those of its own.
`ROOT` is the frame of the start symbol. An item whose dot stands before its last part hands its own frame on to that
part (a tail call; no fence is called so), so right recursion and repetition need no more rows than right-linear
grammars do.
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
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from guidedgen.errors import LimitExceeded
from guidedgen.kernel.reference.expressions import Expression
from guidedgen.kernel.reference.lalr import Stack
from guidedgen.kernel.reference.lexeme import Lexemes
from guidedgen.kernel.reference.structure import Cost, Part, Production, Structure
from guidedgen.kernel.table import SymOp

Called: TypeAlias = "tuple[Part, Expression | None]"
Frame: TypeAlias = "tuple[Row, Called] | None"
Item: TypeAlias = "tuple[Production, int, Frame, Expression | None] | Stack"
Expected: TypeAlias = "tuple[Part, Expression]"  # a terminal, and the state of its automaton in which it begins
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
    terminals: dict[Expected, Items] = field(default_factory=dict)
    tokens: dict[int, Items] = field(default_factory=dict)
    callers: dict[Called, Items] = field(default_factory=dict)
    finish: dict[Called, Cost] = field(default_factory=dict)
    cost: Cost = math.inf
    after: dict[tuple[Expected | int, Expression | None], Row] = field(default_factory=dict)


class Rows:
    """The rows of one grammar."""

    def __init__(self, structure: Structure, start: Part, lexemes: Lexemes, *, limit: int) -> None:
        self._structure = structure
        self._lexemes = lexemes
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
        return self._complete([(self._start, 0, ROOT, None)])

    def after(self, row: Row, read: Expected | int, obligation: Expression | None = None) -> Row:
        """The row once a terminal, or a special token (its id), that `row` expects has been read."""
        key = (read, obligation)
        known = row.after.get(key)
        if known is None:
            items = row.tokens[read] if isinstance(read, int) else row.terminals[read]
            known = row.after[key] = self._complete(_obliged(item, obligation) for item in items)
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
                frame, obligation = item.frame, item.obligation
            else:
                production, dot, frame, obligation = item
                if production.rest[dot] != 0:
                    continue
            if frame is None:
                accepting = accepting or self._lexemes.may_end(obligation)
            elif not _ends_text(frame) or self._lexemes.may_end(obligation):
                row, part = frame
                passed = None if _ends_text(frame) else obligation
                callers = [_obliged(caller, passed) for caller in row.callers[part]]
                fresh = [caller for caller in callers if caller not in seen]
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
        predicted: set[tuple[Part, Frame, Expression | None]] = set()
        while agenda:
            if len(seen) + len(predicted) > self._limit:
                raise LimitExceeded("states", self._limit, "configurations at one position of the text")
            item = agenda.pop()
            if isinstance(item, Stack):
                for lexeme, after in self._structure.expected(item):
                    assert lexeme.expression is not None
                    start = self._lexemes.start(lexeme.expression, item.obligation)
                    if start is not None:
                        row.terminals.setdefault((lexeme, start), {})[after] = None
                for guest, after in self._structure.guests(item):
                    row.callers.setdefault((guest, item.obligation), {})[_obliged(after, None)] = None
                    agenda += self._expanded(guest, (row, (guest, item.obligation)), item.obligation, seen, predicted)
                continue
            production, dot, frame, obligation = item
            part = production.parts[dot]
            at_end = dot + 1 == len(production.parts)
            last = at_end and not part.fence
            behind: Item = (production, dot + 1, frame, obligation)
            waiting: Item = (production, dot + 1, frame, None)
            if part.cost == 0 and not at_end and behind not in seen:
                seen.add(behind)
                agenda.append(behind)
            if part.op is SymOp.TERMINAL:
                assert part.expression is not None
                start = self._lexemes.start(part.expression, obligation)
                if start is not None:
                    row.terminals.setdefault((part, start), {})[waiting] = None
            elif part.op is SymOp.TOKEN:
                for token in self._structure.tokens(part) if self._lexemes.may_end(obligation) else ():
                    row.tokens.setdefault(token, {})[waiting] = None
            else:
                called: tuple[Part, Frame] = (part, frame) if last else (part, (row, (part, obligation)))
                if not last:
                    row.callers.setdefault((part, obligation), {})[waiting] = None
                if part.op is SymOp.LALR:
                    agenda.append(self._structure.automaton(part).start(called[1], obligation))
                else:
                    agenda += self._expanded(*called, obligation, seen, predicted)

    def _expanded(
        self,
        part: Part,
        frame: Frame,
        obligation: Expression | None,
        seen: set[Item],
        predicted: set[tuple[Part, Frame, Expression | None]],
    ) -> list[Item]:
        """What a part that is predicted in a frame begins with, unless it was before."""
        if (part, frame, obligation) in predicted:
            return []
        predicted.add((part, frame, obligation))
        items: list[Item] = [(body, 0, frame, obligation) for body in self._structure.productions(part)]
        return [item for item in items if item not in seen]

    def _settle_costs(self, row: Row) -> None:
        """Fill `finish` and `cost`: shortest paths through the frames, those of older rows being known."""
        waiting: dict[Called, list[tuple[Called, Item]]] = {}
        queue: list[tuple[Cost, int, Called]] = []
        order = 0
        for part, items in row.callers.items():
            for item in items:
                frame = _frame(item)
                if frame is not None and frame[0] is row:
                    waiting.setdefault(frame[1], []).append((part, item))
                else:
                    queue.append((_rest(item) + _frame_cost(frame), order, part))
                    order += 1
        heapq.heapify(queue)
        while queue:
            cost, _, part = heapq.heappop(queue)
            if part in row.finish:
                continue
            row.finish[part] = cost
            for user, behind in waiting.get(part, ()):
                order += 1
                heapq.heappush(queue, (_rest(behind) + cost, order, user))
        row.cost = 0 if row.accepting else min(map(_item_cost, row.items), default=math.inf)


def _ends_text(frame: Frame) -> bool:
    """Whether what goes on in this frame is another text: behind a fence that was predicted under no obligation."""
    return frame is not None and frame[1][0].fence and frame[1][1] is None


def _obliged(item: Item, obligation: Expression | None) -> Item:
    if isinstance(item, Stack):
        return replace(item, obligation=obligation)
    return (*item[:3], obligation)


def _goes_on(item: Item) -> bool:
    """Whether something is left of an item to be read."""
    return isinstance(item, Stack) or item[1] < len(item[0].parts)


def _frame(item: Item) -> Frame:
    return item.frame if isinstance(item, Stack) else item[2]


def _rest(item: Item) -> Cost:
    """What an item costs up to where its frame goes on."""
    return item.automaton.cost(item, 0) if isinstance(item, Stack) else item[0].rest[item[1]]


def _item_cost(item: Item) -> Cost:
    return _rest(item) + _frame_cost(_frame(item))


def _frame_cost(frame: Frame) -> Cost:
    return 0 if frame is None else frame[0].finish[frame[1]]

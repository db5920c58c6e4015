"""Regular expressions over bytes as hash-consed values: equal up to the laws below means identical.

The laws (Brzozowski's similarity and a few more) keep the number of derivatives finite and small:
unions and intersections are flattened, sorted, without duplicates and neutral members; concatenation nests to the
right; adjoining literals join; literals in a union become one sorted word list; counted repetitions of the same thing
merge (`x{0,3}|x{2,5}` is `x{0,5}`). Counts are never unrolled.

The languages are those of texts that can be written: bytes that no token of the vocabulary has are taken out of every
set, and a text with one is empty, so that what needs one is visibly so. Marks in obligations stay.

Source: J. A. Brzozowski, Derivatives of Regular Expressions, J. ACM 11(4), 1964; S. Owens, J. Reppy, A. Turon,
Regular-expression derivatives re-examined, J. Functional Programming 19(2), 2009.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from guidedgen.errors import LimitExceeded
from guidedgen.kernel.reference.byte_graph import ByteGraph

ANY_BYTE = (1 << 256) - 1
BEGINNING_MARK, TERMINAL_MARK, END_MARK = 0xFC, 0xFE, 0xFF  # in obligations, where no text has them
Length = float  # a number of bytes; math.inf where there is no such text


class Op(IntEnum):
    """Kinds of expressions and what `Expression.args` holds."""

    EMPTY = 0  # ()
    EPSILON = 1  # ()
    BYTES = 2  # (mask,) with at least two bits
    LITERAL = 3  # (text,)
    WORDS = 4  # (sorted words, first, last, depth): words[first:last] without their first `depth` bytes
    CONCAT = 5  # (head, tail), head not a CONCAT
    OR = 6  # members
    AND = 7  # members
    NOT = 8  # (child,)
    REPEAT = 9  # (child, low, high or None)
    AUTOMATON = 10  # (graph, state)
    LONGEST = 11  # (accepted, tracked, banned): never part of another expression, see `Expressions.longest`


@dataclass(slots=True, eq=False)
class Expression:
    """One hash-consed expression.

    Attributes:
        op: its kind.
        args: its operands, see `Op`.
        nullable: whether it contains the empty string.
        minimum: a lower bound of the length of its shortest string; exact where `boolean` is false.
        boolean: whether an intersection or a complement is inside, so that it may be empty without looking so.
        serial: creation order; sorts the members of unions.
    """

    op: Op
    args: tuple[Any, ...]
    nullable: bool
    minimum: Length
    boolean: bool
    serial: int


class Expressions:
    """The arena: every constructor returns the one expression that stands for its result.

    `spelled`: the bytes that texts can be written with, and the marks; bit b stands for byte b.
    """

    def __init__(self, *, limit: int, spelled: int = ANY_BYTE) -> None:
        self._limit = limit
        self.spelled = spelled | 1 << BEGINNING_MARK | 1 << TERMINAL_MARK | 1 << END_MARK
        self._serial = 0
        self._table: dict[tuple[Any, ...], Expression] = {}
        self._word_lists: dict[tuple[bytes, ...], tuple[bytes, ...]] = {}
        self.empty = self._make(Op.EMPTY, (), nullable=False, minimum=math.inf)
        self.epsilon = self._make(Op.EPSILON, (), nullable=True, minimum=0)
        any_byte = self._make(Op.BYTES, (ANY_BYTE,), nullable=False, minimum=1)
        self.all = self._make(Op.REPEAT, (any_byte, 0, None), nullable=True, minimum=0)
        self._permanent = dict(self._table)

    def __len__(self) -> int:
        """How many expressions are in the arena."""
        return len(self._table)

    def forget(self) -> None:
        """Drop the arena. Expressions that are still in use stay valid; they are merely no longer shared."""
        self._table = dict(self._permanent)
        self._word_lists = {}

    def _make(
        self,
        op: Op,
        args: tuple[Any, ...],
        *,
        nullable: bool,
        minimum: Length,
        boolean: bool = False,
        key: tuple[Any, ...] | None = None,
    ) -> Expression:
        key = (op, *args) if key is None else key
        known = self._table.get(key)
        if known is None:
            if len(self._table) >= self._limit:
                raise LimitExceeded("expressions", self._limit)
            self._serial += 1
            known = self._table[key] = Expression(op, args, nullable, minimum, boolean, self._serial)
        return known

    def byte_set(self, mask: int) -> Expression:
        """One byte out of a set; bit b of `mask` stands for byte b."""
        mask &= self.spelled
        if mask == 0:
            return self.empty
        if mask & (mask - 1) == 0:
            return self.literal(bytes([mask.bit_length() - 1]))
        return self._make(Op.BYTES, (mask,), nullable=False, minimum=1)

    def literal(self, text: bytes) -> Expression:
        """Exactly these bytes."""
        if not text:
            return self.epsilon
        if not all(self.spelled >> byte & 1 for byte in text):
            return self.empty
        return self._make(Op.LITERAL, (text,), nullable=False, minimum=len(text))

    def words(self, words: tuple[bytes, ...], first: int, last: int, depth: int) -> Expression:
        """`words[first:last]`, which are sorted and share their first `depth` bytes, without those bytes.

        Word lists are told apart by identity: comparing thousands of words at every byte would cost more than sharing
        gives.
        """
        if last - first == 1:
            return self.literal(words[first][depth:])
        return self._make(
            Op.WORDS,
            (words, first, last, depth),
            nullable=len(words[first]) == depth,
            minimum=min(map(len, words[first:last])) - depth,
            key=(Op.WORDS, id(words), first, last, depth),
        )

    def concat(self, left: Expression, right: Expression) -> Expression:
        """`left` and then `right`."""
        heads = []
        while left.op is Op.CONCAT:
            heads.append(left.args[0])
            left = left.args[1]
        heads.append(left)
        for head in reversed(heads):
            right = self._prepend(head, right)
        return right

    def _prepend(self, head: Expression, tail: Expression) -> Expression:
        if head is self.empty or tail is self.empty:
            return self.empty
        if head is self.epsilon:
            return tail
        if tail is self.epsilon:
            return head
        next_head, rest = tail.args if tail.op is Op.CONCAT else (tail, None)
        joined = self._join(head, next_head)
        if joined is not None:
            return joined if rest is None else self._prepend(joined, rest)
        return self._make(
            Op.CONCAT,
            (head, tail),
            nullable=head.nullable and tail.nullable,
            minimum=head.minimum + tail.minimum,
            boolean=head.boolean or tail.boolean,
        )

    def _join(self, left: Expression, right: Expression) -> Expression | None:
        """Two neighbours as one expression that is not a CONCAT, or None."""
        if left.op is Op.LITERAL and right.op is Op.LITERAL:
            return self.literal(left.args[0] + right.args[0])
        if left.op is Op.REPEAT and right.op is Op.REPEAT and left.args[0] is right.args[0]:
            child, low, high = left.args
            _, more_low, more_high = right.args
            total = None if high is None or more_high is None else high + more_high
            return self.repeat(child, low + more_low, total)
        return None

    def repeat(self, child: Expression, low: int, high: int | None) -> Expression:
        """`child` at least `low` and at most `high` times (None: no maximum)."""
        if child is self.epsilon or high == 0:
            return self.epsilon
        if child is self.empty:
            return self.epsilon if low == 0 else self.empty
        if child.nullable:
            low = 0
        star = child.op is Op.REPEAT and child.args[1] == 0 and child.args[2] is None
        if star or (high == 1 and (low == 1 or child.nullable)):
            return child
        return self._make(
            Op.REPEAT,
            (child, low, high),
            nullable=low == 0,
            minimum=low * child.minimum if low else 0,
            boolean=child.boolean,
        )

    def automaton(self, graph: ByteGraph, state: int) -> Expression:
        """What an automaton accepts from one of its states on."""
        distance = graph.distances[state]
        if distance == math.inf:
            return self.empty
        return self._make(
            Op.AUTOMATON,
            (graph, state),
            nullable=distance == 0,
            minimum=distance,
            key=(Op.AUTOMATON, id(graph), state),
        )

    def complement(self, child: Expression) -> Expression:
        """Every byte string that is not in `child`."""
        if child.op is Op.NOT:
            inner: Expression = child.args[0]
            return inner
        if child is self.empty:
            return self.all
        if child is self.all:
            return self.empty
        nullable = not child.nullable
        return self._make(Op.NOT, (child,), nullable=nullable, minimum=0 if nullable else 1, boolean=True)

    def intersection(self, parts: Iterable[Expression]) -> Expression:
        """All of the parts at once."""
        members: set[Expression] = set()
        masks: list[int] = []
        for part in _flatten(Op.AND, parts):
            if part.op is Op.BYTES:
                masks.append(part.args[0])
            elif part is not self.all:
                members.add(part)
        if masks:
            members.add(self.byte_set(functools.reduce(operator.and_, masks)))
        if self.empty in members or any(part.op is Op.NOT and part.args[0] in members for part in members):
            return self.empty
        if self.epsilon in members:
            return self.epsilon if all(part.nullable for part in members) else self.empty
        if len(members) <= 1:
            return members.pop() if members else self.all
        return self._make(
            Op.AND,
            _in_order(members),
            nullable=all(part.nullable for part in members),
            minimum=max(part.minimum for part in members),
            boolean=True,
        )

    def nonempty(self, expression: Expression) -> Expression:
        """The expression without the empty string."""
        return self.intersection((expression, self.complement(self.epsilon))) if expression.nullable else expression

    def longest(
        self, accepted: Expression, tracked: Expression, banned: frozenset[Expression] = frozenset()
    ) -> Expression:
        """The texts w of `accepted` behind which no v begins for which w v is in `tracked`.

        What is left of `tracked` at the end of a text, without its empty string, is the obligation that the text
        leaves. Texts that leave one of those `banned` (`empty` stands for none at all) are not in the language.
        """
        tracked = self.nonempty(tracked)
        if accepted is self.empty or (tracked is self.empty and tracked in banned):
            return self.empty
        if tracked is self.empty:
            return accepted
        return self._make(
            Op.LONGEST,
            (accepted, tracked, banned),
            nullable=accepted.nullable and tracked not in banned,
            minimum=accepted.minimum,
            boolean=True,
        )

    def union(self, parts: Iterable[Expression]) -> Expression:
        """Any of the parts."""
        members: set[Expression] = set()
        words: set[bytes] = set()
        mask = 0
        for part in _flatten(Op.OR, parts):
            if part.op is Op.BYTES:
                mask |= part.args[0]
            elif part.op is Op.LITERAL and len(part.args[0]) == 1:
                mask |= 1 << part.args[0][0]
            elif part.op is Op.LITERAL:
                words.add(part.args[0])
            elif part is not self.empty:
                members.add(part)
        if mask:
            members.add(self.byte_set(mask))
        if words:
            listed = tuple(sorted(words))
            members.add(self.words(self._word_lists.setdefault(listed, listed), 0, len(listed), 0))
        if self.all in members or any(part.op is Op.NOT and part.args[0] in members for part in members):
            return self.all
        return self._union_of(self._merge_counts(members))

    def _union_of(self, members: set[Expression]) -> Expression:
        if self.epsilon in members and any(part.nullable for part in members if part is not self.epsilon):
            members.remove(self.epsilon)
        if len(members) <= 1:
            return members.pop() if members else self.empty
        return self._make(
            Op.OR,
            _in_order(members),
            nullable=any(part.nullable for part in members),
            minimum=min(part.minimum for part in members),
            boolean=any(part.boolean for part in members),
        )

    def _merge_counts(self, members: set[Expression]) -> set[Expression]:
        """Merge members `h x{a,b}` and `h x{c,d}` (h may be absent) whose counts overlap or adjoin.

        Without it the derivatives of `(a*b*){0,50}` are unions of up to fifty members.
        """
        groups: dict[tuple[Expression, Expression], list[Expression]] = {}
        for member in members:
            head, tail = member.args if member.op is Op.CONCAT else (self.epsilon, member)
            if tail.op is Op.REPEAT:
                groups.setdefault((head, tail.args[0]), []).append(member)
        for (head, child), group in groups.items():
            if len(group) > 1:
                members = members.difference(group)
                members.update(self._prepend(head, self.repeat(child, *span)) for span in _spans(group))
        return members


def _in_order(members: Iterable[Expression]) -> tuple[Expression, ...]:
    return tuple(sorted(members, key=lambda part: part.serial))


def _flatten(op: Op, parts: Iterable[Expression]) -> Iterable[Expression]:
    """The parts, with those of the same kind replaced by their members (which are never of that kind)."""
    for part in parts:
        if part.op is op:
            yield from part.args
        else:
            yield part


def _spans(group: list[Expression]) -> list[tuple[int, int | None]]:
    """The union of the counts of repetitions, as intervals that neither overlap nor adjoin."""
    repeats = [member.args[1] if member.op is Op.CONCAT else member for member in group]
    merged: list[tuple[int, int | None]] = []
    for low, high in sorted((repeat.args[1:] for repeat in repeats), key=lambda span: span[0]):
        last_low, last_high = merged[-1] if merged else (0, -2)
        if last_high is not None and low > last_high + 1:
            merged.append((low, high))
        else:
            top = None if last_high is None or high is None else max(last_high, high)
            merged[-1] = (last_low, top)
    return merged

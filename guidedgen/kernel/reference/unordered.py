"""What is left of an UNORDERED symbol once some of its items have been read: a value that says what it costs to finish.

What may follow depends on which members came, not on their order, so that n members need at most 2^n of these values,
of which a text meets one for each of its items.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Items:
    """The pool row of an UNORDERED symbol; symbols by number, members in order.

    Attributes:
        required, optional: members by bits: bit i stands for `members[i]`.
    """

    separator: int
    rest: int | None
    members: tuple[int, ...]
    required: int
    optional: int
    low: int
    high: int | None

    @classmethod
    def read(cls, pool: Sequence[int], offset: int, count: int) -> Items:
        """The row of `count` members at an offset; see `guidedgen.kernel.table`."""
        separator, rest, low, high = pool[offset : offset + 4]
        row = pool[offset + 4 : offset + 4 + 2 * count]
        required = sum(flag << index for index, flag in enumerate(row[1::2]))
        optional = (1 << count) - 1 & ~required
        members = tuple(row[::2])
        return cls(separator, _none(rest), members, required, optional, low, _none(high))

    @property
    def whole(self) -> Remainder:
        """What is left before the first item."""
        return Remainder(0, self.low, self.high, True).normal(self)

    @property
    def symbols(self) -> list[int]:
        """Every symbol that an item or a separator may be, once."""
        rest = [] if self.rest is None else [self.rest]
        return list(dict.fromkeys([self.separator, *rest, *self.members]))

    def producing(self, cost: Callable[[int], float]) -> Items:
        """Without optional members, and without a rest, that produce nothing."""
        dead = sum(1 << index for index, symbol in enumerate(self.members) if math.isinf(cost(symbol)))
        no_rest = self.rest is not None and math.isinf(cost(self.rest))
        return replace(self, optional=self.optional & ~dead, rest=None if no_rest else self.rest)


@dataclass(frozen=True, slots=True)
class Remainder:
    """Items that are still to come.

    Attributes:
        seen: the members that came, by bits.
        low, high: bounds on the number of items that are left; None: any number.
        first: whether no item came yet, so that no separator stands before the next one.
    """

    seen: int
    low: int
    high: int | None
    first: bool

    def normal(self, items: Items) -> Remainder:
        """The same with bounds dropped that say nothing, so that equal situations are equal values."""
        required = (items.required & ~self.seen).bit_count()
        most = required + (items.optional & ~self.seen).bit_count()
        low = 0 if self.low <= required else self.low
        high = None if items.rest is None and self.high is not None and self.high >= most else self.high
        return replace(self, low=low, high=high)

    def cost(self, items: Items, cost: Callable[[int], float]) -> float:
        """The least number of bytes that end it; infinite where there is no end."""
        wanted = self._cheapest(items, cost)
        if wanted is None:
            return math.inf
        separators = len(wanted) - self.first if wanted else 0
        total = sum(map(cost, wanted))
        return total + separators * cost(items.separator) if separators else total

    def _cheapest(self, items: Items, cost: Callable[[int], float]) -> list[int] | None:
        """The items of a cheapest end, without separators; None where there is no end."""
        required = items.required & ~self.seen
        wanted = [items.members[index] for index in _bits(required)]
        missing = self.low - len(wanted)
        if missing > 0:
            others = sorted((items.members[index] for index in _bits(items.optional & ~self.seen)), key=cost)
            if items.rest is not None:
                least = cost(items.rest)
                others = [other for other in others if cost(other) <= least]
                others += [items.rest] * (missing - len(others))
            wanted += others[:missing]
        if len(wanted) < self.low or (self.high is not None and len(wanted) > self.high):
            return None
        return wanted

    def following(self, items: Items) -> Iterator[tuple[int, Remainder]]:
        """Each item that may come next, with what is left after it (which may have no end)."""
        if self.high == 0:
            return
        low, high = max(self.low - 1, 0), None if self.high is None else self.high - 1
        for index in _bits((items.required | items.optional) & ~self.seen):
            yield items.members[index], Remainder(self.seen | 1 << index, low, high, False).normal(items)
        if items.rest is not None:
            yield items.rest, Remainder(self.seen, low, high, False).normal(items)


def _none(number: int) -> int | None:
    return None if number < 0 else number


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest

"""A terminal as a lazy automaton whose states are expressions: live steps, how far the end is.

Intersections and complements can be empty without looking so. Whether they are, and how far the end is, is found by A*
over their derivatives, guided by the lower bound that every expression carries. A state from which the end cannot be
reached is dead: it is never entered.
"""

from __future__ import annotations

import heapq
import math

from guidedgen.errors import LimitExceeded
from guidedgen.kernel.reference.derivatives import Derivatives, evaluate
from guidedgen.kernel.reference.expressions import (
    BEGINNING_MARK,
    END_MARK,
    TERMINAL_MARK,
    Expression,
    Expressions,
    Length,
    Op,
)

End = tuple[Expression, Expression | None, Length]  # what is tracked, the obligation, bytes of the shortest such text
Steps = tuple[Expression | None, ...]  # [256] next state by byte, None where the end is out of reach


class Lexemes:
    """Memoised automata over the expressions of one arena."""

    def __init__(self, derivatives: Derivatives, make: Expressions, *, limit: int) -> None:
        self._derivatives = derivatives
        self._make = make
        self._limit = limit
        self._steps: dict[Expression, Steps] = {}
        self._live: dict[Expression, int] = {}
        self._distances: dict[Expression, Length] = {}
        self._ends: dict[Expression, tuple[End, ...]] = {}

    def __len__(self) -> int:
        """How many automaton states have been expanded."""
        return len(self._steps)

    def forget(self) -> None:
        """Drop everything that was memoised."""
        self._steps, self._live, self._distances, self._ends = {}, {}, {}, {}

    def steps(self, state: Expression) -> Steps:
        """The next state for each of the 256 bytes."""
        known = self._steps.get(state)
        if known is None:
            table: list[Expression | None] = [None] * 256
            for mask, target in self.live_successors(state):
                for byte in _bytes_of(mask):
                    table[byte] = target
            known = self._steps[state] = tuple(table)
        return known

    def live_bytes(self, state: Expression) -> int:
        """The set of bytes after which the end can still be reached; bit b stands for byte b."""
        known = self._live.get(state)
        if known is None:
            known = self._live[state] = sum(mask for mask, _ in self.live_successors(state))
        return known

    def live_successors(self, state: Expression) -> list[tuple[int, Expression]]:
        """(byte set, next state) for every class of bytes after which the end can still be reached."""
        return [
            (mask, target) for mask, target in self._derivatives.successors(state) if self.distance(target) != math.inf
        ]

    def distance(self, state: Expression) -> Length:
        """Length of the shortest string of the expression; inf where there is none.

        Raises:
            LimitExceeded: `states`, where a search visits more than that many derivatives.
        """
        if not state.boolean:
            return state.minimum
        return evaluate(state, self._distances, _parts_to_measure, self._measure)

    def _measure(self, node: Expression) -> Length:
        """Distance of one node, given those of its parts; intersections and complements are searched."""
        known = [self._distances[part] if part.boolean else part.minimum for part in _measured_parts(node)]
        match node.op:
            case Op.CONCAT:
                return sum(known)
            case Op.OR:
                return min(known)
            case Op.REPEAT:
                low: int = node.args[1]
                return low * known[0] if low else 0
            case _:
                return self._search(node)

    def _search(self, start: Expression) -> Length:
        """A* from `start` to the nearest expression whose distance is known (a nullable one has distance 0)."""
        reached: dict[Expression, Length] = {start: 0}
        before: dict[Expression, Expression] = {}
        queue: list[tuple[Length, Length, int, Expression]] = [(start.minimum, 0, start.serial, start)]
        while queue:
            _, minus_cost, _, node = heapq.heappop(queue)
            cost = -minus_cost
            if cost > reached[node]:
                continue
            rest = self._known_distance(node)
            if rest is not None:
                return self._record_path(node, cost, rest, before)
            for _, target in self._derivatives.successors(node):
                if cost + 1 < reached.get(target, math.inf):
                    reached[target] = cost + 1
                    before[target] = node
                    known = self._known_distance(target)
                    ahead = target.minimum if known is None else known
                    if ahead != math.inf:
                        heapq.heappush(queue, (cost + 1 + ahead, -cost - 1, target.serial, target))
            if len(reached) > self._limit:
                raise LimitExceeded("states", self._limit, "looking for a text that an intersection allows")
        self._distances.update((node, math.inf) for node in reached if self._known_distance(node) is None)
        return math.inf

    def _known_distance(self, node: Expression) -> Length | None:
        if node.nullable:
            return 0
        return self._distances.get(node) if node.boolean else node.minimum

    def _record_path(
        self, node: Expression, cost: Length, rest: Length, before: dict[Expression, Expression]
    ) -> Length:
        """Note the distances along the path just found; returns that of its first node."""
        while node in before:
            node, cost, rest = before[node], cost - 1, rest + 1
            self._distances[node] = rest
        return rest + cost

    def obligation(self, state: Expression) -> Expression | None:
        """What must not begin behind a text that ends here; None: anything may."""
        if state.op is not Op.LONGEST or self.distance(state.args[1]) == math.inf:
            return None
        return self._behind(state.args[1])

    def _behind(self, tracked: Expression) -> Expression | None:
        """The obligation: what stands there for the end of this terminal begins now, and at no later end."""
        begun = self.steps(tracked)[TERMINAL_MARK]
        if begun is None:
            return tracked
        make = self._make
        later = make.concat(make.all, make.concat(make.byte_set(1 << TERMINAL_MARK), make.all))
        left = make.union((begun, make.intersection((tracked, make.complement(later)))))
        left = make.nonempty(left)
        return None if self.distance(left) == math.inf else left

    def may_end(self, obligation: Expression | None) -> bool:
        """Whether a text may end under an obligation, or a special token follow: in it, 0xFF stands for that."""
        if obligation is None:
            return True
        end = self.steps(obligation)[END_MARK]
        return end is None or not end.nullable

    def start(self, plain: Expression, obligation: Expression | None) -> Expression | None:
        """The state in which a terminal begins under an obligation, None where it cannot.

        No beginning of it may be one of the obligation's texts, and what is left of these after it goes on beside its
        own. Where the first byte of either rules out the other, nothing changes. A mark that both have keeps it out;
        the empty one stands for the beginning of the text, where nothing has left a mark.
        """
        if self._kept_out(plain, obligation):
            return None
        if obligation is None or not self.live_bytes(plain) & self.live_bytes(obligation):
            return plain
        make = self._make
        own = plain.args[:2] if plain.op is Op.LONGEST else (plain, make.empty)
        broken = make.concat(obligation, make.all)
        accepted = make.intersection((make.nonempty(own[0]), make.complement(broken)))
        start = make.longest(accepted, make.union((own[1], obligation)))
        return None if self.distance(start) == math.inf else start

    def _kept_out(self, plain: Expression, obligation: Expression | None) -> bool:
        own = self.steps(plain.args[1])[BEGINNING_MARK] if plain.op is Op.LONGEST else None
        left = None if obligation is None else self.steps(obligation)[BEGINNING_MARK]
        if own is None or left is None:
            return own is not None and own.nullable
        return self.distance(self._make.intersection((own, left))) != math.inf

    def ends(self, state: Expression) -> tuple[End, ...]:
        """The ways to end from a state, the nearest first."""
        if state not in self._ends:
            self._ends[state] = tuple(self._find_ends(state))
        return self._ends[state]

    def _find_ends(self, state: Expression) -> list[End]:
        if state.op is not Op.LONGEST:
            length = self.distance(state)
            return [] if length == math.inf else [(self._make.empty, None, length)]
        found: dict[Expression, End] = {}
        depths: dict[Expression, int] = {state: 0}
        order = [state]
        for now in order:
            if now.nullable:
                tracked = now.args[1] if now.op is Op.LONGEST else self._make.empty
                found.setdefault(tracked, (tracked, self.obligation(now), depths[now]))
            for _, target in self.live_successors(now):
                if target not in depths:
                    depths[target] = depths[now] + 1
                    order.append(target)
            if len(order) > self._limit:
                raise LimitExceeded("states", self._limit, "looking for the ways in which a terminal can end")
        return list(found.values())

    def nearer_bytes(self, state: Expression, left: Length) -> int:
        """The set of bytes after which `left` - 1 bytes are the shortest rest; bit b stands for byte b."""
        return sum(mask for mask, target in self.live_successors(state) if self.distance(target) == left - 1)


def _measured_parts(node: Expression) -> tuple[Expression, ...]:
    """The parts whose distances give the distance of `node`; none where it has to be searched."""
    match node.op:
        case Op.CONCAT | Op.OR:
            return node.args
        case Op.REPEAT:
            return node.args[:1]
        case _:
            return ()


def _parts_to_measure(node: Expression) -> list[Expression]:
    return [part for part in _measured_parts(node) if part.boolean]


def _bytes_of(mask: int) -> list[int]:
    return [byte for byte in range(256) if mask >> byte & 1]

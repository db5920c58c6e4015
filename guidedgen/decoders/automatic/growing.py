"""The draft with the most tokens for its cost: the likeliest places of all sources, as many as their rows are worth.

Places are taken by the product of the chances on the way to them, so the first n of them are the tree of n nodes with
the most expected tokens (as in OPT-Tree, Wang et al. 2024); how many are taken says the cost of rows (as in Sequoia).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field

from guidedgen.decoders.automatic.sources import Grounds, Place
from guidedgen.decoders.tree import ROOT

ONLY: Grounds = ("only", 0, 0)  # a token that is forced behind a drafted one
WORTH = 1.04  # times as fast a draft must promise to be: planning and bookkeeping take their part
LEAST = 0.04  # a place that is reached less often is no draft on any machine
_AHEAD = (1, 2, 3, 5, 8, 13)  # further nodes whose costs are looked at: costs have steps


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A draft and what is expected of it.

    Args:
        tokens: by node.
        parents: by node; `ROOT` for those behind the tip.
        grounds: by node, why it was drafted.
        gain: tokens that are expected to be accepted.
        speed: tokens for the cost of a step without drafts.
    """

    tokens: tuple[int, ...] = ()
    parents: tuple[int, ...] = ()
    grounds: tuple[Grounds, ...] = ()
    gain: float = 0.0
    speed: float = 1.0


def grown(
    tip: Place,
    guesses: Callable[[Place, float], Iterable[tuple[float, int, Grounds]]],
    move: Callable[[Place, int], Place | None],
    costs: ListOf[float],
) -> Plan:
    """The draft with the most tokens for its cost.

    Args:
        tip: where it begins.
        guesses: what may come next at a place that is reached so often: chances that sum to at most that, tokens and
            grounds.
        move: the place behind a drafted token and those that are forced after it; None where it is not allowed.
        costs: of a step with so many drafted tokens, in steps without; the last one is that of the largest draft.
    """
    tree = _Tree([tip])
    heap: list[tuple[float, int, int, int, Grounds]] = []
    gain, best, size = 0.0, WORTH, 0

    def open_up(node: int, value: float) -> None:
        for chance, token, why in guesses(tree.places[node + 1], value):
            heapq.heappush(heap, (-chance, len(tree.tokens) * 64 + len(heap), node, token, why))

    most = len(costs) - 1
    open_up(ROOT, 1.0)
    while heap and len(tree.tokens) < most and _may_pay(gain, -heap[0][0], len(tree.tokens), best, costs):
        below, _, parent, token, why = heapq.heappop(heap)
        place = move(tree.places[parent + 1], token)
        if place is None:
            continue
        gain -= below
        tree.add(parent, place, why, gain=gain, most=most)
        nodes = len(tree.tokens)
        if (1 + gain) / costs[nodes] > best:
            best, size = (1 + gain) / costs[nodes], nodes
        open_up(nodes - 1, -below)
    return tree.cut(size, best if size else 1.0)


@dataclass
class _Tree:
    """A draft that grows: lists by node, those of places and gains with the root before them."""

    places: list[Place]
    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    grounds: list[Grounds] = field(default_factory=list)
    gains: list[float] = field(default_factory=lambda: [0.0])

    def add(self, parent: int, place: Place, why: Grounds, *, gain: float, most: int) -> None:
        """A place below a node: its token, and those that are forced behind it, while there is room."""
        way = place.way[len(self.places[parent + 1].way) : most + 1]
        for forced, token in enumerate(way[: most - len(self.tokens)]):
            self.parents.append(len(self.tokens) - 1 if forced else parent)
            self.grounds.append(ONLY if forced else why)
            self.tokens.append(token)
            self.places.append(place)
            self.gains.append(gain)

    def cut(self, size: int, speed: float) -> Plan:
        """The first nodes."""
        return Plan(
            tokens=tuple(self.tokens[:size]),
            parents=tuple(self.parents[:size]),
            grounds=tuple(self.grounds[:size]),
            gain=self.gains[size],
            speed=speed,
        )


def _may_pay(gain: float, value: float, nodes: int, best: float, costs: ListOf[float]) -> bool:
    """Whether further places, each of them reached no more often than the next one, could make the draft better."""
    last = len(costs) - 1
    for ahead in _AHEAD:
        if nodes + ahead > last:
            break
        if 1 + gain + ahead * value > best * costs[nodes + ahead]:
            return True
    return False

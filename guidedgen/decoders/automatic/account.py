"""What drafting has brought a sequence so far, in plain steps, and so what may be risked on the next draft."""

from __future__ import annotations

from dataclasses import dataclass

from guidedgen.decoders.drafters.base import Outcome
from guidedgen.decoders.policies.base import Cost
from guidedgen.decoders.tree import ROOT

_CREDIT, _SHARE = 2.0, 0.03  # plain steps that may be lost in all: so many, and this share of those of the text


@dataclass
class Account:
    """Counts of one sequence."""

    drafted: int = 0
    accepted: int = 0
    plain: int = 0  # steps that plain decoding would have taken so far
    balance: float = 0.0  # gained since the beginning

    @property
    def allowance(self) -> float:
        """What may be lost on the next draft: the text as a whole never loses more than its share."""
        return _CREDIT + _SHARE * self.plain + self.balance

    def book(self, outcome: Outcome, extra: float) -> int:
        """Enter what came of a draft that cost so much beside a plain step; the drafted tokens that were accepted."""
        tree = outcome.tree
        chosen = 0 if outcome.node == ROOT else sum(node not in tree.forced for node in tree.path(outcome.node))
        self.drafted += len(tree) - len(tree.forced)
        self.accepted += chosen
        self.plain += chosen
        self.balance += chosen - extra
        return chosen


class Prices:
    """What steps with drafts cost, in steps without.

    Args:
        cost: rows -> seconds of a forward, in any unit.
        most: drafted tokens for each sequence, at most.
    """

    def __init__(self, cost: Cost, most: int) -> None:
        self._cost = cost
        self._most = most
        self._known: dict[int, tuple[float, ...]] = {}

    def of(self, lanes: int) -> tuple[float, ...]:
        """By number of drafted tokens for each of so many sequences, from 0 on."""
        if lanes not in self._known:
            one = self._cost(lanes)
            self._known[lanes] = tuple(self._cost(lanes * (1 + nodes)) / one for nodes in range(self._most + 1))
        return self._known[lanes]


def affordable(prices: tuple[float, ...], allowance: float, beside: float = 0.0) -> int:
    """The largest draft whose cost beyond a plain step, and `beside` it, is within an allowance."""
    nodes = len(prices) - 1
    while nodes and prices[nodes] - 1 + beside > allowance:
        nodes -= 1
    return nodes

"""Several chains, as many as the drafter is unsure of the first token. Source: Lv et al. 2025, "DuoDecoding"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guidedgen.decoders.policies.base import Cost, Grown, Growth, Unlearned
from guidedgen.decoders.tree import ROOT

if TYPE_CHECKING:
    from guidedgen.decoders.drafters.base import Request

_FIRST = 8  # first tokens that are looked at


class DuoGrowth:
    """One chain for the best first token, and one for each other that is likelier than the best two tokens together.

    Args:
        budget: tokens of all chains.
        most: nodes that are verified.
    """

    best = True

    def __init__(self, budget: int, most: int) -> None:
        self._budget = min(budget, most)
        self.most = budget + _FIRST
        self._heads: list[int] | None = None

    def wants(self, tree: Grown) -> list[tuple[int, int]]:
        """See `Growth.wants`."""
        if self._budget < 1:
            return []
        if not tree.children[ROOT]:
            return [(ROOT, _FIRST)]
        first = tree.children[ROOT][0]
        if self._heads is None and self._budget > 1 and first not in tree.opened and first not in tree.spent:
            return [(first, 1)]
        if self._heads is None:
            self._heads = tree.children[ROOT][: self._chains(tree)]
        length = self._budget // len(self._heads)
        ends = [_end(tree, head) for head in self._heads]
        return [(end, 1) for end in ends if tree.depths[end] < length]

    def _chains(self, tree: Grown) -> int:
        """k = 1 + the other first tokens that are likelier than the best pair, down to a divisor of the budget."""
        first, *others = tree.children[ROOT]
        below = tree.children[first]
        pair = tree.values[below[0]] if below else 0.0
        count = 1 + sum(tree.values[other] > pair for other in others)
        return max(divisor for divisor in range(1, count + 1) if self._budget % divisor == 0)

    def kept(self, tree: Grown) -> list[int]:
        """See `Growth.kept`."""
        heads = set(self._heads or tree.children[ROOT][:1])
        kept: set[int] = set()
        for node, parent in enumerate(tree.parents):
            if node in heads or parent in kept:
                kept.add(node)
        return sorted(kept)


def _end(tree: Grown, node: int) -> int:
    while tree.children[node]:
        node = tree.children[node][0]
    return node


@dataclass(frozen=True, kw_only=True)
class Duo:
    """A fixed number of tokens as one long chain or several short ones, by how sure the drafter is.

    The public code verifies the chains in a way that holds at temperature 0 only; here they are a tree of best tokens,
    and drawing from the target decides.

    Args:
        nodes: tokens of all chains together; the paper has 24.

    Raises:
        ValueError: below 1.
    """

    nodes: int = 12

    def __post_init__(self) -> None:
        """Check the setting."""
        if self.nodes < 1:
            raise ValueError(f"nodes={self.nodes!r} must be at least 1")

    def open(self, cost: Cost) -> _Session:
        """See `Policy.open`."""
        return _Session(self.nodes)


class _Session(Unlearned):
    def __init__(self, budget: int) -> None:
        self._budget = budget

    def grow(self, request: Request, *, level_cost: float = 0.0) -> Growth:
        """See `PolicySession.grow`."""
        return DuoGrowth(self._budget, request.most)

"""Shapes of draft trees: how many tokens to draft after which node, from what is known about acceptance.

`best_shape` is the dynamic program of Chen et al. 2024, "Sequoia", section 3.1, with the depth bound of their code;
`best_size` weighs its gain against measured costs.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as ListOf
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_MARGIN = 1e-15  # an equally good tree is not taken for a larger first child


class Shapes:
    """The best trees for one acceptance vector, of all sizes and depths at once.

    Args:
        acceptance: for b = 1, 2, ...: the chance that the b-th sibling is the accepted one, when a node is reached.
        nodes: drafted tokens, at most.
        depth: of the tree, at most.

    Raises:
        ValueError: acceptance is no part of a distribution.
    """

    def __init__(self, acceptance: ListOf[float], nodes: int, depth: int) -> None:
        chances = tuple(acceptance)
        if any(chance < 0 for chance in chances) or sum(chances) > 1 + 1e-9:
            raise ValueError(f"acceptance={chances!r} must be at least 0 and sum to at most 1")
        self._depth = depth
        self._nodes = nodes
        ranks = len(chances)
        self._values: NDArray[np.float64] = np.zeros((depth + 1, ranks + 1, nodes + 1))  # children from a rank on
        self._given: NDArray[np.int64] = np.zeros((depth + 1, ranks + 1, nodes + 1), np.int64)  # to the first of them
        # Of n nodes: k below the first child, that child itself, and the rest for its later siblings.
        rest = np.arange(nodes + 1)[:, None] - 1 - np.arange(nodes)[None]  # [nodes + 1, nodes]
        for level in range(1, depth + 1):
            below = 1 + self._values[level - 1, 0, :nodes]
            for rank in reversed(range(ranks)):
                self._fill(level, rank, chances[rank] * below, rest)

    def _fill(self, level: int, rank: int, first: NDArray[np.float64], rest: NDArray[np.int64]) -> None:
        """The best split of n nodes between the child of a rank (`first` by nodes below it) and its later siblings."""
        if not self._nodes:
            return
        later = self._values[level, rank + 1]
        together = np.where(rest >= 0, first[None] + later[rest], -np.inf)
        best = together.max(1)
        takes = best > _MARGIN
        self._given[level, rank] = np.where(takes, (together > best[:, None] - _MARGIN).argmax(1) + 1, 0)
        self._values[level, rank] = np.where(takes, best, 0.0)

    def value(self, nodes: int) -> float:
        """Expected accepted tokens of the best tree of so many nodes, the bonus token not counted."""
        return float(self._values[self._depth, 0, nodes])

    def parents(self, nodes: int, depth: int | None = None) -> tuple[int, ...]:
        """The best tree, of at most so many levels: the parent of each node, -1 for the root; parents first, siblings
        by rank.
        """
        parents: list[int] = []
        waiting = [(nodes, self._depth if depth is None else depth, -1)]
        while waiting:
            nodes, depth, parent = waiting.pop(0)
            for rank in range(self._given.shape[1] - 1):
                given = int(self._given[depth, rank, nodes])
                if not given:
                    break
                parents.append(parent)
                waiting.append((given - 1, depth - 1, len(parents) - 1))
                nodes -= given
        return tuple(parents)

    def fastest(self, cost: Callable[[int], float], level_cost: float = 0.0) -> tuple[int, int]:
        """The number of nodes and levels with the most tokens per unit of cost; (0, 0) where drafting does not pay.

        Args:
            cost: of one target forward over so many rows.
            level_cost: of one level of drafts, in the unit of `cost`.
        """
        costs = np.array([cost(1 + nodes) for nodes in range(self._nodes + 1)])
        levels = np.arange(self._depth + 1)[:, None]
        speed = (1 + self._values[:, 0, :]) / (costs[None] + level_cost * levels)  # [depth + 1, nodes + 1]
        depth, nodes = divmod(int(speed.argmax()), self._nodes + 1)
        return (nodes, depth) if depth else (0, 0)


@lru_cache(maxsize=64)
def shapes_of(acceptance: tuple[float, ...], nodes: int, depth: int) -> Shapes:
    """`Shapes`, kept: what is asked for has few different answers where acceptance is rounded."""
    return Shapes(acceptance, nodes, depth)


def best_shape(acceptance: ListOf[float], nodes: int, depth: int) -> tuple[float, tuple[int, ...]]:
    """The tree with the most expected accepted tokens, at most so many nodes and so deep.

    Returns:
        Expected accepted tokens (the bonus token not counted), and the parent of each node, -1 for the root.

    Raises:
        ValueError: acceptance is no part of a distribution.
    """
    shapes = Shapes(acceptance, nodes, depth)
    return shapes.value(nodes), shapes.parents(nodes)


def best_size(
    acceptance: ListOf[float], cost: Callable[[int], float], *, most: int, depth: int, draft_cost: float = 0.0
) -> int:
    """The number of drafted tokens with the most tokens per second; 0 where drafting does not pay.

    Args:
        acceptance: as for `Shapes`.
        cost: of one target forward over so many rows.
        most: largest number looked at.
        depth: of the trees.
        draft_cost: of one level of drafts, in the unit of `cost`.
    """
    return shapes_of(tuple(acceptance), most, depth).fastest(cost, draft_cost)[0]

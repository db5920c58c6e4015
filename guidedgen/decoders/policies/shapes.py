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
        ranks = len(chances)
        self._values: NDArray[np.float64] = np.zeros((depth + 1, ranks + 1, nodes + 1))  # children from a rank on
        self._given: NDArray[np.int64] = np.zeros((depth + 1, ranks + 1, nodes + 1), np.int64)  # to the first of them
        for level in range(1, depth + 1):
            below = self._values[level - 1, 0]
            for rank in reversed(range(ranks)):
                self._fill(level, rank, chances[rank] * (1 + below))

    def _fill(self, level: int, rank: int, first: NDArray[np.float64]) -> None:
        """The best split of n nodes between the child of a rank (`first` by nodes below it) and its later siblings."""
        values, given = self._values[level, rank], self._given[level, rank]
        later = self._values[level, rank + 1]
        for nodes in range(1, len(values)):
            together = first[:nodes] + later[nodes - 1 :: -1][:nodes]  # by nodes below the first child
            best = int((together > together.max() - _MARGIN).argmax())
            if together[best] > _MARGIN:
                values[nodes], given[nodes] = together[best], best + 1

    def value(self, nodes: int) -> float:
        """Expected accepted tokens of the best tree of so many nodes, the bonus token not counted."""
        return float(self._values[self._depth, 0, nodes])

    def parents(self, nodes: int) -> tuple[int, ...]:
        """The best tree: the parent of each node, -1 for the root; parents first, siblings by rank."""
        parents: list[int] = []
        waiting = [(nodes, self._depth, -1)]
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
    shapes = shapes_of(tuple(acceptance), most, depth)

    def speed(nodes: int) -> float:
        parents = shapes.parents(nodes)
        levels: list[int] = []
        for parent in parents:
            levels.append(1 if parent < 0 else levels[parent] + 1)
        return (1 + shapes.value(nodes)) / (cost(1 + len(parents)) + draft_cost * max(levels, default=0))

    return max(range(most + 1), key=speed)

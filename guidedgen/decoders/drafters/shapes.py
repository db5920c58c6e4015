"""Shapes of draft trees: how many tokens to draft after which node, from what is known about acceptance.

`best_shape` is the dynamic program of Chen et al. 2024, "Sequoia", section 3.1, with the depth bound of their code;
`best_size` weighs its gain against measured costs.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as ListOf
from functools import cache


def best_shape(acceptance: ListOf[float], nodes: int, depth: int) -> tuple[float, tuple[int, ...]]:
    """The tree with the most expected accepted tokens.

    Args:
        acceptance: for b = 1, 2, ...: the chance that the b-th sibling is the accepted one, when a node is reached.
        nodes: drafted tokens, at most.
        depth: of the tree, at most.

    Returns:
        Expected accepted tokens (the bonus token not counted), and the parent of each node, -1 for the root; siblings
        in the order of their ranks.

    Raises:
        ValueError: acceptance is no part of a distribution.
    """
    chances = tuple(acceptance)
    if any(chance < 0 for chance in chances) or sum(chances) > 1 + 1e-9:
        raise ValueError(f"acceptance={chances!r} must be at least 0 and sum to at most 1")
    solve = _solver(chances)
    value = solve(nodes, depth, 0)[0]
    parents: list[int] = []
    _unfold(solve, nodes, depth, -1, parents)
    return value, tuple(parents)


_Solve = Callable[[int, int, int], tuple[float, int]]


def _solver(chances: tuple[float, ...]) -> _Solve:
    @cache
    def solve(nodes: int, depth: int, rank: int) -> tuple[float, int]:
        """Most expected tokens from the children of a rank on, and the nodes given to the first of them."""
        if nodes == 0 or depth == 0 or rank == len(chances):
            return 0.0, 0
        best, given = 0.0, 0
        for first in range(1, nodes + 1):
            below = solve(first - 1, depth - 1, 0)[0]
            value = chances[rank] * (1 + below) + solve(nodes - first, depth, rank + 1)[0]
            if value > best + 1e-15:
                best, given = value, first
        return best, given

    return solve


def _unfold(solve: _Solve, nodes: int, depth: int, parent: int, parents: list[int]) -> None:
    """Append the nodes below `parent`, parents first, siblings by rank."""
    waiting = [(nodes, depth, parent)]
    while waiting:
        nodes, depth, parent = waiting.pop(0)
        rank = 0
        while True:
            given = solve(nodes, depth, rank)[1]
            if not given:
                break
            parents.append(parent)
            waiting.append((given - 1, depth - 1, len(parents) - 1))
            nodes, rank = nodes - given, rank + 1


def best_size(
    acceptance: ListOf[float], cost: Callable[[int], float], *, most: int, depth: int, draft_cost: float = 0.0
) -> int:
    """The number of drafted tokens with the most tokens per second; 0 where drafting does not pay.

    Args:
        acceptance: as for `best_shape`.
        cost: seconds of one target forward over so many rows.
        most: largest number looked at.
        depth: of the trees.
        draft_cost: seconds of one level of drafts.
    """

    def speed(nodes: int) -> float:
        if nodes == 0:
            return 1 / cost(1)
        expected, parents = best_shape(acceptance, nodes, depth)
        levels = [0] * len(parents)
        for node, parent in enumerate(parents):
            levels[node] = 1 if parent < 0 else levels[parent] + 1
        return (1 + expected) / (cost(1 + len(parents)) + draft_cost * max(levels, default=0))

    return max(range(most + 1), key=speed)

"""Shapes of draft trees against brute force over all small trees."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from guidedgen.decoders.policies.shapes import Shapes, best_shape, best_size

Forest = tuple[Any, ...]  # of each tree the forest below its root


def forests(nodes: int, depth: int, width: int) -> list[Forest]:
    """All ordered forests of exactly so many nodes."""
    if nodes == 0:
        return [()]
    if depth == 0 or width == 0:
        return []
    found = []
    for first in range(1, nodes + 1):
        for below, rest in itertools.product(
            forests(first - 1, depth - 1, 3), forests(nodes - first, depth, width - 1)
        ):
            found.append((below, *rest))
    return found


def value(forest: Forest, chances: list[float]) -> float:
    return sum(chance * (1 + value(below, chances)) for chance, below in zip(chances, forest, strict=False))


def value_of(parents: tuple[int, ...], chances: list[float]) -> float:
    def below(node: int) -> float:
        children = [child for child, parent in enumerate(parents) if parent == node]
        return sum(chance * (1 + below(child)) for chance, child in zip(chances, children, strict=False))

    return below(-1)


@pytest.mark.parametrize("seed", range(6))
def test_against_all_trees(seed: int) -> None:
    choose = random.Random(seed)
    cuts = sorted(choose.random() for _ in range(3))
    chances = sorted((high - low for low, high in zip([0.0, *cuts], cuts, strict=False)), reverse=True)
    for nodes, depth in itertools.product(range(6), (1, 2, 4)):
        best = max(value(forest, chances) for size in range(nodes + 1) for forest in forests(size, depth, 3))
        expected, parents = best_shape(chances, nodes, depth)
        assert expected == pytest.approx(best)
        assert value_of(parents, chances) == pytest.approx(best)
        assert len(parents) <= nodes


def test_a_sure_drafter_gets_a_chain_and_a_vague_one_a_fan() -> None:
    assert best_shape([0.95, 0.02], 4, 9)[1] == (-1, 0, 1, 2)
    assert best_shape([0.25, 0.25, 0.25, 0.25], 4, 9)[1] == (-1, -1, -1, -1)
    assert best_shape([0.9], 4, 2)[1] == (-1, 0)


def test_the_size_depends_on_what_rows_cost() -> None:
    free = best_size([0.6, 0.2], lambda rows: 1.0, most=12, depth=6)
    linear = best_size([0.6, 0.2], lambda rows: float(rows), most=12, depth=6)
    assert free == 12
    assert linear == 0
    assert best_size([0.6, 0.2], lambda rows: 1.0, most=12, depth=6, draft_cost=9.0) == 0


def test_levels_of_drafts_cost_too() -> None:
    """Against all sizes and depths: the more a level costs, the flatter the best tree."""
    chances, cost = (0.6, 0.2, 0.1), lambda rows: 1 + 0.02 * rows
    depths = []
    for level_cost in (0.0, 0.1, 0.4, 9.0):

        def speed(nodes: int, depth: int, level_cost: float = level_cost) -> float:
            return (1 + best_shape(chances, nodes, depth)[0]) / (cost(1 + nodes) + level_cost * depth)

        nodes, depth = Shapes(chances, 10, 5).fastest(cost, level_cost)
        best = max(speed(size, levels) for size in range(11) for levels in range(6))
        assert speed(nodes, depth) == pytest.approx(best)
        depths.append(depth)
    assert depths == sorted(depths, reverse=True)
    assert depths[-1] == 0


def test_impossible_chances_are_refused() -> None:
    with pytest.raises(ValueError, match="sum to at most 1"):
        best_shape([0.9, 0.3], 2, 2)

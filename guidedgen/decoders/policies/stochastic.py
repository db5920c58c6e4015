"""Stochastic beams: whole ways drawn without replacement, likely ones first (RSD-S).

Sources: Jeon et al. 2024, "Recursive speculative decoding", section 3.2.2; Kool et al. 2019, "Stochastic beams and
where to find them". The top-k of Gumbel-perturbed log-probabilities is drawn lazily: how large the next perturbed value
is depends on what the siblings before left over, not on which token it belongs to. So the value is drawn first and
decides whether a token is drawn at all, and recursive rejection stays exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guidedgen.decoders.policies.base import Cost, Grown, Growth, Unlearned, WholeTree
from guidedgen.decoders.tree import ROOT

if TYPE_CHECKING:
    from guidedgen.decoders.drafters.base import Request

_VALUES = 1 << 16  # the numbers of perturbed values begin here, behind those of tokens
_LEAST = 1e-12  # a rest below is rounding


def truncated_gumbel(location: float, bound: float, uniform: float) -> float:
    """A Gumbel value around `location`, given that it is below `bound`; `uniform` in (0, 1)."""
    return location - math.log(math.exp(location - bound) - math.log(max(uniform, 1e-300)))


class StochasticGrowth(WholeTree):
    """On each level the nodes with the largest perturbed values.

    Args:
        beams: nodes of a level.
        depth: of the deepest.
        most: nodes in all.
        uniform: the number of a depth and draw.
    """

    def __init__(self, *, beams: int, depth: int, most: int, uniform: Callable[[int, int], float]) -> None:
        self._beams, self._depth, self.most, self._uniform = beams, depth, most, uniform
        self._level, self._drawn = [ROOT], 0
        self._perturbed = {ROOT: 0.0}  # by drafted node
        self._next: dict[int, float] = {}  # by node of the level, the value of its next child
        self._waiting: int | None = None  # the node whose next child was asked for

    def wants(self, tree: Grown) -> list[tuple[int, int]]:
        """See `Growth.wants`: learns the distributions of a level at once, then draws one token after another."""
        self._take(tree)
        if self._drawn == self._beams:
            self._descend(tree)
        while tree.depth(self._level[0] if self._level else ROOT) < self._depth and self._level:
            unknown = [node for node in self._level if node not in tree.opened and node not in tree.spent]
            if unknown:
                return [(node, 0) for node in unknown]
            open_nodes = [node for node in self._level if node not in tree.spent and tree.left(node) > _LEAST]
            if open_nodes:
                self._waiting = max(open_nodes, key=lambda node: (self._value(tree, node), -node))
                return [(self._waiting, 1)]
            self._descend(tree)
        return []

    def _take(self, tree: Grown) -> None:
        """Note the child that was drawn since, with the perturbed value that it was drawn for."""
        node, self._waiting = self._waiting, None
        if node is not None and node in self._next and tree.children[node]:
            child = tree.children[node][-1]
            if child not in self._perturbed:
                self._perturbed[child] = self._next.pop(node)
                self._drawn += 1

    def _descend(self, tree: Grown) -> None:
        self._level = [child for node in self._level for child in tree.children[node]]
        self._drawn, self._next = 0, {}

    def _value(self, tree: Grown, node: int) -> float:
        """The perturbed value of the next child: the parent's own for the first one, smaller for each further one."""
        if node not in self._next:
            children = tree.children[node]
            if not children:
                self._next[node] = self._perturbed[node]
            else:
                rest = tree.value(node) * tree.left(node)
                location = math.log(max(rest, 1e-300))
                draw = _VALUES + 1000 * self._level.index(node) + len(children)
                number = self._uniform(tree.depth(node), draw)
                self._next[node] = truncated_gumbel(location, self._perturbed[children[-1]], number)
        return self._next[node]


@dataclass(frozen=True, kw_only=True)
class StochasticBeams:
    """So many different ways, drawn without replacement; what is unlikely ends early.

    Args:
        beams: nodes of a level.
        depth: of the deepest.

    Raises:
        ValueError: a number is below 1.
    """

    beams: int = 4
    depth: int = 5

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.beams < 1 or self.depth < 1:
            raise ValueError(f"beams={self.beams!r} and depth={self.depth!r} must be at least 1")

    @property
    def nodes(self) -> int:
        """See `Policy.nodes`."""
        return self.beams * self.depth

    def open(self, cost: Cost) -> _Session:
        """See `Policy.open`."""
        return _Session(self)


class _Session(Unlearned):
    def __init__(self, settings: StochasticBeams) -> None:
        self._settings = settings

    def grow(self, request: Request, *, level_cost: float = 0.0) -> Growth:
        """See `PolicySession.grow`."""
        settings = self._settings
        return StochasticGrowth(beams=settings.beams, depth=settings.depth, most=request.most, uniform=request.uniform)

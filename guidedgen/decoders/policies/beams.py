"""Trees of the likeliest ways, grown level by level: OPT-Tree, and dynamic depth.

Sources: Wang et al. 2024, "OPT-Tree: speculative decoding with adaptive draft tree structure"; Brown et al. 2024,
"Dynamic depth decoding". Both take a drafter's best tokens, so their trees are verified by drawing from the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guidedgen.decoders.policies.base import Cost, Grown, Growth, Unlearned

if TYPE_CHECKING:
    from guidedgen.decoders.drafters.base import Request

Stops = Callable[[Grown, list[int]], bool]  # the tree, and the nodes that would be expanded next


class BeamGrowth:
    """On each level the nodes with the largest products of probabilities get children; the best of all are verified.

    A way's product never grows, so the best nodes of all levels include their parents.

    Args:
        beam: nodes of a level that get children, and children that each gets.
        nodes: verified in all.
        depth: of the deepest.
        stops: asked before each level.
    """

    best = True

    def __init__(self, *, beam: int, nodes: int, depth: int, stops: Stops) -> None:
        self._beam, self._nodes, self._depth, self._stops = beam, nodes, depth, stops
        self._done = -1  # depth whose nodes have children already
        self.most = beam * (1 + beam * max(0, depth - 1)) if nodes else 0

    def wants(self, tree: Grown) -> list[tuple[int, int]]:
        """See `Growth.wants`."""
        depth = max(tree.depths, default=0)
        if depth == self._done or depth >= self._depth:
            return []
        self._done = depth
        level = sorted(tree.level(depth), key=lambda node: (-tree.value(node), node))[: self._beam]
        if depth and self._stops(tree, level):
            return []
        return [(node, self._beam) for node in level]

    def kept(self, tree: Grown) -> list[int]:
        """See `Growth.kept`."""
        return best_nodes(tree, self._nodes)


def best_nodes(tree: Grown, count: int) -> list[int]:
    """The nodes with the largest products, at most `count`, ascending; of equal ones the earlier."""
    return sorted(sorted(range(len(tree)), key=lambda node: (-tree.values[node], node))[:count])


@dataclass(frozen=True, kw_only=True)
class OptTree:
    """The tree with the most expected accepted tokens under the drafter's own probabilities.

    Grown until another level adds too little to that sum. The defaults are smaller than the paper's (50 nodes wide and
    large, depth 10, 0.5 to 0.7 of a token) because a level costs a forward of the drafter, and rows cost on a CPU.

    Args:
        nodes: verified, at most.
        beam: nodes of a level that get children, and children of each.
        depth: of the deepest.
        gain: expected accepted tokens that a level must add for the next one to be drafted.

    Raises:
        ValueError: a number is below 1, or `gain` below 0.
    """

    nodes: int = 24
    beam: int = 6
    depth: int = 10
    gain: float = 0.2

    def __post_init__(self) -> None:
        """Check the settings."""
        _check(self.nodes, self.beam, self.depth)
        if self.gain < 0:
            raise ValueError(f"gain={self.gain!r} must be at least 0")

    def open(self, cost: Cost) -> _OptTreeSession:
        """See `Policy.open`."""
        return _OptTreeSession(self)


class _OptTreeSession(Unlearned):
    def __init__(self, settings: OptTree) -> None:
        self._settings = settings

    def grow(self, request: Request, *, level_cost: float = 0.0) -> Growth:
        """See `PolicySession.grow`."""
        settings = self._settings
        nodes = min(settings.nodes, request.most)
        before = 0.0

        def stops(tree: Grown, level: list[int]) -> bool:
            nonlocal before
            expected = sum(tree.values[node] for node in best_nodes(tree, nodes))
            gained, before = expected - before, expected
            return gained <= settings.gain

        return BeamGrowth(beam=settings.beam, nodes=nodes, depth=settings.depth, stops=stops)


@dataclass(frozen=True, kw_only=True)
class DynamicDepth:
    """Beams that stop where all of them together have become unlikely; looked at on a few levels only.

    Args:
        nodes: verified, at most.
        beam: nodes of a level that get children, and children of each.
        depth: of the deepest; the paper has 11.
        checks: depths at which it may stop; the paper has 5, 7 and 9.
        threshold: on the logarithm of the beams' summed probabilities; below it drafting stops. The paper tunes it.

    Raises:
        ValueError: a number is below 1.
    """

    nodes: int = 24
    beam: int = 6
    depth: int = 11
    checks: tuple[int, ...] = (3, 5, 7, 9)
    threshold: float = -1.5

    def __post_init__(self) -> None:
        """Check the settings."""
        _check(self.nodes, self.beam, self.depth)

    def open(self, cost: Cost) -> _DynamicDepthSession:
        """See `Policy.open`."""
        return _DynamicDepthSession(self)


class _DynamicDepthSession(Unlearned):
    def __init__(self, settings: DynamicDepth) -> None:
        self._settings = settings

    def grow(self, request: Request, *, level_cost: float = 0.0) -> Growth:
        """See `PolicySession.grow`."""
        settings = self._settings

        def stops(tree: Grown, level: list[int]) -> bool:
            together = sum(tree.values[node] for node in level)
            unlikely = together <= 0 or math.log(together) < settings.threshold
            return tree.depths[level[0]] in settings.checks and unlikely

        nodes = min(settings.nodes, request.most)
        return BeamGrowth(beam=settings.beam, nodes=nodes, depth=settings.depth, stops=stops)


def _check(nodes: int, beam: int, depth: int) -> None:
    if min(nodes, beam, depth) < 1:
        raise ValueError(f"nodes={nodes!r}, beam={beam!r} and depth={depth!r} must be at least 1")

"""Sequoia: the tree with the most tokens a second, from measured costs of rows and learned acceptance by rank.

Source: Chen et al. 2024, "Sequoia: scalable and robust speculative decoding", sections 3.1 (shape) and 3.3 (size). The
paper measures acceptance beforehand, over 200 examples; here it is learned while a text is written, or given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guidedgen.decoders.policies.acceptance import PRIOR, Acceptance
from guidedgen.decoders.policies.base import Cost, Growth
from guidedgen.decoders.policies.fixed import ShapeGrowth
from guidedgen.decoders.policies.shapes import shapes_of

if TYPE_CHECKING:
    from guidedgen.decoders.drafters.base import Outcome, Request

_MEMORY = 64  # trees; what is easy to draft changes within a text
_TRIAL = 16  # every so many steps that would not draft, one token is drafted: acceptance may have become better


@dataclass(frozen=True, kw_only=True)
class Sequoia:
    """The best tree for what is known about acceptance; none where drafting does not pay.

    Learned for each sequence alone, so that a sample does not depend on what else is in its batch, and for each part of
    a combined drafter.

    Args:
        nodes: largest tree.
        depth: of the deepest.
        acceptance: of the first, second, ... sibling, before anything was observed.
        learn: False for trees that never change: the paper's, from a calibration given as `acceptance`.
        cost: of one forward of the target by its number of rows; what was measured on this machine if not given. With
            drafts drawn from a distribution, samples (not how they are distributed) then differ between machines.

    Raises:
        ValueError: acceptance is no part of a distribution, or there is no room for a node.
    """

    nodes: int = 64
    depth: int = 12
    acceptance: tuple[float, ...] = PRIOR
    learn: bool = True
    cost: Cost | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.nodes < 1 or self.depth < 1:
            raise ValueError(f"nodes={self.nodes!r} and depth={self.depth!r} must be at least 1")
        if not self.acceptance or min(self.acceptance) < 0 or sum(self.acceptance) > 1 + 1e-9:
            raise ValueError(f"acceptance={self.acceptance!r} must be at least 0 and sum to at most 1")

    def open(self, cost: Cost) -> _Session:
        """See `Policy.open`."""
        return _Session(self, cost if self.cost is None else self.cost)


class _Session:
    def __init__(self, settings: Sequoia, cost: Cost) -> None:
        self._settings = settings
        self._cost = cost
        self._learned: dict[tuple[int, str], Acceptance] = {}  # by lane and part of the drafter
        self._shapes: dict[tuple[tuple[float, ...], int, float], tuple[int, ...]] = {}
        self._idle: dict[tuple[int, str], int] = {}

    def _acceptance(self, lane: int, source: str) -> Acceptance:
        if (lane, source) not in self._learned:
            weight = 8.0 if self._settings.learn else float("inf")
            self._learned[lane, source] = Acceptance(self._settings.acceptance, weight=weight, memory=_MEMORY)
        return self._learned[lane, source]

    def grow(self, request: Request, *, level_cost: float = 0.0) -> Growth:
        """See `PolicySession.grow`."""
        settings = self._settings
        chances = self._acceptance(request.lane, request.source).rounded()
        most = max(0, min(request.most, settings.nodes))
        key = chances, most, level_cost
        if key not in self._shapes:
            shapes = shapes_of(chances, most, settings.depth)
            nodes, depth = shapes.fastest(self._cost, level_cost * self._cost(1))
            self._shapes[key] = shapes.parents(nodes, depth)
        shape = self._shapes[key]
        if not shape and most:
            idle = self._idle[request.lane, request.source] = self._idle.get((request.lane, request.source), 0) + 1
            shape = (-1,) if idle % _TRIAL == 0 else ()
        return ShapeGrowth(shape, most)

    def observe(self, outcome: Outcome) -> None:
        """See `PolicySession.observe`."""
        if len(outcome.tree):
            self._acceptance(outcome.lane, outcome.tree.source).observe(outcome)

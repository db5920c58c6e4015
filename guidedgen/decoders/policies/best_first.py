"""DySpec: draw where the next token is likeliest to be accepted. Source: Xiong et al. 2024, "DySpec"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guidedgen.decoders.policies.base import Cost, Grown, Growth, Unlearned, WholeTree
from guidedgen.decoders.tree import ROOT

if TYPE_CHECKING:
    from guidedgen.decoders.drafters.base import Request


class BestFirstGrowth(WholeTree):
    """The worth of drawing at a node is the drafter's probability of the way to it, times what its children leave.

    That is an estimate of the chance that verification gets there and has rejected all siblings so far. It decides
    where to draw, never which token is kept, so drawn trees stay verifiable by rejection.

    Args:
        most: nodes in all.
        depth: of the deepest.
        threshold: draw wherever it is worth more, level by level with one forward each; None draws one token after
            another, at the best place each time, with a forward for nearly each.
    """

    def __init__(self, *, most: int, depth: int, threshold: float | None) -> None:
        self.most, self._depth, self._threshold = most, depth, threshold

    def wants(self, tree: Grown) -> list[tuple[int, int]]:
        """See `Growth.wants`."""
        places = [
            (tree.value(node) * tree.left(node), -node)
            for node in range(ROOT, len(tree))
            if node not in tree.spent and tree.depth(node) < self._depth
        ]
        if self._threshold is None:
            return [(-max(places)[1], 1)] if places else []
        worth = sorted((place for place in places if place[0] > self._threshold), reverse=True)
        known = [(-node, 1) for _, node in worth if -node in tree.opened]
        return known or [(-node, 1) for _, node in worth]  # all that needs no forward first


@dataclass(frozen=True, kw_only=True)
class DySpec:
    """Trees that are deep where the drafter is sure and wide where it is not.

    Args:
        nodes: drafted tokens, at most; the paper has 64.
        depth: of the deepest.
        threshold: see `BestFirstGrowth`; 1 / nodes if not given.
        one_by_one: the paper's first form: no threshold, one token after another.

    Raises:
        ValueError: a number is out of range.
    """

    nodes: int = 24
    depth: int = 12
    threshold: float | None = None
    one_by_one: bool = False

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.nodes < 1 or self.depth < 1:
            raise ValueError(f"nodes={self.nodes!r} and depth={self.depth!r} must be at least 1")
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise ValueError(f"threshold={self.threshold!r} must be between 0 and 1")

    def open(self, cost: Cost) -> _Session:
        """See `Policy.open`."""
        return _Session(self)


class _Session(Unlearned):
    def __init__(self, settings: DySpec) -> None:
        self._settings = settings

    def grow(self, request: Request, *, level_cost: float = 0.0) -> Growth:
        """See `PolicySession.grow`."""
        settings = self._settings
        given = 1 / settings.nodes if settings.threshold is None else settings.threshold
        threshold = None if settings.one_by_one else given
        return BestFirstGrowth(most=min(settings.nodes, request.most), depth=settings.depth, threshold=threshold)

"""Chains that end where the drafter is unsure, with other tokens beside them where it is not quite sure.

Sources: Xia et al. 2024, "SWIFT" (up to 25 tokens, end below 0.8, side branches by confidence); the threshold alone is
what the transformers library ships for assisted generation (0.4, up to 20 tokens).
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guidedgen.decoders.policies.base import Cost, Grown, Growth, Unlearned, WholeTree
from guidedgen.decoders.tree import ROOT

if TYPE_CHECKING:
    from guidedgen.decoders.drafters.base import Request

Widths = tuple[tuple[float, int], ...]


class ConfidentGrowth(WholeTree):
    """One token after another; siblings of a token have no children.

    How many siblings a token gets is decided after a look at it, but before they are drawn, so drawn trees stay honest.

    Args:
        length: of the chain, at most.
        least: the share below which a token ends it.
        widths: (share, children): a token with at least that share is one of so many; the first that fits, else the
            last.
        most: nodes in all.
        best: see `Growth.best`.
    """

    def __init__(self, *, length: int, least: float, widths: Widths, most: int, best: bool = False) -> None:
        self._length, self._least, self._widths, self.most = length, least, widths, most
        self.best = best

    def wants(self, tree: Grown) -> list[tuple[int, int]]:
        """See `Growth.wants`."""
        tip = ROOT
        for _ in range(self._length):
            children = tree.children[tip]
            if not children:
                return [(tip, 1)]
            share = tree.shares[children[0]]
            missing = self._width(share) - len(children)
            if missing > 0 and tip not in tree.spent:
                return [(tip, missing)]
            if share < self._least:
                return []
            tip = children[0]
        return []

    def _width(self, share: float) -> int:
        return next((width for least, width in self._widths if share >= least), self._widths[-1][1])


@dataclass(frozen=True, kw_only=True)
class Confident:
    """Draft while the drafter is sure.

    Args:
        nodes: drafted tokens in all.
        length: of the chain, at most.
        least: the share below which a token ends it, itself included.
        widths: (share, children), see `ConfidentGrowth`; ((0.0, 1),) for a chain without side branches.

    Raises:
        ValueError: a number is out of range.
    """

    nodes: int = 24
    length: int = 12
    least: float = 0.4
    widths: Widths = ((0.95, 1), (0.8, 2), (0.5, 3), (0.0, 4))

    def __post_init__(self) -> None:
        """Check the settings."""
        check_confidence(self.length, self.least, self.widths)

    def open(self, cost: Cost) -> _Session:
        """See `Policy.open`."""
        return _Session(self)


def check_confidence(length: int, least: float, widths: ListOf[tuple[float, int]]) -> None:
    """Raise ValueError for settings that make no chain."""
    if length < 1 or not 0 <= least <= 1:
        raise ValueError(f"length={length!r} must be at least 1 and least={least!r} between 0 and 1")
    if not widths or min(width for _, width in widths) < 1:
        raise ValueError(f"widths={widths!r} must be pairs of a share and a number of at least 1")


class _Session(Unlearned):
    def __init__(self, settings: Confident) -> None:
        self._settings = settings

    def grow(self, request: Request, *, level_cost: float = 0.0) -> Growth:
        """See `PolicySession.grow`."""
        own = self._settings
        return ConfidentGrowth(length=own.length, least=own.least, widths=own.widths, most=request.most)

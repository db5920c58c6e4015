"""One draft length for a whole batch, longer after success and shorter after failure.

Source: Qian et al. 2024, "BASS: batched attention-optimized speculative sampling", section 3.3. Rows are flat, so that
each sequence goes on from where it stands and no row is padding (Ni et al. 2024, "EMS-SD").
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guidedgen.decoders.policies.base import Cost, Growth
from guidedgen.decoders.policies.fixed import WidthsGrowth
from guidedgen.decoders.tree import ROOT

if TYPE_CHECKING:
    from guidedgen.decoders.drafters.base import Outcome, Request


@dataclass(frozen=True, kw_only=True)
class BatchLength:
    """Chains of l tokens: two more after a step in which some sequence accepted all of them, else fewer.

    l <- l - ceil(l / 10) - s, and never below what some sequence accepted; s is 1 after a step that made it shorter.

    Args:
        first: length of the first step.
        longest: of any.
        shared: one length for all sequences, as published. A model then drafts its best tokens, since drawn ones would
            make a sample depend on what else is in its batch; False keeps a length for each sequence.

    Raises:
        ValueError: not 1 <= first <= longest.
    """

    first: int = 7
    longest: int = 32
    shared: bool = True

    def __post_init__(self) -> None:
        """Check the settings."""
        if not 1 <= self.first <= self.longest:
            raise ValueError(f"first={self.first!r} must be at least 1 and at most longest={self.longest!r}")

    @property
    def nodes(self) -> int:
        """See `Policy.nodes`."""
        return self.longest

    def open(self, cost: Cost) -> BatchLengthSession:
        """See `Policy.open`."""
        return BatchLengthSession(self)


@dataclass
class _Length:
    now: int
    shrunk: int = 0
    accepted: list[int] = field(default_factory=list)  # of the step that was not taken into account yet


class BatchLengthSession:
    """The length of one run, or one for each of its sequences."""

    def __init__(self, settings: BatchLength) -> None:
        self._settings = settings
        self._lengths: dict[tuple[int, str], _Length] = {}

    def _length(self, lane: int, source: str) -> _Length:
        key = (-1 if self._settings.shared else lane), source
        return self._lengths.setdefault(key, _Length(self._settings.first))

    def grow(self, request: Request, *, level_cost: float = 0.0) -> Growth:
        """See `PolicySession.grow`. The first request of a step takes in what the step before brought."""
        length = self._length(request.lane, request.source)
        if length.accepted:
            self._update(length)
        count = min(length.now, request.most)
        growth = WidthsGrowth((1,) * count, count)
        growth.best = self._settings.shared
        return growth

    def _update(self, length: _Length) -> None:
        most = max(length.accepted)
        if most >= length.now:
            length.now, length.shrunk = min(length.now + 2, self._settings.longest), 0
        else:
            shorter = length.now - math.ceil(length.now / 10) - length.shrunk
            length.now, length.shrunk = max(1, most, shorter), 1
        length.accepted = []

    def observe(self, outcome: Outcome) -> None:
        """See `PolicySession.observe`."""
        tree = outcome.tree
        if len(tree):
            way = () if outcome.node == ROOT else tree.path(outcome.node)
            accepted = sum(node not in tree.forced for node in way)
            self._length(outcome.lane, tree.source).accepted.append(accepted)

"""Token recycling: the target's own runners-up are the next drafts (Luo et al. 2024, "Turning trash into treasure")."""

from __future__ import annotations

import heapq
from collections.abc import Sequence as ListOf
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guidedgen.decoders.drafters.base import Outcome, Request, Setting
from guidedgen.decoders.drafters.tables import table_tree
from guidedgen.decoders.tree import ROOT, DraftTree

_NOTHING = -1


@dataclass(frozen=True, kw_only=True)
class Recycle:
    """For every token the candidates that the target ranked first after it when it was last seen; a tree over them.

    The tree takes the nodes with the largest product of `decay ** rank`, which is the static template of the paper
    without its table: about 80 nodes, six deep, with eight candidates. The memory is the session's: it starts empty.

    Args:
        candidates: kept for each token.
        depth: of the tree.
        decay: in (0, 1): how much less the next candidate is worth.
        step: in (0, 1]: how much less a token further down is worth.
    """

    candidates: int = 8
    depth: int = 6
    decay: float = 0.4
    step: float = 0.8

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.candidates < 1 or self.depth < 1:
            raise ValueError(f"candidates={self.candidates!r} and depth={self.depth!r} must be at least 1")
        if not (0 < self.decay < 1 and 0 < self.step <= 1):
            raise ValueError(f"decay={self.decay!r} must be in (0, 1) and step={self.step!r} in (0, 1]")

    def open(self, setting: Setting) -> RecycleSession:
        """See `Drafter.open`."""
        return RecycleSession(self, setting.logits_size)


class RecycleSession:
    """The adjacency of one run, shared by its lanes."""

    def __init__(self, settings: Recycle, width: int) -> None:
        self._settings = settings
        self._after: NDArray[np.int32] = np.full((width, settings.candidates), _NOTHING, np.int32)  # [V, K]

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        return [self._for(request) for request in requests]

    def _for(self, request: Request) -> DraftTree:
        if request.policy is None:
            return self._tree(request.tip.token, request.most)
        return table_tree(request, request.policy.grow(request), self._following)

    def _following(self, way: ListOf[int]) -> list[tuple[int, float]]:
        """The candidates after the last token of a way, with shares that fall by rank as `decay` says."""
        decay = self._settings.decay
        known = [int(token) for token in self._after[way[-1]] if token != _NOTHING]
        return [(token, (1 - decay) * decay**rank) for rank, token in enumerate(known)]

    def _tree(self, token: int, most: int) -> DraftTree:
        settings = self._settings
        tokens: list[int] = []
        parents: list[int] = []
        heap: list[tuple[float, int, int, int, int, int]] = []  # -value, order, parent, its token, rank, depth
        order = 0

        def push(value: float, parent: int, before: int, rank: int, depth: int) -> None:
            nonlocal order
            if rank < settings.candidates and depth <= settings.depth and self._after[before, rank] != _NOTHING:
                heapq.heappush(heap, (-value, order, parent, before, rank, depth))
                order += 1

        push(1.0, ROOT, token, 0, 1)
        while heap and len(tokens) < most:
            value, _, parent, before, rank, depth = heapq.heappop(heap)
            node, own = len(tokens), int(self._after[before, rank])
            tokens.append(own)
            parents.append(parent)
            push(-value * settings.decay, parent, before, rank + 1, depth)
            push(-value * settings.step, node, own, 0, depth + 1)
        return DraftTree(tokens=tuple(tokens), parents=tuple(parents))

    def observe(self, outcome: Outcome) -> None:
        """Remember the best candidates after every token of the tree; the accepted ones are written last."""
        kept = min(self._settings.candidates, outcome.logits.shape[-1])
        rows = outcome.logits.topk(kept, dim=-1).indices.cpu().numpy()  # [1 + N, K]
        accepted = set() if outcome.node == ROOT else set(outcome.tree.path(outcome.node))
        nodes = sorted(range(len(outcome.tree)), key=lambda node: (node in accepted, -node))
        for node in nodes:
            self._after[outcome.tree.tokens[node], : rows.shape[1]] = rows[node + 1]
        self._after[outcome.base.token, : rows.shape[1]] = rows[0]

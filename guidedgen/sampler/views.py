"""Views of the cache: settings that say what is left of a long text for attention. All are approximate.

A view works in *blocks*: a token attends to everything since its block began, and before that to what the view leaves.
So what a token sees depends on the tokens before it alone, never on chunks, batches, drafts or what is cached.
Rows keep the rotary positions that they were computed with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch


class View(Protocol):
    """What becomes of the rows of a text at the end of each block, layer by layer."""

    @property
    def block(self) -> int:
        """Tokens in a block."""

    @property
    def threshold(self) -> int:
        """It does nothing to texts of so many rows."""

    @property
    def scored(self) -> bool:
        """Whether `keep` wants to know what the newest row attends to."""

    def left(self, rows: int) -> int:
        """How many of `rows` rows are kept."""

    def keep(self, positions: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        """Which rows of a layer are kept: `left(M)` ascending indices.

        Args:
            positions: of the rows, ascending, [M] with M > `threshold`.
            weights: the newest row's attention to each, mean over the heads [M]; None unless `scored`.
        """

    def change(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
        """What is left of a layer's kept keys [K, KV, D] and values [K, KV, Dv]; None where they stay as they are."""


class _Eviction:
    """A view that drops rows, and leaves the others as they are."""

    @property
    def threshold(self) -> int:
        """See `View.threshold`."""
        raise NotImplementedError

    def left(self, rows: int) -> int:
        """See `View.left`."""
        return min(rows, self.threshold)

    def change(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
        """See `View.change`."""
        return None


@dataclass(frozen=True)
class SinkWindow(_Eviction):
    """The first tokens and the newest ones.

    Source: Xiao et al. 2023, "Efficient streaming language models with attention sinks", section 3; as a drafter's view
    Chen et al. 2024, "MagicDec".

    Args:
        sinks: first tokens of the text that are kept.
        window: newest tokens that are kept at the end of a block.
        block: tokens between two ends.

    Raises:
        ValueError: a number that is too small.
    """

    sinks: int = 4
    window: int = 1020
    block: int = 64

    scored = False

    def __post_init__(self) -> None:
        """Check the numbers."""
        _require(self.sinks >= 0 and self.window >= 1 and self.block >= 1, self)

    @property
    def threshold(self) -> int:
        """See `View.threshold`."""
        return self.sinks + self.window

    def keep(self, positions: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        """See `View.keep`."""
        count = positions.shape[0]
        every = torch.arange(count, device=positions.device)
        return torch.cat((every[: self.sinks], every[count - self.window :]))


@dataclass(frozen=True)
class TopTokens(_Eviction):
    """In each layer the tokens that the newest one attends to most, all heads together.

    Source: Oren et al. 2024, "Transformers are multi-state RNNs" (TOVA), section 4, which drops one token at every
    step: `block=1`. Longer blocks cost less and let several tokens share a forward.

    Args:
        budget: tokens that are kept at the end of a block; the newest is always one of them.
        block: tokens between two ends.

    Raises:
        ValueError: a number below 1.
    """

    budget: int = 512
    block: int = 64

    scored = True

    def __post_init__(self) -> None:
        """Check the numbers."""
        _require(self.budget >= 1 and self.block >= 1, self)

    @property
    def threshold(self) -> int:
        """See `View.threshold`."""
        return self.budget

    def keep(self, positions: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        """See `View.keep`."""
        assert weights is not None
        ranked = weights.clone()
        ranked[-1] = float("inf")
        return ranked.topk(self.budget).indices.sort().values


@dataclass(frozen=True)
class Regions(_Eviction):
    """All of the prompt; of what was generated the newest tokens and those that the newest attends to most.

    Source: Wu et al. 2024, "SCOPE", sections 3 and 4: heavy hitters are chosen among generated tokens only, so that
    they do not push out the prompt; a block is the distance between two choices (its "discontinuous" strategy).

    Args:
        prompt: first tokens of the text that are kept. A longer prompt is treated as generated behind that.
        budget: generated tokens that are kept at the end of a block.
        recent: how many of them are the newest ones.
        block: tokens between two ends.

    Raises:
        ValueError: a number below 1, or more recent tokens than the budget.
    """

    prompt: int = 1024
    budget: int = 512
    recent: int = 256
    block: int = 64

    scored = True

    def __post_init__(self) -> None:
        """Check the numbers."""
        _require(min(self.prompt, self.recent, self.block) >= 1 and self.recent <= self.budget, self)

    @property
    def threshold(self) -> int:
        """See `View.threshold`."""
        return self.prompt + self.budget

    def keep(self, positions: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        """See `View.keep`."""
        assert weights is not None
        count = positions.shape[0]
        every = torch.arange(count, device=positions.device)
        middle = weights[self.prompt : count - self.recent]
        heavy = middle.topk(self.budget - self.recent).indices.sort().values + self.prompt
        return torch.cat((every[: self.prompt], heavy, every[count - self.recent :]))


def _require(sensible: bool, view: object) -> None:
    if not sensible:
        raise ValueError(f"{view} is no view: counts must be positive")

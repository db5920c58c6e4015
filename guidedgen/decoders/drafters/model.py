"""Drafts of a second, smaller model with the same vocabulary, under the same constraint and settings as the target.

Tokens are drawn without replacement from the drafter's processed distribution, so that `Recursive` is exact, and
`Leviathan` for chains. At temperature 0 the drafter's best tokens are taken, and drawn from nothing.
Sources: Leviathan et al. 2023; trees by Jeon et al. 2024, "Recursive speculative decoding" (constant branching).
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass

from guidedgen.decoders.drafters.base import Outcome, Request, Setting
from guidedgen.decoders.drafters.growing import ModelTrees
from guidedgen.decoders.drafters.reading import Reader
from guidedgen.decoders.policies.fixed import WidthsGrowth, check_widths
from guidedgen.decoders.tree import DraftTree
from guidedgen.models.base import LanguageModel
from guidedgen.sampler.sampler import Sampler


@dataclass(frozen=True, kw_only=True)
class ModelDrafter:
    """A tree, level by level: one drafter forward a level, for all sequences together.

    Args:
        model: the drafter; its vocabulary must be the target's.
        widths: without a policy, children of each node by depth: (1, 1, 1, 1) is a chain of four.
        confidence: at temperature 0, stop below a node whose best token has less than this probability. 0 never stops;
            the transformers library ships 0.4.
        level_cost: of one forward of it, in forwards of the target over one row; policies weigh it.

    Raises:
        ValueError: no widths, or one below 1.
    """

    model: LanguageModel
    widths: tuple[int, ...] = (1, 1, 1, 1)
    confidence: float = 0.0
    level_cost: float = 0.1

    def __post_init__(self) -> None:
        """Check the widths."""
        check_widths(self.widths)
        if not 0 <= self.confidence < 1:
            raise ValueError(f"confidence={self.confidence!r} must be at least 0 and below 1")

    def open(self, setting: Setting) -> ModelSession:
        """See `Drafter.open`. Raises ModelError where the vocabularies differ."""
        trees = ModelTrees(Reader(Sampler(self.model), setting), setting, confidence=self.confidence)
        return ModelSession(trees, widths=self.widths, level_cost=self.level_cost)


class ModelSession:
    """One run of a model that drafts."""

    def __init__(self, trees: ModelTrees, *, widths: tuple[int, ...], level_cost: float) -> None:
        self._trees = trees
        self._widths = widths
        self._level_cost = level_cost

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        growths = [
            request.growth(WidthsGrowth(self._widths, request.most), level_cost=self._level_cost)
            for request in requests
        ]
        return self._trees.draft(requests, growths)

    def observe(self, outcome: Outcome) -> None:
        """See `DraftSession.observe`. The drafter's own cache drops what is not used again by itself."""

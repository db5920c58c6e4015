"""The drafter that `guidedgen models train-drafter` made for the target, found by the target's name."""

from __future__ import annotations

from dataclasses import dataclass

from guidedgen.decoders.drafters.base import Setting
from guidedgen.decoders.drafters.growing import ModelTrees
from guidedgen.decoders.drafters.model import ModelSession
from guidedgen.decoders.drafters.reading import Reader
from guidedgen.decoders.policies.fixed import check_widths
from guidedgen.errors import ModelError
from guidedgen.models.base import LanguageModel
from guidedgen.models.small_drafters import load_drafter
from guidedgen.sampler.sampler import Sampler


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Like `ModelDrafter`, with the model that was trained for the target.

    Args:
        weights: "dense", "int8" or "int4": the drafter's precision changes no text, only what is accepted of it.
        widths: without a policy, children of each drafted node by depth.
        confidence: see `ModelDrafter`.
        level_cost: see `ModelDrafter`.

    Raises:
        ValueError: no widths, or one below 1.
    """

    weights: str = "dense"
    widths: tuple[int, ...] = (1, 1, 1, 1)
    confidence: float = 0.3
    level_cost: float = 0.25

    def __post_init__(self) -> None:
        """Check the widths."""
        check_widths(self.widths)

    def open(self, setting: Setting) -> ModelSession:
        """See `Drafter.open`. Raises ModelError where no drafter was trained for the target."""
        model = trained_for(setting, weights=self.weights)
        trees = ModelTrees(Reader(Sampler(model), setting), setting, confidence=self.confidence)
        return ModelSession(trees, widths=self.widths, level_cost=self.level_cost)


def trained_for(setting: Setting, *, weights: str = "dense") -> LanguageModel:
    """The drafter that was trained for a run's target. Raises ModelError where there is none."""
    if setting.sampler is None:
        raise ModelError("a trained drafter is found by the target's name, and here is no target.")
    return load_drafter(setting.sampler.model, weights=weights)

"""Drafts of the target itself, looked at in a cheaper way: fewer layers. No second model, no training.

A view reads what the target has cached of a text and keeps its own rows apart, so nothing is computed twice and nothing
of it reaches the target.
Sources: evenly spaced layers by Liu et al. 2024, "Unified layer skipping"; early exit without training as in Elhoushi
et al. 2024, "LayerSkip", who train for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.drafters.base import Setting
from guidedgen.decoders.drafters.growing import ModelTrees
from guidedgen.decoders.drafters.model import ModelSession
from guidedgen.decoders.drafters.reading import Reader
from guidedgen.errors import ModelError
from guidedgen.models.base import LayerPlan


@runtime_checkable
class Viewable(Protocol):
    """A source of logits that can be looked at otherwise, as `Sampler` is."""

    def view(self, *, plan: LayerPlan) -> LogitsSource:
        """The same model with other layers."""


def view_of(setting: Setting, plan: LayerPlan) -> LogitsSource:
    """The target with a layer plan.

    Raises:
        ModelError: the target's layers cannot be told apart.
    """
    source: object = setting.sampler
    if not isinstance(source, Viewable):
        raise ModelError("this drafter looks at the target itself, and the target cannot be looked at in parts here.")
    return source.view(plan=plan)


def layers_of(setting: Setting) -> int:
    """How many layers the target has. Raises ModelError where they cannot be told apart."""
    count = 0 if setting.sampler is None else setting.sampler.model.info.layers
    if not count:
        raise ModelError(
            "this drafter skips layers of the target, whose layers cannot be told apart here. "
            "Use a drafter that needs no model: forced+copy, recycle, ngrams."
        )
    return count


def evenly(count: int, kept: int) -> tuple[int, ...]:
    """So many of `count` layers, the first and the last among them, evenly spaced."""
    if kept >= count:
        return tuple(range(count))
    if kept < 2:
        return (count - 1,)
    return tuple(sorted({round(step * (count - 1) / (kept - 1)) for step in range(kept)}))


@dataclass(frozen=True, kw_only=True)
class SkipLayers:
    """Every so many layers run, the first and the last always: round(layers / speedup) in all.

    Args:
        speedup: how many times fewer layers.
        exit: run the first `exit` layers instead, and no others; the final norm and head always run.
        widths: without a policy, children of each drafted node by depth.
        confidence: see `ModelDrafter`.

    Raises:
        ValueError: a number is out of range.
    """

    speedup: float = 2.0
    exit: int | None = None
    widths: tuple[int, ...] = (1, 1, 1, 1)
    confidence: float = 0.0

    def __post_init__(self) -> None:
        """Check the settings."""
        if not self.speedup >= 1 or (self.exit is not None and self.exit < 1):
            raise ValueError(f"speedup={self.speedup!r} and exit={self.exit!r} must be at least 1")
        if not self.widths or min(self.widths) < 1:
            raise ValueError(f"widths={self.widths!r} must be numbers of at least 1")

    def plan(self, count: int) -> LayerPlan:
        """The layers of a model with `count` of them."""
        if self.exit is not None:
            return LayerPlan(exit=min(self.exit, count) - 1)
        return LayerPlan(layers=evenly(count, round(count / self.speedup)))

    def open(self, setting: Setting) -> ModelSession:
        """See `Drafter.open`. Raises ModelError where the target's layers cannot be told apart."""
        count = layers_of(setting)
        plan = self.plan(count)
        trees = ModelTrees(Reader(view_of(setting, plan), setting), setting, confidence=self.confidence)
        return ModelSession(trees, widths=self.widths, level_cost=len(plan.running(count)) / count)

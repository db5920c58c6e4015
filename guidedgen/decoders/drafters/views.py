"""Drafts of the target itself, looked at in a cheaper way: fewer layers, a part of the text, fewer bits. No training.

A view reads what the target has cached of a text and keeps its own rows apart, so nothing is computed twice and nothing
of it reaches the target.
Sources: evenly spaced layers by Liu et al. 2024, "Unified layer skipping"; early exit without training as in Elhoushi
et al. 2024, "LayerSkip", who train for it; sparse views by Chen et al. 2024, "MagicDec"; weights and cache of few bits
by Tiwari et al. 2025, "QuantSpec".
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.drafters.base import Request, Setting
from guidedgen.decoders.drafters.growing import ModelTrees
from guidedgen.decoders.drafters.model import ModelSession
from guidedgen.decoders.drafters.reading import Reader
from guidedgen.decoders.policies.fixed import check_widths
from guidedgen.decoders.tree import DraftTree
from guidedgen.errors import ModelError
from guidedgen.models.base import ALL_LAYERS, LanguageModel, LayerPlan
from guidedgen.models.precision import WEIGHTS
from guidedgen.models.small_drafters import load_few_bits
from guidedgen.sampler.views import View


@runtime_checkable
class Viewable(Protocol):
    """A source of logits that can be looked at otherwise, as `Sampler` is."""

    def view(
        self, *, plan: LayerPlan = ALL_LAYERS, attention: View | None = None, model: LanguageModel | None = None
    ) -> LogitsSource:
        """See `Sampler.view`."""


def viewable(setting: Setting) -> Viewable:
    """The target, for views of it. Raises ModelError where it cannot be looked at otherwise."""
    source: object = setting.sampler
    if not isinstance(source, Viewable):
        raise ModelError("this drafter looks at the target itself, and the target cannot be looked at in parts here.")
    return source


class Waiting:
    """Leaves out the first request of each lane: a view shall read the target's prompt, not compute it again."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def ready(self, requests: ListOf[Request]) -> list[Request]:
        """The requests of lanes that were asked for before."""
        ready = [request for request in requests if request.lane in self._seen]
        self._seen |= {request.lane for request in requests}
        return ready


def in_place(requests: ListOf[Request], ready: ListOf[Request], trees: ListOf[DraftTree]) -> list[DraftTree]:
    """The trees of the ready requests, and empty ones for the others."""
    by_lane = {request.lane: tree for request, tree in zip(ready, trees, strict=True)}
    return [by_lane.get(request.lane, DraftTree(tokens=(), parents=())) for request in requests]


class ViewSession(ModelSession):
    """One run of a view that drafts, from the second step on."""

    def __init__(self, trees: ModelTrees, *, widths: tuple[int, ...], level_cost: float) -> None:
        super().__init__(trees, widths=widths, level_cost=level_cost)
        self._waiting = Waiting()

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        ready = self._waiting.ready(requests)
        return in_place(requests, ready, super().propose(ready))


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
        check_widths(self.widths)

    def plan(self, count: int) -> LayerPlan:
        """The layers of a model with `count` of them."""
        if self.exit is not None:
            return LayerPlan(exit=min(self.exit, count) - 1)
        return LayerPlan(layers=evenly(count, round(count / self.speedup)))

    def open(self, setting: Setting) -> ViewSession:
        """See `Drafter.open`. Raises ModelError where the target's layers cannot be told apart."""
        count = layers_of(setting)
        plan = self.plan(count)
        trees = ModelTrees(Reader(viewable(setting).view(plan=plan), setting), setting, confidence=self.confidence)
        return ViewSession(trees, widths=self.widths, level_cost=len(plan.running(count)) / count)


@dataclass(frozen=True, kw_only=True)
class CoarseView:
    """All layers, but only a part of a long text, or its keys and values in few bits.

    Pays where reading the cache is what takes time: long texts, large batches. Quantised keys and values are simulated,
    so they show what is accepted and save nothing.

    Args:
        attention: what is left of the text.
        widths: without a policy, children of each drafted node by depth.
        confidence: see `ModelDrafter`.
        level_cost: see `ModelDrafter`; the weights are read in full.

    Raises:
        ValueError: no widths, or one below 1.
    """

    attention: View
    widths: tuple[int, ...] = (1, 1, 1)
    confidence: float = 0.0
    level_cost: float = 0.9

    def __post_init__(self) -> None:
        """Check the widths."""
        check_widths(self.widths)

    def open(self, setting: Setting) -> ViewSession:
        """See `Drafter.open`. Raises ModelError where the target's cache cannot be thinned."""
        reader = Reader(viewable(setting).view(attention=self.attention), setting)
        trees = ModelTrees(reader, setting, confidence=self.confidence)
        return ViewSession(trees, widths=self.widths, level_cost=self.level_cost)


@dataclass(frozen=True, kw_only=True)
class FewBits:
    """The target with weights of few bits, over the target's own keys and values: right nearly always, and cheaper.

    The weights are loaded by the target's name when they are first used, and shared by all runs.

    Args:
        weights: "int4" or "int8".
        widths: without a policy, children of each drafted node by depth.
        confidence: see `ModelDrafter`.
        level_cost: see `ModelDrafter`.

    Raises:
        ValueError: no widths, or one below 1.
    """

    weights: str = "int4"
    widths: tuple[int, ...] = (1, 1, 1, 1, 1)
    confidence: float = 0.5
    level_cost: float = 0.3

    def __post_init__(self) -> None:
        """Check the widths and the format."""
        check_widths(self.widths)
        if self.weights not in WEIGHTS:
            raise ValueError(f"weights={self.weights!r} must be one of {', '.join(WEIGHTS)}")

    def open(self, setting: Setting) -> ViewSession:
        """See `Drafter.open`. Raises ModelError where the target has no such form, or is in few bits already."""
        target = viewable(setting)
        assert setting.sampler is not None  # `viewable` looked at it
        view = target.view(model=load_few_bits(setting.sampler.model, self.weights))
        trees = ModelTrees(Reader(view, setting), setting, confidence=self.confidence)
        return ViewSession(trees, widths=self.widths, level_cost=self.level_cost)

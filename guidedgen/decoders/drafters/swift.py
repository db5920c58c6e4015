"""SWIFT: which parts of the target's layers are skipped for drafting is found while the text is written.

Source: Xia et al. 2024, "SWIFT: on-the-fly self-speculative decoding for LLM inference acceleration": attention and
feed-forward parts of layers are skipped apart. The paper searches at random and with Bayesian optimisation now and
then; here the search exchanges one part at a time. Models whose layers have no parts that can be told apart skip whole
layers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, replace

from guidedgen.decoders.drafters.base import Outcome, Request, Setting
from guidedgen.decoders.drafters.growing import ModelTrees
from guidedgen.decoders.drafters.reading import Reader
from guidedgen.decoders.drafters.views import Waiting, in_place, layers_of, viewable
from guidedgen.decoders.policies.confident import ConfidentGrowth, check_confidence
from guidedgen.decoders.tree import DraftTree
from guidedgen.models.base import LayerPlan
from guidedgen.sampler.sequence import Sequence


@dataclass(frozen=True, kw_only=True)
class Swift:
    """Drafts with a part of the model, and looks for a better part at first.

    A part is judged by how many of the last tokens it would have said itself, in one forward over all of them. It takes
    the part's best tokens, never drawn ones, so that what is found for one sequence changes no other one's text.

    Args:
        skip: share of the attention and feed-forward parts between the first layer and the last that is skipped.
        window: tokens that a part of the model is judged by.
        every: steps between two trials; each costs about a forward.
        trials: at most.
        enough: agreement at which the search is over.
        length: drafted tokens, at most; the paper has 25.
        least: the probability below which a token ends the draft; the paper has 0.8.
        widths: side branches by confidence, see `ConfidentGrowth`.

    Raises:
        ValueError: a number is out of range.
    """

    skip: float = 0.45
    window: int = 32
    every: int = 4
    trials: int = 40
    enough: float = 0.95
    length: int = 8
    least: float = 0.6
    widths: tuple[tuple[float, int], ...] = ((0.8, 1), (0.0, 3))

    def __post_init__(self) -> None:
        """Check the settings."""
        if not 0 < self.skip < 1 or not 0 < self.enough <= 1:
            raise ValueError(f"skip={self.skip!r} and enough={self.enough!r} must be above 0 and below or at 1")
        if min(self.window, self.every) < 1 or self.trials < 0:
            raise ValueError(f"window={self.window!r} and every={self.every!r} must be at least 1")
        check_confidence(self.length, self.least, self.widths)

    def open(self, setting: Setting) -> SwiftSession:
        """See `Drafter.open`. Raises ModelError where the target's layers cannot be told apart."""
        return SwiftSession(self, setting)


@dataclass(frozen=True)
class _Parts:
    """Which parts of a model run: pieces are numbered layer by layer, `per_layer` of each."""

    count: int  # layers
    per_layer: int
    skipped: frozenset[int] = frozenset()

    @property
    def inner(self) -> range:
        """Pieces that may be skipped: those of all layers but the first and the last."""
        return range(self.per_layer, self.per_layer * max(1, self.count - 1))

    @property
    def cost(self) -> float:
        """Of a forward, in forwards of the whole model."""
        return 1 - len(self.skipped) / (self.count * self.per_layer)

    def first(self, skip: float) -> _Parts:
        """The part that the search begins with: so much of the inner pieces skipped, evenly spaced."""
        count = round(skip * len(self.inner))
        places = {round((step + 0.5) * len(self.inner) / count - 0.5) for step in range(count)}
        return replace(self, skipped=frozenset(self.inner[place] for place in places))

    def neighbour(self, choose: random.Random) -> _Parts:
        """The same with one skipped piece exchanged for one that runs."""
        back = choose.choice(sorted(self.skipped))
        out = choose.choice([piece for piece in self.inner if piece not in self.skipped])
        return replace(self, skipped=self.skipped - {back} | {out})

    def plan(self) -> LayerPlan:
        """What runs of which layers."""
        if self.per_layer == 1:
            return LayerPlan(layers=tuple(layer for layer in range(self.count) if layer not in self.skipped))
        attention, mlp = ({piece // 2 for piece in self.skipped if piece % 2 == kind} for kind in (0, 1))
        return LayerPlan(
            layers=tuple(sorted(set(range(self.count)) - (attention & mlp))),
            without_attention=tuple(sorted(attention - mlp)),
            without_mlp=tuple(sorted(mlp - attention)),
        )


class SwiftSession:
    """The best part so far, and the search.

    Attributes:
        plan: of the part in use.
        agreement: of the part in use; below 0 before it was judged.
    """

    def __init__(self, settings: Swift, setting: Setting) -> None:
        self._settings = settings
        self._setting = setting
        count = layers_of(setting)
        self._choose = random.Random(0)
        self._waiting = Waiting()
        self._steps = self._tried = 0
        self.agreement = -1.0
        sampler = setting.sampler
        per_layer = 2 if sampler is not None and sampler.model.info.sublayers else 1
        self._use(_Parts(count, per_layer).first(settings.skip))

    def _use(self, parts: _Parts) -> None:
        self._parts = parts
        self.plan = parts.plan()
        self._reader = self._reading(parts)
        self._trees = ModelTrees(self._reader, self._setting, best=True)

    def _reading(self, parts: _Parts) -> Reader:
        return Reader(viewable(self._setting).view(plan=parts.plan()), self._setting)

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        settings = self._settings
        ready = self._waiting.ready(requests)
        self._steps += 1
        if self._searching and self._steps % settings.every == 0 and ready:
            self._try(ready[self._tried % len(ready)].tip)
        growths = [
            request.growth(
                ConfidentGrowth(
                    length=settings.length, least=settings.least, widths=settings.widths, most=request.most, best=True
                ),
                level_cost=self._parts.cost,
            )
            for request in ready
        ]
        return in_place(requests, ready, self._trees.draft(ready, growths))

    @property
    def _searching(self) -> bool:
        limits, skipped = self._settings, len(self._parts.skipped)
        return self._tried < limits.trials and self.agreement < limits.enough and 0 < skipped < len(self._parts.inner)

    def _try(self, tip: Sequence) -> None:
        """Judge another part on the last tokens, and take it where it is better."""
        written = self._written(tip)
        if len(written) < min(8, self._settings.window):
            return
        if self.agreement < 0:
            self.agreement = self._agreement(self._reader, written)
        candidate = self._parts.neighbour(self._choose)
        reader = self._reading(candidate)
        agreement = self._agreement(reader, written)
        self._tried += 1
        if agreement > self.agreement:
            self.agreement = agreement
            self._use(candidate)

    def _written(self, tip: Sequence) -> list[Sequence]:
        """The last chosen tokens."""
        written: list[Sequence] = []
        for node in tip.nodes():
            if node.record is not None and not node.record.forced:
                written.append(node)
            if len(written) == self._settings.window:
                break
        return written

    def _agreement(self, reader: Reader, written: list[Sequence]) -> float:
        """The share of tokens that a part ranks first among those allowed."""
        parents = [node.parent for node in written if node.parent is not None]
        best = reader.plain(parents).argmax(-1).tolist()
        return sum(int(token == node.token) for token, node in zip(best, written, strict=True)) / len(written)

    def observe(self, outcome: Outcome) -> None:
        """See `DraftSession.observe`. Parts are judged by what was written, when they are tried."""

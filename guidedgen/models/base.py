"""The one way the sampler talks to a model: a forward over flat rows and a store of keys and values.

A *row* is one token to compute. It writes its keys and values to a *slot* of the store and sees a set of slots of its
own sequence (the committed *context*) plus its ancestors among the rows of the same call. Prefill is a chain of rows, a
batch is several segments, a draft tree is one segment with a tree mask. There is no padding anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch

from guidedgen.errors import ModelError
from guidedgen.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Consecutive rows [start, stop) of one sequence.

    `context` lists the store slots, oldest first, that every row of the segment may see besides its ancestors.
    `ancestors[i, j]` says whether row start+i sees row start+j; None means a chain (lower triangle with diagonal).
    Of the first `old` slots of the context `Rows.look` may hide some.
    """

    start: int
    stop: int
    context: torch.Tensor  # [C] int64
    ancestors: torch.Tensor | None = None  # [n, n] bool
    old: int = 0


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """Which layers of a model run, numbered from 0; the final norm and the head always do.

    Args:
        layers: those that run, ascending; None is all. The others hand on what they are given, and write nothing.
        exit: the last layer that may run; None goes to the end.
        without_attention: layers of which only the feed-forward part runs, ascending; for models with `info.sublayers`.
        without_mlp: layers of which only attention runs, the same way.

    Raises:
        ValueError: layers that are not ascending, or a negative number.
    """

    layers: tuple[int, ...] | None = None
    exit: int | None = None
    without_attention: tuple[int, ...] = ()
    without_mlp: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check the numbers."""
        for chosen in (self.layers or (), self.without_attention, self.without_mlp):
            if list(chosen) != sorted(set(chosen)) or min((*chosen, self.exit or 0)) < 0:
                raise ValueError(f"{self} is no plan: give layers ascending, each once, from 0 on")

    @property
    def parted(self) -> bool:
        """Whether only a part of some layer runs."""
        return bool(self.without_attention or self.without_mlp)

    def running(self, count: int) -> tuple[int, ...]:
        """The layers that run in a model with `count` of them. Raises ModelError for one that it does not have."""
        chosen = tuple(range(count)) if self.layers is None else self.layers
        if max((*chosen, *self.without_attention, *self.without_mlp, self.exit or 0)) >= max(1, count):
            raise ModelError(f"{self} names a layer that the model does not have. It has {count}, numbered from 0.")
        return chosen if self.exit is None else tuple(layer for layer in chosen if layer <= self.exit)


ALL_LAYERS = LayerPlan()


class Look(Protocol):
    """Hides some of what rows could see, layer by layer and head by head."""

    def hide(self, layer: int, query: torch.Tensor, keys: torch.Tensor, scale: float) -> torch.Tensor | None:
        """What a segment's rows do not attend to: bool [KV, n, M], or None for nothing.

        Args:
            layer: its number.
            query: of the rows, [n, H, D].
            keys: of the segment's `old` slots, oldest first, [M, KV, D].
            scale: factor on the scores.
        """


class Watch:
    """Notes how much the last row of some segments attends to what it sees; the one thing a forward writes to.

    Args:
        segments: numbers of chains.
        by_head: whether each head is noted by itself; no forward is fast then.

    Attributes:
        weights: by segment and layer, float32 over its context and its own rows: the mean over all heads [C + n], or
            by head [H, C + n].
    """

    def __init__(self, segments: Iterable[int], *, by_head: bool = False) -> None:
        self.by_head = by_head
        self.weights: dict[int, dict[int, torch.Tensor]] = {segment: {} for segment in segments}


@dataclass(frozen=True, kw_only=True)
class Rows:
    """One forward: R rows in S segments, logits for `wanted` rows only.

    `embeddings` are what enters the first layer that runs, instead of what the tokens give there: mixtures of tokens'
    `LayeredModel.embed`, or the hidden states after layer k where `plan` goes on from layer k + 1. `taps` are layers of
    the plan after which `LayeredModel.read` gives the wanted rows' hidden states. `watch` and `look`
    are for models with `info.watches` and `info.selects`.
    """

    tokens: torch.Tensor  # [R] int64
    positions: torch.Tensor  # [R] int64; siblings of a tree share a position
    slots: torch.Tensor  # [R] int64; where each row's keys and values go
    segments: tuple[Segment, ...]
    wanted: torch.Tensor  # [W] int64, row numbers
    plan: LayerPlan = ALL_LAYERS
    taps: tuple[int, ...] = ()
    embeddings: torch.Tensor | None = None  # [R, E]
    watch: Watch | None = None
    look: Look | None = None

    @property
    def layered(self) -> bool:
        """Whether these rows ask for more than tokens through all layers."""
        return self.plan != ALL_LAYERS or bool(self.taps) or self.embeddings is not None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What `LayeredModel.read` gives: logits of the wanted rows, and their hidden states after each tapped layer.

    Hidden states are in the model's own format, before the final norm, and copies: changing them changes nothing.
    """

    logits: torch.Tensor  # [W, logits_size] float32
    hidden: dict[int, torch.Tensor]  # layer -> [W, E]


class Store(Protocol):
    """Keys and values by slot. Slots are handed out by the sampler's cache; the store only grows and copies."""

    @property
    def capacity(self) -> int:
        """Number of slots that exist."""

    @property
    def slot_bytes(self) -> int:
        """Bytes that one slot takes over all layers."""

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` slots; existing ones keep their content."""

    def move(self, old: torch.Tensor, new: torch.Tensor) -> None:
        """Copy the content of slots `old` [M] to slots `new` [M], all at once; they may overlap."""


Change = Callable[[int, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor] | None]
"""A layer's number, its keys [M, KV, D] and values [M, KV, Dv], to other keys and values, or None to leave them."""


class ThinStore(Store, Protocol):
    """A store in which a slot may hold another token in each layer."""

    @property
    def layers(self) -> int:
        """Number of layers."""

    def positions_of(self, layer: int, slots: torch.Tensor) -> torch.Tensor:
        """Positions of the tokens that a layer holds in slots [M]."""

    def gather(self, sources: list[torch.Tensor], slots: torch.Tensor, change: Change) -> None:
        """Copy, in each layer, what `change` makes of the content of `sources[layer]` [M] to slots [M]."""


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What the sampler must know about a model.

    `tree` and `batch` say what the self-test at load allowed: rows with a tree mask, several segments in one forward.
    `layers` is the number of layers that plans and taps can name; 0 where neither these nor embeddings are possible;
    `sublayers` says whether plans may leave out a part of a layer.
    `watches` and `selects` say whether its forward honours `Rows.watch` and `Rows.look`. `reason` says why not, for
    people; `approximate` what makes its answers differ from those that its weights would give; `forward` which way
    through a model of the transformers library serves: "native", "recorded", "lean", "rows" or "plain".
    """

    name: str
    logits_size: int  # width of the logits; may exceed the vocabulary (padding)
    context_length: int
    device: str
    dtype: str
    tree: bool = True
    batch: bool = True
    layers: int = 0
    sublayers: bool = False
    watches: bool = False
    selects: bool = False
    reason: str | None = None
    approximate: str | None = None
    forward: str = ""


class LanguageModel(Protocol):
    """A model that the sampler can drive."""

    info: ModelInfo
    vocabulary: Vocabulary

    def new_store(self, capacity: int) -> Store:
        """An empty store with `capacity` slots."""

    def forward(self, rows: Rows, store: Store) -> torch.Tensor:
        """Logits of the wanted rows, float32 [W, logits_size]; writes keys and values of all rows to their slots."""


class LayeredModel(LanguageModel, Protocol):
    """A model whose layers can be told apart: `info.layers` is above 0, and rows may have plan, taps and embeddings."""

    def read(self, rows: Rows, store: Store) -> Reading:
        """`forward`, with the hidden states that `rows.taps` asks for.

        Raises:
            ModelError: a plan or tap names a layer that the model does not have, or a tap one that does not run.
        """

    def embed(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """What enters the first layer for tokens [R] at positions [R]: [R, E]."""

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits, float32 [R, logits_size], of hidden states [R, E] after any layer: final norm and head."""

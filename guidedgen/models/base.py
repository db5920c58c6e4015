"""The one way the sampler talks to a model: a forward over flat rows and a store of keys and values.

A *row* is one token to compute. It writes its keys and values to a *slot* of the store and sees a set of slots of its
own sequence (the committed *context*) plus its ancestors among the rows of the same call. Prefill is a chain of rows, a
batch is several segments, a draft tree is one segment with a tree mask. There is no padding anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from guidedgen.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Consecutive rows [start, stop) of one sequence.

    `context` lists the store slots, oldest first, that every row of the segment may see besides its ancestors.
    `ancestors[i, j]` says whether row start+i sees row start+j; None means a chain (lower triangle with diagonal).
    """

    start: int
    stop: int
    context: torch.Tensor  # [C] int64
    ancestors: torch.Tensor | None = None  # [n, n] bool


@dataclass(frozen=True, kw_only=True)
class Rows:
    """One forward: R rows in S segments, logits for `wanted` rows only."""

    tokens: torch.Tensor  # [R] int64
    positions: torch.Tensor  # [R] int64; siblings of a tree share a position
    slots: torch.Tensor  # [R] int64; where each row's keys and values go
    segments: tuple[Segment, ...]
    wanted: torch.Tensor  # [W] int64, row numbers


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


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What the sampler must know about a model.

    `tree` and `batch` say what the self-test at load allowed: rows with a tree mask, several segments in one forward.
    `reason` says why not, for people.
    """

    name: str
    logits_size: int  # width of the logits; may exceed the vocabulary (padding)
    context_length: int
    device: str
    dtype: str
    tree: bool = True
    batch: bool = True
    reason: str | None = None


class LanguageModel(Protocol):
    """A model that the sampler can drive."""

    info: ModelInfo
    vocabulary: Vocabulary

    def new_store(self, capacity: int) -> Store:
        """An empty store with `capacity` slots."""

    def forward(self, rows: Rows, store: Store) -> torch.Tensor:
        """Logits of the wanted rows, float32 [W, logits_size]; writes keys and values of all rows to their slots."""

"""Sampler: logits after any `Sequence`, computing only what its cache does not hold; `runner` says how."""

from __future__ import annotations

from collections.abc import Sequence as ListOf

import torch

from guidedgen.errors import ModelError
from guidedgen.models.base import ALL_LAYERS, LanguageModel, LayerPlan, Reading
from guidedgen.sampler.engine import Engine
from guidedgen.sampler.runner import Runner
from guidedgen.sampler.selections import Selection
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.trace import TraceRecorder
from guidedgen.sampler.trees import Tree
from guidedgen.sampler.views import View

DEFAULT_CACHE_BYTES = 2 << 30


class Sampler:
    """Gives logits after sequences and keeps what it computed.

    Safe to share between threads; calls take turns. `request()` gives a sampler with a trace of its own on the same
    cache, `view()` one that looks at the same model otherwise.

    Args:
        model: what computes.
        cache_bytes: most bytes of keys and values kept; least recently used prefixes go first.
        chunk: most rows in one forward; longer prompts are computed in pieces.
        cache: what is kept or read of long texts, approximately; None is everything.

    Raises:
        ModelError: the model cannot do what `cache` asks for.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        chunk: int = 512,
        cache: View | Selection | None = None,
    ) -> None:
        if chunk < 1:
            raise ValueError(f"chunk must be at least 1, not {chunk}")
        engine = Engine(model, cache_bytes, chunk, cache)
        self._runner = Runner(model, engine, engine.full, ALL_LAYERS, TraceRecorder())
        self.trace.approximate = self._runner.approximation()

    @property
    def model(self) -> LanguageModel:
        """What computes."""
        return self._runner.model

    @property
    def trace(self) -> TraceRecorder:
        """Counts forwards, rows, reused tokens and seconds."""
        return self._runner.trace

    @property
    def _engine(self) -> Engine:
        return self._runner.engine

    @property
    def _tree(self) -> Tree:
        return self._runner.tree

    def request(self, trace: TraceRecorder | None = None) -> Sampler:
        """A sampler on the same model and cache that counts into its own trace; one for each request."""
        return self._sibling(self._tree, self._runner.plan, trace)

    def view(
        self,
        *,
        plan: LayerPlan = ALL_LAYERS,
        attention: View | Selection | None = None,
        model: LanguageModel | None = None,
        trace: TraceRecorder | None = None,
    ) -> Sampler:
        """The same model and weights looked at otherwise, for drafting and for comparing.

        It reads what this sampler has cached of a sequence's prefix. Rows that it computes itself it keeps apart, for
        as long as it is asked for sequences that go on from the same cached prefixes; they never become part of the
        cache.

        Args:
            plan: the layers that run.
            attention: what is read of long prefixes; None is everything.
            model: the same model with other weights (of fewer bits, for example), whose keys and values lie alike.
            trace: counts its forwards; a new one by default.

        Raises:
            ModelError: the model has no such layers or cannot tell them apart, cannot do what the view of attention
                asks for, or its cache is under one already; the other model does not belong to this one.
        """
        if model is not None:
            self._check_alike(model)
        if plan != ALL_LAYERS:
            self._runner.layered()
            plan.running(self.model.info.layers)
            if plan.parted and not self.model.info.sublayers:
                raise ModelError(f"{self.model.info.name} cannot leave out parts of layers. Leave out whole ones.")
        return self._sibling(self._engine.overlay(attention), plan, trace, model)

    def _sibling(
        self, tree: Tree, plan: LayerPlan, trace: TraceRecorder | None, model: LanguageModel | None = None
    ) -> Sampler:
        sibling = object.__new__(Sampler)
        trace = TraceRecorder() if trace is None else trace
        sibling._runner = Runner(model or self.model, self._engine, tree, plan, trace)
        sibling.trace.approximate = sibling._runner.approximation()
        return sibling

    def _check_alike(self, other: LanguageModel) -> None:
        """Raise ModelError where another model cannot read this one's keys and values."""
        own = self.model
        same = (
            other.new_store(0).slot_bytes == self._engine.store.slot_bytes
            and other.info.logits_size == own.info.logits_size
            and other.info.device == own.info.device
            and other.vocabulary.fingerprint == own.vocabulary.fingerprint
        )
        if not same:
            raise ModelError(
                f"{other.info.name} cannot read what {own.info.name} has cached. "
                "A view takes the same model in another number format, on the same device."
            )

    @property
    def cached_tokens(self) -> int:
        """Number of tokens whose keys and values are kept; of a view, those that it computed itself."""
        with self._engine.exclusive():
            return len(self._tree.cache)

    def clear(self) -> None:
        """Forget all cached prefixes, those of views too."""
        with self._engine.exclusive():
            self._engine.clear()

    def logits(self, sequences: list[Sequence], *, ahead: ListOf[Sequence] = ()) -> torch.Tensor:
        """Logits after the last token of each sequence, float32 [B, logits_size].

        Args:
            sequences: in any order and relation: forks, rollbacks, repeats. Those on the way to another one (a
                sequence together with its ancestors) cost nothing beyond their rows of logits.
            ahead: prompts that will be asked for later. What `chunk` leaves of each forward's rows is spent on them,
                all but their last tokens, so that they never hold up the others (Agrawal et al. 2024,
                "Sarathi-Serve", section 4). `uncached` says how much of one is left.

        Raises:
            ModelError: a sequence is longer than the model's context.
            LimitExceeded: one sequence alone does not fit into `cache_bytes`.
        """
        if not sequences:
            return torch.empty(0, self.model.info.logits_size)
        return self._runner.ask(sequences, (), ahead).logits

    def uncached(self, sequence: Sequence) -> int:
        """How many tokens of a sequence would have to be computed; its last token is not counted."""
        with self._runner.exclusive([sequence]):
            return max(0, len(self._tree.locate(sequence)[1]) - 1)

    def read(self, sequences: list[Sequence], *, taps: tuple[int, ...]) -> Reading:
        """Logits after the last token of each sequence, and that token's hidden states after the layers in `taps`.

        A token whose row is cached is computed once more. Raises what `logits` does, and ModelError where the model
        has no such layer or cannot tell its layers apart.

        Args:
            sequences: at least one.
            taps: layers, numbered from 0.

        Returns:
            Logits float32 [B, logits_size], and by layer hidden states [B, E] before the final norm, in the model's
            own format. `model.head` gives their logits.
        """
        if not sequences:
            raise ValueError("read needs at least one sequence")
        self._runner.layered()
        return self._runner.ask(sequences, taps)

    def attended(self, sequences: ListOf[Sequence]) -> list[torch.Tensor]:
        """What the last token of each sequence attends to, for each [L, H, length]: over its tokens, oldest first.

        Weights sum to 1, or to less in models with sinks. Each row is computed once more, head by head.

        Raises:
            ModelError: the model does not show it, or this sampler's cache or view leaves tokens out.
        """
        return self._runner.attended(sequences) if sequences else []

    def logits_of(self, embeddings: torch.Tensor, *, base: Sequence) -> torch.Tensor:
        """Logits after each of n embeddings [n, E] that follow `base` instead of tokens, float32 [n, logits_size].

        Nothing of them is kept. Raises what `logits` does, and ModelError where the model takes no embeddings.
        """
        return self._runner.embedded(embeddings, base)

    def discard(self, drafts: ListOf[Sequence], *, base: Sequence, keep: Sequence) -> None:
        """Forget drafted sequences that are not on the way to `keep`, and let that way stand in consecutive slots.

        Only a matter of memory and speed: a sequence that is asked for again is computed again.

        Args:
            drafts: sequences whose logits were asked for; each after those that it goes on from.
            base: the sequence that all of them go on from.
            keep: the sequence that is gone on with; what of it is not computed yet does not matter.
        """
        with self._engine.exclusive():
            self._tree.discard(drafts, base, keep, self._move)

    def _move(self, old: list[int], new: list[int]) -> None:
        device = self.model.info.device
        self._engine.store.move(torch.tensor(old, device=device), torch.tensor(new, device=device))

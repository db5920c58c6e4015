"""Sampler: logits after any `Sequence`, computing only what its cache does not hold.

Every call plans *waves*: sequences whose uncached suffixes start differently are computed together in one forward,
chunk by chunk. A sequence that is a prefix of another one is answered by a row on that one's way; branches that share
uncached tokens wait for the wave that computes them. Rows become visible in the cache only after their forward
returned, so an exception or Ctrl-C at any point leaves it consistent.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from collections.abc import Sequence as ListOf
from contextlib import contextmanager
from typing import cast

import torch

from guidedgen.errors import LimitExceeded, ModelError
from guidedgen.models.base import ALL_LAYERS, LanguageModel, LayeredModel, LayerPlan, Reading, Rows, Segment, Watch
from guidedgen.sampler.answers import Answers
from guidedgen.sampler.blocks import BlockTree, thin
from guidedgen.sampler.cache import Node
from guidedgen.sampler.engine import Engine
from guidedgen.sampler.jobs import Job, Part, waves_of
from guidedgen.sampler.selections import Selection
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.trace import TraceRecorder
from guidedgen.sampler.trees import Overlay, Tree
from guidedgen.sampler.views import View

DEFAULT_CACHE_BYTES = 2 << 30
_MORE_CACHE = (
    "What nothing goes on from was evicted already. Give load(cache_bytes=...) more, shorten the text, "
    "or let the model forget the middle of it with load(cache=SinkWindow(...))."
)


class Sampler:
    """Gives logits after sequences and keeps what it computed.

    Safe to share between threads; calls take turns. `request()` gives a sampler with a trace of its own on the same
    cache, `view()` one that looks at the same model otherwise.

    Args:
        model: what computes.
        cache_bytes: most bytes of keys and values kept; least recently used prefixes go first.
        chunk: most rows in one forward; longer prompts are computed in pieces.
        cache: what is kept or read of long texts, approximately; None is everything.

    Attributes:
        model: what computes.
        trace: counts forwards, rows, reused tokens and seconds.

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
        self.model = model
        self.trace = TraceRecorder()
        self._engine = Engine(model, cache_bytes, chunk, cache)
        self._tree: Tree = self._engine.full
        self._plan = ALL_LAYERS
        self._name_approximation()

    def request(self, trace: TraceRecorder | None = None) -> Sampler:
        """A sampler on the same model and cache that counts into its own trace; one for each request."""
        return self._sibling(self._tree, self._plan, trace)

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
            self._layered()
            plan.running(self.model.info.layers)
        view = self._sibling(self._engine.overlay(attention), plan, trace)
        view.model = model or self.model
        return view

    def _sibling(self, tree: Tree, plan: LayerPlan, trace: TraceRecorder | None) -> Sampler:
        sibling = object.__new__(Sampler)
        sibling.model, sibling._engine = self.model, self._engine
        sibling._tree, sibling._plan = tree, plan
        sibling.trace = TraceRecorder() if trace is None else trace
        sibling._name_approximation()
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

    def _name_approximation(self) -> None:
        """Say in the trace what makes these logits differ from the model's own."""
        seen = self._tree.view or self._tree.look if isinstance(self._tree, Overlay) else None
        parts = [self._plan if self._plan != ALL_LAYERS else None, seen, self._engine.view]
        self.trace.approximate = " with ".join(str(part) for part in parts if part is not None) or None

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
        return self._ask(sequences, (), ahead).logits

    def uncached(self, sequence: Sequence) -> int:
        """How many tokens of a sequence would have to be computed; its last token is not counted."""
        with self._exclusive([sequence]):
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
        self._layered()
        return self._ask(sequences, taps)

    def logits_of(self, embeddings: torch.Tensor, *, base: Sequence) -> torch.Tensor:
        """Logits after each of n embeddings [n, E] that follow `base` instead of tokens, float32 [n, logits_size].

        Nothing of them is kept. Raises what `logits` does, and ModelError where the model takes no embeddings.
        """
        self._layered()
        engine = self._engine
        self._check_length(base, len(embeddings))
        with self._exclusive([base]):
            while (found := self._tree.locate(base))[1]:
                list(self._run(self._wave([base], [0]), [base], ()))
            tip, count = found[0], len(embeddings)
            tip.pins += 1
            if not engine.reserve(count):
                raise self._full("the embeddings do not fit")
            slots = engine.allocator.take(count, tip.slot)
            job = Job(tip, (0,) * count, {row: [row] for row in range(count)})
            logits = self._forward([Part(job, job.missing, slots)], tip.depth, (), embeddings=embeddings).logits
            engine.allocator.release(slots)
            tip.pins -= 1
            return logits

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

    @contextmanager
    def _exclusive(self, sequences: list[Sequence]) -> Iterator[None]:
        """The engine and this sampler's tree, for one call."""
        with self._engine.exclusive():
            self._tree.begin(sequences)
            if isinstance(self._tree, Overlay):
                for node in self._tree.unsettled():
                    self._settle(self._tree, node)
            yield
            self._tree.end()

    def _settle(self, tree: Overlay, node: Node) -> None:
        """Make the base of a node of the full tree for a view, scored where it asks for that by one row more."""
        engine, view = self._engine, tree.view
        assert view is not None
        assert node.parent is not None
        size = view.left(node.seen)
        if not engine.reserve(size + 1):
            raise self._full("what the view keeps does not fit")
        weights: dict[int, torch.Tensor] = {}
        if view.scored:
            (slot,), watch = engine.allocator.take(1, -1), Watch([0])
            part = Part(Job(node.parent, (node.token,), {}), (node.token,), [slot])
            self._forward([part], node.parent.depth, (), watch=watch, plan=ALL_LAYERS)
            engine.allocator.release([slot])
            weights = watch.weights[0]
        slots = engine.allocator.take(size, -1)
        thin(view, engine.thin_store(), node.slots(), weights, slots)
        tree.cache.settle(node, slots)

    def _layered(self) -> LayeredModel:
        info = self.model.info
        if not info.layers:
            raise ModelError(
                f"{info.name}: its layers cannot be told apart here, so plans, taps and embeddings are not possible. "
                "Use a strategy that needs none, or another model."
            )
        return cast(LayeredModel, self.model)

    def _check_length(self, sequence: Sequence, more: int = 0) -> None:
        info, length = self.model.info, sequence.length + more
        if length > info.context_length:
            raise ModelError(
                f"the sequence has {length} tokens, and {info.name} takes at most {info.context_length}. "
                "Shorten the prompt, lower max_tokens, or load a model with a longer context."
            )
        needed = self._tree.slots_for(length)
        if needed > self._engine.limit:
            raise self._full(f"{length} tokens need {needed * self._engine.store.slot_bytes} bytes")

    def _full(self, detail: str) -> LimitExceeded:
        return LimitExceeded("cache_bytes", self._engine.cache_bytes, detail, remedy=_MORE_CACHE)

    def _ask(self, sequences: list[Sequence], taps: tuple[int, ...], ahead: ListOf[Sequence] = ()) -> Reading:
        for sequence in (*sequences, *ahead):
            self._check_length(sequence)
        answers = Answers(len(sequences))
        with self._exclusive([*sequences, *ahead]):
            while answers.pending:
                for reading, entries in self._run(self._wave(sequences, answers.pending, ahead), sequences, taps):
                    answers.add(reading, entries)
        return answers.in_order()

    def _wave(self, sequences: list[Sequence], pending: list[int], ahead: ListOf[Sequence] = ()) -> list[Job]:
        """The pending sequences that can be computed together: no two jobs begin with the same uncached row."""
        jobs = [self._job(sequences[index], index) for index in pending]
        wave = waves_of(jobs, most_rows=self._engine.chunk, trees=self.model.info.tree, room=self._tree.room)
        taken, planted = {job.key for job in wave}, {id(job.tip) for job in wave if job.parents is not None}
        for sequence in ahead:
            job = self._job(sequence, -1)
            job.missing, job.answers, job.ahead = job.missing[:-1], {}, True
            if job.missing and job.key not in taken and id(job.tip) not in planted:
                taken.add(job.key)
                wave.append(job)
        return wave

    def _job(self, sequence: Sequence, index: int) -> Job:
        tip, missing = self._tree.locate(sequence)
        if missing and self._tree.due(tip):
            assert tip.parent is not None
            return Job(tip.parent, (tip.token, *missing), {len(missing): [index]}, again=tip)
        if missing:
            return Job(tip, missing, {len(missing) - 1: [index]})
        assert tip.parent is not None  # sequences have at least one token
        return Job(tip.parent, (tip.token,), {0: [index]}, again=tip)

    def _run(
        self, wave: list[Job], sequences: list[Sequence], taps: tuple[int, ...]
    ) -> Iterator[tuple[Reading, list[list[int]]]]:
        """Compute a wave chunk by chunk: readings, and for each of their rows the entries that it answers.

        Where the cache cannot hold all jobs at once, the longest are left for another wave.
        """
        unfinished = list(wave)
        for job in unfinished:
            (job.again or job.tip).pins += 1
        reused = sum(job.tip.depth for job in unfinished if job.again is not None or len(job.missing) > 1)
        while not all(job.ahead for job in unfinished):
            parts = self._parts(unfinished)
            entries = [part.job.answers[part.job.done + row] for part in parts for row in part.wanted()]
            scored = isinstance(self._tree, BlockTree) and self._tree.scored
            ending = [number for number, part in enumerate(parts) if part.base is not None and scored]
            watch = Watch(ending) if ending else None
            reading = self._forward(parts, reused, taps, watch=watch)
            reused = 0
            for number, part in enumerate(parts):
                self._commit(part, sequences, watch.weights.get(number, {}) if watch else {})
            unfinished = [job for job in unfinished if job.missing]
            yield reading, entries
        for job in unfinished:
            (job.again or job.tip).pins -= 1

    def _parts(self, unfinished: list[Job]) -> list[Part]:
        """What the next forward computes, with slots. Drops jobs from `unfinished` until their slots can be had."""
        engine = self._engine
        while True:
            plan = self._split(unfinished)
            needed = sum((0 if job.again else len(tokens)) + self._due(job, tokens) for job, tokens in plan)
            if engine.reserve(needed):
                break
            if len(unfinished) == 1 and unfinished[0].parents is not None:
                unfinished[0] = unfinished[0].branch()
                continue
            if len(unfinished) == 1:
                raise self._full("one sequence alone does not fit")
            dropped = unfinished.pop()
            (dropped.again or dropped.tip).pins -= 1
        return [self._part(job, tokens) for job, tokens in plan]

    def _part(self, job: Job, tokens: tuple[int, ...]) -> Part:
        take = self._engine.allocator.take
        slots = [job.again.slot] if job.again else take(len(tokens), job.tip.slot)
        base = self._due(job, tokens)
        return Part(job, tokens, slots, take(base, -1) if base else None)

    def _due(self, job: Job, tokens: tuple[int, ...]) -> int:
        """How many slots the base takes that is due behind these rows of a job."""
        tree = self._tree
        ends = isinstance(tree, BlockTree) and job.parents is None and len(tokens) == tree.room(job.tip)
        return tree.size(job.tip.seen + len(tokens)) if ends and isinstance(tree, BlockTree) else 0

    def _split(self, unfinished: list[Job]) -> list[tuple[Job, tuple[int, ...]]]:
        """As many rows as one forward may have, short jobs first."""
        budget = self._engine.chunk
        plan: list[tuple[Job, tuple[int, ...]]] = []
        for job in unfinished if self.model.info.batch else unfinished[:1]:
            if budget == 0:
                break
            if job.parents is not None and len(job.missing) > budget:
                continue  # a tree is computed in one forward: the next one has room for it
            room = 1 if job.again is not None else self._tree.room(job.tip)
            rows = len(job.missing) if job.parents is not None else min(budget, room)
            plan.append((job, job.missing[:rows]))
            budget -= len(plan[-1][1])
        return plan

    def _forward(
        self,
        parts: list[Part],
        reused: int,
        taps: tuple[int, ...],
        *,
        embeddings: torch.Tensor | None = None,
        watch: Watch | None = None,
        plan: LayerPlan | None = None,
    ) -> Reading:
        """Logits of the parts' wanted rows, [J, logits_size], and what is tapped of them."""
        device, look = self.model.info.device, self._tree.look
        tokens: list[int] = []
        positions: list[int] = []
        slots: list[int] = []
        segments: list[Segment] = []
        wanted: list[int] = []
        for part in parts:
            tip, start = part.job.tip, len(tokens)
            tokens += part.tokens
            slots += part.slots
            positions += part.positions()
            context = torch.from_numpy(tip.slots()).to(device)
            ancestors = part.ancestors()
            if ancestors is not None:
                ancestors = ancestors.to(device)
            old = 0 if look is None else tip.depth - tip.depth % look.block
            segments.append(Segment(start=start, stop=len(tokens), context=context, ancestors=ancestors, old=old))
            wanted += [start + row for row in part.wanted()]
        rows = Rows(
            tokens=torch.tensor(tokens, device=device),
            positions=torch.tensor(positions, device=device),
            slots=torch.tensor(slots, device=device),
            segments=tuple(segments),
            wanted=torch.tensor(wanted, dtype=torch.int64, device=device),
            plan=self._plan if plan is None else plan,
            taps=taps,
            embeddings=embeddings,
            watch=watch,
            look=look,
        )
        began = time.perf_counter()
        if taps:
            reading = self._layered().read(rows, self._engine.store)
        else:
            reading = Reading(logits=self.model.forward(rows, self._engine.store), hidden={})
        self.trace.forward(rows=len(tokens), reused=reused, seconds=time.perf_counter() - began)
        return reading

    def _commit(self, part: Part, sequences: list[Sequence], weights: dict[int, torch.Tensor]) -> None:
        """Make a part's rows visible, and note where the sequences that they answer are cached."""
        job, cache = part.job, self._tree.cache
        if job.again is not None:
            nodes = [job.again]
            cache.touch(job.again)
        elif job.parents is not None:
            nodes = cache.publish_tree(job.tip, part.tokens, job.parents, part.slots)
        else:
            nodes = cache.publish(job.tip, part.tokens, part.slots)
        for row in part.wanted():
            for entry in job.answers[job.done + row]:
                self._tree.hints[sequences[entry]] = nodes[row]
        tip = nodes[-1]
        if part.base is not None:
            assert isinstance(self._tree, BlockTree)
            tip = self._tree.settle(tip, weights, part.base)
        (job.again or job.tip).pins -= 1
        job.missing = job.missing[len(part.tokens) :]
        job.done += len(part.tokens)
        if job.missing:
            job.tip, job.again = tip, None
            tip.pins += 1

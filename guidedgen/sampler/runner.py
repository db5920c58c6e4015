"""Runner: computes what a sampler is asked for, over one tree of what is cached.

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
from dataclasses import dataclass
from typing import cast

import torch

from guidedgen.errors import LimitExceeded, ModelError
from guidedgen.models.base import ALL_LAYERS, LanguageModel, LayeredModel, LayerPlan, Reading, Rows, Segment, Watch
from guidedgen.sampler.answers import Answers
from guidedgen.sampler.blocks import BlockTree, thin
from guidedgen.sampler.cache import Node
from guidedgen.sampler.engine import Engine
from guidedgen.sampler.jobs import Job, Part, waves_of
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.trace import TraceRecorder
from guidedgen.sampler.trees import Overlay, Tree

_MORE_CACHE = (
    "What nothing goes on from was evicted already. Give load(cache_bytes=...) more, shorten the text, "
    "or let the model forget the middle of it with load(cache=SinkWindow(...))."
)


@dataclass(frozen=True)
class Runner:
    """What computes and where it is kept.

    Args:
        model: what computes.
        engine: slots, shared with all samplers on the model.
        tree: where its rows go.
        plan: the layers that run.
        trace: counts forwards.
    """

    model: LanguageModel
    engine: Engine
    tree: Tree
    plan: LayerPlan
    trace: TraceRecorder

    def approximation(self) -> str | None:
        """What makes these logits differ from the model's own."""
        seen = self.tree.view or self.tree.look if isinstance(self.tree, Overlay) else None
        parts = [self.plan if self.plan != ALL_LAYERS else None, seen, self.engine.view, self.model.info.approximate]
        return " with ".join(str(part) for part in parts if part is not None) or None

    @contextmanager
    def exclusive(self, sequences: ListOf[Sequence]) -> Iterator[None]:
        """The engine and the tree, for one call."""
        with self.engine.exclusive():
            self.tree.begin(sequences)
            if isinstance(self.tree, Overlay):
                for node in self.tree.unsettled():
                    self._settle(self.tree, node)
            yield
            self.tree.end()

    def _settle(self, tree: Overlay, node: Node) -> None:
        """Make the base of a node of the full tree for a view, scored where it asks for that by one row more."""
        engine, view = self.engine, tree.view
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

    def layered(self) -> LayeredModel:
        """The model, where its layers can be told apart. Raises ModelError where they cannot."""
        info = self.model.info
        if not info.layers:
            raise ModelError(
                f"{info.name}: its layers cannot be told apart here, so plans, taps and embeddings are not possible. "
                "Use a strategy that needs none, or another model."
            )
        return cast(LayeredModel, self.model)

    def check_length(self, sequence: Sequence, more: int = 0) -> None:
        """Raise the errors for a sequence that is too long for the model or the cache."""
        info, length = self.model.info, sequence.length + more
        if length > info.context_length:
            raise ModelError(
                f"the sequence has {length} tokens, and {info.name} takes at most {info.context_length}. "
                "Shorten the prompt, lower max_tokens, or load a model with a longer context."
            )
        needed = self.tree.slots_for(length)
        if needed > self.engine.limit:
            raise self._full(f"{length} tokens need {needed * self.engine.store.slot_bytes} bytes")

    def _full(self, detail: str) -> LimitExceeded:
        return LimitExceeded("cache_bytes", self.engine.cache_bytes, detail, remedy=_MORE_CACHE)

    def ask(self, sequences: list[Sequence], taps: tuple[int, ...], ahead: ListOf[Sequence] = ()) -> Reading:
        """The answers to all sequences, in their order."""
        for sequence in (*sequences, *ahead):
            self.check_length(sequence)
        answers = Answers(len(sequences))
        with self.exclusive([*sequences, *ahead]):
            while answers.pending:
                for reading, entries in self._run(self._wave(sequences, answers.pending, ahead), sequences, taps):
                    answers.add(reading, entries)
        return answers.in_order()

    def embedded(self, embeddings: torch.Tensor, base: Sequence) -> torch.Tensor:
        """Logits after each of n embeddings [n, E] that follow `base`, [n, logits_size]."""
        self.layered()
        engine, count = self.engine, len(embeddings)
        self.check_length(base, count)
        with self.exclusive([base]):
            while (found := self.tree.locate(base))[1]:
                list(self._run(self._wave([base], [0]), [base], ()))
            tip = found[0]
            tip.pins += 1
            if not engine.reserve(count):
                raise self._full("the embeddings do not fit")
            slots = engine.allocator.take(count, tip.slot)
            job = Job(tip, (0,) * count, {row: [row] for row in range(count)})
            logits = self._forward([Part(job, job.missing, slots)], tip.depth, (), embeddings=embeddings).logits
            engine.allocator.release(slots)
            tip.pins -= 1
            return logits

    def attended(self, sequences: ListOf[Sequence]) -> list[torch.Tensor]:
        """What the last token of each sequence attends to, [L, H, length]; its row is computed once more."""
        info = self.model.info
        shows = info.watches and info.selects  # head by head it is torch that computes, as it is for rows that look
        if not shows or self.tree is not self.engine.full or self.engine.view is not None or self.tree.look:
            raise ModelError(
                f"{info.name} does not show what it attends to here. Load it with cache=None, and ask without a view. "
                f"{info.reason or ''}"
            )
        with self.exclusive(sequences):
            nodes: list[Node] = []
            for sequence in sequences:
                self.check_length(sequence)
                while (found := self.tree.locate(sequence))[1]:
                    list(self._run(self._wave([sequence], [0]), [sequence], ()))
                nodes.append(found[0])
                found[0].pins += 1
            weights: list[torch.Tensor] = []
            step = max(1, self.engine.chunk) if info.batch else 1
            for start in range(0, len(nodes), step):
                weights += self._watched(nodes[start : start + step])
            for node in nodes:
                node.pins -= 1
        return weights

    def _watched(self, nodes: ListOf[Node]) -> list[torch.Tensor]:
        """What the rows of cached nodes attend to, each computed again in its own slot."""
        watch = Watch(range(len(nodes)), by_head=True)
        parts = []
        for node in nodes:
            assert node.parent is not None
            parts.append(Part(Job(node.parent, (node.token,), {}, again=node), (node.token,), [node.slot]))
        self._forward(parts, 0, (), watch=watch, plan=ALL_LAYERS)
        found = [watch.weights[number] for number in range(len(nodes))]
        return [torch.stack([each[layer] for layer in sorted(each)]).cpu() for each in found]

    def _wave(self, sequences: list[Sequence], pending: list[int], ahead: ListOf[Sequence] = ()) -> list[Job]:
        """The pending sequences that can be computed together: no two jobs begin with the same uncached row."""
        jobs = [self._job(sequences[index], index) for index in pending]
        wave = waves_of(jobs, most_rows=self.engine.chunk, trees=self.model.info.tree, room=self.tree.room)
        taken, planted = {job.key for job in wave}, {id(job.tip) for job in wave if job.parents is not None}
        for sequence in ahead:
            job = self._job(sequence, -1)
            job.missing, job.answers, job.ahead = job.missing[:-1], {}, True
            if job.missing and job.key not in taken and id(job.tip) not in planted:
                taken.add(job.key)
                wave.append(job)
        return wave

    def _job(self, sequence: Sequence, index: int) -> Job:
        tip, missing = self.tree.locate(sequence)
        if missing and self.tree.due(tip):
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
            scored = isinstance(self.tree, BlockTree) and self.tree.scored
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
        engine = self.engine
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
        take = self.engine.allocator.take
        slots = [job.again.slot] if job.again else take(len(tokens), job.tip.slot)
        base = self._due(job, tokens)
        return Part(job, tokens, slots, take(base, -1) if base else None)

    def _due(self, job: Job, tokens: tuple[int, ...]) -> int:
        """How many slots the base takes that is due behind these rows of a job."""
        tree = self.tree
        ends = isinstance(tree, BlockTree) and job.parents is None and len(tokens) == tree.room(job.tip)
        return tree.size(job.tip.seen + len(tokens)) if ends and isinstance(tree, BlockTree) else 0

    def _split(self, unfinished: list[Job]) -> list[tuple[Job, tuple[int, ...]]]:
        """As many rows as one forward may have, short jobs first."""
        budget = self.engine.chunk
        plan: list[tuple[Job, tuple[int, ...]]] = []
        for job in unfinished if self.model.info.batch else unfinished[:1]:
            if budget == 0:
                break
            if job.parents is not None and len(job.missing) > budget:
                continue  # a tree is computed in one forward: the next one has room for it
            room = 1 if job.again is not None else self.tree.room(job.tip)
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
        device, look = self.model.info.device, self.tree.look
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
            plan=self.plan if plan is None else plan,
            taps=taps,
            embeddings=embeddings,
            watch=watch,
            look=look,
        )
        began = time.perf_counter()
        if taps:
            reading = self.layered().read(rows, self.engine.store)
        else:
            reading = Reading(logits=self.model.forward(rows, self.engine.store), hidden={})
        self.trace.forward(rows=len(tokens), reused=reused, seconds=time.perf_counter() - began)
        return reading

    def _commit(self, part: Part, sequences: list[Sequence], weights: dict[int, torch.Tensor]) -> None:
        """Make a part's rows visible, and note where the sequences that they answer are cached."""
        job, cache = part.job, self.tree.cache
        if job.again is not None:
            nodes = [job.again]
            cache.touch(job.again)
        elif job.parents is not None:
            nodes = cache.publish_tree(job.tip, part.tokens, job.parents, part.slots)
        else:
            nodes = cache.publish(job.tip, part.tokens, part.slots)
        for row in part.wanted():
            for entry in job.answers[job.done + row]:
                self.tree.hints[sequences[entry]] = nodes[row]
        tip = nodes[-1]
        if part.base is not None:
            assert isinstance(self.tree, BlockTree)
            tip = self.tree.settle(tip, weights, part.base)
        (job.again or job.tip).pins -= 1
        job.missing = job.missing[len(part.tokens) :]
        job.done += len(part.tokens)
        if job.missing:
            job.tip, job.again = tip, None
            tip.pins += 1

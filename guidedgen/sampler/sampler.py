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

import torch

from guidedgen.errors import LimitExceeded, ModelError
from guidedgen.models.base import LanguageModel, Rows, Segment
from guidedgen.sampler.engine import Engine
from guidedgen.sampler.jobs import Job, Part, waves_of
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.trace import TraceRecorder

DEFAULT_CACHE_BYTES = 2 << 30
_MORE_CACHE = "Give load(cache_bytes=...) more, or shorten the text."


class Sampler:
    """Gives logits after sequences and keeps what it computed.

    Safe to share between threads; calls take turns. `request()` gives a view with a trace of its own.

    Args:
        model: what computes.
        cache_bytes: most bytes of keys and values kept; least recently used prefixes go first.
        chunk: most rows in one forward; longer prompts are computed in pieces.

    Attributes:
        model: what computes.
        trace: counts forwards, rows, reused tokens and seconds.
    """

    def __init__(self, model: LanguageModel, *, cache_bytes: int = DEFAULT_CACHE_BYTES, chunk: int = 512) -> None:
        if chunk < 1:
            raise ValueError(f"chunk must be at least 1, not {chunk}")
        self.model = model
        self.trace = TraceRecorder()
        self._engine = Engine(model, cache_bytes, chunk)

    def request(self, trace: TraceRecorder | None = None) -> Sampler:
        """A view on the same model and cache that counts into its own trace; one for each request."""
        view = object.__new__(Sampler)
        view.model, view._engine = self.model, self._engine
        view.trace = TraceRecorder() if trace is None else trace
        return view

    @property
    def cached_tokens(self) -> int:
        """Number of tokens whose keys and values are kept."""
        with self._engine.lock:
            return len(self._engine.cache)

    def clear(self) -> None:
        """Forget all cached prefixes."""
        with self._exclusive() as engine:
            engine.cache.clear()

    def logits(self, sequences: list[Sequence]) -> torch.Tensor:
        """Logits after the last token of each sequence, float32 [B, logits_size].

        Args:
            sequences: in any order and relation: forks, rollbacks, repeats. Those on the way to another one (a
                sequence together with its ancestors) cost nothing beyond their rows of logits.

        Raises:
            ModelError: a sequence is longer than the model's context.
            LimitExceeded: one sequence alone does not fit into `cache_bytes`.
        """
        if not sequences:
            return torch.empty(0, self.model.info.logits_size)
        for sequence in sequences:
            self._check_length(sequence)
        with self._exclusive():
            return self._answer(sequences)

    def discard(self, drafts: ListOf[Sequence], *, base: Sequence, keep: Sequence) -> None:
        """Forget drafted sequences that are not on the way to `keep`, and let that way stand in consecutive slots.

        Only a matter of memory and speed: a sequence that is asked for again is computed again.

        Args:
            drafts: sequences whose logits were asked for; each after those that it goes on from.
            base: the sequence that all of them go on from.
            keep: the sequence that is gone on with; what of it is not computed yet does not matter.
        """
        with self._exclusive() as engine:
            cache, kept = engine.cache, engine.locate(keep)[0]
            kept.pins += 1  # what lies on the way to a pinned node has children, and stays
            for sequence in reversed(drafts):
                node = engine.hints.get(sequence)
                if node is not None:
                    cache.discard(node)
            kept.pins -= 1
            cache.straighten(engine.locate(base)[0], kept, self._move)

    def _move(self, old: list[int], new: list[int]) -> None:
        device = self.model.info.device
        self._engine.store.move(torch.tensor(old, device=device), torch.tensor(new, device=device))

    @contextmanager
    def _exclusive(self) -> Iterator[Engine]:
        """The engine, for one caller at a time; what an interrupted caller left behind is tidied up first."""
        engine = self._engine
        with engine.lock:
            if engine.dirty:
                engine.cache.recover()
            engine.dirty = True
            yield engine
            engine.dirty = False

    def _check_length(self, sequence: Sequence) -> None:
        info = self.model.info
        if sequence.length > info.context_length:
            raise ModelError(
                f"the sequence has {sequence.length} tokens, and {info.name} takes at most {info.context_length}. "
                "Shorten the prompt, lower max_tokens, or load a model with a longer context."
            )
        limit = self._engine.limit
        if sequence.length > limit:
            size = self._engine.store.slot_bytes
            detail = f"{sequence.length} tokens need {sequence.length * size} bytes"
            raise LimitExceeded("cache_bytes", self._engine.cache_bytes, detail, remedy=_MORE_CACHE)

    def _answer(self, sequences: list[Sequence]) -> torch.Tensor:
        result: torch.Tensor | None = None
        pending = list(range(len(sequences)))
        while pending:
            entries, logits = self._run(self._wave(sequences, pending), sequences)
            if len(sequences) == 1:
                return logits
            if result is None:
                result = logits.new_empty(len(sequences), logits.shape[1])
            repeats = torch.tensor([len(row) for row in entries], device=logits.device)
            answered = [entry for row in entries for entry in row]
            result[torch.tensor(answered, device=logits.device)] = logits.repeat_interleave(repeats, 0)
            pending = sorted(set(pending).difference(answered))
        assert result is not None
        return result

    def _wave(self, sequences: list[Sequence], pending: list[int]) -> list[Job]:
        """The pending sequences that can be computed together: no two jobs begin with the same uncached row."""
        jobs = [self._job(sequences[index], index) for index in pending]
        return waves_of(jobs, most_rows=self._engine.chunk, trees=self.model.info.tree)

    def _job(self, sequence: Sequence, index: int) -> Job:
        tip, missing = self._engine.locate(sequence)
        if missing:
            return Job(tip, missing, {len(missing) - 1: [index]})
        assert tip.parent is not None  # sequences have at least one token
        return Job(tip.parent, (tip.token,), {0: [index]}, again=tip)

    def _run(self, wave: list[Job], sequences: list[Sequence]) -> tuple[list[list[int]], torch.Tensor]:
        """Compute a wave chunk by chunk; logits [J, logits_size], and for each row the entries that it answers.

        Where the cache cannot hold all jobs at once, the longest are left for another wave.
        """
        entries: list[list[int]] = []
        logits: list[torch.Tensor] = []
        unfinished = list(wave)
        for job in unfinished:
            (job.again or job.tip).pins += 1
        reused = sum(job.tip.depth for job in unfinished if job.again is not None or len(job.missing) > 1)
        while unfinished:
            parts = self._parts(unfinished)
            entries += [part.job.answers[part.job.done + row] for part in parts for row in part.wanted()]
            logits.append(self._forward(parts, reused))
            reused = 0
            for part in parts:
                self._commit(part, sequences)
            unfinished = [job for job in unfinished if job.missing]
        return entries, logits[0] if len(logits) == 1 else torch.cat(logits)

    def _parts(self, unfinished: list[Job]) -> list[Part]:
        """What the next forward computes, with slots. Drops jobs from `unfinished` until their slots can be had."""
        engine = self._engine
        while True:
            plan = self._split(unfinished)
            needed = sum(len(tokens) for job, tokens in plan if job.again is None)
            if engine.reserve(needed):
                break
            if len(unfinished) == 1 and unfinished[0].parents is not None:
                unfinished[0] = unfinished[0].branch()
                continue
            if len(unfinished) == 1:
                detail = "one sequence alone does not fit"
                raise LimitExceeded("cache_bytes", engine.cache_bytes, detail, remedy=_MORE_CACHE)
            dropped = unfinished.pop()
            (dropped.again or dropped.tip).pins -= 1
        take = engine.cache.allocator.take
        return [
            Part(job, tokens, [job.again.slot] if job.again else take(len(tokens), job.tip.slot))
            for job, tokens in plan
        ]

    def _split(self, unfinished: list[Job]) -> list[tuple[Job, tuple[int, ...]]]:
        """As many rows as one forward may have, short jobs first."""
        budget = self._engine.chunk
        plan: list[tuple[Job, tuple[int, ...]]] = []
        for job in unfinished if self.model.info.batch else unfinished[:1]:
            if budget == 0:
                break
            if job.parents is not None and len(job.missing) > budget:
                continue  # a tree is computed in one forward: the next one has room for it
            plan.append((job, job.missing[:budget]))
            budget -= len(plan[-1][1])
        return plan

    def _forward(self, parts: list[Part], reused: int) -> torch.Tensor:
        """Logits of the parts' wanted rows, [J, logits_size]."""
        device = self.model.info.device
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
            segments.append(Segment(start=start, stop=len(tokens), context=context, ancestors=ancestors))
            wanted += [start + row for row in part.wanted()]
        rows = Rows(
            tokens=torch.tensor(tokens, device=device),
            positions=torch.tensor(positions, device=device),
            slots=torch.tensor(slots, device=device),
            segments=tuple(segments),
            wanted=torch.tensor(wanted, dtype=torch.int64, device=device),
        )
        began = time.perf_counter()
        logits = self.model.forward(rows, self._engine.store)
        self.trace.forward(rows=len(tokens), reused=reused, seconds=time.perf_counter() - began)
        return logits

    def _commit(self, part: Part, sequences: list[Sequence]) -> None:
        """Make a part's rows visible, and note where the sequences that they answer are cached."""
        job, cache = part.job, self._engine.cache
        if job.again is not None:
            nodes = [job.again]
            cache.touch(job.again)
        elif job.parents is not None:
            nodes = cache.publish_tree(job.tip, part.tokens, job.parents, part.slots)
        else:
            nodes = cache.publish(job.tip, part.tokens, part.slots)
        for row in part.wanted():
            for entry in job.answers[job.done + row]:
                self._engine.hints[sequences[entry]] = nodes[row]
        job.missing = job.missing[len(part.tokens) :]
        job.done += len(part.tokens)
        (job.again or job.tip).pins -= 1
        if job.missing:
            job.tip = nodes[-1]
            job.tip.pins += 1

"""Plain decoding: one token of every live sequence per forward."""

from __future__ import annotations

import time
from collections.abc import Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from guidedgen.decoders.base import Cancelled, Chunk, LogitsSource
from guidedgen.decoders.lane import Lane, open_lanes, run_lanes
from guidedgen.decoders.mix.base import Mix, Phases
from guidedgen.decoders.score import logits_and_scores
from guidedgen.sampler.choice import choose_masked
from guidedgen.sampler.masks import MaskBuffer
from guidedgen.sampler.pipeline import draws
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling


@dataclass(frozen=True, kw_only=True)
class Plain:
    """Token by token, all sequences in one forward a step. Exact, and what every other strategy is compared with.

    Args:
        retries: how often each sequence may back up from a position where no token is allowed (only combinations of
            constraints have such positions). The text is then no longer an exact sample, but a valid one.
        mix: MIX phases of the logits pipeline, in order.
        complete_records: whether every token of a finished text has the model's log-probability. Forced tokens get it
            from the forward that computes them anyway; only those that end a text need one for it (together with the
            next step of the other sequences, where there are any). False leaves those without.
    """

    retries: int = 64
    mix: tuple[Mix, ...] = field(default=())
    complete_records: bool = True

    def run(
        self,
        sampler: LogitsSource,
        sequences: ListOf[Sequence],
        sampling: Sampling,
        *,
        cancelled: Cancelled | None = None,
    ) -> Iterator[Chunk]:
        """See `Strategy.run`. Raises ModelError from the pipeline and DeadEnd for a constraint that breaks its laws."""
        lanes = open_lanes(sampler, sequences, seed=sampling.seed, retries=self.retries, complete=self.complete_records)
        yield from run_lanes(lanes, self.opened(sampler, sampling).step, sampler.trace, cancelled)

    def opened(self, sampler: LogitsSource, sampling: Sampling) -> PlainBatch:
        """The steps of one run."""
        return PlainBatch(sampler, sampling, self.mix)


class PlainBatch:
    """One step of a batch of lanes, with the memory that steps share."""

    def __init__(self, sampler: LogitsSource, sampling: Sampling, mix: tuple[Mix, ...]) -> None:
        self._sampler = sampler
        self._sampling = sampling
        self._phases = Phases(mix, sampler)
        self._eos = sampler.model.vocabulary.eos
        self._masks = MaskBuffer.of(sampler.model, min_tokens=sampling.min_tokens)

    def step(self, lanes: list[Lane]) -> None:
        """Give every lane its next token; a lane that can only end, ends, and one at a dead end backs up instead.

        A text that may be over is masked before the forward, so that its end costs none. Otherwise the forward goes
        first: on a GPU it runs while the masks are computed. Lanes that wait for scores only take part in the forward.
        """
        choosing = [lane for lane in lanes if lane.finish is None]
        logits: torch.Tensor | None = None
        if not any(lane.tip.state.accepting for lane in choosing):
            logits = self._forward(lanes, choosing)
        words, kept = self._mask(choosing)
        live = [choosing[row] for row in kept]
        if logits is None:
            logits = self._forward(lanes, live)
        elif len(live) < len(choosing):
            logits = logits[kept]
        if not live:
            return
        if len(live) < len(choosing):
            words = words[kept]
        tips = [lane.tip for lane in live]
        uniforms = [lane.uniform() for lane in live] if draws(tips, self._sampling) else []
        records = choose_masked(logits, tips, words, self._masks, self._sampling, uniforms, self._phases.calls)
        for lane, record in zip(live, records, strict=True):
            lane.take(record, self._eos)

    def _forward(self, lanes: list[Lane], asking: list[Lane]) -> torch.Tensor:
        """Logits after the asking lanes [B, logits_size]; the forced tokens of all lanes are scored on the way.

        Lanes whose text has just ended are among them: their rows cost least beside those of the others.
        """
        behind = [(lane, lane.unscored()) for lane in lanes if lane.finish is None or lane.complete]
        forced = [node for _, nodes in behind for node in nodes]
        logits, scores = logits_and_scores(self._sampler, [lane.tip for lane in asking], forced, self._phases)
        for lane, nodes in behind:
            if nodes:
                lane.score({node: scores[node] for node in nodes})
        return logits

    def _mask(self, lanes: list[Lane]) -> tuple[NDArray[np.int32], list[int]]:
        """Masks of all lanes, and the rows that have something to choose."""
        started = time.perf_counter()
        words, exhausted = self._masks.fill([lane.tip for lane in lanes], [lane.forbidden() for lane in lanes])
        self._sampler.trace.mask(time.perf_counter() - started)
        for row in np.flatnonzero(exhausted):
            lanes[row].exhaust()
        return words, np.flatnonzero(~exhausted).tolist()

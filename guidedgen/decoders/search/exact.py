"""Exact search: the k most probable texts of all, proved.

A prefix is at least as probable as each text that it begins, so the most probable prefix that is known is gone on with,
and a finished text that comes first is the best one left (uniform-cost search; Stahlberg and Byrne 2019, "On NMT Search
Errors and Model Errors", use the same bound). Small grammars are searched through in full; where the model is sure of
itself, large ones too. It is what other searches are compared with.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field, replace

import torch

from guidedgen.decoders.base import Cancelled, Chunk, LogitsSource
from guidedgen.decoders.branches import Branch, Front
from guidedgen.decoders.mix.base import Mix
from guidedgen.decoders.search.ranking import chunks_of, requests_of
from guidedgen.errors import LimitExceeded
from guidedgen.sampler.pipeline import Proposal, record_of
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.settings import Sampling

_TOKENS = 64  # continuations of a prefix that are kept; further ones cost another look


@dataclass(frozen=True, kw_only=True)
class ExactTopK:
    """The texts that the model finds most probable, of all that the constraint allows, with proof.

    The k-th time that a prompt is given stands for the k-th best text; where there are fewer, the rest end as
    "dead_end". Ranked is what the model says without the mask, the end of the text included; length is not looked at.

    Args:
        limit: most prefixes that are looked at for one prompt: a search that needs more ends in an error.
        rows: prefixes that are looked at together; those behind the best one may turn out to be needless.
        mix: MIX methods.

    Raises:
        ValueError: a number is below 1.
    """

    limit: int = 4096
    rows: int = 16
    mix: tuple[Mix, ...] = field(default=())

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.limit < 1 or self.rows < 1:
            raise ValueError(f"limit={self.limit!r} and rows={self.rows!r} must be at least 1")

    def run(
        self,
        sampler: LogitsSource,
        sequences: ListOf[Sequence],
        sampling: Sampling,
        *,
        cancelled: Cancelled | None = None,
    ) -> Iterator[Chunk]:
        """See `Strategy.run`; each text comes as one chunk. Nothing is drawn: temperature and cuts are not read.

        Raises:
            LimitExceeded: the best texts are not proved after `limit` prefixes.
            ModelError: from the pipeline.
        """
        front = Front(sampler, replace(sampling, temperature=0.0), self.mix, free=False)
        for tip, indices in requests_of(sequences, self.limit).items():
            search = _Search(self, front, tip, wanted=len(indices))
            stopped = False
            while not search.over and not stopped:
                stopped = cancelled is not None and cancelled()
                if not stopped:
                    search.step()
            yield from chunks_of(sampler, tip, indices, search.found, cancelled=stopped)


@dataclass(kw_only=True)
class _Prefix(Branch):
    """A prefix with the model's log-probability of it, forced tokens that are not weighed yet left out.

    Args:
        score: that log-probability.
        taken: how many of its continuations were taken when it was looked at before.
    """

    score: float = 0.0
    taken: int = 0

    def count(self, token: int, *, log_mass: float, log_chance: float) -> None:
        """See `Branch.count`."""
        self.score += log_chance


@dataclass(kw_only=True)
class _Opened:
    """A prefix that was looked at, with its best continuations: they become prefixes when it is their turn.

    Args:
        prefix: what they continue.
        records: of their tokens, best first; the end of the text may be among them.
        chances: their log-probabilities.
        more: whether there are others.
        next: the best one that is left.
    """

    prefix: _Prefix
    records: list[TokenRecord]
    chances: list[float]
    more: bool
    next: int = 0

    @property
    def bound(self) -> float:
        """The log-probability that no text has more of which is left here."""
        return self.prefix.score + self.chances[min(self.next, len(self.chances) - 1)]


class _Search:
    """The search for one prompt."""

    def __init__(self, settings: ExactTopK, front: Front, tip: Sequence, *, wanted: int) -> None:
        self._settings, self._front, self._wanted = settings, front, wanted
        self._numbers = itertools.count()  # in the heap, among equals: first come, first served
        self._heap: list[tuple[float, int, _Prefix | _Opened]] = []
        self._looked = 0
        self._known: set[tuple[int, ...]] = set()
        self.found: list[_Prefix] = []
        start = _Prefix(tip=tip)
        start.settle(front.room)
        self._push(start, start.score)

    @property
    def over(self) -> bool:
        """Whether all that is wanted was found, or nothing is left."""
        return len(self.found) >= self._wanted or not self._heap

    def step(self) -> None:
        """Take what is proved, and look at the best prefixes.

        Raises:
            LimitExceeded: too many were looked at.
        """
        waiting = self._best()
        if not waiting:
            return
        self._looked += len(waiting)
        if self._looked > self._settings.limit:
            detail = f"{len(self.found)} of {self._wanted} texts are proved to be the best after as many prefixes"
            remedy = "Raise ExactTopK(limit=...), narrow the constraint, or take gg.Beam, which proves nothing."
            raise LimitExceeded("limit", self._settings.limit, detail, remedy=remedy)
        front = self._front
        asking, logits = front.advance(waiting)
        bias, kept = front.bias(asking)
        if kept:
            live = [asking[row] for row in kept]
            proposal = front.proposal(logits[kept], [prefix.tip for prefix in live], bias)
            chances = (front.log_chances(proposal) + bias).double()
            for row, prefix in enumerate(live):
                self._open(prefix, proposal.row(row), chances[row])
        for prefix in waiting:
            if prefix.over:  # its last tokens are weighed now
                self._push(prefix, prefix.score)
        front.sampler.trace.end_step()

    def _best(self) -> list[_Prefix]:
        """The best prefixes that are to be looked at. Finished texts are found where nothing better is left."""
        best: list[_Prefix] = []
        while self._heap and len(best) < self._settings.rows and not self.over:
            _, _, entry = self._heap[0]
            if isinstance(entry, _Prefix) and entry.over and best:
                break  # what is behind those before it may be better
            heapq.heappop(self._heap)
            if isinstance(entry, _Opened):
                self._continue(entry)
            elif not entry.over:
                best.append(entry)
            elif (
                entry.finish != "dead_end" and entry.tip.tokens() not in self._known
            ):  # there may be several end tokens
                self._known.add(entry.tip.tokens())
                self.found.append(entry)
        return best

    def _open(self, prefix: _Prefix, proposal: Proposal, chances: torch.Tensor) -> None:
        """A prefix was looked at; `chances` [V] are log-probabilities, minus infinity where forbidden."""
        order = chances.argsort(descending=True, stable=True)[prefix.taken : prefix.taken + _TOKENS + 1]
        order = order[chances[order] > -math.inf]
        more = len(order) > _TOKENS
        tokens = order[:_TOKENS].tolist()
        if not tokens:
            return
        distribution = proposal.scores.softmax(-1)
        opened = _Opened(
            prefix=prefix,
            records=[record_of(proposal, distribution, token) for token in tokens],
            chances=chances[tokens].tolist(),
            more=more,
        )
        self._push(opened, opened.bound)

    def _continue(self, opened: _Opened) -> None:
        """The best continuation that is left becomes a prefix; behind the last one the prefix is looked at again."""
        front, place, bound = self._front, opened.next, opened.bound
        if place == len(opened.records):
            again = opened.prefix.fork()
            again.taken += place
            self._push(again, bound)
            return
        opened.next += 1
        if opened.more or opened.next < len(opened.records):
            self._push(opened, opened.bound)
        child = opened.prefix.fork()
        child.taken = 0
        record = opened.records[place]
        child.count(record.token, log_mass=0.0, log_chance=opened.chances[place])
        child.take(record, eos=front.eos, room=front.room)
        child.settle(front.room)
        self._push(child, child.score)

    def _push(self, entry: _Prefix | _Opened, bound: float) -> None:
        if bound > -math.inf:
            heapq.heappush(self._heap, (-bound, next(self._numbers), entry))

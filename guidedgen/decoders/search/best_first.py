"""Best-first search that merges places with equal futures: many good texts for the price of few, as a lattice.

Xu, Jonnalagadda and Durrett 2022, "Massive-scale decoding for text generation using lattices": the most promising
prefix is gone on with greedily to its end; what else it could have become waits in a queue. Where a prefix has the last
tokens of another one, it is taken for the same place. Under a constraint that is only done where the constraint states
are equal too, so every way through the lattice is a valid text.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Hashable, Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from guidedgen.decoders.base import Cancelled, Chunk, LogitsSource
from guidedgen.decoders.branches import Branch, Front
from guidedgen.decoders.mix.base import Mix
from guidedgen.decoders.search.lattice import Lattice, LatticeEdge, LatticeEnd
from guidedgen.decoders.search.merging import budget_of, form_of, last_tokens
from guidedgen.decoders.search.ranking import chunks_of, requests_of, weighed
from guidedgen.decoders.search.zipping import zipped
from guidedgen.sampler.pipeline import Proposal, record_of
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling

_POOL = 4  # texts that are weighed for each one that is wanted: estimates of merged ones may be wrong


@dataclass(frozen=True, kw_only=True)
class BestFirst:
    """Best-first search with recombination.

    The k-th time that a prompt is given stands for the k-th best text, weighed exactly; where there are fewer, the rest
    end as "dead_end". `lattice` gives all texts that were met.

    Args:
        expansions: no new prefix is taken up after so many; those that are under way are finished.
        width: prefixes that are gone on with side by side, in one forward.
        branching: continuations of a prefix that are kept.
        length_power: prefixes and texts are ranked by log-probability over length to this power.
        merge: prefixes whose last so many tokens agree are merged if their constraint states are equal; 0 merges none.
        length_difference: prefixes whose lengths differ by more are not.
        zip: whether the histories of merged prefixes are merged too, as far back as their last tokens and constraint
            states agree: a smaller lattice of more texts, and more of them estimates.
        greedy: whether a prefix is gone on with to its end; otherwise all continuations wait for their turn, and when
            the expansions are used up, unfinished texts are lost.
        mix: MIX methods.

    Raises:
        ValueError: a number is out of its range.
    """

    expansions: int = 256
    width: int = 4
    branching: int = 4
    length_power: float = 0.75
    merge: int = 4
    length_difference: int = 4
    zip: bool = False
    greedy: bool = True
    mix: tuple[Mix, ...] = field(default=())

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("expansions", "width", "branching"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)!r} must be at least 1")
        for name in ("length_power", "merge", "length_difference"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"{name}={getattr(self, name)!r} must be at least 0")

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
            ModelError: from the pipeline.
        """
        front = self._front(sampler, sampling)
        for tip, indices in requests_of(sequences, None).items():
            lattice = self._searched(front, tip, cancelled)
            stopped = cancelled is not None and cancelled()
            paths = [] if stopped else lattice.best(_POOL * len(indices))
            texts = [text for path in paths if (text := weighed(front, tip, path.tokens, path.finish)) is not None]
            texts.sort(key=lambda text: -text.rank(self.length_power))
            yield from chunks_of(sampler, tip, indices, texts, cancelled=stopped)

    def lattice(
        self,
        sampler: LogitsSource,
        sequence: Sequence,
        sampling: Sampling | None = None,
        *,
        cancelled: Cancelled | None = None,
    ) -> Lattice:
        """All texts that the search meets. `Model.lattice` is the same for prompts in words.

        Args:
            sampler: gives the logits.
            sequence: a prompt.
            sampling: penalties.
            cancelled: polled once a step.

        Raises:
            ModelError: from the pipeline.
        """
        return self._searched(self._front(sampler, sampling or Sampling()), sequence, cancelled)

    def _front(self, sampler: LogitsSource, sampling: Sampling) -> Front:
        return Front(sampler, replace(sampling, temperature=0.0), self.mix, free=False)

    def _searched(self, front: Front, tip: Sequence, cancelled: Cancelled | None) -> Lattice:
        search = _Search(self, front, tip)
        while not (cancelled is not None and cancelled()) and search.step():
            pass
        return search.lattice()


@dataclass(kw_only=True, eq=False)
class _Place(Branch):
    """A prefix, with the model's log-probability of it.

    Args:
        before: the place whose continuation it is.
        number: in the lattice, once it is there.
        merged: the place that it is taken for.
        score: its log-probability, forced tokens that are not weighed yet left out.
        tokens: how many are in the score.
    """

    before: _Place | None = None
    number: int | None = None
    merged: _Place | None = None
    score: float = 0.0
    tokens: int = 0

    @property
    def index(self) -> int:
        """Its number, which it has."""
        assert self.number is not None
        return self.number

    @property
    def asking(self) -> bool:
        """See `Branch.asking`."""
        return self.finish is None and self.merged is None

    def count(self, token: int, *, log_mass: float, log_chance: float) -> None:
        """See `Branch.count`."""
        self.score += log_chance
        self.tokens += 1

    def rank(self, power: float) -> float:
        """The log-probability over the length to a power."""
        return self.score / float(max(1, self.tokens) ** power)


class _Search:
    """The search of one prompt, and the lattice that it makes."""

    def __init__(self, settings: BestFirst, front: Front, tip: Sequence) -> None:
        self._settings, self._front, self._tip = settings, front, tip
        self._numbers = itertools.count()  # in the queue, among equals: first come, first served
        self._queue: list[tuple[float, int, _Place]] = []
        self._known: dict[Hashable, list[_Place]] = {}  # places that were gone on with, by what merging looks at
        self._edges: list[list[LatticeEdge]] = []
        self._ends: list[LatticeEnd | None] = []
        self._behind: list[list[int]] = []  # by node those that its edges lead to, also of edges to come
        self._expanded = 0
        self._alike: list[tuple[int, int]] = []  # nodes before merged ones, to be zipped
        self._lanes: list[_Place] = []
        self._ended: list[_Place] = []  # by a rule; they wait for the weights of their last tokens
        root = _Place(tip=tip)
        self._number(root)
        start = _Place(tip=tip, before=root)
        start.settle(front.room)
        if start.tip is not tip:
            self._await(start, greedy=True)
        elif start.finish is None:
            self._lanes.append(root)
        else:
            self._ends[0] = LatticeEnd(finish=start.finish)

    def lattice(self) -> Lattice:
        """What was found so far."""
        edges, ends = self._edges, self._ends
        if self._settings.zip:
            edges, ends = zipped(edges, ends, self._alike)
        return Lattice(
            vocabulary=self._front.sampler.model.vocabulary,
            edges=tuple(map(tuple, edges)),
            ends=tuple(ends),
            most=budget_of(self._tip.state),
        )

    def step(self) -> bool:
        """Go on with several prefixes in one forward; False where nothing is left to do."""
        self._fill()
        batch = [*self._lanes, *self._ended]
        self._lanes, self._ended = [], []
        if not batch:
            return False
        front = self._front
        asking, logits = front.advance(batch)
        for place in batch:
            self._enter(place)
        bias, kept = front.bias(asking)
        if kept:
            live = [place for place in batch if place.asking]
            proposal = front.proposal(logits[kept], [place.tip for place in live], bias)
            for row, place in enumerate(live):
                self._expand(place, proposal.row(row), bias[row])
        front.sampler.trace.end_step()
        return True

    def _fill(self) -> None:
        """What is to be gone on with: the places under way, then those in the queue; merged ones drop out."""
        settings = self._settings
        under_way, self._lanes = self._lanes, []
        for place in under_way:
            self._take_up(place)
        while self._queue and len(self._lanes) < min(settings.width, settings.expansions - self._expanded):
            self._take_up(heapq.heappop(self._queue)[2])

    def _take_up(self, place: _Place) -> None:
        place.merged = self._twin(place)
        if place.merged is None and place.number is None:
            self._number(place)
        if place.before is not None:
            self._behind[place.before.index].append((place.merged or place).index)
        if place.merged is not None and self._settings.zip:
            self._alike += _alike(place.merged, place)
        if place.merged is None or place.forced():
            self._lanes.append(place)
        else:
            self._enter(place)

    def _number(self, place: _Place) -> None:
        """A new node of the lattice."""
        place.number = len(self._edges)
        self._edges.append([])
        self._ends.append(None)
        self._behind.append([])

    def _enter(self, place: _Place) -> None:
        """The edge to a place whose tokens are weighed."""
        before, target = place.before, place.merged or place
        if before is None or place.score == -math.inf:
            return
        tokens = place.tip.tokens()[before.tip.length :]
        logprob = place.score - before.score
        edge = LatticeEdge(target=target.index, tokens=tokens, logprob=logprob, merged=place.merged is not None)
        self._edges[before.index].append(edge)
        if place.finish is not None:
            self._ends[target.index] = LatticeEnd(finish=place.finish)

    def _expand(self, place: _Place, proposal: Proposal, bias: torch.Tensor) -> None:
        """The best continuations of a place."""
        self._expanded += 1
        front = self._front
        chances = (front.log_chances(proposal)[0] + bias).double()
        best = chances.topk(min(self._settings.branching, len(chances)))
        distribution = proposal.scores.softmax(-1)
        for order, (chance, token) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
            if chance == -math.inf:
                break
            record = record_of(proposal, distribution, token)
            front.sampler.trace.commit(record)
            child = place.fork()
            child.before, child.number = place, None
            child.count(token, log_mass=0.0, log_chance=chance)
            child.take(record, eos=front.eos, room=front.room)
            child.settle(front.room)
            if child.ending is not None:
                self._end(place, chance)
            else:
                self._await(child, greedy=self._settings.greedy and order == 0)

    def _end(self, place: _Place, chance: float) -> None:
        """The text may be over at a place; of several end tokens each one adds to that."""
        known = self._ends[place.index]
        if known is not None:
            chance = float(np.logaddexp(known.logprob, chance))
        self._ends[place.index] = LatticeEnd(finish="stop", logprob=chance)

    def _await(self, place: _Place, *, greedy: bool) -> None:
        """A new place: it is gone on with at once, or when it is its turn."""
        if place.finish is None and greedy:
            self._lanes.append(place)
        elif place.finish is None:
            rank = place.rank(self._settings.length_power)
            heapq.heappush(self._queue, (-rank, next(self._numbers), place))
        else:
            self._number(place)
            if place.forced():
                self._ended.append(place)
            else:
                self._enter(place)

    def _twin(self, place: _Place) -> _Place | None:
        """A place that this one may be taken for; where there is none, it is known from now on.

        What follows was looked at behind the other one, so that has to be the more promising of the two.
        """
        settings = self._settings
        form = form_of(place.tip.state) if settings.merge else None
        if form is None:
            return None
        alike = self._known.setdefault((form, last_tokens(place.tip, settings.merge)), [])
        for other in alike:
            near = abs(other.tip.length - place.tip.length) <= settings.length_difference
            good = other.rank(settings.length_power) >= place.rank(settings.length_power)
            if near and good and place.before is not None and not self._leads(other.index, place.before.index):
                return other
        alike.append(place)
        return None

    def _leads(self, start: int, goal: int) -> bool:
        """Whether a way leads from a node to another one: merging would make a cycle."""
        waiting, seen = [start], {start}
        while waiting:
            node = waiting.pop()
            if node == goal:
                return True
            fresh = set(self._behind[node]) - seen
            seen |= fresh
            waiting += fresh
        return False


def _alike(one: _Place, other: _Place) -> Iterator[tuple[int, int]]:
    """The nodes before two merged places, backwards, as far as tokens and constraint states agree."""
    while one.before is not None and other.before is not None and one.before is not other.before:
        first, second = one.before, other.before
        same = one.tip.tokens()[first.tip.length :] == other.tip.tokens()[second.tip.length :]
        form = form_of(first.tip.state)
        if not same or form is None or form != form_of(second.tip.state):
            return
        yield first.index, second.index
        one, other = first, second

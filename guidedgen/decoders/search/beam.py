"""Beam search: the most probable texts, a fixed number of them side by side, all in one forward a step.

Hypotheses are ranked by the probability that the model gives them, not by that under the mask: one that was pushed
through a place where the mask left little would look too good. A step is one chosen token and the tokens that the
constraint forces behind it.
Sources: patience by Kasai et al. 2024, "A Call for Clarity in Beam Search"; groups by Vijayakumar et al. 2018, "Diverse
Beam Search"; ranking by a predicate's value as in conditional beam search (van der Poel et al. 2022 and others).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field, replace

import torch

from guidedgen.decoders.base import Cancelled, Chunk, LogitsSource
from guidedgen.decoders.branches import Branch, Front
from guidedgen.decoders.mix.base import Mix
from guidedgen.decoders.search.ranking import chunks_of, requests_of
from guidedgen.sampler.pipeline import Proposal, record_of
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling

Value = Callable[[Sequence], float]


@dataclass(frozen=True, kw_only=True)
class Beam:
    """Beam search.

    The k-th time that a prompt is given stands for the k-th best text; where there are fewer, the rest end as
    "dead_end".

    Args:
        width: hypotheses side by side, in all groups together.
        patience: stop when `patience * width` texts have finished; infinity goes on until no hypothesis is left.
        length_power: finished texts are ranked by log-probability over length to this power; 0 does not look at length.
        groups: of hypotheses, each `width / groups` wide, that avoid what the groups before them choose.
        diversity: subtracted for each group before that chose the same token in this step.
        competing: finished texts keep their places in the beam, and the search ends where none of the best `width` can
            be gone on with: texts become less probable as they grow, so none can win any more. Patience is not read.
        value: log of a predicate's estimated probability given a prefix; added where hypotheses are ranked.
        mix: MIX methods.

    Raises:
        ValueError: a number is out of its range.
    """

    width: int = 4
    patience: float = 1.0
    length_power: float = 1.0
    groups: int = 1
    diversity: float = 0.5
    competing: bool = False
    value: Value | None = None
    mix: tuple[Mix, ...] = field(default=())

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.width < 1 or self.groups < 1 or self.width % self.groups:
            raise ValueError(f"width={self.width!r} must be at least 1, and a multiple of groups={self.groups!r}")
        if not self.patience > 0:
            raise ValueError(f"patience={self.patience!r} must be above 0")
        if not (math.isfinite(self.length_power) and self.length_power >= 0):
            raise ValueError(f"length_power={self.length_power!r} must be a finite number of at least 0")
        if not self.diversity >= 0:
            raise ValueError(f"diversity={self.diversity!r} must be at least 0")

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
            ValueError: a prompt is given more often than the beam is wide.
            ModelError: from the pipeline.
        """
        front = Front(sampler, replace(sampling, temperature=0.0), self.mix, free=False)
        stepper = _Stepper(self, front)
        requests = requests_of(sequences, self.width)
        beams: dict[Sequence, _Search] = {}
        for tip in requests:
            start = Hypothesis(tip=tip)
            start.settle(front.room)
            beams[tip] = _Search(self, start)
        stopped = False
        while waiting := [beam for beam in beams.values() if not beam.over]:
            stopped = cancelled is not None and cancelled()
            if stopped:
                for beam in waiting:
                    beam.cancel()
                break
            stepper.step(waiting)
        for tip, indices in requests.items():
            yield from chunks_of(sampler, tip, indices, beams[tip].best(), cancelled=stopped)

    def judge(self, hypothesis: Hypothesis) -> float:
        """What is added to a hypothesis' log-probability; minus infinity drops it."""
        return 0.0 if self.value is None else self.value(hypothesis.tip)

    def considered(self, width: int) -> int:
        """How many continuations of a group so wide are judged, those with the largest probabilities."""
        return 2 * width


@dataclass(kw_only=True)
class Hypothesis(Branch):
    """A text in the making, with the log-probability that the model gives it.

    Args:
        score: that log-probability.
        tokens: how many are in it.
        value: what a judge adds where it is ranked.
    """

    score: float = 0.0
    tokens: int = 0
    value: float = 0.0

    def count(self, token: int, *, log_mass: float, log_chance: float) -> None:
        """See `Branch.count`."""
        self.score += log_chance
        self.tokens += 1

    def rank(self, power: float) -> float:
        """The log-probability with the value, over the length to a power."""
        return (self.score + self.value) / float(max(1, self.tokens) ** power)


class _Group:
    """Hypotheses of one prompt that compete with each other."""

    def __init__(self, settings: Beam, start: Hypothesis) -> None:
        self._settings = settings
        self.width = settings.width // settings.groups
        self.live: list[Hypothesis] = []
        self.ended: list[Hypothesis] = []  # some of them wait for the weights of their last tokens
        self._keep([start])

    @property
    def over(self) -> bool:
        """Whether enough texts have finished, or nothing can be gone on with."""
        return not self.live and all(hypothesis.over for hypothesis in self.ended)

    def branches(self) -> list[Hypothesis]:
        """What the next forward is about."""
        return [*self.live, *(hypothesis for hypothesis in self.ended if not hypothesis.over)]

    def cancel(self) -> None:
        """End everything here."""
        for hypothesis in (*self.live, *self.ended):
            hypothesis.cancel()
        self.ended += self.live
        self.live = []

    def select(self, children: ListOf[tuple[float, Hypothesis]]) -> list[Hypothesis]:
        """Keep the best of the continuations, given with their ranks; those that are gone on with.

        The first `width` texts that end are taken as they come, later ones only if they are among the best `width`.
        """
        self.live = []
        if self._settings.competing:
            children = [*children, *((text.rank(0.0), text) for text in self.ended)]
            self.ended = []
        chosen: list[Hypothesis] = []
        for place, (_, child) in enumerate(sorted(children, key=lambda pair: -pair[0])):
            passed_over = place >= self.width and (child.finish is not None or self._settings.competing)
            if len(chosen) < self.width and not passed_over:
                chosen.append(child)
        self._keep(chosen)
        return chosen

    def _keep(self, chosen: ListOf[Hypothesis]) -> None:
        self.live = [hypothesis for hypothesis in chosen if hypothesis.finish is None]
        self.ended += [hypothesis for hypothesis in chosen if hypothesis.finish not in (None, "dead_end")]
        if not self._settings.competing and len(self.ended) >= self._settings.patience * self.width:
            self.live = []


class _Search:
    """The beam of one prompt."""

    def __init__(self, settings: Beam, start: Hypothesis) -> None:
        self._settings = settings
        self.groups = [_Group(settings, start.fork()) for _ in range(settings.groups)]

    @property
    def over(self) -> bool:
        """Whether all groups are."""
        return all(group.over for group in self.groups)

    def branches(self) -> list[Hypothesis]:
        """What the next forward is about."""
        return [hypothesis for group in self.groups for hypothesis in group.branches()]

    def cancel(self) -> None:
        """End everything here."""
        for group in self.groups:
            group.cancel()

    def best(self) -> list[Hypothesis]:
        """The texts, best first: finished ones before those that were cut off by a cancellation."""
        texts = [hypothesis for group in self.groups for hypothesis in group.ended]
        power = self._settings.length_power
        distinct = {(text.tip.tokens(), text.finish): text for text in texts}.values()
        return sorted(distinct, key=lambda text: (text.finish == "cancelled", -text.rank(power)))


class _Stepper:
    """One step of several beams in one forward."""

    def __init__(self, settings: Beam, front: Front) -> None:
        self._settings = settings
        self._front = front

    def step(self, searches: ListOf[_Search]) -> None:
        """Weigh, expand, select."""
        front = self._front
        _, logits = front.advance([branch for search in searches for branch in search.branches()])
        asking = [branch for search in searches for group in search.groups for branch in group.live]
        bias, kept = front.bias(asking)
        live = [asking[row] for row in kept]
        rows: dict[int, int] = {id(hypothesis): row for row, hypothesis in enumerate(live)}
        proposal = front.proposal(logits[kept], [hypothesis.tip for hypothesis in live], bias) if live else None
        for search in searches:
            chosen: Counter[int] = Counter()
            for group in search.groups:
                own = [(rows[id(each)], each) for each in group.live if id(each) in rows]
                children = self._children(own, proposal, bias, group.width, chosen) if proposal is not None else []
                for child in group.select([(rank, child) for rank, child, _ in children]):
                    chosen.update(token for _, other, token in children if other is child)
        front.sampler.trace.end_step()

    def _children(
        self,
        own: ListOf[tuple[int, Hypothesis]],
        proposal: Proposal,
        bias: torch.Tensor,
        width: int,
        chosen: Counter[int],
    ) -> list[tuple[float, Hypothesis, int]]:
        """The best continuations of a group, in no order: rank, hypothesis, and the chosen token."""
        if not own:
            return []
        index = [row for row, _ in own]
        chances = self._front.log_chances(proposal)[index]
        ranks = (chances + bias[index]).double()  # sums of many tokens; single precision would invent ties
        for token, times in chosen.items():
            ranks[:, token] -= self._settings.diversity * times
        ranks += torch.tensor([[each.score] for _, each in own], dtype=ranks.dtype, device=ranks.device)
        best = ranks.flatten().topk(min(self._settings.considered(width), ranks.numel()))
        children = []
        for rank, place in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            line, token = divmod(place, ranks.shape[-1])
            if rank == -math.inf:
                break
            child = self._child(own[line], token, float(chances[line, token]), proposal)
            child.value = self._settings.judge(child)
            if child.value > -math.inf:
                children.append((rank + child.value, child, token))
        return children

    def _child(self, parent: tuple[int, Hypothesis], token: int, log_chance: float, proposal: Proposal) -> Hypothesis:
        """A continuation, with what is forced behind it."""
        row, hypothesis = parent
        front, child = self._front, hypothesis.fork()
        line = proposal.row(row)
        record = record_of(line, line.scores.softmax(-1), token)
        front.sampler.trace.commit(record)
        child.count(token, log_mass=0.0, log_chance=log_chance)
        child.take(record, eos=front.eos, room=front.room)
        child.settle(front.room)
        return child

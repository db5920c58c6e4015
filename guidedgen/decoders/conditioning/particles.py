"""Particles: texts in the making that carry a weight, the target's mass that masks have cut off on their way.

The *target* is what would be drawn from without the constraint: the model after MIX, penalties and temperature. A
particle is drawn from the target under the mask, renormalised at each token; the product of what the renormalisations
hid is its importance weight for the target conditioned on the constraint.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch

from guidedgen.decoders.base import Finish, LogitsSource
from guidedgen.decoders.mix.base import Mix, Phases
from guidedgen.errors import DeadEnd
from guidedgen.sampler.masks import MaskBuffer
from guidedgen.sampler.pipeline import Proposal, draw, propose
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.settings import Sampling
from guidedgen.sampler.streams import uniform


class Lookahead(Protocol):
    """What is known about the valid mass behind tokens."""

    def reweigh(self, particles: ListOf[Particle], proposal: Proposal) -> Proposal:
        """The proposal of B particles with scores [B, V] that take it into account."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One token of a particle: the target's log-probabilities of all that was allowed in its place, and its own."""

    token: int
    log_mass: float
    log_chance: float


@dataclass(kw_only=True)
class Particle:
    """One text in the making.

    Args:
        tip: the text so far.
        seed: of its prompt's random stream.
        sample: which sample of its prompt.
        draw: which of the draws at a position are its own.
        log_weight: log of the target's mass that was allowed, over all tokens since it was last resampled.
        steps: its tokens so far, the end of the text included; forced ones once they are weighed.
        finish: why it ended, or None.
        ending: the record of its end-of-sequence token.
    """

    tip: Sequence
    seed: int
    sample: int
    draw: int = 0
    log_weight: float = 0.0
    steps: list[Step] = field(default_factory=list)
    finish: Finish | None = None
    ending: TokenRecord | None = None
    _forced: list[Sequence] = field(default_factory=list)  # appended without asking, not weighed yet

    def copy(self, *, draw: int) -> Particle:
        """The same text with draws of its own and the weight 1."""
        return replace(self, draw=draw, log_weight=0.0, steps=[*self.steps], _forced=[*self._forced])

    def uniform(self) -> float:
        """The random number of the next position."""
        return uniform(self.seed, self.sample, self.tip.length, self.draw)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do, not even to weigh its last tokens."""
        return self.finish is not None and not self._forced

    def forced(self) -> list[Sequence]:
        """The nodes that are to be weighed, oldest first."""
        return self._forced

    def weigh(self, log_chances: ListOf[float]) -> None:
        """The target's log-probabilities of the forced nodes are known."""
        for node, chance in zip(self._forced, log_chances, strict=True):
            self._count(Step(token=node.token, log_mass=chance, log_chance=chance))
        self._forced = []

    def take(self, record: TokenRecord, step: Step, *, eos: frozenset[int], room: int) -> None:
        """Append a chosen token and what is forced after it, or end the text.

        Raises:
            DeadEnd: the constraint refuses a token that its mask allowed.
        """
        self._count(step)
        self.take_alone(record, eos=eos, room=room)
        self.settle(room)

    def take_alone(self, record: TokenRecord, *, eos: frozenset[int], room: int) -> None:
        """The same without what is forced after it, and without a weight."""
        if record.token in eos and self.tip.state.accepting:
            self.end("stop", record)
        else:
            self._extend(record)
            self._stopped(room)

    def settle(self, room: int) -> None:
        """Append what is forced after the tip."""
        while not self._stopped(room):
            forced = self.tip.state.forced()
            if not forced:
                return
            for token in forced:
                self._extend(TokenRecord(token=token, proposal_logprob=0.0, forced=True))
                self._forced.append(self.tip)
                if self._stopped(room):
                    return

    def cancel(self) -> None:
        """End here; what is not weighed yet never will be."""
        self.finish = self.finish or "cancelled"
        self._forced = []

    def _count(self, step: Step) -> None:
        self.steps.append(step)
        self.log_weight += step.log_mass

    def end(self, finish: Finish, ending: TokenRecord | None = None) -> None:
        """The text is over; one that leads nowhere has no weight."""
        self.finish, self.ending = finish, ending
        if finish == "dead_end":
            self.log_weight = -math.inf

    def _extend(self, record: TokenRecord) -> None:
        state = self.tip.state.advance(record.token)
        if state is None:
            raise DeadEnd(
                f"the constraint allowed token {record.token} after {self.tip.length} tokens and then refused it. "
                "Run guidedgen.testing.check_constraint on it."
            )
        self.tip = self.tip.extend(record.token, state, record)

    def _stopped(self, room: int) -> bool:
        if self.finish is not None:
            return True
        done = self.tip.state.done
        if done is not None:
            self.end("stop" if done == "stop" else "length")
        elif self.tip.length > room:
            self.end("length")
        return self.finish is not None


class Walk:
    """Moves particles on, all of them in one forward a step.

    Args:
        sampler: gives the logits.
        sampling: temperature and penalties; no cuts.
        mix: MIX methods; they see no mask, since the target has none.
    """

    def __init__(self, sampler: LogitsSource, sampling: Sampling, mix: tuple[Mix, ...]) -> None:
        self.sampler = sampler
        self.sampling = sampling
        self.room = sampler.model.info.context_length
        self.eos = sampler.model.vocabulary.eos
        self._phases = Phases(mix, sampler)
        self._masks = MaskBuffer.of(sampler.model, min_tokens=sampling.min_tokens)
        self._free: torch.Tensor | None = None

    def step(self, particles: ListOf[Particle], lookahead: Lookahead | None = None) -> None:
        """One token for every particle that is not over, and the forced ones behind it.

        Args:
            particles: those that are over are left alone.
            lookahead: what is known about the masses behind tokens, which then changes what is drawn (not the weights).
        """
        asking = [particle for particle in particles if particle.finish is None]
        behind = [particle for particle in particles if particle.forced()]
        forced = [node.parent for particle in behind for node in particle.forced() if node.parent is not None]
        logits = self.logits([own.tip for own in asking], forced)
        self._weigh(behind, logits[: len(forced)])
        if asking:
            self._choose(asking, logits[len(forced) :], lookahead)
        self.sampler.trace.end_step()

    def logits(self, tips: ListOf[Sequence], forced: ListOf[Sequence] = ()) -> torch.Tensor:
        """Logits after sequences whose forced tokens are to be weighed, and after tips [F + T, V]."""
        return self._phases.logits(self.sampler, forced, tips)

    def bias(self, asking: ListOf[Particle]) -> tuple[torch.Tensor, list[int]]:
        """The bias [n, V] of those particles, and which they are, that are not at a dead end; the others end there."""
        words, exhausted = self._masks.fill([particle.tip for particle in asking])
        for row, particle in enumerate(asking):
            if exhausted[row] and not particle.tip.state.accepting:
                particle.end("dead_end")
        kept = [row for row, particle in enumerate(asking) if particle.finish is None]
        return self._masks.bias(words[kept]), kept

    def target(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> Proposal:
        """The proposal of some rows, whose `unmasked` scores are those of the target."""
        if self._free is None or len(self._free) < len(sequences):
            self._free = torch.zeros_like(logits)
        free = self._free[: len(sequences)]
        mixed = logits
        for phase in self._phases.calls:
            mixed = phase(mixed, sequences, free)
        proposal = propose(mixed, sequences, bias, self.sampling)
        if mixed is logits:
            return proposal
        plain = propose(logits, sequences, bias, Sampling())
        return replace(proposal, model=plain.model, log_mass=plain.log_mass, margin=plain.margin)

    def log_target(self, proposal: Proposal) -> torch.Tensor:
        """The target's log-probabilities [B, V]."""
        return (proposal.unmasked / self.sampling.temperature).log_softmax(-1)

    def _weigh(self, particles: ListOf[Particle], logits: torch.Tensor) -> None:
        start = 0
        for particle in particles:
            nodes = particle.forced()
            parents = [node.parent for node in nodes if node.parent is not None]
            rows = logits[start : start + len(nodes)]
            start += len(nodes)
            proposal = self.target(rows, parents, torch.zeros_like(rows))
            chances = self.log_target(proposal)
            particle.weigh([float(chances[row, node.token]) for row, node in enumerate(nodes)])

    def _choose(self, asking: ListOf[Particle], logits: torch.Tensor, lookahead: Lookahead | None) -> None:
        bias, kept = self.bias(asking)
        if not kept:
            return
        rows, live = logits[kept], [asking[row] for row in kept]
        proposal = self.target(rows, [particle.tip for particle in live], bias)
        chances = self.log_target(proposal)
        masses = (chances + bias).logsumexp(-1).tolist()
        if lookahead is not None:
            proposal = lookahead.reweigh(live, proposal)
        records = draw(proposal, self.sampling, [particle.uniform() for particle in live])
        for row, (particle, record, mass) in enumerate(zip(live, records, masses, strict=True)):
            step = Step(token=record.token, log_mass=mass, log_chance=float(chances[row, record.token]))
            self.sampler.trace.commit(record)
            particle.take(record, step, eos=self.eos, room=self.room)

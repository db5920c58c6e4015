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

from guidedgen.decoders.base import Finish
from guidedgen.decoders.branches import Branch, Front
from guidedgen.decoders.conditioning.barriers import Fields, path_of
from guidedgen.sampler.pipeline import Proposal, draw
from guidedgen.sampler.sequence import TokenRecord
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
class Particle(Branch):
    """One text in the making, with its weight.

    Args:
        seed: of its prompt's random stream.
        sample: which sample of its prompt.
        draw: which of the draws at a position are its own.
        log_weight: log of the target's mass that was allowed, over all tokens since it was last resampled.
        steps: its tokens so far, the end of the text included; forced ones once they are weighed.
        fields: those that it has closed, where somebody looks at them.
    """

    seed: int
    sample: int
    draw: int = 0
    log_weight: float = 0.0
    steps: list[Step] = field(default_factory=list)
    fields: Fields = field(default_factory=Fields)

    def copy(self, *, draw: int) -> Particle:
        """The same text with draws of its own and the weight 1."""
        return replace(self.fork(), draw=draw, log_weight=0.0, steps=[*self.steps])

    def look(self) -> None:
        """See which fields are closed now."""
        self.fields = self.fields.moved(path_of(self.tip.state) or ())

    def before(self, line: int) -> bool:
        """Whether it has to go on until it has closed so many fields."""
        return not self.over and self.fields.closed < line

    def uniform(self) -> float:
        """The random number of the next position."""
        return uniform(self.seed, self.sample, self.tip.length, self.draw)

    def count(self, token: int, *, log_mass: float, log_chance: float) -> None:
        """See `Branch.count`. What the target rules out (a cut of a MIX method may) leads nowhere."""
        self.steps.append(Step(token=token, log_mass=log_mass, log_chance=log_chance))
        self.log_weight += log_mass
        if log_mass == -math.inf:
            self.end("dead_end")

    def end(self, finish: Finish, ending: TokenRecord | None = None) -> None:
        """See `Branch.end`; a text that leads nowhere has no weight."""
        super().end(finish, ending)
        if finish == "dead_end":
            self.log_weight = -math.inf


def step(front: Front, particles: ListOf[Particle], lookahead: Lookahead | None = None) -> None:
    """One token for every particle that is not over, and the forced ones behind it.

    Args:
        front: a free one.
        particles: those that are over are left alone.
        lookahead: what is known about the masses behind tokens, which then changes what is drawn (not the weights).
    """
    _, logits = front.advance(particles)
    asking = [particle for particle in particles if particle.finish is None]
    bias, kept = front.bias(asking)
    if kept:
        _choose(front, [asking[row] for row in kept], logits[kept], bias, lookahead)
    front.sampler.trace.end_step()


def _choose(
    front: Front, live: list[Particle], logits: torch.Tensor, bias: torch.Tensor, lookahead: Lookahead | None
) -> None:
    proposal = front.proposal(logits, [particle.tip for particle in live], bias)
    chances = front.log_chances(proposal)
    masses = (chances + bias).logsumexp(-1).tolist()
    if lookahead is not None:
        proposal = lookahead.reweigh(live, proposal)
    possible = proposal.scores.amax(-1).tolist()
    for row, particle in enumerate(live):
        if possible[row] == -math.inf:  # the target itself rules out every allowed token
            particle.end("dead_end")
            continue
        (record,) = draw(proposal.row(row), front.sampling, [particle.uniform()])
        front.sampler.trace.commit(record)
        particle.count(record.token, log_mass=masses[row], log_chance=float(chances[row, record.token]))
        particle.take(record, eos=front.eos, room=front.room)
        particle.settle(front.room)

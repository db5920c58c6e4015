"""Exact rejection: texts from the target, without any mask, until one satisfies the constraint."""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import replace

from guidedgen.decoders.base import Cancelled
from guidedgen.decoders.branches import Front
from guidedgen.decoders.conditioning.particles import Particle
from guidedgen.errors import LimitExceeded
from guidedgen.sampler.pipeline import draw


def rejected(front: Front, start: Particle, width: int, tries: int, cancelled: Cancelled) -> Particle:
    """The first valid attempt.

    Args:
        front: what the attempts have in common.
        start: the text so far, which every attempt goes on from.
        width: attempts side by side.
        tries: attempts in all.
        cancelled: polled once a step.

    Raises:
        LimitExceeded: no attempt was valid.
    """
    for first in range(0, tries, width):
        attempts = [start.copy(draw=number) for number in range(first, min(first + width, tries))]
        while attempts:
            if attempts[0].finish is not None:  # those before it have failed, so that order does not favour short texts
                return attempts[0]
            if cancelled():
                attempts[0].cancel()
                return attempts[0]
            attempts = _step(front, attempts)
    detail = f"none of {tries} unmasked texts was valid"
    remedy = 'Allow more tries, or use align="smc", which does not wait for luck.'
    raise LimitExceeded("tries", tries, detail, remedy=remedy)


def _step(front: Front, attempts: ListOf[Particle]) -> list[Particle]:
    """One unmasked token for each attempt that is not over; those are left out whose token is not allowed."""
    asking = [attempt for attempt in attempts if attempt.finish is None]
    logits = front.logits([attempt.tip for attempt in asking])
    bias, kept = front.bias(asking)
    failed = {id(attempt) for attempt in asking}
    if kept:
        live = [asking[row] for row in kept]
        proposal = front.proposal(logits[kept], [attempt.tip for attempt in live], bias)
        free = replace(proposal, scores=proposal.unmasked)
        records = draw(free, front.sampling, [attempt.uniform() for attempt in live])
        for row, (attempt, record) in enumerate(zip(live, records, strict=True)):
            if bias[row, record.token] == 0:
                failed.discard(id(attempt))
                front.sampler.trace.commit(record)
                attempt.take(record, eos=front.eos, room=front.room)
    front.sampler.trace.end_step()
    return [attempt for attempt in attempts if id(attempt) not in failed]

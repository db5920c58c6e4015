"""`Conditioned`: the strategy behind `align=`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from guidedgen.decoders.base import Cancelled, Chunk, LogitsSource
from guidedgen.decoders.branches import Front
from guidedgen.decoders.conditioning.barriers import path_of
from guidedgen.decoders.conditioning.expected import ExpectedFuture
from guidedgen.decoders.conditioning.importance import chosen, effective, resampled
from guidedgen.decoders.conditioning.particles import Particle, step
from guidedgen.decoders.conditioning.rejection import rejected
from guidedgen.decoders.mix.base import Mix
from guidedgen.decoders.score import score_forced
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.sampler.streams import fresh_seed

Alignment: TypeAlias = Literal["resample", "smc", "asap", "reject"]
Barrier: TypeAlias = Literal["field", "token"]
ALIGNMENTS: tuple[str, ...] = get_args(Alignment)


@dataclass(frozen=True, kw_only=True)
class Conditioned:
    """Draw texts from the model conditioned on the constraint.

    The target is the model after MIX, penalties and temperature, given that the text satisfies the constraint. Cuts
    (top-k, top-p and their like) would leave open what the target is, and are refused.

    Args:
        align: "resample": `particles` masked texts, one drawn by weight; "smc": the same with resampling on the way;
            "asap": masked texts that learn what valid mass is behind each prefix, the last of `rounds` is taken; these
            three approach the target as their number grows. "reject": unmasked texts until one is valid; exact.
        particles: texts side by side, for "resample", "smc", and for "reject" attempts side by side.
        threshold: for "smc": resample when the effective sample size falls below this share of the particles.
        barrier: for "smc": where particles wait for each other before they are compared: "field" at the end of each
            JSON field (after each token where the constraint has none), "token" after each token, which favours
            particles that stay inside a string.
        rounds: for "asap": texts of which the last is taken; further samples of a prompt go on learning.
        tries: for "reject": attempts for one text.
        mix: MIX methods.

    Raises:
        ValueError: a name or a number is out of its range.
    """

    align: Alignment = "smc"
    particles: int = 8
    threshold: float = 0.5
    barrier: Barrier = "field"
    rounds: int = 16
    tries: int = 1000
    mix: tuple[Mix, ...] = field(default=())

    def __post_init__(self) -> None:
        """Check name and numbers."""
        if self.align not in ALIGNMENTS:
            raise ValueError(f"align={self.align!r} must be one of {', '.join(ALIGNMENTS)}")
        for name in ("particles", "rounds", "tries"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)!r} must be at least 1")
        if self.barrier not in get_args(Barrier):
            raise ValueError(f"barrier={self.barrier!r} must be one of {', '.join(get_args(Barrier))}")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold={self.threshold!r} must be from 0 to 1")

    def run(
        self,
        sampler: LogitsSource,
        sequences: ListOf[Sequence],
        sampling: Sampling,
        *,
        cancelled: Cancelled | None = None,
    ) -> Iterator[Chunk]:
        """See `Strategy.run`; each text comes as one chunk.

        Raises:
            ValueError: the temperature is 0, or a cut is asked for.
            LimitExceeded: no attempt of "reject" was valid.
            ModelError: from the pipeline.
        """
        if sampling.greedy:
            raise ValueError("conditioning needs a temperature above 0: it is about what is drawn")
        if sampling.warped:
            raise ValueError("conditioning takes no cuts (top_k, top_p, ...): they leave open what its target is")
        run = _Run(self, Front(sampler, sampling, self.mix, free=True), cancelled or _never)
        seeds: dict[Sequence, int] = {}
        counts: dict[Sequence, int] = {}
        for index, tip in enumerate(sequences):
            prompt = tip.prompt_node
            seed = seeds.setdefault(prompt, fresh_seed() if sampling.seed is None else sampling.seed)
            sample = counts.get(prompt, 0)
            counts[prompt] = sample + 1
            particle = run.text(Particle(tip=tip, seed=seed, sample=sample))
            yield _chunk(sampler, index, tip, particle)


def _never() -> bool:
    return False


def _chunk(sampler: LogitsSource, index: int, start: Sequence, particle: Particle) -> Chunk:
    tip = score_forced(sampler, particle.tip) if particle.finish != "cancelled" else particle.tip
    return Chunk(
        index=index,
        sequence=tip,
        tokens=tip.tokens()[start.length :],
        finish=particle.finish,
        ending=particle.ending,
    )


class _Run:
    """The texts of one run, one after the other."""

    def __init__(self, settings: Conditioned, front: Front, cancelled: Cancelled) -> None:
        self._settings = settings
        self._front = front
        self._cancelled = cancelled
        self._futures: dict[Sequence, ExpectedFuture] = {}

    def text(self, start: Particle) -> Particle:
        """One text."""
        start.settle(self._front.room)
        ways: dict[str, Callable[[Particle], Particle]] = {
            "resample": self._importance,
            "smc": self._importance,
            "asap": self._expected,
            "reject": self._reject,
        }
        return ways[self._settings.align](start)

    def _importance(self, start: Particle) -> Particle:
        """Particles side by side; resampled on the way where that is asked for."""
        settings = self._settings
        least = settings.threshold * settings.particles if settings.align == "smc" else 0.0
        particles = [start.copy(draw=number) for number in range(settings.particles)]
        by_field = settings.barrier == "field" and least > 0 and path_of(start.tip.state) is not None
        generation, line = 0, 1
        while self._step(particles, line=line if by_field else None):
            if by_field and any(particle.before(line) for particle in particles):
                continue
            if least > 0:
                self._front.weigh(particles)
            if effective(particles) < least and any(not particle.over for particle in particles):
                if all(particle.finish == "dead_end" for particle in particles):
                    break
                particles = resampled(particles, generation=generation)
                generation += 1
            line = 1 + min((particle.fields.closed for particle in particles if not particle.over), default=0)
        return chosen(particles)

    def _expected(self, start: Particle) -> Particle:
        """Texts one after the other, each learning from those before."""
        future = self._futures.setdefault(start.tip, ExpectedFuture(self._front.sampling.temperature))
        particle = start
        for number in range(self._settings.rounds):
            particle = start.copy(draw=number)
            while self._step([particle], future):
                pass
            if particle.finish == "cancelled":
                break
            future.learn(particle)
        return particle

    def _reject(self, start: Particle) -> Particle:
        return rejected(self._front, start, self._settings.particles, self._settings.tries, self._cancelled)

    def _step(
        self, particles: list[Particle], future: ExpectedFuture | None = None, *, line: int | None = None
    ) -> bool:
        """Move the particles on that have closed fewer fields than `line`, or all; False when all are over."""
        if all(particle.over for particle in particles):
            return False
        if self._cancelled():
            for particle in particles:
                particle.cancel()
            return False
        if line is None:
            step(self._front, particles, future)
            return True
        moving = [particle for particle in particles if particle.before(line)]
        step(self._front, moving, future)
        for particle in moving:
            particle.look()
        return True

"""Stochastic beam search: texts drawn without replacement from what plain decoding draws from.

Kool, van Hoof and Welling 2019, "Stochastic beams and where to find them": the k texts with the largest
Gumbel-perturbed log-probabilities are a sample without replacement, in the order of drawing. A prefix' perturbed value
is the largest of those of its texts, so they can be found from left to right: the values of a prefix' continuations are
drawn under the condition that the largest of them is the prefix' own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from guidedgen.decoders.base import Cancelled, Chunk, LogitsSource
from guidedgen.decoders.branches import Branch, Front
from guidedgen.decoders.mix.base import Mix
from guidedgen.decoders.search.ranking import chunks_of, requests_of
from guidedgen.sampler.pipeline import Proposal, probabilities, record_of
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.sampler.streams import fresh_seed


@dataclass(frozen=True, kw_only=True)
class StochasticBeam:
    """Different texts, drawn as plain decoding draws them but none twice.

    The k-th time that a prompt is given stands for the k-th draw; the first one alone is an exact sample. Where the
    language has fewer texts, the rest end as "dead_end". Temperature, penalties and cuts belong to what is drawn from.

    Args:
        width: texts that are drawn; some change with it, since random numbers belong to places in the beam.
        mix: MIX methods.

    Raises:
        ValueError: `width` is below 1.
    """

    width: int = 4
    mix: tuple[Mix, ...] = field(default=())

    def __post_init__(self) -> None:
        """Check the width."""
        if self.width < 1:
            raise ValueError(f"width={self.width!r} must be at least 1")

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
            ValueError: the temperature is 0, or a prompt is given more often than the beam is wide.
            ModelError: from the pipeline.
        """
        if sampling.greedy:
            raise ValueError("a stochastic beam needs a temperature above 0; gg.Beam finds the most probable texts")
        front = Front(sampler, sampling, self.mix, free=False)
        requests = requests_of(sequences, self.width)
        draws = {tip: _Draws(self.width, tip, front) for tip in requests}
        stopped = False
        while waiting := [found for found in draws.values() if not found.over]:
            stopped = cancelled is not None and cancelled()
            if stopped:
                for found in waiting:
                    found.cancel()
                break
            _step(front, waiting)
        for tip, indices in requests.items():
            yield from chunks_of(sampler, tip, indices, draws[tip].kept, cancelled=stopped)


@dataclass(kw_only=True)
class _Draw(Branch):
    """A prefix in the beam, with the log-probability that it is drawn from and its perturbed value."""

    log_chance: float = 0.0
    value: float = 0.0


class _Draws:
    """The beam of one prompt: `kept`, largest perturbed value first."""

    def __init__(self, width: int, tip: Sequence, front: Front) -> None:
        seed = front.sampling.seed
        self._random = np.random.default_rng((fresh_seed() if seed is None else seed) % 2**64)
        self._width = width
        start = _Draw(tip=tip)
        start.settle(front.room)
        self.kept = [start]

    @property
    def over(self) -> bool:
        """Whether all draws are finished texts."""
        return not self.live()

    def live(self) -> list[_Draw]:
        """What is to be gone on with."""
        return [draw for draw in self.kept if draw.finish is None]

    def cancel(self) -> None:
        """End everything here."""
        for draw in self.kept:
            draw.cancel()

    def offers(self, draw: _Draw, row: int, chances: torch.Tensor) -> list[_Offer]:
        """The continuations of a prefix with the largest values, as many as the beam is wide.

        Args:
            draw: the prefix.
            row: where it stands in the proposal.
            chances: of the next token [V].
        """
        shares = chances.double().cpu().numpy()
        (tokens,) = np.nonzero(shares)
        perturbed = draw.log_chance + np.log(shares[tokens]) + self._random.gumbel(size=len(tokens))
        values = conditioned(perturbed, draw.value)
        best = np.argsort(-values, kind="stable")[: self._width]
        return [
            _Offer(parent=draw, row=row, token=int(tokens[one]), chance=shares[tokens[one]], value=float(values[one]))
            for one in best
        ]

    def select(self, offers: ListOf[_Offer]) -> list[_Offer]:
        """Keep the largest values among finished texts and offers; the offers that are kept."""
        finished = [draw for draw in self.kept if draw.finish not in (None, "dead_end")]
        values = sorted([*(draw.value for draw in finished), *(offer.value for offer in offers)], reverse=True)[
            : self._width
        ]
        least = values[-1] if values else math.inf
        self.kept = [draw for draw in finished if draw.value >= least]
        return [offer for offer in offers if offer.value >= least]

    def add(self, draws: ListOf[_Draw]) -> None:
        """Put them in their places."""
        self.kept = sorted([*self.kept, *draws], key=lambda draw: -draw.value)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Offer:
    """A continuation: the prefix, its row in the proposal, a token with its probability, and the perturbed value."""

    parent: _Draw
    row: int
    token: int
    chance: float
    value: float


def _step(front: Front, beams: ListOf[_Draws]) -> None:
    """One token for every prefix of every beam that is not over, in one forward."""
    live = [draw for beam in beams for draw in beam.live()]
    _, logits = front.advance(live)
    bias, kept = front.bias(live)
    if not kept:
        front.sampler.trace.end_step()
        return
    rows = {id(live[row]): place for place, row in enumerate(kept)}
    proposal = front.proposal(logits[kept], [live[row].tip for row in kept], bias)
    distribution = probabilities(proposal, front.sampling)
    for beam in beams:
        asking = [(rows[id(draw)], draw) for draw in beam.live() if id(draw) in rows]
        offers = [offer for row, draw in asking for offer in beam.offers(draw, row, distribution[row])]
        beam.add([_child(front, offer, proposal, distribution) for offer in beam.select(offers)])
    front.sampler.trace.end_step()


def _child(front: Front, offer: _Offer, proposal: Proposal, distribution: torch.Tensor) -> _Draw:
    """A continuation, with what is forced behind it."""
    rows = slice(offer.row, offer.row + 1)
    record = record_of(proposal.row(offer.row), distribution[rows], offer.token)
    front.sampler.trace.commit(record)
    child = offer.parent.fork()
    child.log_chance += math.log(offer.chance)
    child.value = offer.value
    child.take(record, eos=front.eos, room=front.room)
    child.settle(front.room)
    return child


def conditioned(values: NDArray[np.float64], largest: float) -> NDArray[np.float64]:
    """Gumbel values [n] under the condition that the largest of them is `largest`, in the same order.

    Kool et al. 2019, appendix B.3, the form that is numerically stable.
    """
    with np.errstate(divide="ignore"):
        gap = largest - values + np.log1p(-np.exp(values - values.max()))
    return np.asarray(largest - np.maximum(gap, 0.0) - np.log1p(np.exp(-np.abs(gap))))

"""Branches: texts in the making that a strategy keeps side by side, and what moves them on.

Forced tokens are appended without asking; the next forward computes their rows anyway and *weighs* them then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar

import torch

from guidedgen.decoders.base import Finish, LogitsSource
from guidedgen.decoders.lane import extended, finish_of
from guidedgen.decoders.mix.base import Mix, Phases
from guidedgen.sampler.masks import MaskBuffer
from guidedgen.sampler.pipeline import Proposal, propose
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.settings import Sampling


@dataclass(kw_only=True)
class Branch:
    """One text in the making.

    Args:
        tip: the text so far.
        finish: why it ended, or None.
        ending: the record of its end-of-sequence token.
    """

    tip: Sequence
    finish: Finish | None = None
    ending: TokenRecord | None = None
    _forced: list[Sequence] = field(default_factory=list)  # appended without asking, not weighed yet

    def fork(self) -> Self:
        """The same text, to go on otherwise."""
        return replace(self, _forced=[*self._forced])

    @property
    def over(self) -> bool:
        """Whether nothing is left to do, not even to weigh its last tokens."""
        return self.finish is not None and not self._forced

    @property
    def asking(self) -> bool:
        """Whether it is to be gone on with."""
        return self.finish is None

    def forced(self) -> list[Sequence]:
        """The nodes that are to be weighed, oldest first."""
        return self._forced

    def weigh(self, log_chances: ListOf[float]) -> None:
        """The log-probabilities of the forced nodes are known."""
        for node, chance in zip(self._forced, log_chances, strict=True):
            self.count(node.token, log_mass=chance, log_chance=chance)
        self._forced = []

    def count(self, token: int, *, log_mass: float, log_chance: float) -> None:
        """One more token is known: log of the mass that was allowed in its place, and of its own."""

    def take(self, record: TokenRecord, *, eos: frozenset[int], room: int) -> None:
        """Append a chosen token, or end the text.

        Raises:
            DeadEnd: the constraint refuses a token that its mask allowed.
        """
        if record.token in eos and self.tip.state.accepting:
            self.end("stop", record)
        else:
            self.tip = extended(self.tip, record)
            self._stopped(room)

    def settle(self, room: int) -> None:
        """Append what is forced after the tip."""
        while not self._stopped(room):
            forced = self.tip.state.forced()
            if not forced:
                return
            for token in forced:
                self.tip = extended(self.tip, TokenRecord(token=token, proposal_logprob=0.0, forced=True))
                self._forced.append(self.tip)
                if self._stopped(room):
                    return

    def cancel(self) -> None:
        """End here; what is not weighed yet never will be."""
        self.finish = self.finish or "cancelled"
        self._forced = []

    def end(self, finish: Finish, ending: TokenRecord | None = None) -> None:
        """The text is over."""
        self.finish, self.ending = finish, ending

    def _stopped(self, room: int) -> bool:
        if self.finish is not None:
            return True
        if self.tip.state.done is not None:
            self.end(finish_of(self.tip.state))
        elif self.tip.length > room:
            self.end("length")
        return self.finish is not None


_B = TypeVar("_B", bound=Branch)


class Front:
    """What all branches of a run have in common.

    Args:
        sampler: gives the logits.
        sampling: temperature and penalties.
        mix: MIX methods.
        free: whether MIX methods see no mask, so that scores without the mask are a distribution of their own.
    """

    def __init__(self, sampler: LogitsSource, sampling: Sampling, mix: tuple[Mix, ...], *, free: bool) -> None:
        self.sampler = sampler
        self.sampling = sampling
        self.room = sampler.model.info.context_length
        self.eos = sampler.model.vocabulary.eos
        self._phases = Phases(mix, sampler)
        self._masks = MaskBuffer.of(sampler.model, min_tokens=sampling.min_tokens)
        self._free = free

    def advance(self, branches: ListOf[_B]) -> tuple[list[_B], torch.Tensor]:
        """Weigh what is to be weighed, and the branches that go on with the logits after them, all in one forward."""
        asking = [branch for branch in branches if branch.asking]
        behind = [branch for branch in branches if branch.forced()]
        return asking, self._moved(behind, [branch.tip for branch in asking])

    def weigh(self, branches: ListOf[Branch]) -> None:
        """Weigh what is to be weighed, and nothing else, in one forward: for who compares branches now."""
        behind = [branch for branch in branches if branch.forced()]
        if behind:
            self._moved(behind, [])

    def _moved(self, behind: ListOf[Branch], tips: ListOf[Sequence]) -> torch.Tensor:
        """Weigh the forced nodes of branches; logits after tips."""
        forced = [node.parent for branch in behind for node in branch.forced() if node.parent is not None]
        logits = self.logits(tips, forced)
        start = 0
        for branch in behind:
            nodes = branch.forced()
            rows = logits[start : start + len(nodes)]
            start += len(nodes)
            parents = [node.parent for node in nodes if node.parent is not None]
            bias = torch.zeros_like(rows)
            if not self._free:  # a MIX method sees the mask that left no choice
                bias[:] = -math.inf
                bias[range(len(nodes)), [node.token for node in nodes]] = 0.0
            chances = self.log_chances(self.proposal(rows, parents, bias))
            branch.weigh([float(chances[row, node.token]) for row, node in enumerate(nodes)])
        return logits[len(forced) :]

    def logits(self, tips: ListOf[Sequence], forced: ListOf[Sequence] = ()) -> torch.Tensor:
        """Logits after sequences whose forced tokens are to be weighed, and after tips [F + T, V]."""
        return self._phases.logits(self.sampler, forced, tips)

    def bias(self, asking: ListOf[Branch]) -> tuple[torch.Tensor, list[int]]:
        """The bias [n, V] of those branches, and which they are, that are not at a dead end; the others end there."""
        words, exhausted = self._masks.fill([branch.tip for branch in asking])
        for row, branch in enumerate(asking):
            if exhausted[row] and not branch.tip.state.accepting:
                branch.end("dead_end")
        kept = [row for row, branch in enumerate(asking) if branch.finish is None]
        if not kept:
            return torch.empty(0, self.sampler.model.info.logits_size), kept
        return self._masks.bias(words[kept]), kept

    def proposal(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> Proposal:
        """The proposal of B rows, from logits [B, V] and bias [B, V]."""
        if not (self._free and self._phases.calls):
            return propose(logits, sequences, bias, self.sampling, self._phases.calls)
        mixed, nothing = logits, torch.zeros_like(logits)
        for phase in self._phases.calls:
            mixed = phase(mixed, sequences, nothing)
        plain = propose(logits, sequences, bias, Sampling())
        proposal = propose(mixed, sequences, bias, self.sampling)
        return replace(proposal, model=plain.model, log_mass=plain.log_mass, margin=plain.margin)

    def log_chances(self, proposal: Proposal) -> torch.Tensor:
        """Log-probabilities without the mask, at the temperature (1 where it is 0) [B, V]."""
        if proposal.heats is None:
            return (proposal.unmasked / (self.sampling.temperature or 1.0)).log_softmax(-1)
        return (proposal.unmasked / proposal.heats.masked_fill(proposal.heats == 0, 1.0)).log_softmax(-1)

"""What a drafter is: settings that open a session, which proposes trees of tokens and learns what came of them."""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import Protocol

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.policies.base import Growth, PolicySession, chain_length
from guidedgen.decoders.tree import DraftTree
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.sampler.streams import uniform
from guidedgen.vocabulary import Vocabulary

_DRAFTING = 1 << 32  # the draws of drafters begin here


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a session may know of the run that it drafts for.

    Args:
        vocabulary: the target's.
        logits_size: width of its logits.
        sampling: how tokens are drawn.
        sampler: the target's, for drafters that look at the target in a cheaper way; None where there is none.
    """

    vocabulary: Vocabulary
    logits_size: int
    sampling: Sampling
    sampler: LogitsSource | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """Where drafts are wanted.

    Args:
        lane: number of the sequence in the run.
        tip: the sequence.
        most: drafts for it, at most; forced tokens do not count.
        seed: of the sample's random stream.
        sample: number of the sample among those of its prompt.
        policy: what decides how much is drafted; None leaves it to the drafter.
        source: which part of a combined drafter is asked; it labels its trees with it.
    """

    lane: int
    tip: Sequence
    most: int
    seed: int = 0
    sample: int = 0
    policy: PolicySession | None = None
    source: str = ""

    def growth(self, own: Growth, *, level_cost: float = 0.0) -> Growth:
        """How a tree for this request grows: as the policy says, or as the drafter would by itself.

        Args:
            own: what the drafter does without a policy.
            level_cost: see `PolicySession.grow`.
        """
        return own if self.policy is None else self.policy.grow(self, level_cost=level_cost)

    def length(self, own: int) -> int:
        """The same for drafts that are chains whose tokens cost nothing: how many tokens, at most."""
        most = min(own, self.most)
        return most if self.policy is None else min(most, chain_length(self.policy.grow(self)))

    def uniform(self, depth: int, draw: int) -> float:
        """A number in [0, 1) of the sample's stream, `depth` tokens after the tip; verifiers use others."""
        return uniform(self.seed, self.sample, self.tip.length + depth, _DRAFTING + draw)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a tree.

    Args:
        lane: number of the sequence in the run.
        base: the sequence that the tree was drafted for.
        tree: what was drafted, without what the constraint does not allow.
        node: the last accepted node.
        logits: of the target after the base and after each node [1 + N, V], unprocessed.
        tip: the sequence now.
    """

    lane: int
    base: Sequence
    tree: DraftTree
    node: int
    logits: torch.Tensor
    tip: Sequence


class DraftSession(Protocol):
    """Mutable progress of one run; lanes are known by number."""

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """A tree for each request, empty where nothing comes to mind. What the constraint forbids is cut off later."""

    def observe(self, outcome: Outcome) -> None:
        """Learn what came of a tree of this session."""


class Drafter(Protocol):
    """Frozen settings."""

    def open(self, setting: Setting) -> DraftSession:
        """A session for one run."""


__all__ = ["DraftSession", "Drafter", "Outcome", "Request", "Setting"]

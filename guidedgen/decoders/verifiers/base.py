"""What a verifier is, and where its random numbers come from.

A verifier walks a draft tree from the root and decides at each node, from the target's distribution there, which child
is *accepted*. Where none is, it gives the *bonus* token instead. All distributions are processed ones: after mask,
penalties and warps. An exact verifier's tokens are distributed as if each had been drawn from the target's
distribution, whatever was drafted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.sampler.pipeline import sample
from guidedgen.sampler.streams import uniform

Target = Callable[[int], torch.Tensor]  # node (or ROOT) -> the probabilities after it [V]; asked at most once a node


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What came of a tree.

    Args:
        node: the last accepted node, or `ROOT`.
        bonus: the token after it.
    """

    node: int
    bonus: int


class Draws(Protocol):
    """Random numbers of a walk; `depth` is the number of tokens accepted so far."""

    def pick(self, weights: torch.Tensor, depth: int) -> int:
        """An index, with probability proportional to its weight [V]."""

    def accept(self, probability: float, depth: int) -> bool:
        """True with a probability; what is not between 0 and 1 counts as the nearer of them."""


class Verifier(Protocol):
    """Frozen settings of a rule."""

    @property
    def exact(self) -> bool:
        """Whether the target's distribution is kept."""

    def verify(self, tree: DraftTree, target: Target, draws: Draws) -> Verdict:
        """Walk the tree.

        Raises:
            ValueError: the tree was drafted in a way that the rule does not hold for.
        """


class StreamDraws:
    """The numbers of a sample's own stream (see `sampler.streams`), by position and draw.

    The first `pick` at a position takes the number that plain decoding would: where a rule does nothing but pick from
    the target, its tokens are those of plain decoding with the same seed.

    Args:
        seed: of the prompt.
        sample: number of the sample.
        position: of the token after the root.
    """

    def __init__(self, seed: int, sample_number: int, position: int) -> None:
        self._seed, self._sample, self._position = seed, sample_number, position
        self._picks: dict[int, int] = {}
        self._accepts: dict[int, int] = {}

    def pick(self, weights: torch.Tensor, depth: int) -> int:
        """See `Draws.pick`."""
        number = self._next(self._picks, depth, 0)
        return int(sample(weights[None], [number])[0])

    def accept(self, probability: float, depth: int) -> bool:
        """See `Draws.accept`."""
        return self._next(self._accepts, depth, 1) < probability

    def _next(self, counts: dict[int, int], depth: int, kind: int) -> float:
        count = counts[depth] = counts.get(depth, -1) + 1
        return uniform(self._seed, self._sample, self._position + depth, 2 * count + kind)


def child_of(tree: DraftTree, node: int, token: int) -> int | None:
    """The child of a node with a token, if it has one."""
    return next((child for child in tree.children[node] if tree.tokens[child] == token), None)


def depth_of(tree: DraftTree, node: int) -> int:
    """How many tokens a node is after the root; 0 for the root."""
    return 0 if node == ROOT else tree.depths[node]

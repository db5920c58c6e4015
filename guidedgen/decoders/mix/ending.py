"""Methods about where a text ends: a floor under the end's probability, and a penalty on early ends.

Both act only where the constraint lets the text end; elsewhere they would push mass to a forbidden token.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Sequence as ListOf
from dataclasses import dataclass

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.mix.base import Alone, allowed_log_chances
from guidedgen.sampler.sequence import Sequence

Change = Callable[[float, int], float]


@dataclass(frozen=True, kw_only=True)
class EndingFloor:
    """Where a text may end, the end has at least the probability 1 - (1 - epsilon)^t after t tokens.

    Choi et al. 2023, "A Non-monotonic Self-terminating Language Model", as a wrapper at inference: every text ends
    sooner or later, whatever is cut. Their epsilon is 1e-3 to 1e-5.

    Args:
        epsilon: 0 changes nothing.

    Raises:
        ValueError: epsilon is not a share.
    """

    epsilon: float = 1e-3

    def __post_init__(self) -> None:
        """Check epsilon."""
        if not 0 <= self.epsilon < 1:
            raise ValueError(f"epsilon={self.epsilon!r} must be at least 0 and below 1")

    def open(self, sampler: LogitsSource) -> EndingPhase:
        """See `MixMethod.open`."""
        return EndingPhase(sampler.model.vocabulary.eos, self.raised)

    def raised(self, share: float, count: int) -> float:
        """The end's probability after `count` tokens, given the model's."""
        floor = 1 - (1 - self.epsilon) ** count
        return floor * (1 - share) + share


@dataclass(frozen=True, kw_only=True)
class EndingPenalty:
    """Make an early end less likely: subtracted from its logit at the beginning, falling to 0 over some tokens.

    The length term of Zhu et al. 2023, "Penalty Decoding", in a linear form.

    Args:
        amount: subtracted at the beginning; from 0, which changes nothing.
        tokens: after so many the penalty is over.

    Raises:
        ValueError: a number is out of its range.
    """

    amount: float = 2.0
    tokens: int = 32

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not (math.isfinite(self.amount) and self.amount >= 0) or self.tokens < 1:
            raise ValueError(f"amount={self.amount!r} must be at least 0 and tokens={self.tokens!r} at least 1")

    def open(self, sampler: LogitsSource) -> EndingPhase:
        """See `MixMethod.open`."""
        return EndingPhase(sampler.model.vocabulary.eos, self.lowered)

    def lowered(self, share: float, count: int) -> float:
        """The end's probability after `count` tokens, given the model's."""
        factor = math.exp(-self.amount * max(0.0, 1 - count / self.tokens))
        return share * factor / (share * factor + 1 - share) if share < 1 else share


class EndingPhase(Alone):
    """Gives the end of the text another probability.

    Args:
        eos: the tokens that end it.
        change: from the end's probability among allowed tokens and the generated tokens to the new one.
    """

    def __init__(self, eos: frozenset[int], change: Change) -> None:
        self._eos = sorted(eos)
        self._change = change

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """See `Phase.__call__`."""
        scores = allowed_log_chances(logits, bias)
        for row, sequence in zip(scores, sequences, strict=True):
            share = float(row[self._eos].logsumexp(-1).exp())
            if 0 < share < 1:
                wanted = min(1.0, max(0.0, self._change(share, sequence.length - sequence.prompt_length)))
                row[self._eos] += math.log(max(wanted, 1e-30)) - math.log(share)
                others = math.log(max(1 - wanted, 1e-30)) - math.log1p(-share)
                mask = torch.ones_like(row, dtype=torch.bool)
                mask[self._eos] = False
                row[mask] += others
        return scores

"""Steering by attributes: the probability that a text has one, by Bayes' rule over prompts for each."""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.mix.base import allowed_log_chances
from guidedgen.decoders.mix.contexts import Prompts
from guidedgen.decoders.mix.prompted import PromptedPhase
from guidedgen.sampler.sequence import Sequence


@dataclass(frozen=True, kw_only=True)
class BayesAttribute:
    """Weigh tokens by the probability that a text with them has the wanted attribute.

    Zhong et al. 2023, "Air-Decoding": each attribute's distribution is reconstructed as 1 / -log p, which keeps the
    posterior from collapsing onto a few tokens; the next token is drawn from p times posterior^strength among the
    `top_k` best. The paper has trained prefixes for each attribute; here a prompt for each stands in.

    Args:
        prompts: gives for each prompt one for the wanted attribute, and then one for each other attribute.
        strength: lambda; 140 for sentiment in the paper with trained prefixes, prompts want less. 0 is the cut alone.
        top_k: candidates.

    Raises:
        ValueError: a number is out of its range.
    """

    prompts: Prompts
    strength: float = 20.0
    top_k: int = 200

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not (math.isfinite(self.strength) and self.strength >= 0) or self.top_k < 1:
            raise ValueError(f"strength={self.strength!r} must be at least 0 and top_k={self.top_k!r} at least 1")

    def open(self, sampler: LogitsSource) -> BayesPhase:
        """See `MixMethod.open`."""
        return BayesPhase(self, sampler)


class BayesPhase(PromptedPhase):
    """`BayesAttribute` at work."""

    def __init__(self, settings: BayesAttribute, sampler: LogitsSource) -> None:
        super().__init__(sampler, settings.prompts)
        self._settings = settings
        self._so_far: WeakKeyDictionary[Sequence, torch.Tensor] = WeakKeyDictionary()  # log of each one's weight [S]

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """See `Phase.__call__`."""
        base = allowed_log_chances(logits, bias)
        weights = self._weights(self._beside.logits(sequences))  # [B, S, V]
        before = torch.stack([self.evidence(sequence) for sequence in sequences])  # [B, S]
        posterior = (weights + before[..., None]).log_softmax(1)[:, 0]
        floor = base.topk(min(self._settings.top_k, base.shape[-1]), -1).values[:, -1:]
        scores = base + self._settings.strength * posterior
        return scores.masked_fill((base < floor) | (bias < 0), -math.inf)

    def evidence(self, sequence: Sequence) -> torch.Tensor:
        """Log of what the chosen tokens so far say for each attribute [S]."""
        way: list[Sequence] = []
        node = sequence
        while node.parent is not None and node not in self._so_far:
            way.append(node)
            node = node.parent
        if node.parent is None:
            self._so_far[node] = torch.zeros(len(self._beside.of(node)))
        parents = [after.parent for after in reversed(way) if after.parent is not None]
        if parents:
            rows = self._weights(self._beside.logits(parents))
            for after, row in zip(reversed(way), rows, strict=True):
                assert after.parent is not None
                forced = after.record is not None and after.record.forced
                said = torch.zeros(row.shape[0]) if forced else row[:, after.token]
                self._so_far[after] = self._so_far[after.parent] + said
        return self._so_far[sequence]

    @staticmethod
    def _weights(logits: torch.Tensor) -> torch.Tensor:
        """Log of 1 / -log p for each attribute and token [B, S, V]."""
        return -(-logits.log_softmax(-1)).clamp(min=1e-6).log()

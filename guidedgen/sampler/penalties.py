"""Penalties against repetition, pure functions of the logits and the sequence. Forced tokens do not count."""

from __future__ import annotations

from collections.abc import Sequence as ListOf

import numpy as np
import torch

from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Penalties


def chosen_tokens(sequence: Sequence) -> list[int]:
    """The generated tokens that were chosen, newest first: forced ones are left out."""
    return [node.token for node in sequence.nodes() if node.record is None or not node.record.forced]


def repetition(logits: torch.Tensor, tokens: torch.Tensor, penalty: float) -> torch.Tensor:
    """Divide positive logits of `tokens` by the penalty and multiply negative ones by it; in place.

    Keskar et al. 2019 (CTRL), section 4.1, with the sign rule that every later implementation uses.

    Args:
        logits: [V].
        tokens: distinct ids, int64 [n].
        penalty: above 1 discourages.
    """
    seen = logits[tokens]
    logits[tokens] = torch.where(seen < 0, seen * penalty, seen / penalty)
    return logits


def additive(
    logits: torch.Tensor, tokens: torch.Tensor, counts: torch.Tensor, presence: float, frequency: float
) -> torch.Tensor:
    """Subtract `presence + frequency * count` from the logits [V] of `tokens`; in place (OpenAI's two penalties)."""
    logits[tokens] -= presence + frequency * counts.to(logits.dtype)
    return logits


def penalise(logits: torch.Tensor, sequences: ListOf[Sequence], settings: Penalties) -> torch.Tensor:
    """Apply all penalties to every row; a new tensor, or `logits` itself where none is on.

    Repetition looks at the prompt and the chosen tokens (as transformers does), presence and frequency at the chosen
    tokens alone.

    Args:
        logits: [B, V].
        sequences: the prefix of each row.
        settings: which penalties.
    """
    if not settings.penalised:
        return logits
    penalised = logits.clone()
    for row, sequence in zip(penalised, sequences, strict=True):
        chosen = chosen_tokens(sequence)
        if settings.repetition_penalty != 1.0:
            repetition(row, _distinct([*sequence.prompt_node.tokens(), *chosen], row)[0], settings.repetition_penalty)
        if chosen and (settings.presence_penalty or settings.frequency_penalty):
            additive(row, *_distinct(chosen, row), settings.presence_penalty, settings.frequency_penalty)
    return penalised


def _distinct(tokens: ListOf[int], row: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Distinct ids below the row's width and how often each occurs."""
    distinct, counts = np.unique(np.asarray(tokens, np.int64), return_counts=True)
    inside = distinct < row.shape[-1]
    return torch.from_numpy(distinct[inside]).to(row.device), torch.from_numpy(counts[inside]).to(row.device)

"""Penalties against repetition, pure functions of the logits and the sequence. Forced tokens do not count."""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf

import numpy as np
import torch

from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Cuts, Penalties


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


def penalise(
    logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor, settings: Penalties
) -> torch.Tensor:
    """Apply all penalties to every row; a new tensor, or `logits` itself where none is on.

    Repetition looks at the prompt and the chosen tokens (as transformers does), presence and frequency at the chosen
    tokens alone.

    Args:
        logits: [B, V].
        sequences: the prefix of each row.
        bias: 0 or minus infinity [B, V].
        settings: which penalties.
    """
    if not settings.penalised:
        return logits
    penalised = logits.clone()
    for row, sequence, mask in zip(penalised, sequences, bias, strict=True):
        chosen = chosen_tokens(sequence)
        if settings.repeating:
            _penalise_repetition(row, sequence, chosen, settings)
        if settings.no_repeat_ngram:
            _forbid_ngrams(row, mask, chosen, settings)
    return penalised


def _penalise_repetition(row: torch.Tensor, sequence: Sequence, chosen: list[int], settings: Penalties) -> None:
    window = settings.repetition_window
    recent = chosen[:window]
    before = sequence.prompt_node.tokens()
    if window is not None:
        before = before[max(0, len(before) - (window - len(recent))) :] if window > len(recent) else ()
    exempt = settings.exempt
    recent = [token for token in recent if token not in exempt]
    seen = [*(token for token in before if token not in exempt), *recent]
    if settings.repetition_penalty != 1.0 and seen:
        repetition(row, _distinct(seen, row)[0], settings.repetition_penalty)
    if recent and (settings.presence_penalty or settings.frequency_penalty):
        additive(row, *_distinct(recent, row), settings.presence_penalty, settings.frequency_penalty)


def _forbid_ngrams(row: torch.Tensor, mask: torch.Tensor, chosen: list[int], settings: Penalties) -> None:
    """Forbid what would complete an n-gram of chosen tokens again; nothing where no other token is allowed."""
    size = settings.no_repeat_ngram
    start = tuple(reversed(chosen[: size - 1]))
    if len(chosen) < size:
        return
    text = chosen[::-1]
    found = [text[at + size - 1] for at in range(len(text) - size + 1) if tuple(text[at : at + size - 1]) == start]
    banned = [token for token in found if token not in settings.exempt]
    if not banned:
        return
    kept = mask.clone()
    kept[banned] = -math.inf
    if bool((kept == 0).any()):
        row[banned] = -math.inf


def mirostat_bound(sequence: Sequence, settings: Cuts) -> float:
    """The most bits of surprise that the next token may have.

    Twice the target at first, then less the rate times how far each chosen token was above the target. A function of
    the sequence's records alone, so it holds at any node of a tree.
    """
    target = settings.mirostat or 0.0
    bound = 2 * target
    for node in sequence.nodes():
        if node.record is not None and not node.record.forced:
            bound -= settings.mirostat_rate * (-node.record.proposal_logprob / math.log(2) - target)
    return bound


def _distinct(tokens: ListOf[int], row: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Distinct ids below the row's width and how often each occurs."""
    distinct, counts = np.unique(np.asarray(tokens, np.int64), return_counts=True)
    inside = distinct < row.shape[-1]
    return torch.from_numpy(distinct[inside]).to(row.device), torch.from_numpy(counts[inside]).to(row.device)

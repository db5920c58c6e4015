"""Choosing tokens from packed masks: by the native kernel in a few passes over the logits, where the settings allow it.

`pipeline.choose` over an expanded mask is the readable twin, and what computes everything else: MIX phases, penalties,
rarer cuts, logits on a device, rows with a temperature of their own. Which of the two computes depends on the settings,
the device and the row alone, so that all strategies of a run draw alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from guidedgen.constraint import temperature_of
from guidedgen.models.packed import native
from guidedgen.sampler.masks import MaskBuffer
from guidedgen.sampler.pipeline import Mix, broken_logits, choose
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.settings import CUTS, Sampling

_OWN_CUTS = frozenset({"top_k", "top_p", "min_p"})
_FIELDS = 5  # token, chance, log-probability, log mass, margin


def choose_masked(
    logits: torch.Tensor,
    sequences: ListOf[Sequence],
    words: NDArray[np.int32],
    masks: MaskBuffer,
    sampling: Sampling,
    uniforms: ListOf[float],
    mix: ListOf[Mix] = (),
) -> list[TokenRecord]:
    """The next token of every row, with its record: `pipeline.choose` for packed masks.

    Args:
        logits: the model's logits [B, V]; not changed.
        sequences: the prefix of each row.
        words: packed masks with the end-of-sequence bits [B, W].
        masks: the buffer that they come from.
        sampling: settings.
        uniforms: B numbers in [0, 1); not read where nothing is drawn (`pipeline.draws`).
        mix: MIX phases in order.

    Raises:
        ModelError: the logits are not numbers, or the model rules out every allowed token.
    """
    kernel = None if mix else _kernel(logits, sampling)
    heated = [temperature_of(sequence.state) is not None for sequence in sequences]
    if kernel is not None and any(heated) and not all(heated):
        return _apart(heated, logits, sequences, words, masks, sampling, uniforms)
    if kernel is None or any(heated):
        return choose(logits, sequences, masks.bias(words), sampling, uniforms, mix)
    rows, given = logits.detach().contiguous().numpy(), np.ascontiguousarray(words)
    records = np.empty((len(rows), _FIELDS))
    if sampling.greedy:
        kernel.take_best(rows, given, records, threads=torch.get_num_threads())
    else:
        kernel.draw_rows(
            rows,
            given,
            np.asarray(uniforms, np.float64),
            sampling.temperature,
            sampling.top_k or 0,
            1.0 if sampling.top_p is None else sampling.top_p,
            sampling.min_p or 0.0,
            records,
            threads=torch.get_num_threads(),
        )
    return [_record(*fields) for fields in records.tolist()]


def _apart(
    heated: ListOf[bool],
    logits: torch.Tensor,
    sequences: ListOf[Sequence],
    words: NDArray[np.int32],
    masks: MaskBuffer,
    sampling: Sampling,
    uniforms: ListOf[float],
) -> list[TokenRecord]:
    """Rows with and rows without a temperature of their own, one kind after the other."""
    found: dict[int, TokenRecord] = {}
    for kind in (False, True):
        rows = [row for row, own in enumerate(heated) if own is kind]
        drawn = [uniforms[row] for row in rows] if len(uniforms) else []
        some = [sequences[row] for row in rows]
        found.update(zip(rows, choose_masked(logits[rows], some, words[rows], masks, sampling, drawn), strict=True))
    return [found[row] for row in range(len(heated))]


def log_sums(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each row of logits [n, V] the log of the sum of exponentials and the largest logit, both float64 [n]."""
    kernel = native()
    if kernel is None or not _plain(logits):
        return logits.double().logsumexp(-1), logits.amax(-1).double()
    sums = np.empty((logits.shape[0], 2))
    kernel.log_sums(logits.detach().contiguous().numpy(), sums)
    found = torch.from_numpy(sums)
    return found[:, 0], found[:, 1]


def _kernel(logits: torch.Tensor, sampling: Sampling) -> Any:
    """The native kernel where it computes what these settings ask for."""
    rarer = any(getattr(sampling, name) is not None for name in CUTS if name not in _OWN_CUTS)
    return None if rarer or sampling.penalised or not _plain(logits) else native()


def _plain(logits: torch.Tensor) -> bool:
    return logits.device.type == "cpu" and logits.dtype == torch.float32


def _record(token: float, chance: float, logprob: float, log_mass: float, margin: float) -> TokenRecord:
    if not (math.isfinite(log_mass) and math.isfinite(logprob) and chance > 0):
        raise broken_logits()
    return TokenRecord(
        token=int(token), proposal_logprob=math.log(chance), logprob=logprob, log_mass=log_mass, margin=max(0.0, margin)
    )

"""From logits to the next token, in fixed phases; every strategy goes through here.

    mask with the end-of-sequence bits -> MIX -> PENALTY -> CONSTRAINT -> WARP -> renormalise -> draw

The mask is computed first (`masks.MaskBuffer`, where the rules about the end of a text live) and is an input of every
phase: a phase that ranks or cuts must do so among allowed tokens. Everything here is a pure function of a row's logits,
its sequence and its mask, so it is valid at any node of a token tree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import Protocol

import torch

from guidedgen.constraint import temperature_of
from guidedgen.errors import ModelError
from guidedgen.sampler.penalties import mirostat_bound, penalise
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.settings import Sampling
from guidedgen.sampler.warps import warp

_BLOCK = 128  # tokens that `sample` sums up before it looks closer
_CACHED = 1 << 16  # logits that stay in a processor's cache; a CPU takes larger batches in groups of rows
_BELOW_ONE = 1 - 2**-53


class Mix(Protocol):
    """A MIX phase: combines the model's logits with something else (contrast, a second model, an n-gram)."""

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """New logits [B, V]; `bias` [B, V] is 0 for allowed tokens and minus infinity for the others."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What is known about the next token of B rows before one is drawn.

    Args:
        model: the model's log-probabilities [B, V], temperature 1, no mask.
        unmasked: logits after MIX and PENALTY [B, V].
        scores: the same after CONSTRAINT [B, V], up to a constant of each row; minus infinity where forbidden.
        log_mass: log of the model's mass on allowed tokens [B].
        margin: the model's best log-probability minus the best allowed one [B].
        surprises: the most bits of surprise of each row [B, 1], where Mirostat is on.
        heats: the temperature of each row [B, 1], where the constraint of some row sets one.
    """

    model: torch.Tensor
    unmasked: torch.Tensor
    scores: torch.Tensor
    log_mass: torch.Tensor
    margin: torch.Tensor
    surprises: torch.Tensor | None = None
    heats: torch.Tensor | None = None

    def row(self, index: int) -> Proposal:
        """The proposal of one row."""
        rows = slice(index, index + 1)
        return Proposal(
            model=self.model[rows],
            unmasked=self.unmasked[rows],
            scores=self.scores[rows],
            log_mass=self.log_mass[rows],
            margin=self.margin[rows],
            surprises=None if self.surprises is None else self.surprises[rows],
            heats=None if self.heats is None else self.heats[rows],
        )


def propose(
    logits: torch.Tensor,
    sequences: ListOf[Sequence],
    bias: torch.Tensor,
    sampling: Sampling,
    mix: ListOf[Mix] = (),
) -> Proposal:
    """MIX, PENALTY and CONSTRAINT.

    Args:
        logits: the model's logits [B, V]; not changed.
        sequences: the prefix of each row.
        bias: 0 or minus infinity [B, V]; at least one token allowed in each row.
        sampling: settings.
        mix: MIX phases in order.
    """
    model = logits.log_softmax(-1)  # [B, V]
    allowed = model + bias
    mixed = logits
    for phase in mix:
        mixed = phase(mixed, sequences, bias)
    penalised = penalise(mixed, sequences, bias, sampling)
    scores = allowed if penalised is logits else penalised + bias  # logits and log-probabilities differ by a constant
    surprises = None
    if sampling.mirostat is not None:
        bounds = [mirostat_bound(sequence, sampling) for sequence in sequences]
        surprises = torch.tensor(bounds, device=logits.device)[:, None]
    temperatures = temperatures_of(sequences, sampling)
    heats = None if temperatures is None else torch.tensor(temperatures, dtype=scores.dtype, device=scores.device)
    margin = model.amax(-1) - allowed.amax(-1)
    return Proposal(
        model=model,
        unmasked=penalised,
        scores=scores,
        log_mass=_log_sum(allowed),
        margin=margin,
        surprises=surprises,
        heats=None if heats is None else heats[:, None],
    )


def temperatures_of(sequences: ListOf[Sequence], sampling: Sampling) -> list[float] | None:
    """The temperature of each row's next token; None where no constraint sets one, so that it is the settings'."""
    wanted = [temperature_of(sequence.state) for sequence in sequences]
    if all(heat is None for heat in wanted):
        return None
    return [sampling.temperature if heat is None else heat for heat in wanted]


def draws(sequences: ListOf[Sequence], sampling: Sampling) -> bool:
    """Whether the next token of some row is drawn: its uniform number is read."""
    return not sampling.greedy or any(temperatures_of(sequences, sampling) or ())


def _log_sum(values: torch.Tensor) -> torch.Tensor:
    """Log of the sum of exponentials of each row [B]; on masked rows several times faster than torch.logsumexp."""
    return values.amax(-1) - values.log_softmax(-1).amax(-1)


def probabilities(proposal: Proposal, sampling: Sampling) -> torch.Tensor:
    """WARP and renormalise: what the next token is drawn from [B, V]; exactly 0 where forbidden, one-hot if greedy."""
    if proposal.heats is None and not sampling.greedy:
        return warp(proposal.scores, sampling, proposal.surprises)
    best = first_argmax(proposal.scores)[:, None]
    greedy = torch.zeros_like(proposal.scores).scatter_(-1, best, 1.0)
    if proposal.heats is None or not proposal.heats.any():
        return greedy
    return torch.where(proposal.heats > 0, warp(proposal.scores, sampling, proposal.surprises, proposal.heats), greedy)


def logits_to_probabilities(
    logits: torch.Tensor,
    sequences: ListOf[Sequence],
    bias: torch.Tensor,
    sampling: Sampling,
    mix: ListOf[Mix] = (),
) -> torch.Tensor:
    """All phases at once, for verifiers: [B, V] to [B, V]."""
    return probabilities(propose(logits, sequences, bias, sampling, mix), sampling)


def sample(distribution: torch.Tensor, uniforms: ListOf[float]) -> torch.Tensor:
    """Tokens [B] by inversion: the first whose cumulative probability exceeds the row's uniform number.

    The sum runs over blocks of tokens first and then inside one block, in double precision. A token of probability 0 is
    never drawn.

    Args:
        distribution: probabilities [B, V], rows sum to about 1.
        uniforms: B numbers in [0, 1).
    """
    rows, width = distribution.shape
    if width % _BLOCK:
        distribution = torch.nn.functional.pad(distribution, (0, -width % _BLOCK))
    blocks = distribution.view(rows, -1, _BLOCK)  # [B, N, _BLOCK]
    shares = torch.tensor(uniforms, dtype=torch.float64, device=distribution.device)[:, None]
    block, share = _invert(blocks.sum(-1), shares)
    inside, _ = _invert(blocks[torch.arange(rows, device=block.device), block[:, 0]], share)
    return (block * _BLOCK + inside)[:, 0].clamp_(max=width - 1)


def _invert(weights: torch.Tensor, shares: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The column [B, 1] in which a share in [0, 1) of each row's total falls, and the share inside that column.

    A row that is all zeros or not a number gives some column; its record shows that it has no probability.
    """
    edges = weights.cumsum(-1, dtype=torch.float64)  # [B, N]
    points = shares * edges[:, -1:]
    columns = torch.searchsorted(edges, points, right=True)  # its weight is above 0: the edges differ around it
    columns.clamp_(max=weights.shape[-1] - 1)
    ends = edges.gather(-1, columns)
    starts = torch.where(columns > 0, edges.gather(-1, (columns - 1).clamp(min=0)), 0.0)
    return columns, ((points - starts) / (ends - starts)).clamp(0.0, _BELOW_ONE)


def first_argmax(values: torch.Tensor) -> torch.Tensor:
    """Column of each row's largest value [B], the lowest one on ties."""
    if values.device.type == "cpu":
        return torch.from_numpy(values.detach().numpy().argmax(-1))  # ten times faster than torch's on a CPU
    return values.argmax(-1)


def choose(
    logits: torch.Tensor,
    sequences: ListOf[Sequence],
    bias: torch.Tensor,
    sampling: Sampling,
    uniforms: ListOf[float],
    mix: ListOf[Mix] = (),
) -> list[TokenRecord]:
    """The next token of every row, with its record.

    Args:
        logits: the model's logits [B, V]; not changed.
        sequences: the prefix of each row.
        bias: 0 or minus infinity [B, V].
        sampling: settings.
        uniforms: B numbers in [0, 1); not read where nothing is drawn (`draws`).
        mix: MIX phases in order.

    Raises:
        ModelError: the logits are not numbers, or the model rules out every allowed token.
    """
    rows = max(1, _CACHED // logits.shape[-1]) if logits.device.type == "cpu" else len(sequences)
    records: list[TokenRecord] = []
    for start in range(0, len(sequences), rows):
        group = slice(start, start + rows)
        proposal = propose(logits[group], sequences[group], bias[group], sampling, mix)
        records += draw(proposal, sampling, uniforms[group])
    return records


def draw(proposal: Proposal, sampling: Sampling, uniforms: ListOf[float]) -> list[TokenRecord]:
    """WARP, renormalise and draw: the next token of every row, with its record.

    Args:
        proposal: of B rows.
        sampling: settings.
        uniforms: B numbers in [0, 1); not read where nothing is drawn (`draws`).

    Raises:
        ModelError: the logits are not numbers, or the model rules out every allowed token.
    """
    if sampling.greedy and (proposal.heats is None or not proposal.heats.any()):
        tokens = first_argmax(proposal.scores)
        possible = proposal.scores.gather(-1, tokens[:, None])[:, 0] > -math.inf  # false for "not a number" too
        return _records(proposal, tokens, possible.to(proposal.scores.dtype))
    distribution = probabilities(proposal, sampling)
    tokens = sample(distribution, uniforms)
    return _records(proposal, tokens, distribution.gather(-1, tokens[:, None])[:, 0])


def record_of(proposal: Proposal, distribution: torch.Tensor, token: int) -> TokenRecord:
    """The record of a token of the only row, where something else than `choose` chose it.

    Args:
        proposal: of one row.
        distribution: its `probabilities` [1, V].
        token: the chosen token.

    Raises:
        ModelError: the token has no probability.
    """
    chosen = torch.tensor([token], device=distribution.device)
    return _records(proposal, chosen, distribution[:, token])[0]


def broken_logits() -> ModelError:
    """The error for logits that allow no choice."""
    return ModelError(
        "the model's logits, or what a MIX phase made of them, are not finite for any allowed token. "
        "Check the checkpoint and its dtype; float16 overflows on some models where bfloat16 does not."
    )


def _records(proposal: Proposal, tokens: torch.Tensor, chances: torch.Tensor) -> list[TokenRecord]:
    own = proposal.model.gather(-1, tokens[:, None])[:, 0]
    columns = torch.stack([part.double() for part in (tokens, chances, own, proposal.log_mass, proposal.margin)])
    records = []
    for token, chance, logprob, log_mass, margin in columns.T.tolist():  # one transfer from the device
        if not (math.isfinite(log_mass) and chance > 0):
            raise broken_logits()
        records.append(
            TokenRecord(
                token=int(token),
                proposal_logprob=math.log(chance),
                logprob=logprob,
                log_mass=log_mass,
                margin=max(0.0, margin),
            )
        )
    return records

"""The model's log-probabilities of forced tokens: nobody asked for them when they were appended.

Their rows are computed anyway, by the forward that asks for the token behind them; it gives their logits too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, replace

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.mix.base import Phases
from guidedgen.sampler.choice import log_sums
from guidedgen.sampler.pipeline import broken_logits
from guidedgen.sampler.sequence import Sequence

_NONE = Phases()
_LOGITS_BYTES = 1 << 26  # logits held at a time: 340 rows of a 49k vocabulary, 110 of a 150k one


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """The model's log-probabilities, temperature 1: of a token, and of its favourite in the same place."""

    own: float
    best: float


def unscored(tip: Sequence, *, root: Sequence | None = None) -> list[Sequence]:
    """The forced tokens at the end of a sequence that have no log-probability yet, oldest first; none up to `root`."""
    nodes: list[Sequence] = []
    node = tip
    while node is not root and node.parent is not None and _lacks_score(node):
        nodes.append(node)
        node = node.parent
    return nodes[::-1]


def _lacks_score(node: Sequence) -> bool:
    return node.record is not None and node.record.forced and node.record.logprob is None


def logits_and_scores(
    sampler: LogitsSource, tips: ListOf[Sequence], forced: ListOf[Sequence], phases: Phases = _NONE
) -> tuple[torch.Tensor, dict[Sequence, Score]]:
    """Logits after the tips [B, logits_size] and the scores of forced tokens, in one forward unless they are very many.

    Args:
        sampler: gives the logits.
        tips: where logits are wanted, B of them; may be none.
        forced: nodes to score; those on the way to a tip cost nothing but their rows of logits.
        phases: MIX phases, which may want to know more about the tips.

    Raises:
        ModelError: from the sampler, or the model's logits are not numbers.
    """
    most = max(1, _LOGITS_BYTES // (4 * sampler.model.info.logits_size))
    scores: dict[Sequence, Score] = {}
    while len(tips) + len(forced) > most and forced:
        group, forced = forced[:most], forced[most:]
        scores |= scores_of(group, sampler.logits(_parents(group)))
    if not tips and not forced:
        return torch.empty(0, sampler.model.info.logits_size), scores
    logits = phases.logits(sampler, _parents(forced), tips)
    if forced:
        scores |= scores_of(forced, logits[: len(forced)])
    return logits[len(forced) :], scores


def _parents(nodes: ListOf[Sequence]) -> list[Sequence]:
    return [node.parent for node in nodes if node.parent is not None]


def scores_of(nodes: ListOf[Sequence], logits: torch.Tensor) -> dict[Sequence, Score]:
    """Scores of nodes from the logits after their parents [n, V].

    Raises:
        ModelError: the logits are not numbers.
    """
    sums, best = log_sums(logits)
    tokens = torch.tensor([node.token for node in nodes], device=logits.device)
    own = logits.gather(-1, tokens[:, None])[:, 0].double()
    pairs = torch.stack((own - sums, best - sums), -1).tolist()
    if any(math.isnan(best) for _, best in pairs):
        raise broken_logits()
    return {node: Score(own=own, best=best) for node, (own, best) in zip(nodes, pairs, strict=True)}


def with_scores(tip: Sequence, scores: Mapping[Sequence, Score]) -> Sequence:
    """The sequence with the records of the scored nodes complete; the nodes before the first of them are kept.

    At a forced token the mass of the allowed tokens is its own probability.

    Args:
        tip: the sequence.
        scores: of nodes of that sequence.
    """
    later: list[Sequence] = []
    node, missing = tip, len(scores)
    while missing:
        assert node.parent is not None  # the scores belong to nodes after the prompt
        later.append(node)
        missing -= node in scores
        node = node.parent
    for old in reversed(later):
        record, score = old.record, scores.get(old)
        if record is not None and score is not None:
            margin = max(0.0, score.best - score.own)
            record = replace(record, logprob=score.own, log_mass=score.own, margin=margin)
        node = node.extend(old.token, old.state, record)
    return node


def score_forced(sampler: LogitsSource, sequence: Sequence) -> Sequence:
    """The same sequence with complete records, for strategies and settings that left forced tokens unscored.

    Costs one row for each of them, from the cache where it still holds the sequence.

    Raises:
        ModelError: from the sampler.
    """
    forced = [node for node in sequence.nodes() if _lacks_score(node)][::-1]
    if not forced:
        return sequence
    _, scores = logits_and_scores(sampler, [], forced)
    return with_scores(sequence, scores)

"""Scoring after the fact: the model's log-probabilities of tokens that were forced and therefore never asked about."""

from __future__ import annotations

from dataclasses import replace

from guidedgen.decoders.base import LogitsSource
from guidedgen.sampler.sequence import Sequence

_AT_ONCE = 64  # rows of logits held at a time: 64 rows of a 150k vocabulary are 38 MB


def score_forced(sampler: LogitsSource, sequence: Sequence) -> Sequence:
    """The same sequence with complete records: forced tokens get the model's log-probability, mass and margin.

    Costs one row for each forced token, from the cache where it still holds the sequence. At a forced token the mass of
    the allowed tokens is its own probability.

    Raises:
        ModelError: from the sampler.
    """
    nodes = list(sequence.nodes())[::-1]
    waiting = [node for node in nodes if node.record is not None and node.record.forced and node.record.logprob is None]
    scores: dict[Sequence, tuple[float, float]] = {}
    for start in range(0, len(waiting), _AT_ONCE):
        group = waiting[start : start + _AT_ONCE]
        logits = sampler.logits([node.parent for node in group if node.parent is not None]).log_softmax(-1)
        for node, row in zip(group, logits, strict=True):
            scores[node] = float(row[node.token]), float(row.max())
    scored = sequence.prompt_node
    for node in nodes:
        record = node.record
        if record is not None and node in scores:
            own, best = scores[node]
            record = replace(record, logprob=own, log_mass=own, margin=best - own)
        scored = scored.extend(node.token, node.state, record)
    return scored

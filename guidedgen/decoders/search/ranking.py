"""What searches give back: the k-th best text for the k-th time that a prompt was given; weighing texts anew."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, replace

from guidedgen.decoders.base import Chunk, Finish, LogitsSource
from guidedgen.decoders.branches import Branch, Front
from guidedgen.decoders.lane import extended
from guidedgen.decoders.score import score_forced
from guidedgen.sampler.pipeline import Proposal, record_of
from guidedgen.sampler.sequence import Sequence, TokenRecord


@dataclass(kw_only=True)
class Text(Branch):
    """A finished text, with the model's log-probability of its tokens and its end."""

    score: float
    tokens: int

    def rank(self, power: float) -> float:
        """The log-probability over the length to a power."""
        return self.score / float(max(1, self.tokens) ** power)


def weighed(front: Front, start: Sequence, tokens: ListOf[int], finish: Finish) -> Text | None:
    """A text with complete records, from one forward over all its places; None where a budget's masks do not allow it.

    Args:
        front: gives logits, masks and scores.
        start: the sequence before it.
        tokens: of the text, which the constraint allows.
        finish: why it is over.

    Raises:
        ModelError: from the pipeline.
    """
    nodes = [start]
    for token in tokens:
        nodes.append(extended(nodes[-1], TokenRecord(token=token, proposal_logprob=0.0)))
    ends = nodes[-1].state.done is None and nodes[-1].length <= front.room
    places = [Branch(tip=node) for node in (nodes if ends else nodes[:-1])]
    bias, kept = front.bias(places)
    if not places or len(kept) < len(places):
        return None if places else Text(tip=start, finish=finish, score=0.0, tokens=0)
    proposal = front.proposal(front.logits([place.tip for place in places]), [place.tip for place in places], bias)
    chances = (front.log_chances(proposal) + bias).double()
    chosen = list(tokens)
    if ends:
        chosen.append(max(front.eos, key=lambda token: float(chances[-1, token])))
    records = [_record(proposal, row, token, places[row]) for row, token in enumerate(chosen) if bias[row, token] == 0]
    if len(records) < len(chosen):
        return None
    tip = start
    for record in records[: len(tokens)]:
        tip = extended(tip, record)
    score = float(chances[range(len(chosen)), chosen].sum())
    return Text(tip=tip, finish=finish, ending=records[-1] if ends else None, score=score, tokens=len(chosen))


def _record(proposal: Proposal, row: int, token: int, place: Branch) -> TokenRecord:
    line = proposal.row(row)
    record = record_of(line, line.scores.softmax(-1), token)
    return replace(record, forced=True) if place.tip.state.forced() else record


def requests_of(sequences: ListOf[Sequence], most: int | None) -> dict[Sequence, list[int]]:
    """Which of the given sequences are the same one.

    Raises:
        ValueError: one is given more often than texts can be had.
    """
    requests: dict[Sequence, list[int]] = {}
    for index, sequence in enumerate(sequences):
        requests.setdefault(sequence, []).append(index)
    for indices in requests.values():
        if most is not None and len(indices) > most:
            raise ValueError(f"n={len(indices)} texts of a search that keeps {most}. Make it wider.")
    return requests


def chunks_of(
    sampler: LogitsSource, start: Sequence, indices: ListOf[int], found: ListOf[Branch], *, cancelled: bool
) -> Iterator[Chunk]:
    """One chunk for each index: the texts in order, and where there are too few dead ends (or cancelled ones)."""
    for place, index in enumerate(indices):
        if place < len(found):
            branch = found[place]
            tip = branch.tip if branch.finish == "cancelled" else score_forced(sampler, branch.tip)
            tokens = tip.tokens()[start.length :]
            yield Chunk(index=index, sequence=tip, tokens=tokens, finish=branch.finish, ending=branch.ending)
        else:
            yield Chunk(index=index, sequence=start, finish="cancelled" if cancelled else "dead_end")

"""What searches give back: the k-th best text for the k-th time that a prompt was given."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as ListOf

from guidedgen.decoders.base import Chunk, LogitsSource
from guidedgen.decoders.branches import Branch
from guidedgen.decoders.score import score_forced
from guidedgen.sampler.sequence import Sequence


def requests_of(sequences: ListOf[Sequence], most: int) -> dict[Sequence, list[int]]:
    """Which of the given sequences are the same one.

    Raises:
        ValueError: one is given more often than texts can be had.
    """
    requests: dict[Sequence, list[int]] = {}
    for index, sequence in enumerate(sequences):
        requests.setdefault(sequence, []).append(index)
    for indices in requests.values():
        if len(indices) > most:
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

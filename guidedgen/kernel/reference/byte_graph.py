"""An automaton as a table writes it: where the bytes lead from each state, and how far the end is."""

from __future__ import annotations

import math
from collections.abc import Sequence


class ByteGraph:
    """The automaton of an AUTOMATON row, already validated.

    Attributes:
        steps: for each state, (byte set, next state); only ways that lead to an end.
        distances: for each state the length of its shortest text; inf where there is none, 0 where one ends.
    """

    def __init__(self, words: Sequence[int]) -> None:
        states, edges = words[0], words[1]
        first = words[2 : 3 + states]
        listed = words[3 + states : 3 + states + 2 * edges]
        bits = words[3 + states + 2 * edges :]
        every = [
            [(_byte_range(listed[2 * at]), listed[2 * at + 1]) for at in range(first[state], first[state + 1])]
            for state in range(states)
        ]
        self.distances = _distances(every, [state for state in range(states) if bits[state // 32] >> state % 32 & 1])
        self.steps = [[(mask, to) for mask, to in steps if self.distances[to] != math.inf] for steps in every]

    def after(self, state: int, byte: int) -> int | None:
        """The state after a byte; None where no text goes on like this."""
        return next((to for mask, to in self.steps[state] if mask >> byte & 1), None)


def _byte_range(packed: int) -> int:
    """The bytes from packed % 256 to packed // 256; bit b stands for byte b."""
    return (1 << (packed >> 8) + 1) - (1 << (packed & 255))


def _distances(every: list[list[tuple[int, int]]], ends: list[int]) -> list[float]:
    """Breadth first from the ends, against the edges."""
    before: list[list[int]] = [[] for _ in every]
    for state, steps in enumerate(every):
        for _, to in steps:
            before[to].append(state)
    distances = [math.inf] * len(every)
    for end in ends:
        distances[end] = 0
    reached = list(ends)
    for state in reached:
        for previous in before[state]:
            if distances[previous] == math.inf:
                distances[previous] = distances[state] + 1
                reached.append(previous)
    return distances

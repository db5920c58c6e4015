"""An automaton as a table writes it: where the bytes lead from each state, and how far the end is.

Bounds of counting edges are unrolled: a state here is one of the table's together with how many of them came.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


class ByteGraph:
    """The automaton of an AUTOMATON row, already validated; `spelled`: the bytes that texts can be written with.

    Attributes:
        steps: for each state, (byte set, next state); only ways that can be written and lead to an end.
        distances: for each state the length of its shortest text; inf where there is none, 0 where one ends.
    """

    def __init__(self, words: Sequence[int], spelled: int) -> None:
        states, edges, least, most = words[:4]
        first = words[4 : 5 + states]
        listed = words[5 + states : 5 + states + 2 * edges]
        bits = words[5 + states + 2 * edges :]
        numbers = {(0, 0): 0}
        every: list[list[tuple[int, int]]] = []
        for state, count in (waiting := list(numbers)):
            steps = []
            for at in range(first[state], first[state + 1]):
                packed, to = listed[2 * at : 2 * at + 2]
                if not (mask := _byte_range(packed) & spelled):
                    continue
                now = count + (packed >> 16)
                after = (to, min(now, least if most < 0 else most + 1))  # beyond these counts make no difference
                if after not in numbers:
                    numbers[after] = len(numbers)
                    waiting.append(after)
                steps.append((mask, numbers[after]))
            every.append(steps)
        ends = [
            number
            for (state, count), number in numbers.items()
            if bits[state // 32] >> state % 32 & 1 and count >= least and (most < 0 or count <= most)
        ]
        self.distances = _distances(every, ends)
        self.steps = [[(mask, to) for mask, to in steps if self.distances[to] != math.inf] for steps in every]

    def after(self, state: int, byte: int) -> int | None:
        """The state after a byte; None where no text goes on like this."""
        return next((to for mask, to in self.steps[state] if mask >> byte & 1), None)


def _byte_range(packed: int) -> int:
    """The bytes from packed % 256 to packed // 256 % 256; bit b stands for byte b."""
    return (1 << (packed >> 8 & 255) + 1) - (1 << (packed & 255))


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
